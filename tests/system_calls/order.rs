//! The order of writes, syncs and renames of each job, read from a trace: what must be durable is, before what relies on it.
//!
//! A file system that keeps the order by itself hides a missing fsync from every other test; the trace does not.
//!
//! Of each job: outputs and original synced, claim folder and source folder synced → the store's commit synced → its journal
//! lines written → journals synced → renames into the archive → both ends of what was renamed synced → claim folder removed.

use std::collections::BTreeSet;

use crate::points::references;
use crate::trace::{Call, tracer};

const WAL: &str = "valhalla.db-wal";
const O_CREAT: u64 = 0o100;

/// The calls of one job, as places in the trace.
struct Job<'t> {
    calls: &'t [Call],
    /// `.claimed/<job_id>`.
    claim: String,
    /// The rename out of the inbox.
    claimed: usize,
    /// The first rename into the archive.
    moved: usize,
    /// The first attempt to remove the claim folder.
    removed: usize,
}

#[test]
fn everything_is_durable_before_what_relies_on_it() {
    if tracer().is_none() {
        return;
    }
    let (mut jobs, mut syncs) = (0, 0);
    for reference in references() {
        let found = jobs_of(&reference.calls);
        assert!(!found.is_empty(), "{:?}: no job in the trace", reference.act);
        jobs += found.len();
        syncs += reference.calls.iter().filter(|call| is_sync(call)).count();
        let faults = faults(&reference.calls);
        assert!(faults.is_empty(), "{:?}:\n{}", reference.act, faults.join("\n"));
    }
    println!("{jobs} jobs, {syncs} syncs in order");
}

/// The assertion can fail: with any one sync between claim and end taken out of the trace of a single file, it does.
#[test]
fn a_missing_sync_shows() {
    if tracer().is_none() {
        return;
    }
    let calls = &references()[0].calls;
    assert_eq!(faults(calls), Vec::<String>::new(), "in order to begin with");
    let job = &jobs_of(calls)[0];
    let (claimed, removed) = (job.claimed, job.removed);
    let doctored: Vec<usize> = (claimed..removed).filter(|at| is_sync(&calls[*at])).collect();
    assert!(doctored.len() >= 9, "the trace of one file has {} syncs", doctored.len());
    for at in doctored {
        let without: Vec<Call> = calls.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, call)| call.clone()).collect();
        assert!(!faults(&without).is_empty(), "nobody would miss the {} of {:?}", calls[at].name, calls[at].path);
    }
}

/// Everything in a trace that is not in order, in words.
fn faults(calls: &[Call]) -> Vec<String> {
    let mut faults: Vec<String> = jobs_of(calls).iter().flat_map(Job::faults).collect();
    faults.extend(folders(calls));
    faults.extend(segments(calls));
    faults
}

fn jobs_of(calls: &[Call]) -> Vec<Job<'_>> {
    let is_made = |call: &Call| call.result.is_some_and(|result| result >= 0);
    let claims =
        calls.iter().enumerate().filter(|(_, call)| call.path.starts_with("inbox/") && call.to.starts_with(".claimed/") && is_made(call));
    claims
        .map(|(claimed, call)| {
            let claim: String = call.to.split('/').take(2).collect::<Vec<_>>().join("/");
            let within = format!("{claim}/");
            let moved = calls.iter().position(|call| call.path.starts_with(&within) && !call.to.is_empty() && is_made(call));
            let removed = calls.iter().skip(claimed).position(|call| is_removal(call) && call.path == claim).map(|at| at + claimed);
            let end = calls.len();
            Job { calls, claim, claimed, moved: moved.unwrap_or(end), removed: removed.unwrap_or(end) }
        })
        .collect()
}

fn is_sync(call: &Call) -> bool {
    ["fsync", "fdatasync", "syncfs"].contains(&call.name.as_str()) && call.result == Some(0)
}

/// Of a folder; files of a claim have longer paths, or are renamed.
fn is_removal(call: &Call) -> bool {
    ["rmdir", "unlinkat"].contains(&call.name.as_str()) && call.path.split('/').count() == 2
}

fn is_write(call: &Call) -> bool {
    ["write", "pwrite64", "ftruncate"].contains(&call.name.as_str()) && call.result.is_some_and(|result| result >= 0)
}

