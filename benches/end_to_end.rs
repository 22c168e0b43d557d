//! The built program on real folders: `cargo bench --bench end_to_end`.
//!
//! 1. `valhalla ingest` of large files into a fresh root: rows per second and peak memory.
//! 2. `valhalla run` with many small files dropped at once: files per second and peak memory.
//! 3. `valhalla run`, idle: from the rename of a ten-row file into the inbox until it lies in `processed/`, which is after
//!    its report line is durable.
//!
//! Each run proves by its reports that the work was done. How much of it is set by `BENCH_ROWS` (a list, default
//! `100000,1000000`), `BENCH_FILES` (10000) and `BENCH_DROPS` (200); 0 leaves a part out. Folders are made
//! under `TMPDIR`; on a file system in memory an fsync costs nothing, so choose a real disk.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

mod rows;

/// Rows of a small file.
const SMALL: u64 = 10;

fn main() -> io::Result<()> {
    if !env::args().any(|argument| argument == "--bench") {
        println!("a benchmark, not a test: cargo bench --bench end_to_end");
        return Ok(());
    }
    println!("folders under {}", env::temp_dir().display());
    for rows in setting("BENCH_ROWS", "100000,1000000") {
        ingest_one_file(rows)?;
    }
    for files in setting("BENCH_FILES", "10000") {
        drop_many_files(files)?;
    }
    for drops in setting("BENCH_DROPS", "200") {
        drop_one_by_one(drops)?;
    }
    Ok(())
}

/// Numbers above zero, separated by commas.
fn setting(name: &str, default: &str) -> Vec<u64> {
    let text = env::var(name).unwrap_or_else(|_| default.to_owned());
    let number = |part: &str| part.trim().parse().unwrap_or_else(|_| panic!("{name}: {part:?} is not a number"));
    text.split(',').map(number).filter(|number| *number > 0).collect()
}

fn ingest_one_file(rows: u64) -> io::Result<()> {
    let room = Room::new()?;
    let file = room.write("large.csv", 0..rows)?;
    let megabytes = to_f64(file.metadata()?.len()) / 1e6;
    let start = Instant::now();
    let child = room.valhalla().args(["--quiet", "ingest"]).arg(&file).spawn()?;
    let peak = wait(&child)?;
    let seconds = start.elapsed().as_secs_f64();
    let report: Value = serde_json::from_str(&room.reports()?.1.expect("a report"))?;
    assert_eq!(report["rows"]["total"], rows);
    assert_eq!(report["rows"]["rejected"], rows::rejected(0..rows));
    println!(
        "ingest {rows:>9} rows ({megabytes:.0} MB): {seconds:>7.2} s, {:>8.0} rows/s, {:>5.1} MB/s, peak {peak:.0} MiB",
        to_f64(rows) / seconds,
        megabytes / seconds
    );
    Ok(())
}

fn drop_many_files(files: u64) -> io::Result<()> {
    let room = Room::new()?;
    let waiting: Vec<PathBuf> =
        (0..files).map(|file| room.write(&format!("list-{file}.csv"), file * SMALL..(file + 1) * SMALL)).collect::<io::Result<_>>()?;
    let mut daemon = Daemon::start(&room)?;
    let start = Instant::now();
    waiting.iter().try_for_each(|file| room.drop_in(file).map(drop))?;
    let expected = files + 1; // the one that shows that the daemon is up
    daemon.wait_until(Duration::from_millis(200), || Ok(room.reports()?.0 >= expected))?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = daemon.stop()?;
    assert_eq!(room.reports()?.0, expected, "each file exactly once");
    println!("run    {files:>9} files of {SMALL} rows: {seconds:>7.2} s, {:>8.0} files/s, peak {peak:.0} MiB", to_f64(files) / seconds);
    Ok(())
}

