//! The machine: what it has left, and how fast it is. Figures are read here; `judge` holds them against the limits.
//!
//! Reads `/proc`, `/sys` and the file systems. Writes one thing: a small file beside the store, synced and removed, whose
//! time is the store's latency. It is a file, not a transaction, so that a hanging disk hangs the monitor and not the intake.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Finding, Latency, Level};
use crate::clock::Stopwatch;
use crate::config::{Config, Risk};
use crate::journal::AlertCode;

/// Looks in a row that a processor or the memory must be over its limit: one peak is no trouble.
const LOOKS_OVER: u32 = 3;
/// Below this share of free room somebody must act, in percent.
const CRITICAL_FREE_PERCENT: f64 = 2.0;
/// Free inodes below this share are worth a warning, in percent.
const INODES_FREE_PERCENT: f64 = 5.0;
/// Open files above this share of the limit are worth a warning, in percent.
const OPEN_FILES_PERCENT: f64 = 80.0;
/// A clock that went ahead by more than this jumped, in milliseconds.
const JUMP_MS: i64 = 60_000;
/// A clock that went back by more than this did; less is a correction.
const BACK_MS: i64 = 1_000;
/// The file whose writing is timed.
const PROBE_FILE: &str = ".valhalla-probe";

/// What was read; `None` where the system does not tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SystemFigures {
    /// This process, in percent of one processor.
    pub cpu_own: Option<f64>,
    /// All processors of the machine together, in percent.
    pub cpu_machine: Option<f64>,
    /// The share of the worker threads' time that was used, in percent.
    pub workers_busy: Option<f64>,
    /// Resident memory of this process, in MiB.
    pub memory_mb: Option<f64>,
    /// Used memory: of the machine, or of the control group where that has less; in percent.
    pub memory_percent: Option<f64>,
    /// The file systems under the folders.
    pub disks: Vec<Disk>,
    /// Open files of this process, and the limit.
    pub open_files: Option<(u64, u64)>,
    /// A small synced write beside the store, in milliseconds; or why there is none.
    pub store_write: Option<Result<f64, String>>,
    /// Bytes of the store and of its write-ahead log.
    pub store_bytes: Option<(u64, u64)>,
    /// Drops without a report, and the age of the oldest in milliseconds.
    pub queue: Option<(u64, u64)>,
    /// From first seeing a drop to its report.
    pub latency: Option<Latency>,
    /// Clients of the socket.
    pub connections: Option<u64>,
    /// Whether a file touched in the inbox was announced; `None` where nothing announces.
    pub canary: Option<Result<bool, String>>,
    /// How far the wall clock moved against the monotonic one since the last look, in milliseconds.
    pub clock_moved_ms: Option<i64>,
}

/// Room on the file system under a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// Which folder.
    pub name: String,
    /// Free and all bytes, for this user; or why they cannot be known.
    pub bytes: Result<(u64, u64), String>,
    /// Free and all inodes; (0, 0) where there is no such thing.
    pub inodes: (u64, u64),
}

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub(super) struct Before {
    own: Option<(f64, f64)>,
    machine: Option<(u64, u64)>,
    clocks: Option<(i64, u64)>,
    cpu_over: u32,
    memory_over: u32,
}

impl Before {
    /// Both processor figures since the last look.
    pub(super) fn processors(&mut self, at_seconds: f64) -> (Option<f64>, Option<f64>) {
        let used = cpu_seconds();
        let own = self
            .own
            .replace((used, at_seconds))
            .and_then(|(before, then)| (at_seconds - then > 0.01).then(|| tenths((used - before) / (at_seconds - then) * 100.0)));
        let Some(now) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(machine_ticks) else { return (own, None) };
        let machine = self.machine.replace(now).and_then(|before| share(now.0.saturating_sub(before.0), now.1.saturating_sub(before.1)));
        (own, machine)
    }

