//! What is kept and who keeps it: the store, the journals, room for days to come, the daemon, its monitor, the lock, the clock.
//!
//! Everything is read only, beside a running daemon.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use super::places::file_systems;
use super::{Check, Held, Item};
use crate::clock;
use crate::config::Config;
use crate::daemon;
use crate::journal::snapshot::{RiskMonitoringResults, Snapshot};
use crate::journal::{self, Journal, Report};
use crate::store::{Store, StoreError, open_to_read};

const DAY_MS: i64 = 86_400_000;
/// The rate is that of so many days.
const RATE_DAYS: i64 = 30;
/// Less free space is too little whatever the rate: 256 MiB.
const FREE_MIN: u64 = 256 << 20;
/// Nothing was released before: 2024-01-01.
const CLOCK_MIN_MS: i64 = 1_704_067_200_000;
/// What was written so much later than now was written under another clock.
const CLOCK_SLACK_MS: i64 = 60_000;

pub(super) fn checks(config: &Config, days: u32) -> Vec<Check> {
    let (mut checks, store) = store(config);
    checks.push(chain(config, store.as_ref()));
    checks.extend(disk(config, store.as_ref(), days));
    checks.push(time(config));
    let daemon = status(config);
    checks.push(monitor(config, daemon.as_ref()));
    checks.push(lock(config, daemon.as_ref()));
    checks.push(version(daemon.as_ref()));
    checks
}

/// The mode of the running daemon.
pub(super) fn daemon_mode(config: &Config) -> Option<String> {
    status(config)?["mode"].as_str().map(str::to_owned)
}

fn status(config: &Config) -> Option<Value> {
    let reply = daemon::ask(&config.root, &json!({ "command": "status" })).ok()?;
    (reply["ok"] == true).then(|| reply["status"].clone())
}

/// It opens, is ours, and is whole.
fn store(config: &Config) -> (Vec<Check>, Option<Store>) {
    let path = &config.store.path;
    let check =
        Check::passed(Item::PipelineProcessing, "store", path.display().to_string(), "opens, is whole and of this program's schema");
    let has_content = fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    if !has_content {
        let has_reports = journal::read(&config.folders.logs, Journal::Reports).is_ok_and(|mut lines| lines.next().is_some());
        let check = if has_reports {
            let lost = StoreError::Lost { path: path.display().to_string() };
            Check { measured: lost.to_string(), ..check }.turned(Held::Failed, "Put it back from a backup, or run `valhalla rebuild`.")
        } else {
            Check { measured: "none yet: the first start makes it".to_owned(), ..check }
        };
        return (vec![check], None);
    }
    let looked_over = open_to_read(path).and_then(|store| {
        let schema = store.schema()?;
        store.verify()?;
        Ok((store, schema))
    });
    match looked_over {
        Ok((store, (found, known))) => {
            let older = if found < known { format!(", which the next start brings to {known}") } else { String::new() };
            (vec![Check { measured: format!("{}: quick_check ok, schema {found}{older}", path.display()), ..check }], Some(store))
        }
        Err(error) => {
            let action = match error {
                StoreError::Busy { .. } => "Close the program that holds it, and run the preflight again.",
                StoreError::Newer { .. } => "Install the newer program.",
                StoreError::Foreign { .. } => "Name another file with path under [store].",
                StoreError::Damaged { .. } => "Stop the daemon and run `valhalla rebuild`.",
                _ => "Check the disk, and the permissions of the store and its folder.",
            };
            (vec![Check { measured: error.to_string(), ..check }.turned(Held::Failed, action)], None)
        }
    }
}

