//! From the tree to the settings of the installation: folders, watching, store, results, log.
//!
//! Paths become absolute here. No folder is looked at: whether it exists is found out when it is used.

use std::path::{Path, PathBuf};

use super::mistake::Origin;
use super::raw::{Node, quoted};
use super::root::absolute;
use super::section::{Findings, Section};
use super::{Folders, Hold, LeadsFile, Log, LogLevel, Mode, Output, Poll, Receipts, Risk, Store, Watch};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const DAY_SECONDS: u64 = 86_400;

/// Opens a section of the top level with exactly these keys.
pub(super) fn open<'a>(findings: &'a Findings, top: &Section<'a>, name: &'static str, keys: &[&'static str]) -> Section<'a> {
    Section::open(findings, top.node(name), name, keys, true)
}

pub(super) fn mode(top: &Section<'_>) -> Mode {
    top.choice("mode", &[("production", Mode::Live), ("live", Mode::Live), ("dry-run", Mode::DryRun)], Mode::Live)
}

pub(super) fn folders(section: &Section<'_>, root: &Path) -> Folders {
    if let Some(node) = section.node("root").filter(|node| matches!(node.origin, Origin::Environment(_))) {
        section.mistake("root", format!("the root is not set this way ({})", node.describe()), "set VALHALLA_ROOT");
    }
    let typed = |node: &Node| node.text().filter(|text| !text.is_empty()).map(drop);
    let _ = section.parsed("root", "a folder in quotes", "\"/srv/valhalla\"", typed); // its meaning was decided by `find_root`
    section.note_as_typed("root");
    let folders = Folders {
        inbox: path(section, "inbox", root, "inbox"),
        processed: path(section, "processed", root, "processed"),
        failed: path(section, "failed", root, "failed"),
        logs: path(section, "logs", root, "logs"),
        claimed: root.join(".claimed"),
        group: section.text("group", "leads"),
    };
    keep_apart(section, &folders);
    folders
}

/// A path, seen from the root.
fn path(section: &Section<'_>, key: &str, root: &Path, default: &str) -> PathBuf {
    let typed = section.parsed(key, "a path in quotes", quoted(default), |node| node.text().map(str::trim).filter(|text| !text.is_empty()));
    let path = absolute(root, Path::new(typed.unwrap_or(default)));
    section.note(key, Some(quoted(&path.to_string_lossy())));
    path
}

/// A folder inside the inbox would be taken for a source, and results inside it for drops.
fn keep_apart(section: &Section<'_>, folders: &Folders) {
    let mut places = [("inbox", &folders.inbox), ("processed", &folders.processed), ("failed", &folders.failed), ("logs", &folders.logs)];
    places.sort_by_key(|(key, _)| section.node(key).is_some()); // the later of two is the one to blame: better one that was typed
    for (at, (blamed, path)) in places.iter().enumerate() {
        for (other, other_path) in &places[..at] {
            if path == other_path {
                section.mistake(blamed, format!("is the same folder as '{other}' ({})", path.display()), "give each a folder of its own");
            } else if path.starts_with(other_path) || other_path.starts_with(path) {
                let message = format!("'{blamed}' and '{other}' lie inside one another ({}, {})", path.display(), other_path.display());
                section.mistake(blamed, message, "put them side by side");
            }
        }
    }
}

pub(super) fn watch(section: &Section<'_>) -> Watch {
    Watch {
        settle_ms: section.whole("settle_ms", 1..=DAY_SECONDS * 1000, 200),
        settle_unknown_ms: section.whole("settle_unknown_ms", 1..=DAY_SECONDS * 1000, 3000),
        rescan_seconds: section.whole("rescan_seconds", 1..=DAY_SECONDS, 30),
        poll: section.choice("poll", &[("auto", Poll::Auto), ("always", Poll::Always)], Poll::Auto),
    }
}

/// The number of workers; as many as there are processors when nothing is said.
pub(super) fn workers(section: &Section<'_>) -> usize {
    let count = |node: &Node| node.number()?.parse().ok().filter(|count: &usize| (1..=1024).contains(count));
    let typed = section.parsed("workers", "a whole number from 1 to 1024", 4, count);
    section.note("workers", typed.map(|count| count.to_string()));
    typed.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

pub(super) fn store(section: &Section<'_>, root: &Path, folders: &Folders) -> Store {
    let path = path(section, "path", root, "valhalla.db");
    if path.starts_with(&folders.inbox) {
        section.mistake("path", format!("lies inside the inbox ({})", path.display()), "put the store beside it");
    }
    Store { path, leads: section.flag("leads", true), cache_mb: section.whole("cache_mb", 1..=65_536, 64) }
}

pub(super) fn output(section: &Section<'_>) -> Output {
    let leads = [("none", LeadsFile::None), ("jsonl", LeadsFile::Jsonl), ("csv", LeadsFile::Csv)];
    Output {
        leads: section.choice("leads", &leads, LeadsFile::None),
        receipts: section.choice("receipts", &[("always", Receipts::Always), ("problems", Receipts::Problems)], Receipts::Always),
    }
}

pub(super) fn log(section: &Section<'_>) -> Log {
    Log {
        level: section.choice("level", &LogLevel::ALL.map(|level| (level.as_str(), level)), LogLevel::Info),
        rotate_bytes: section.bytes("rotate_bytes", KIB..=MIB * MIB, 50 * MIB),
        keep: usize::try_from(section.whole("keep", 1..=10_000, 10)).expect("at most 10 000"),
        journal_rotate_bytes: section.bytes("journal_rotate_bytes", KIB..=MIB * MIB, 64 * MIB),
    }
}

/// Every key of `[risk]`.
pub(super) const RISK_KEYS: [&str; 13] = [
    "hold_on_risk",
    "monitor_seconds",
    "cpu_percent_max",
    "memory_percent_max",
    "connections_max",
    "request_seconds_max",
    "disk_free_percent_min",
    "disk_free_min",
    "store_write_ms_max",
    "queue_seconds_max",
    "drops_per_minute_max",
    "rejects_per_minute_max",
    "suspicious_max",
];

pub(super) fn risk(section: &Section<'_>) -> Risk {
    let hold = section.choice("hold_on_risk", &[("off", Hold::Off), ("critical", Hold::Critical), ("high", Hold::High)], Hold::Off);
    let usual = Risk::default();
    let percent = |key, default| section.real(key, 0.0..=100.0, default);
    let count = |key, default| section.whole(key, 1..=1_000_000_000, default);
    Risk {
        hold,
        monitor_seconds: section.whole("monitor_seconds", 1..=DAY_SECONDS, usual.monitor_seconds),
        cpu_percent_max: percent("cpu_percent_max", usual.cpu_percent_max),
        memory_percent_max: percent("memory_percent_max", usual.memory_percent_max),
        connections_max: count("connections_max", usual.connections_max),
        request_seconds_max: count("request_seconds_max", usual.request_seconds_max),
        disk_free_percent_min: percent("disk_free_percent_min", usual.disk_free_percent_min),
        disk_free_min: section.bytes("disk_free_min", 0..=1 << 50, usual.disk_free_min),
        store_write_ms_max: count("store_write_ms_max", usual.store_write_ms_max),
        queue_seconds_max: count("queue_seconds_max", usual.queue_seconds_max),
        drops_per_minute_max: count("drops_per_minute_max", usual.drops_per_minute_max),
        rejects_per_minute_max: count("rejects_per_minute_max", usual.rejects_per_minute_max),
        suspicious_max: count("suspicious_max", usual.suspicious_max),
    }
}