    /// How far the wall clock moved against the monotonic one since the last look.
    pub(super) fn clocks(&mut self, wall_ms: i64, monotonic_ms: u64) -> Option<i64> {
        self.clocks.replace((wall_ms, monotonic_ms)).map(|before| moved(before, (wall_ms, monotonic_ms)))
    }

    /// Every finding about the machine.
    pub(super) fn judge(&mut self, figures: &SystemFigures, limits: &Risk) -> Vec<Finding> {
        let over = |count: &mut u32, is_over: bool| {
            *count = if is_over { count.saturating_add(1) } else { 0 };
            *count >= LOOKS_OVER
        };
        let cpu_over = over(&mut self.cpu_over, figures.cpu_machine.is_some_and(|cpu| cpu > limits.cpu_percent_max));
        let memory_over = over(&mut self.memory_over, figures.memory_percent.is_some_and(|memory| memory > limits.memory_percent_max));
        let mut found = vec![
            held(AlertCode::CpuHigh, "the machine's processors", "%", figures.cpu_machine, limits.cpu_percent_max, cpu_over),
            held(AlertCode::MemoryHigh, "memory in use", "%", figures.memory_percent, limits.memory_percent_max, memory_over),
        ];
        for disk in &figures.disks {
            found.extend(disk_findings(disk, limits));
        }
        found.extend(figures.open_files.map(|(open, most)| {
            let percent = share(open, most).unwrap_or(0.0);
            held(AlertCode::OpenFilesHigh, "open files", "% of the limit", Some(percent), OPEN_FILES_PERCENT, percent > OPEN_FILES_PERCENT)
        }));
        found.extend(figures.store_write.as_ref().map(|write| store_finding(write, limits)));
        found.extend(figures.queue.map(|(drops, oldest_ms)| {
            let (age, most) = (seconds(oldest_ms), seconds(limits.queue_seconds_max * 1000));
            let what = format!("{drops} drops without a report, the oldest for");
            held(AlertCode::QueueOld, &what, " s", Some(age), most, age > most)
        }));
        found.extend(figures.latency.map(|latency| {
            let (p95, most) = (seconds(latency.p95), seconds(limits.request_seconds_max * 1000));
            held(AlertCode::ReportSlow, "from seeing a drop to its report, 95 of 100 within", " s", Some(p95), most, p95 > most)
        }));
        found.extend(figures.connections.map(|now| {
            #[allow(clippy::cast_precision_loss)] // a handful
            let (now, most) = (now as f64, limits.connections_max as f64);
            held(AlertCode::ConnectionsHigh, "connections", "", Some(now), most, now > most)
        }));
        found.extend(figures.canary.as_ref().map(canary_finding));
        found.extend(figures.clock_moved_ms.map(clock_finding));
        found
    }
}

/// How far the wall clock moved beyond what the monotonic one says, in milliseconds.
pub(super) fn moved(before: (i64, u64), now: (i64, u64)) -> i64 {
    let passed = i64::try_from(now.1.saturating_sub(before.1)).unwrap_or(i64::MAX);
    now.0.saturating_sub(before.0).saturating_sub(passed)
}

/// The figures that need neither a look before nor the daemon.
pub(super) fn read(config: &Config, with_write: bool) -> SystemFigures {
    let folders = &config.folders;
    let store_folder = config.store.path.parent().unwrap_or(&config.root);
    let named = [
        ("inbox", folders.inbox.as_path()),
        ("processed", &folders.processed),
        ("failed", &folders.failed),
        ("logs", &folders.logs),
        ("claimed", &folders.claimed),
        ("store", store_folder),
    ];
    let wal = {
        let mut path = config.store.path.clone().into_os_string();
        path.push("-wal");
        path
    };
    SystemFigures {
        memory_mb: memory_mb(),
        memory_percent: memory_percent(),
        disks: disks(&named),
        open_files: open_files(),
        store_write: with_write.then(|| timed_write(store_folder).map_err(|error| error.to_string())),
        store_bytes: fs::metadata(&config.store.path).ok().map(|store| (store.len(), fs::metadata(wal).map_or(0, |wal| wal.len()))),
        ..SystemFigures::default()
    }
}