/// The audit chain as it stands, against what the store knows of it.
fn chain(config: &Config, store: Option<&Store>) -> Check {
    let check = Check::passed(Item::AlertLogging, "audit chain", "", "nothing was changed, taken out or cut off");
    // The head says something only while nothing waits to be written, and no entry came in since.
    let quiet = |store: &Store| store.outbox().ok().filter(|waiting| waiting.lines.is_empty()).and(store.head(Journal::Audit).ok());
    let head = store.and_then(quiet);
    let records = match journal::read(&config.folders.logs, Journal::Audit) {
        Ok(records) => records,
        Err(error) => {
            return Check { measured: error.to_string(), ..check }.turned(Held::Failed, "Let this user read logs/.");
        }
    };
    let head = head.filter(|head| store.is_some_and(|store| store.head(Journal::Audit).is_ok_and(|now| now == *head)));
    match journal::verify_chain(records, head.as_ref()) {
        Ok(verdict) => {
            let first = verdict.faults.first().map_or(String::new(), |fault| format!(": {fault}"));
            let faults = verdict.faults.len() as u64 + verdict.more;
            Check { measured: format!("{} entries, {faults} faults{first}", verdict.lines), ..check }.unless(
                verdict.holds(),
                Held::Failed,
                "Run `valhalla audit`; exclude logs/*.jsonl from editors, clean-up jobs and logrotate.",
            )
        }
        Err(error) => Check { measured: error.to_string(), ..check }.turned(Held::Failed, "Let this user read logs/."),
    }
}

/// Room on each file system, now and at the rate of the last month.
fn disk(config: &Config, store: Option<&Store>, days: u32) -> Vec<Check> {
    let rate = store.and_then(|store| rate(config, store));
    file_systems(config)
        .into_iter()
        .map(|(name, path)| {
            let name = format!("disk of {name}");
            let check = Check::passed(Item::SystemPerformance, &name, "", format!("{} MiB, and room for {days} days", FREE_MIN >> 20));
            let free = match rustix::fs::statvfs(&path) {
                Ok(room) => room.f_bavail.saturating_mul(room.f_frsize),
                Err(error) => {
                    return Check { measured: format!("{}: {error}", path.display()), ..check }.turned(Held::NotChecked, "See there.");
                }
            };
            let needed = rate.map(|rate| rate.saturating_mul(days.into()));
            let at_rate = match (rate, needed) {
                (Some(rate), Some(needed)) => format!("{} a day, {} for {days} days", mib(rate), mib(needed)),
                _ => "how much a day brings cannot be known before the first job".to_owned(),
            };
            let is_enough = free >= FREE_MIN && needed.is_none_or(|needed| needed <= free);
            Check { measured: format!("{} free; {at_rate}", mib(free)), ..check }.unless(
                is_enough,
                Held::Failed,
                "Free some space, move old originals out of processed/, or ask for fewer days with --days.",
            )
        })
        .collect()
}

