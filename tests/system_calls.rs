//! Every system call: the program is killed at each of them, each of them fails once, and their order is what durability asks.
//!
//! A fixed scenario runs through the real daemon under a small tracer of our own (`system_calls/tracer.c`, built by the test
//! with the C compiler that linking needs anyway). Whatever happens on the way, the final state (folders, store, journals) must be that
//! of an undisturbed run, byte for byte where the content is determined: see `system_calls/state.rs`.
//!
//! By default a sample of the points that rotates with the commit. All of them, with a table of what was tried:
//! `FAULTS=full cargo test --test system_calls -- --nocapture --test-threads=1`.

#[path = "system_calls/fail.rs"]
mod fail;
#[path = "system_calls/kill.rs"]
mod kill;
#[path = "system_calls/order.rs"]
mod order;
#[path = "system_calls/points.rs"]
mod points;
#[path = "system_calls/scenario.rs"]
mod scenario;
#[path = "system_calls/state.rs"]
mod state;
mod support;
#[path = "system_calls/trace.rs"]
mod trace;
