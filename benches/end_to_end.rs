//! The built program on real folders: `cargo bench --bench end_to_end`.
//!
//! 1. `valhalla ingest` of large files into a fresh root: rows per second, processor time, peak memory. `BENCH_ROWS`, a
//!    list, default `1000000`; `BENCH_ROUNDS` (3) times each, and the median.
//! 2. `valhalla ingest` of 1,000,000 rows into a store that holds `BENCH_KNOWN` (default 5000000) leads of others.
//! 3. `valhalla run` with `BENCH_FILES` (10000) small files dropped at once: files per second.
//! 4. `valhalla run`, idle: from the rename of a ten-row file into the inbox until it lies in `processed/`, which is after
//!    its report line is durable. `BENCH_DROPS` (200) times.
//! 5. `valhalla run`, idle, with 1,000 subfolders in the inbox: processor time and memory over `BENCH_IDLE` (60) seconds.
//!
//! Each run proves by its reports that the work was done. 0 leaves a part out. `BENCH_PROGRAM` measures another program
//! than the one just built, to compare with; `BENCH_FILE` leaves the file of part 1 at a path, for peers to read. Folders are
//! made under `TMPDIR`; on a file system in memory an fsync costs nothing, so choose a real disk. Wall times mean
//! something on an idle machine only; processor time bears neighbours better.

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
    if let Ok(path) = env::var("BENCH_FILE") {
        return leave_a_file(Path::new(&path));
    }
    for rows in setting("BENCH_ROWS", "1000000") {
        ingest_one_file(rows)?;
    }
    for known in setting("BENCH_KNOWN", "5000000") {
        ingest_beside_others(known)?;
    }
    for files in setting("BENCH_FILES", "10000") {
        drop_many_files(files)?;
    }
    for drops in setting("BENCH_DROPS", "200") {
        drop_one_by_one(drops)?;
    }
    for seconds in setting("BENCH_IDLE", "60") {
        do_nothing(seconds)?;
    }
    Ok(())
}

/// Numbers above zero, separated by commas.
fn setting(name: &str, default: &str) -> Vec<u64> {
    let text = env::var(name).unwrap_or_else(|_| default.to_owned());
    let number = |part: &str| part.trim().parse().unwrap_or_else(|_| panic!("{name}: {part:?} is not a number"));
    text.split(',').map(number).filter(|number| *number > 0).collect()
}

fn leave_a_file(path: &Path) -> io::Result<()> {
    let rows = setting("BENCH_ROWS", "1000000").first().copied().unwrap_or_default();
    let mut out = BufWriter::new(File::create(path)?);
    rows::write_file(&mut out, 0..rows)?;
    out.flush()?;
    println!("{}: {rows} rows, {} of them break a rule", path.display(), rows::rejected(0..rows));
    Ok(())
}

fn ingest_one_file(rows: u64) -> io::Result<()> {
    let rounds = setting("BENCH_ROUNDS", "3").first().copied().unwrap_or(1);
    let mut all = Vec::new();
    for _ in 0..rounds {
        let room = Room::new()?;
        let file = room.write("large.csv", 0..rows)?;
        all.push(room.ingest(&file, 0..rows)?);
    }
    tell(&format!("ingest {rows:>9} rows"), rows, &mut all);
    Ok(())
}

fn ingest_beside_others(known: u64) -> io::Result<()> {
    const ROWS: u64 = 1_000_000;
    let room = Room::new()?;
    let file = room.write("others.csv", 0..known)?;
    room.ingest(&file, 0..known)?;
    fs::remove_file(file)?;
    let file = room.write("large.csv", known..known + ROWS)?;
    let mut all = vec![room.ingest(&file, known..known + ROWS)?];
    tell(&format!("ingest {ROWS:>9} rows beside {known} leads"), ROWS, &mut all);
    Ok(())
}

/// What one run of the program took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

