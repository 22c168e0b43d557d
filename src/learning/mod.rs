//! From outcomes to what the stages know: pure functions over the history that the store holds.
//!
//! What has been learned is a fold over the jobs in their order: each job that brings or joins outcomes is a lesson, and the
//! state after it depends on the state before and on the history up to that job, on nothing else. Taking a job out is
//! folding the remaining ones again. No file, clock, thread or store here; sums run in fixed blocks in a fixed order over a
//! pinned `libm`, so that the same outcomes give the same bits on every machine.
//!
//! In reading order: [`lesson`] is the fold; [`history`] says which outcomes count; [`trials`] compares the arms of
//! experiments and [`scripts`] moves scripts by it; [`encoding`] makes numbers of leads, [`leakage`] keeps out what gives the
//! outcome away, [`regression`] fits, [`metrics`] judges, [`model`] chooses; [`segments`] and [`trend`] describe. [`special`]
//! holds the functions that statistics are made of.

pub mod encoding;
pub mod history;
pub mod leakage;
pub mod lesson;
pub mod metrics;
pub mod model;
pub mod regression;
pub mod scripts;
pub mod segments;
pub mod special;
pub mod trend;
pub mod trials;