fn drop_one_by_one(drops: u64) -> io::Result<()> {
    let room = Room::new()?;
    let mut daemon = Daemon::start(&room)?;
    let mut milliseconds = Vec::new();
    for drop in 0..drops {
        let file = room.write(&format!("list-{drop}.csv"), drop * SMALL..(drop + 1) * SMALL)?;
        thread::sleep(Duration::from_millis(20)); // so that the daemon is idle, which is what is measured
        let start = Instant::now();
        let archived = room.drop_in(&file)?;
        daemon.wait_until(Duration::from_micros(100), || Ok(archived.exists()))?;
        milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let peak = daemon.stop()?;
    milliseconds.sort_by(f64::total_cmp);
    let (median, late) = (milliseconds[milliseconds.len() / 2], milliseconds[milliseconds.len() * 95 / 100]);
    println!("run    {drops:>9} drops while idle: median {median:.1} ms, 95 of 100 within {late:.1} ms, peak {peak:.0} MiB");
    Ok(())
}

/// A fresh root with a folder beside its inbox to write files in.
struct Room {
    folder: TempDir,
}

impl Room {
    fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("root/inbox"))?;
        fs::create_dir_all(folder.path().join("waiting"))?;
        Ok(Self { folder })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn write(&self, name: &str, rows: std::ops::Range<u64>) -> io::Result<PathBuf> {
        let path = self.folder.path().join("waiting").join(name);
        let mut out = BufWriter::new(File::create(&path)?);
        rows::write_file(&mut out, rows)?;
        out.flush()?;
        Ok(path)
    }

    /// Renames a file into the inbox; where it will lie when all is done.
    fn drop_in(&self, file: &Path) -> io::Result<PathBuf> {
        let name = file.file_name().expect("a file we wrote");
        fs::rename(file, self.root().join("inbox").join(name))?;
        Ok(self.root().join("processed").join(name))
    }

    fn valhalla(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valhalla"));
        command.arg("--root").arg(self.root()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// How many report lines there are, and the last of them. Holds one at a time: the peak memory that the system tells of
    /// a child is never less than what its parent had.
    fn reports(&self) -> io::Result<(u64, Option<String>)> {
        let (mut count, mut last) = (0, None);
        let mut segments: Vec<PathBuf> = match fs::read_dir(self.root().join("logs")) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        segments.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("reports.")));
        segments.sort();
        for path in segments {
            for line in BufReader::new(File::open(path)?).lines() {
                last = Some(line?);
                count += 1;
            }
        }
        Ok((count, last))
    }
}

/// `valhalla run` on a room.
struct Daemon {
    child: Option<Child>,
}

impl Daemon {
    fn start(room: &Room) -> io::Result<Self> {
        // What it takes to be up is told by the first file that goes through.
        let mut daemon = Self { child: Some(room.valhalla().args(["--quiet", "run"]).spawn()?) };
        let file = room.write("first.csv", u64::MAX / 2..u64::MAX / 2 + 1)?;
        let archived = room.drop_in(&file)?;
        daemon.wait_until(Duration::from_millis(5), || Ok(archived.exists()))?;
        Ok(daemon)
    }

    /// Looks again and again; a daemon that has ended is an error, not a wait without end.
    fn wait_until(&mut self, pause: Duration, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
        while !is_so()? {
            if let Some(status) = self.child.as_mut().map_or(Ok(None), Child::try_wait)? {
                return Err(io::Error::other(format!("valhalla run has ended by itself: {status}")));
            }
            thread::sleep(pause);
        }
        Ok(())
    }

    #[allow(clippy::zombie_processes, reason = "it is waited for, by `wait`")]
    fn stop(mut self) -> io::Result<f64> {
        let child = self.child.take().expect("taken only here");
        kill_process(Pid::from_child(&child), Signal::TERM)?;
        wait(&child)
    }
}

impl Drop for Daemon {
    /// Never outlives a benchmark that failed.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill(); // gone already is as well
        }
    }
}

/// Waits for the end of a process that must succeed; its peak memory in MiB.
#[allow(unsafe_code, reason = "nothing safe tells the memory of one child")]
fn wait(child: &Child) -> io::Result<f64> {
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    let mut status = 0;
    // SAFETY: all zeroes is a valid `rusage`, and both pointers are to live values of the types that `wait4` fills.
    let (ended, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if ended != pid {
        return Err(io::Error::last_os_error());
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "valhalla ended with status {status:#x}");
    Ok(to_f64(u64::try_from(usage.ru_maxrss).expect("a size in KiB")) / 1024.0)
}

#[allow(clippy::cast_precision_loss)] // figures for people
fn to_f64(number: u64) -> f64 {
    number as f64
}