fn held(code: AlertCode, what: &str, unit: &str, figure: Option<f64>, limit: f64, is_over: bool) -> Finding {
    let Some(figure) = figure else { return Finding::new(code, Level::Unknown, format!("{what}: the system does not tell, or not yet")) };
    let level = if is_over { Level::Warning } else { Level::Fine };
    Finding::new(code, level, format!("{what}: {figure:.1}{unit}, the limit is {limit:.0}{unit}")).measured(figure, limit)
}

fn disk_findings(disk: &Disk, limits: &Risk) -> Vec<Finding> {
    let (free, all) = match &disk.bytes {
        Ok(bytes) => *bytes,
        Err(why) => return vec![Finding::new(AlertCode::DiskLow, Level::Unknown, format!("{}: {why}", disk.name)).about(&disk.name)],
    };
    let percent = share(free, all).unwrap_or(100.0);
    // The absolute limit says nothing on a file system that is small altogether.
    let is_short = free < limits.disk_free_min && all > limits.disk_free_min;
    let level = match percent {
        _ if percent < CRITICAL_FREE_PERCENT => Level::Critical,
        _ if percent < limits.disk_free_percent_min || is_short => Level::Warning,
        _ => Level::Fine,
    };
    let detail = format!(
        "{}: {percent:.1} % free ({} MiB), the least is {:.0} % and {} MiB",
        disk.name,
        free >> 20,
        limits.disk_free_percent_min,
        limits.disk_free_min >> 20
    );
    let mut found = vec![Finding::new(AlertCode::DiskLow, level, detail).about(&disk.name).measured(percent, limits.disk_free_percent_min)];
    if let Some(inodes) = share(disk.inodes.0, disk.inodes.1) {
        let level = if inodes < INODES_FREE_PERCENT { Level::Warning } else { Level::Fine };
        let detail = format!("{}: {inodes:.1} % of the inodes free, the least is {INODES_FREE_PERCENT:.0} %", disk.name);
        found.push(Finding::new(AlertCode::InodesLow, level, detail).about(&disk.name).measured(inodes, INODES_FREE_PERCENT));
    }
    found
}

fn store_finding(write: &Result<f64, String>, limits: &Risk) -> Finding {
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let most = limits.store_write_ms_max as f64;
    match write {
        Ok(ms) => held(AlertCode::StoreSlow, "a small synced write beside the store", " ms", Some(*ms), most, *ms > most),
        Err(why) => Finding::new(AlertCode::StoreSlow, Level::Critical, format!("nothing can be written beside the store: {why}")),
    }
}

fn canary_finding(canary: &Result<bool, String>) -> Finding {
    let (level, detail) = match canary {
        Ok(true) => (Level::Fine, "a file touched in the inbox was announced".to_owned()),
        Ok(false) => (Level::Warning, "a file touched in the inbox was not announced in time".to_owned()),
        Err(why) => (Level::Unknown, format!("no file can be touched in the inbox: {why}")),
    };
    Finding::new(AlertCode::WatcherSilent, level, detail)
}

fn clock_finding(moved_ms: i64) -> Finding {
    let level = if (-BACK_MS..=JUMP_MS).contains(&moved_ms) { Level::Fine } else { Level::Warning };
    let way = if moved_ms < 0 { "back" } else { "ahead" };
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let (metric, limit) = (moved_ms as f64 / 1000.0, JUMP_MS as f64 / 1000.0);
    let detail = format!("since the last look the wall clock went {way} by {:.1} s", metric.abs());
    Finding::new(AlertCode::ClockJumped, level, detail).measured(metric, limit)
}

/// Each file system once, with all the folders that lie on it: one that is full is one trouble.
fn disks(named: &[(&str, &Path)]) -> Vec<Disk> {
    let mut by_device: Vec<(Option<u64>, String, &Path)> = Vec::new();
    for (name, path) in named {
        let device = fs::metadata(path).ok().map(|folder| folder.dev());
        match by_device.iter_mut().find(|(known, ..)| device.is_some() && *known == device) {
            Some((_, together, _)) => *together += &format!(", {name}"),
            None => by_device.push((device, (*name).to_owned(), *path)),
        }
    }
    by_device.into_iter().map(|(_, names, path)| disk(&names, path)).collect()
}