/// The first sync of a path in a stretch of the trace; one of the whole file system is one of everything.
fn synced(calls: &[Call], path: &str, from: usize, to: usize) -> Option<usize> {
    (from..to.min(calls.len())).find(|at| is_sync(&calls[*at]) && (calls[*at].path == path || calls[*at].name == "syncfs"))
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Job<'_> {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut require = |held: bool, what: String| {
            if !held {
                faults.push(format!("{}: {what}", self.claim));
            }
        };
        // Before the commit.
        let mut ready = self.claimed;
        for (path, from) in self.before_commit() {
            let at = synced(self.calls, &path, from, self.moved);
            require(at.is_some(), format!("{path:?} is not synced before the commit"));
            ready = ready.max(at.unwrap_or(ready));
        }
        // The commit: written, then synced, with nothing more of it behind.
        let lines = (ready..self.moved).find(|at| is_write(&self.calls[*at]) && is_journal(&self.calls[*at].path)).unwrap_or(self.moved);
        let written = (ready..lines).rfind(|at| is_write(&self.calls[*at]) && self.calls[*at].path == WAL);
        require(written.is_some(), "the store's commit is not between the syncs and the journals".to_owned());
        let commit = written.and_then(|written| synced(self.calls, WAL, written, lines));
        require(
            commit.is_some_and(|at| self.calls[at].name != "syncfs"),
            "the store's commit is not synced before the journals".to_owned(),
        );
        // The journals, before anything is renamed.
        let journals: BTreeSet<&str> = (lines..self.moved)
            .filter(|at| is_write(&self.calls[*at]) && is_journal(&self.calls[*at].path))
            .map(|at| self.calls[at].path.as_str())
            .collect();
        require(journals.iter().any(|path| path.contains("reports")), "its report is not in the journal before the renames".to_owned());
        require(journals.iter().any(|path| path.contains("audit")), "it is not in the audit trail before the renames".to_owned());
        for path in journals {
            let last = (lines..self.moved).rfind(|at| is_write(&self.calls[*at]) && self.calls[*at].path == path).unwrap_or(lines);
            require(synced(self.calls, path, last, self.moved).is_some(), format!("{path} is not synced before the renames"));
        }
        // The archive, before the claim folder goes.
        for (at, to) in self.moves() {
            require(at < self.removed, format!("{to} is renamed after the claim folder went"));
            for path in [folder_of(to), to] {
                // A file that was durable before its rename needs no sync of its own behind it.
                let is_due = path != to || self.is_text(at);
                require(
                    !is_due || synced(self.calls, path, at, self.removed).is_some(),
                    format!("{path} is not synced before the claim folder goes"),
                );
            }
        }
        require(self.moves().len() > 1, "it has no renames".to_owned());
        faults
    }

    /// What must be durable before the commit, and since when.
    fn before_commit(&self) -> Vec<(String, usize)> {
        let claim = &self.calls[self.claimed];
        let mut due = vec![
            (claim.to.clone(), self.claimed),
            (folder_of(&claim.path).to_owned(), self.claimed),
            (".claimed".to_owned(), self.claimed),
        ];
        let mut folder = folder_of(&claim.to);
        while folder.len() >= self.claim.len() {
            due.push((folder.to_owned(), self.claimed));
            folder = folder_of(folder);
        }
        for (at, _) in self.moves() {
            let output = &self.calls[at].path;
            let last = (self.claimed..at).rfind(|at| is_write(&self.calls[*at]) && self.calls[*at].path == *output);
            if let (Some(last), false) = (last, self.is_text(at)) {
                due.push((output.clone(), last));
                due.push((folder_of(output).to_owned(), last));
            }
        }
        due
    }

    /// Renames into the archive: where in the trace, and the new path.
    fn moves(&self) -> Vec<(usize, &str)> {
        let within = format!("{}/", self.claim);
        let is_move = |call: &Call| call.path.starts_with(&within) && !call.to.is_empty() && call.result.is_some_and(|result| result >= 0);
        self.calls.iter().enumerate().filter(|(_, call)| is_move(call)).map(|(at, call)| (at, call.to.as_str())).collect()
    }

    /// Whether a rename is of a text for people, which is made after the commit.
    fn is_text(&self, moved: usize) -> bool {
        [".receipt", ".error", ".dry-run"].iter().any(|name| self.calls[moved].path == format!("{}/{name}", self.claim))
    }
}

fn is_journal(path: &str) -> bool {
    path.strip_prefix("logs/").is_some_and(|name| name.rsplit('.').next() == Some("jsonl"))
}

/// A folder that was made is durable in its own folder before the next claim goes: something of ours may lie in it.
fn folders(calls: &[Call]) -> Vec<String> {
    let made = calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.name.starts_with("mkdir") && call.result == Some(0) && !call.path.starts_with(".claimed/"));
    made.filter_map(|(at, call)| {
        let used = (at..calls.len()).find(|at| is_removal(&calls[*at]) && calls[*at].path.starts_with(".claimed/")).unwrap_or(calls.len());
        let missing = synced(calls, folder_of(&call.path), at, used).is_none();
        missing.then(|| format!("the folder {:?} was made and {:?} not synced", call.path, folder_of(&call.path)))
    })
    .collect()
}

/// A segment of a journal is whole on disk before it is closed by its rename; new names in the folder are synced before
/// the next job's renames.
fn segments(calls: &[Call]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let until =
            (at..calls.len()).find(|at| calls[*at].path.starts_with(".claimed/") && !calls[*at].to.is_empty()).unwrap_or(calls.len());
        let is_closed = is_journal(&call.path) && is_journal(&call.to);
        let is_opened = is_journal(&call.path) && call.name == "openat" && call.flags & O_CREAT != 0 && is_first(calls, at);
        if (is_closed || is_opened) && synced(calls, "logs", at, until).is_none() {
            faults.push(format!("the folder of {} is not synced", call.path));
        }
        if is_closed
            && let Some(last) = (0..at).rfind(|at| is_write(&calls[*at]) && calls[*at].path == call.path)
            && synced(calls, &call.path, last, at).is_none()
        {
            faults.push(format!("{} is closed before it is synced", call.path));
        }
    }
    faults
}

/// Whether a journal is opened for the first time in the trace, or since its name went to a closed segment. A look in vain
/// for one that was not there yet does not count.
fn is_first(calls: &[Call], at: usize) -> bool {
    let path = &calls[at].path;
    let since = calls[..at].iter().rev().take_while(|call| call.to.is_empty() || call.path != *path);
    !since.into_iter().any(|call| call.name == "openat" && call.path == *path && call.result.is_some_and(|result| result >= 0))
}
