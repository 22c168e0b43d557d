//! Turns file-system events into hints that something may have arrived.
//!
//! A hint is never the truth: the listing is. So events are dropped freely where they cannot matter, doubled where that is
//! simpler, and every doubt becomes [`Hint::Rescan`]. Nothing is opened, parsed or waited for here, and our own reading and
//! claiming of drops causes no hint, or scanning would feed itself. Whether the watched folder is still the same folder
//! is noticed by the scan (`spool.rs`); the caller then starts a new watch.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::display_name;
use super::listing::ignored_by_name;
use super::writers::is_remote;
use crate::config::CANARY;

/// What an event may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Look at the whole inbox.
    Rescan,
    /// This path, relative to the inbox, came in by a rename: complete if nobody writes it. The same arrival may be
    /// hinted twice; for a folder the hint speaks of the folder only.
    Arrived(PathBuf),
    /// A writer of this path, relative to the inbox, closed it.
    Closed(PathBuf),
    /// The monitor's canary was announced: events still come.
    Canary,
}

/// When to ask the system for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// Events on local file systems, only the timer on network file systems.
    Auto,
    /// Only the timer.
    Always,
}

/// A running watch; dropping it ends it.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    warning: Option<String>,
    incomplete: Arc<AtomicBool>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("polling", &self.polling()).field("warning", &self.warning).finish_non_exhaustive()
    }
}

/// Why nothing can be watched, not even by a timer.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The inbox is not there, or not a folder.
    #[error("{}: the inbox is not a folder; create it, or correct [folders] inbox", display_name(.0))]
    NoInbox(PathBuf),
}

impl Watch {
    /// Watches the inbox and all its subfolders.
    ///
    /// `on_hint` runs on the watcher's own thread and must return at once: send the hint on, and drop it if the channel
    /// is full and a rescan is already due. Where events are not to be had, the watch says so by [`Watch::polling`] and
    /// [`Watch::warning`], and the caller's timer is all there is.
    ///
    /// # Errors
    /// When the inbox is no folder.
    pub fn start(inbox: &Path, poll: PollMode, on_hint: impl Fn(Hint) + Send + 'static) -> Result<Self, WatchError> {
        if !inbox.is_dir() {
            return Err(WatchError::NoInbox(inbox.to_path_buf()));
        }
        let incomplete = Arc::new(AtomicBool::new(false));
        let mut watch = Self { watcher: None, warning: None, incomplete: Arc::clone(&incomplete) };
        if poll == PollMode::Always || is_remote(inbox) {
            return Ok(watch);
        }
        let root = inbox.to_path_buf();
        let started = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => hints_of(&event, &root).into_iter().for_each(&on_hint),
            Err(error) => {
                if matches!(error.kind, ErrorKind::MaxFilesWatch) {
                    incomplete.store(true, Ordering::Relaxed); // a new subfolder goes unwatched: the timer must find its files
                }
                on_hint(Hint::Rescan);
            }
        })
        .and_then(|mut watcher| watcher.watch(inbox, RecursiveMode::Recursive).map(|()| watcher));
        match started {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.warning = Some(warning_of(inbox, &error)),
        }
        Ok(watch)
    }

    /// Whether arrivals may go unannounced, so that the caller must scan on a short timer.
    #[must_use]
    pub fn polling(&self) -> bool {
        self.watcher.is_none() || self.incomplete.load(Ordering::Relaxed)
    }

    /// What a person can do to get events, if they could not be had.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }
}

/// What one event may mean for the inbox at `root`; nothing for noise.
fn hints_of(event: &Event, root: &Path) -> Vec<Hint> {
    if event.need_rescan() || event.paths.is_empty() {
        return vec![Hint::Rescan];
    }
    if event.paths.iter().any(|path| path.strip_prefix(root).is_ok_and(|rel| rel == Path::new(CANARY))) {
        return vec![Hint::Canary];
    }
    let touches_root = event.paths.iter().any(|path| path == root);
    let arrived = event.paths.last().and_then(|path| drop_path(path, root));
    match event.kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) if touches_root => vec![Hint::Rescan],
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => arrived.map(Hint::Arrived).into_iter().collect(),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => arrived.map(Hint::Closed).into_iter().collect(),
        // Our claims show up as renames away, the cleaning up of others as removals: no reason to look, unless the inbox
        // itself went away. A growing file is looked at again by its own deadline, and the close of its writer is announced.
        EventKind::Modify(ModifyKind::Name(RenameMode::From) | ModifyKind::Data(_) | ModifyKind::Metadata(_))
        | EventKind::Remove(_)
        | EventKind::Access(_) => Vec::new(),
        _ if event.paths.iter().any(|path| path == root || drop_path(path, root).is_some()) => vec![Hint::Rescan],
        _ => Vec::new(),
    }
}

/// The path relative to the inbox, unless some name on the way says that it is no drop: a hidden folder may hold our own
/// claims, and a rescan for each write there would never end.
fn drop_path(path: &Path, root: &Path) -> Option<PathBuf> {
    let rel = path.strip_prefix(root).ok()?; // outside the inbox: none of our business
    (rel.file_name().is_some() && rel.iter().all(|name| ignored_by_name(name).is_none())).then(|| rel.to_path_buf())
}