/// Room under a folder.
fn disk(name: &str, path: &Path) -> Disk {
    let name = name.to_owned();
    match rustix::fs::statvfs(path) {
        Ok(room) => Disk {
            name,
            // As df counts: what is kept back for root is neither used nor free.
            bytes: Ok((
                room.f_bavail.saturating_mul(room.f_frsize),
                room.f_blocks.saturating_sub(room.f_bfree).saturating_add(room.f_bavail).saturating_mul(room.f_frsize),
            )),
            inodes: (room.f_favail, room.f_files),
        },
        Err(error) => Disk { name, bytes: Err(error.to_string()), inodes: (0, 0) },
    }
}

/// Writes, syncs and removes a small file; how long the write and the sync took, in milliseconds.
fn timed_write(folder: &Path) -> io::Result<f64> {
    let path = folder.join(PROBE_FILE);
    let _ = fs::remove_file(&path); // left by a look that was cut off
    let watch = Stopwatch::start();
    let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    let took = watch.elapsed_seconds() * 1000.0;
    let _ = fs::remove_file(&path);
    written.map(|()| tenths(took))
}

/// Processor time of this process, in seconds.
#[allow(clippy::cast_precision_loss)] // nanoseconds of a process
fn cpu_seconds() -> f64 {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9
}

/// Busy and all ticks of `/proc/stat`; waiting for a disk is idle.
fn machine_ticks(text: &str) -> Option<(u64, u64)> {
    let mut ticks = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map(|tick| tick.parse::<u64>().unwrap_or(0));
    let ticks: [u64; 8] = std::array::from_fn(|_| ticks.next().unwrap_or(0));
    let all: u64 = ticks.iter().sum();
    Some((all.saturating_sub(ticks[3] + ticks[4]), all))
}

/// Resident memory of this process, in MiB.
fn memory_mb() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    #[allow(clippy::cast_precision_loss)] // pages
    Some(tenths((pages * rustix::param::page_size() as u64) as f64 / f64::from(1 << 20)))
}

/// Used memory of the machine, or of the control group where that is nearer to its limit.
fn memory_percent() -> Option<f64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(meminfo_percent);
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.current").zip(number("/sys/fs/cgroup/memory.max"));
    let group = group.and_then(|(used, most)| share(used, most));
    machine.into_iter().chain(group).reduce(f64::max)
}

fn meminfo_percent(text: &str) -> Option<f64> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok());
    let (all, available) = (of("MemTotal:")?, of("MemAvailable:")?);
    share(all.saturating_sub(available), all)
}

fn open_files() -> Option<(u64, u64)> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some((open, rustix::process::getrlimit(rustix::process::Resource::Nofile).current?))
}

/// In percent, to a tenth; none of nothing.
#[allow(clippy::cast_precision_loss)] // a share to a tenth
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| tenths(part as f64 / whole as f64 * 100.0))
}