fn tell(what: &str, rows: u64, all: &mut [Took]) {
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let Took { seconds, processor_seconds, peak_mib } = all[all.len() / 2];
    println!(
        "{what}: {seconds:>7.2} s, {:>8.0} rows/s, processor {processor_seconds:.2} s, peak {peak_mib:.0} MiB (median of {})",
        to_f64(rows) / seconds,
        all.len()
    );
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
    let (processor, peak) = daemon.stop()?;
    assert_eq!(room.reports()?.0, expected, "each file exactly once");
    println!(
        "run    {files:>9} files of {SMALL} rows: {seconds:>7.2} s, {:>8.0} files/s, processor {processor:.2} s, peak {peak:.0} MiB",
        to_f64(files) / seconds
    );
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
    let (_, peak) = daemon.stop()?;
    milliseconds.sort_by(f64::total_cmp);
    let within = |of_100: usize| milliseconds[milliseconds.len() * of_100 / 100];
    println!(
        "run    {drops:>9} drops while idle: median {:.1} ms, 95 of 100 within {:.1} ms, 99 within {:.1} ms, peak {peak:.0} MiB",
        within(50),
        within(95),
        within(99)
    );
    Ok(())
}

fn do_nothing(seconds: u64) -> io::Result<()> {
    const FOLDERS: u64 = 1000;
    let room = Room::new()?;
    (0..FOLDERS).try_for_each(|folder| fs::create_dir(room.root().join(format!("inbox/source-{folder}"))))?;
    let daemon = Daemon::start(&room)?;
    thread::sleep(Duration::from_secs(2)); // what follows the first file is no idleness
    let before = daemon.processor_seconds()?;
    thread::sleep(Duration::from_secs(seconds));
    let used = daemon.processor_seconds()? - before;
    let resident = daemon.resident_mib()?;
    daemon.stop()?;
    let percent = used / to_f64(seconds) * 100.0;
    println!("run    {seconds:>9} s idle, {FOLDERS} subfolders: {percent:.2} % of a processor, {resident:.0} MiB resident");
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

    /// `valhalla ingest` of a file of these rows, which must all be accounted for.
    fn ingest(&self, file: &Path, rows: std::ops::Range<u64>) -> io::Result<Took> {
        let start = Instant::now();
        let child = self.valhalla().args(["--quiet", "ingest"]).arg(file).spawn()?;
        let (processor_seconds, peak_mib) = wait(&child)?;
        let seconds = start.elapsed().as_secs_f64();
        let report: Value = serde_json::from_str(&self.reports()?.1.expect("a report"))?;
        assert_eq!(report["rows"]["total"], rows.end - rows.start);
        assert_eq!(report["rows"]["rejected"], rows::rejected(rows));
        assert_eq!(report["rows"]["accepted_updated"], 0);
        Ok(Took { seconds, processor_seconds, peak_mib })
    }

    fn valhalla(&self) -> Command {
        let program = env::var_os("BENCH_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_valhalla").into());
        let mut command = Command::new(program);
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

    /// Processor time used so far, of all threads.
    fn processor_seconds(&self) -> io::Result<f64> {
        let stat = self.read("stat")?;
        let ticks =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
        Ok(to_f64(ticks.sum()) / to_f64(rustix::param::clock_ticks_per_second()))
    }

    fn resident_mib(&self) -> io::Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        Ok(to_f64(line.trim().trim_end_matches(" kB").parse().expect("a size in KiB")) / 1024.0)
    }

    /// What the system says of the daemon under this name.
    fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.as_ref().expect("taken only by `stop`").id()))
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
    fn stop(mut self) -> io::Result<(f64, f64)> {
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

/// Waits for the end of a process that must succeed; its processor time in seconds and its peak memory in MiB.
#[allow(unsafe_code, reason = "nothing safe tells the memory of one child")]
fn wait(child: &Child) -> io::Result<(f64, f64)> {
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
    let seconds = |time: libc::timeval| Duration::new(time.tv_sec.unsigned_abs(), 0) + Duration::from_micros(time.tv_usec.unsigned_abs());
    let processor = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Ok((processor.as_secs_f64(), to_f64(u64::try_from(usage.ru_maxrss).expect("a size in KiB")) / 1024.0))
}

#[allow(clippy::cast_precision_loss)] // figures for people
fn to_f64(number: u64) -> f64 {
    number as f64
}
