//! The machine around the daemon: disks fill up, folders go, clocks jump, events fail, writers dawdle. Each through the
//! real binary; what is taken is taken once, nothing is lost, and nothing lands in `failed/` for trouble that is ours.
//!
//! Small file systems are mounted in a namespace of the test's own, the clock is that of one process only: the machine
//! itself is left alone. Where that cannot be done, the test says that it is skipped.

mod support;

#[path = "environment/clocks.rs"]
mod clocks;
#[path = "environment/folders.rs"]
mod folders;
#[path = "environment/full_disk.rs"]
mod full_disk;
#[path = "environment/watching.rs"]
mod watching;
#[path = "environment/writers.rs"]
mod writers;