fn tenths(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

#[allow(clippy::cast_precision_loss)] // milliseconds
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(found: &[Finding], code: AlertCode) -> Option<Level> {
        found.iter().filter(|finding| finding.code == code).map(|finding| finding.level).max()
    }

    /// Each figure: the code it is told by, a value that is fine and one that is not.
    #[test]
    fn every_figure_turns_red_and_green_again() {
        let gib = 1_u64 << 30;
        let disk = |free: u64, inodes: u64| Disk { name: "x".into(), bytes: Ok((free, 1000 * gib)), inodes: (inodes, 1000) };
        let none = SystemFigures::default;
        let latency = |p95| Some(Latency { p50: 1, p95, p99: p95, drops: 1 });
        let cases = [
            (AlertCode::DiskLow, Level::Warning, SystemFigures { disks: vec![disk(90 * gib, 900)], ..none() }),
            (AlertCode::DiskLow, Level::Critical, SystemFigures { disks: vec![disk(19 * gib, 900)], ..none() }),
            (AlertCode::InodesLow, Level::Warning, SystemFigures { disks: vec![disk(900 * gib, 49)], ..none() }),
            (AlertCode::OpenFilesHigh, Level::Warning, SystemFigures { open_files: Some((81, 100)), ..none() }),
            (AlertCode::StoreSlow, Level::Warning, SystemFigures { store_write: Some(Ok(1000.1)), ..none() }),
            (AlertCode::StoreSlow, Level::Critical, SystemFigures { store_write: Some(Err("x".into())), ..none() }),
            (AlertCode::QueueOld, Level::Warning, SystemFigures { queue: Some((1, 900_001)), ..none() }),
            (AlertCode::ReportSlow, Level::Warning, SystemFigures { latency: latency(30_001), ..none() }),
            (AlertCode::ConnectionsHigh, Level::Warning, SystemFigures { connections: Some(11), ..none() }),
            (AlertCode::WatcherSilent, Level::Warning, SystemFigures { canary: Some(Ok(false)), ..none() }),
            (AlertCode::ClockJumped, Level::Warning, SystemFigures { clock_moved_ms: Some(-1_001), ..none() }),
            (AlertCode::ClockJumped, Level::Warning, SystemFigures { clock_moved_ms: Some(60_001), ..none() }),
        ];
        let fine = SystemFigures {
            disks: vec![disk(900 * gib, 900)],
            open_files: Some((80, 100)),
            store_write: Some(Ok(1000.0)),
            queue: Some((1, 900_000)),
            latency: latency(30_000),
            connections: Some(10),
            canary: Some(Ok(true)),
            clock_moved_ms: Some(-1_000),
            cpu_machine: Some(80.0),
            memory_percent: Some(80.0),
            ..none()
        };
        let mut before = Before::default();
        for (code, level, bad) in cases {
            assert_eq!(level_of(&before.judge(&bad, &Risk::default()), code), Some(level), "{code:?}");
            assert_eq!(level_of(&before.judge(&fine, &Risk::default()), code), Some(Level::Fine), "{code:?}");
        }
    }

    #[test]
    fn a_peak_is_no_trouble_but_three_looks_are() {
        let mut before = Before::default();
        let busy = SystemFigures { cpu_machine: Some(80.1), memory_percent: Some(80.1), ..SystemFigures::default() };
        let calm = SystemFigures { cpu_machine: Some(5.0), memory_percent: Some(5.0), ..SystemFigures::default() };
        for (figures, level) in
            [(&busy, Level::Fine), (&busy, Level::Fine), (&busy, Level::Warning), (&calm, Level::Fine), (&busy, Level::Fine)]
        {
            let found = before.judge(figures, &Risk::default());
            assert_eq!(level_of(&found, AlertCode::CpuHigh), Some(level));
            assert_eq!(level_of(&found, AlertCode::MemoryHigh), Some(level));
        }
    }

    #[test]
    fn the_wall_clock_is_held_against_the_other() {
        assert_eq!(moved((1_000_000, 0), (1_030_000, 30_000)), 0);
        assert_eq!(moved((1_000_000, 0), (970_000, 30_000)), -60_000);
        assert_eq!(moved((1_000_000, 0), (4_600_000, 0)), 3_600_000);
    }

    #[test]
    fn what_the_system_writes_is_read() {
        assert_eq!(machine_ticks("cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1"), Some((30, 100)));
        assert_eq!(meminfo_percent("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n"), Some(75.0));
        assert_eq!((machine_ticks("?"), meminfo_percent("?")), (None, None));
        let folder = tempfile::tempdir().expect("temporary folder");
        assert!(timed_write(folder.path()).is_ok_and(|ms| ms >= 0.0));
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0, "the probe's file is left behind");
        assert!(timed_write(&folder.path().join("missing")).is_err());
    }
}
