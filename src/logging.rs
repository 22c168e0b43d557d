//! The human log: to stderr (and so to journald), and to `logs/valhalla.log`, rotated by size. Lossless.
//!
//! `tracing-appender`'s non-blocking writer drops lines by default when its queue is full; here it waits. Nothing personal
//! is logged: whoever logs gives a file, a job and counts, never a lead. What is logged is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config;
use crate::durable;

/// Keeps the log's writer alive; dropped last, it writes what is still queued.
#[derive(Debug)]
pub struct LogGuard(#[allow(dead_code)] Option<WorkerGuard>);

/// Logs to stderr at `console`, and, for whoever writes to a root, to its rotated file at the configured level.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(console: config::LogLevel, file: Option<(&Path, &config::Log)>) -> io::Result<LogGuard> {
    let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
    let to_console = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(is_terminal)
        .with_target(false)
        .log_internal_errors(false) // it would tell them on stderr, and end the program where that cannot be written
        .with_filter(EnvFilter::new(console.as_str()));
    let (to_file, guard) = match file {
        Some((logs, settings)) => {
            let rotated = RotatedFile::open(logs.join("valhalla.log"), settings.rotate_bytes, settings.keep)?;
            let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(rotated);
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(writer)
                .with_ansi(false)
                .with_target(false)
                .log_internal_errors(false)
                .with_span_events(FmtSpan::NONE)
                .with_filter(EnvFilter::new(settings.level.as_str()));
            (Some(layer), Some(guard))
        }
        None => (None, None),
    };
    // A program that embeds us may have set up its own subscriber: then that one is used.
    let _ = tracing_subscriber::registry().with(to_console).with(to_file).try_init();
    Ok(LogGuard(guard))
}

/// Tells where the program failed, and not in which words: they may quote a cell, as in "byte index 3 is not a char
/// boundary; it is inside 'ö' of …". Words that were compiled in are told.
pub fn withhold_panic_words() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let compiled_in = panic.payload().downcast_ref::<&'static str>().copied();
        let words = compiled_in.unwrap_or("(its words are withheld, they may quote a file)");
        let told = format!("thread '{}' panicked at {place}: {words}", thread.name().unwrap_or("without a name"));
        if tracing::dispatcher::has_been_set() {
            tracing::error!("{told}");
        } else {
            let _ = writeln!(io::stderr(), "{told}"); // nowhere left to say that stderr is closed
        }
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            let _ = writeln!(io::stderr(), "{trace}"); // names of functions only
        }
    }));
}

/// `valhalla.log`, moved to `valhalla.log.1` … when it has grown too large; so many are kept.
#[derive(Debug)]
struct RotatedFile {
    path: PathBuf,
    file: File,
    length: u64,
    rotate_bytes: u64,
    keep: usize,
}

impl RotatedFile {
    fn open(path: PathBuf, rotate_bytes: u64, keep: usize) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let (file, length) = append_to(&path)?;
        Ok(Self { path, file, length, rotate_bytes, keep })
    }

    /// Whether nobody has moved or removed the file, or the folder that it lies in.
    fn is_in_place(&self) -> bool {
        let standing = std::fs::symlink_metadata(&self.path).map(|metadata| durable::identity(&metadata));
        let ours = self.file.metadata().map(|metadata| durable::identity(&metadata));
        matches!((standing, ours), (Ok(standing), Ok(ours)) if standing == ours)
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            if self.numbered(number).exists() {
                durable::rename_over(&self.numbered(number), &self.numbered(number + 1))?;
            }
        }
        if self.keep > 0 {
            durable::rename_over(&self.path, &self.numbered(1))?;
        }
        self.file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

impl Write for RotatedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.is_in_place() {
            (self.file, self.length) = append_to(&self.path)?; // its folder is for others to make: the whole root may be gone
        }
        if self.length > 0 && self.length + line.len() as u64 > self.rotate_bytes {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_moved_away_goes_on_under_its_name() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (logs, path) = (dir.path().join("logs"), dir.path().join("logs/valhalla.log"));
        let mut log = RotatedFile::open(path.clone(), 1000, 3).expect("open");
        writeln!(log, "one").expect("write");
        std::fs::rename(&path, logs.join("taken-by-logrotate")).expect("rename");
        writeln!(log, "two").expect("write");
        std::fs::remove_dir_all(&logs).expect("remove");
        writeln!(log, "three").expect_err("there is no folder");
        std::fs::create_dir(&logs).expect("folder");
        writeln!(log, "four").expect("write");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "four\n");
    }

    #[test]
    fn no_line_is_lost_through_a_hundred_rotations() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("valhalla.log");
        let mut log = RotatedFile::open(path.clone(), 100, 200).expect("open");
        for number in 0..1000 {
            writeln!(log, "line {number:04}").expect("write");
        }
        let mut lines: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(dir.path()).expect("list") {
            lines.extend(std::fs::read_to_string(entry.expect("entry").path()).expect("read").lines().map(str::to_owned));
        }
        lines.sort();
        assert_eq!(lines, (0..1000).map(|number| format!("line {number:04}")).collect::<Vec<_>>());
    }

    #[test]
    fn only_so_many_files_are_kept() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut log = RotatedFile::open(dir.path().join("valhalla.log"), 10, 3).expect("open");
        for _ in 0..50 {
            log.write_all(b"0123456789").expect("write");
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 4, "the active one and three closed ones");
    }
}
