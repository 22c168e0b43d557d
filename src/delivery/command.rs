//! An alert to a program: JSON on its standard input, no shell, a time limit.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Failure;
use crate::clock::Stopwatch;

/// Runs a program; it has taken the alert when it ends with 0.
pub(super) fn run(words: &[String], alert: &str, line: &[u8], limit: Duration) -> Result<(), Failure> {
    let [program, arguments @ ..] = words else { return Err(Failure::Refused("no command".to_owned())) };
    let trouble = |what: &str, error: std::io::Error| Failure::Temporary(format!("{program}: {what}: {error}"));
    let mut child = Command::new(program)
        .args(arguments)
        .env("VALHALLA_ALERT_ID", alert)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| trouble("cannot be started", error))?;
    if let Some(mut input) = child.stdin.take() {
        // An alert fits a pipe's buffer, so this does not wait; a program that does not read it may still do its work.
        let _ = input.write_all(line).and_then(|()| input.write_all(b"\n"));
    }
    let started = Stopwatch::start();
    loop {
        match child.try_wait().map_err(|error| trouble("cannot be waited for", error))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Failure::Temporary(format!("{program}: ended with {status}"))),
            None if Duration::from_millis(started.elapsed_ms()) >= limit => {
                end(&mut child);
                return Err(Failure::Temporary(format!("{program}: not done within timeout_seconds")));
            }
            None => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

/// Ends a program and what it started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL); // it may just have ended by itself
    }
    let _ = child.wait();
}