fn warning_of(inbox: &Path, error: &notify::Error) -> String {
    let shown = display_name(inbox);
    match &error.kind {
        ErrorKind::MaxFilesWatch => format!(
            "{shown}: cannot watch for events, the system's limit of watches is reached; scanning on a timer instead. Raise it: sysctl fs.inotify.max_user_watches=524288"
        ),
        // EMFILE: the system gives no further inotify instance to this user.
        ErrorKind::Io(io) if io.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => format!(
            "{shown}: cannot watch for events, the system's limit of watchers is reached; scanning on a timer instead. Raise it: sysctl fs.inotify.max_user_instances=512"
        ),
        _ => format!(
            "{shown}: cannot watch for events ({error}); scanning on a timer instead. If it stays so, set [watch] poll = \"always\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, Flag, MetadataKind, RemoveKind};
    use std::sync::mpsc;
    use std::time::Duration;

    fn check(kind: EventKind, paths: &[&str], expected: &[Hint]) {
        let event = paths.iter().fold(Event::new(kind), |event, path| event.add_path(PathBuf::from(path)));
        assert_eq!(hints_of(&event, Path::new("/root/inbox")), expected, "{event:?}");
    }

    #[test]
    fn events_become_hints_or_nothing() {
        let arrived = |path: &str| Hint::Arrived(PathBuf::from(path));
        let renamed = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let file = EventKind::Create(CreateKind::File);
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        check(renamed(RenameMode::To), &["/root/inbox/x.csv"], &[arrived("x.csv")]);
        check(renamed(RenameMode::To), &["/root/inbox/zillow/x.csv"], &[arrived("zillow/x.csv")]);
        check(renamed(RenameMode::Both), &["/root/inbox/x.part", "/root/inbox/x.csv"], &[arrived("x.csv")]);
        check(renamed(RenameMode::To), &["/root/inbox/x.csv.part"], &[]);
        check(renamed(RenameMode::From), &["/root/inbox/x.csv"], &[]);
        check(renamed(RenameMode::From), &["/root/inbox"], &[Hint::Rescan]);
        check(renamed(RenameMode::Any), &["/root/inbox/x.csv"], &[Hint::Rescan]);
        check(file, &["/root/inbox/x.csv"], &[Hint::Rescan]);
        check(file, &["/root/inbox/.claimed/1/x.csv"], &[]);
        check(EventKind::Create(CreateKind::Folder), &["/root/inbox/zillow"], &[Hint::Rescan]);
        check(close, &["/root/inbox/x.csv"], &[Hint::Closed(PathBuf::from("x.csv"))]);
        check(close, &["/root/inbox/.claimed/1/.rejects"], &[]);
        check(EventKind::Access(AccessKind::Open(AccessMode::Any)), &["/root/inbox/x.csv"], &[]);
        check(EventKind::Access(AccessKind::Close(AccessMode::Read)), &["/root/inbox/x.csv"], &[]);
        check(EventKind::Modify(ModifyKind::Data(DataChange::Any)), &["/root/inbox/x.csv"], &[]);
        check(EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), &["/root/inbox/x.csv"], &[]);
        check(EventKind::Remove(RemoveKind::File), &["/root/inbox/x.csv"], &[]);
        check(EventKind::Remove(RemoveKind::Folder), &["/root/inbox"], &[Hint::Rescan]);
        check(EventKind::Other, &[], &[Hint::Rescan]);
        check(EventKind::Any, &["/root/inbox/x.csv"], &[Hint::Rescan]);
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(hints_of(&lost, Path::new("/root/inbox")), [Hint::Rescan]);
    }

    #[test]
    fn a_rename_into_the_inbox_is_announced_and_reading_is_not() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let inbox = dir.path().join("inbox");
        std::fs::create_dir(&inbox).expect("inbox");
        std::fs::write(dir.path().join("x.csv"), "x").expect("write");
        let (sender, hints) = mpsc::channel();
        let watch = Watch::start(&inbox, PollMode::Auto, move |hint| drop(sender.send(hint))).expect("watch");
        if watch.polling() {
            eprintln!("skipped: no events here: {:?}", watch.warning());
            return;
        }
        std::fs::rename(dir.path().join("x.csv"), inbox.join("x.csv")).expect("rename in");
        let next = || hints.recv_timeout(Duration::from_secs(10)).expect("a hint");
        assert_eq!(next(), Hint::Arrived(PathBuf::from("x.csv")));
        // Events come in order: had the reading or the renaming away been announced, it would come before the marker.
        std::fs::read(inbox.join("x.csv")).expect("read");
        std::fs::rename(inbox.join("x.csv"), dir.path().join("taken")).expect("rename away");
        std::fs::rename(dir.path().join("taken"), inbox.join("marker.csv")).expect("rename in");
        assert_eq!(next(), Hint::Arrived(PathBuf::from("marker.csv")));
        std::fs::rename(&inbox, dir.path().join("elsewhere")).expect("rename the inbox");
        assert_eq!(next(), Hint::Rescan);
    }

    #[test]
    fn a_watch_that_may_not_use_events_says_so() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let watch = Watch::start(dir.path(), PollMode::Always, |_| {}).expect("polling needs nothing");
        assert!(watch.polling() && watch.warning().is_none());
        let missing = Watch::start(&dir.path().join("missing"), PollMode::Auto, |_| {});
        assert!(matches!(missing, Err(WatchError::NoInbox(_))));
    }
}