fn mib(bytes: u64) -> String {
    if bytes < 10 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

/// Bytes a day: the originals of the last month, and the store's growth by its share of the rows. An upper bound where the
/// folders lie on several disks. None before the first job.
fn rate(config: &Config, store: &Store) -> Option<u64> {
    let now = clock::now_ms();
    let (mut originals, mut rows_lately, mut rows_ever, mut oldest) = (0_u64, 0_u64, 0_u64, None::<i64>);
    let gone_over = store.each_job(|job| {
        let Ok(report) = serde_json::from_str::<Report>(&job.report) else { return Ok::<(), StoreError>(()) };
        rows_ever += report.rows.total;
        if let Some(at) = clock::parse_ms(&report.finished_at).filter(|at| now - at < RATE_DAYS * DAY_MS) {
            originals += if report.archived_as.is_some() { report.bytes } else { 0 };
            rows_lately += report.rows.total;
            oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
        Ok(())
    });
    gone_over.ok()?;
    let span_days = u64::try_from((now - oldest?) / DAY_MS).unwrap_or(0) + 1; // a day begun counts whole
    let size = fs::metadata(&config.store.path).map_or(0, |metadata| metadata.len());
    let growth = u128::from(size) * u128::from(rows_lately) / u128::from(rows_ever.max(1));
    Some((originals + u64::try_from(growth).unwrap_or(u64::MAX)) / span_days)
}

/// Not before this program was made, and not before the last thing that was written here.
fn time(config: &Config) -> Check {
    let now = clock::now_ms();
    let written = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.mtime() * 1000);
    let files = Journal::ALL.iter().map(|journal| journal.active_path(&config.folders.logs)).chain([config.store.path.clone()]);
    let latest = files.filter_map(|path| written(&path)).max();
    let ahead = latest.map_or(0, |latest| latest - now);
    let measured = match latest {
        Some(_) if ahead > CLOCK_SLACK_MS => format!("{}: {} s before the last thing written here", clock::rfc3339(now), ahead / 1000),
        _ => clock::rfc3339(now),
    };
    Check::passed(Item::SystemPerformance, "clock", measured, "not before 2024, nor before the last thing written here").unless(
        now >= CLOCK_MIN_MS && ahead <= CLOCK_SLACK_MS,
        Held::Failed,
        "Set the clock and keep it with NTP (timedatectl): what happens when would be told wrong.",
    )
}

/// A running daemon looks at itself and says so.
fn monitor(config: &Config, daemon: Option<&Value>) -> Check {
    let allowed_ms = i64::try_from(config.risk.monitor_seconds.saturating_mul(2000)).unwrap_or(i64::MAX);
    let check = Check::passed(Item::SystemPerformance, "monitors", "", format!("a look within {} s", allowed_ms / 1000));
    if daemon.is_none() {
        return Check { measured: "no daemon is running here".to_owned(), ..check }
            .turned(Held::Warning, "Start it (`valhalla run`, or the service) and run the preflight again.");
    }
    let file = config.folders.logs.join(RiskMonitoringResults::FILE);
    let look: Option<RiskMonitoringResults> = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let restart = "Restart the daemon; look into logs/ for what keeps it from looking at itself.";
    let Some((look, at)) = look.and_then(|look| clock::parse_ms(&look.timestamp).map(|at| (look, at))) else {
        return Check { measured: format!("{}: not there or not readable", file.display()), ..check }.turned(Held::Failed, restart);
    };
    let age = clock::now_ms() - at;
    let measured = format!("the last look was {} s ago, monitoring {}", age / 1000, if look.monitoring_active { "on" } else { "off" });
    Check { measured, ..check }.unless(look.monitoring_active && age <= allowed_ms, Held::Failed, restart)
}

/// Who says that it works on this root. The lock itself is not tried: a daemon that starts at this moment would be refused.
fn lock(config: &Config, daemon: Option<&Value>) -> Check {
    let said = fs::read_to_string(config.root.join(".lock")).unwrap_or_default();
    let pid = said.trim().to_owned();
    let check = Check::passed(Item::PipelineProcessing, "lock", "", "free, or held by a daemon that answers");
    let is_alive = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) && Path::new("/proc").join(&pid).exists();
    match (pid.is_empty(), daemon, is_alive) {
        (_, Some(_), _) => Check { measured: format!("held by the daemon (process {pid})"), ..check },
        (true, None, _) => Check { measured: "free".to_owned(), ..check },
        (false, None, true) => Check { measured: format!("process {pid} has it and does not answer"), ..check }
            .turned(Held::Warning, "Wait for the command that works on this root; or look whether the daemon hangs, and restart it."),
        (false, None, false) => Check { measured: format!("the last run (process {pid}) did not end by itself"), ..check }.turned(
            Held::Warning,
            "Start the daemon: recovery runs by itself, nothing is lost. Look in the system's journal for the cause.",
        ),
    }
}

fn version(daemon: Option<&Value>) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let theirs = daemon.and_then(|status| status["program"].as_str());
    let measured = theirs.map_or_else(|| ours.to_owned(), |theirs| format!("{ours}, the daemon is {theirs}"));
    Check::passed(Item::PipelineProcessing, "version", measured, "one for all").unless(
        theirs.is_none_or(|theirs| theirs == ours),
        Held::Warning,
        "Restart the daemon, so that it runs what is installed.",
    )
}
