//! The sole owner of the folders: every rename of a drop, from the inbox to the archive, happens here.
//!
//! A drop is *claimed* by a rename into a folder of its own, its outputs are written beside it, and after the commit it is
//! *finished*: outputs and original are renamed to their final places. Each step can be repeated after a crash, nothing
//! is ever replaced, and nothing unknown is ever removed.
//!
//! Others may write to these folders, or to some of them, at any moment. So everything below them is reached through an open
//! folder (`beneath.rs`), and no link that somebody puts in the way leads a look, a rename or a removal elsewhere.
//!
//! How it fails: each error says what could not be done, where, and what helps. `OutOfSpace` pauses the intake; everything
//! else concerns the one drop at hand. It decides neither when a drop is complete (`settle.rs`) nor what its fate is, and
//! it logs nothing: what people must know is collected as findings.

mod archive;
mod claims;
mod holds;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, Stat};
use uuid::Uuid;

use super::listing::{self, Drop, DropKind, Ignored};
use super::names::{Folder, Place, display_name};
use super::settle::WriterProof;
use super::writers::{self, Lease};
use crate::beneath::{OpenFolder, is_no_file, is_no_folder};
use crate::durable;
use crate::reading::{Look, look_of_stat};

pub use claims::{deaths, mark_death};
pub use holds::{Held, HoldMark, held, mark_of};

/// Where the folders are, and who shares them.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The root; it need not hold the other folders.
    pub root: PathBuf,
    /// Where people drop.
    pub inbox: PathBuf,
    /// Originals that gave something, receipts, leads files.
    pub processed: PathBuf,
    /// Originals that gave nothing, error notes, rejects files.
    pub failed: PathBuf,
    /// Where drops lie while they are being processed.
    pub claimed: PathBuf,
    /// The group that shares inbox and failed, by name or number.
    pub group: Option<String>,
}

/// A drop that has been taken, in a folder of its own.
///
/// The path inside that folder mirrors the path inside the inbox, so that recovery knows where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job that it belongs to.
    pub job_id: Uuid,
    /// The claim folder, `.claimed/<job_id>`.
    pub dir: PathBuf,
    /// The drop's path inside the inbox: `zillow/x.csv`.
    pub rel: PathBuf,
}

impl Claim {
    /// The drop itself.
    #[must_use]
    pub fn original(&self) -> PathBuf {
        self.dir.join(&self.rel)
    }

    /// The claim folder's name among the claims.
    fn name(&self) -> &Path {
        self.dir.file_name().map_or(Path::new(""), Path::new)
    }

    /// Where the job writes an output. The names begin with a dot, so no drop can have them.
    #[must_use]
    pub fn output(&self, output: Output) -> PathBuf {
        self.dir.join(output.file_name())
    }
}

/// What a job writes beside its drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// The rejected rows.
    Rejects,
    /// The accepted rows.
    Leads,
    /// What happened, in words.
    Receipt,
    /// Why nothing was taken.
    Error,
    /// What would have happened.
    DryRunNote,
}

impl Output {
    const ALL: [Self; 5] = [Self::Rejects, Self::Leads, Self::Receipt, Self::Error, Self::DryRunNote];

    /// Whether it is made after the commit, from what the job's row holds, and so is not among what was synced before it.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Receipt | Self::Error | Self::DryRunNote)
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Rejects => ".rejects",
            Self::Leads => ".leads",
            Self::Receipt => ".receipt",
            Self::Error => ".error",
            Self::DryRunNote => ".dry-run",
        }
    }
}

/// What is to be moved out of a claim folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The drop itself.
    Original,
    /// Something that the job wrote.
    Output(Output),
}

/// One step into the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What.
    pub from: Source,
    /// Where to.
    pub to: Place,
}

/// The moves of one claim, made but not yet durable.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The claim, whose folder still stands.
    pub claim: Claim,
    /// Places whose file was neither in the claim folder nor in the archive: somebody removed it.
    pub missing: Vec<Place>,
    touched: Vec<PathBuf>,
}

/// What lies in the claims folder at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A job that was not finished.
    Claim(Claim),
    /// Outputs without their original: a job whose original stays with its owner.
    OutputsOnly {
        /// The job.
        job_id: Uuid,
        /// Its claim folder.
        dir: PathBuf,
    },
    /// Something that was not put there by us. It is left alone.
    Stray {
        /// Where.
        path: PathBuf,
        /// What is strange about it.
        why: &'static str,
    },
}

/// What one scan of the inbox saw.
#[derive(Debug)]
pub struct Scan {
    /// What can be taken, older drops first.
    pub drops: Vec<Drop>,
    /// What is left alone.
    pub ignored: Vec<Ignored>,
    /// The inbox is another folder than at the last scan: watch it anew.
    pub inbox_changed: bool,
    /// A subfolder was not there at the last scan: look again soon, because files may have been put into it before the
    /// watch reached it.
    pub new_folders: bool,
    /// There was more than one scan lists: scan again when these are taken.
    pub more: bool,
}

/// Something about the folders that a person must know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Anybody on this machine can drop files.
    #[error("{}: everybody on this machine may write into the inbox; take that away with chmod o-w, or share it through [folders] group", display_name(.0))]
    WorldWritableInbox(PathBuf),
    /// A folder was gone and has been made anew.
    #[error("{}: the folder was gone and has been made anew; if it was not meant to go, run `valhalla audit` to list what is missing", display_name(.0))]
    FolderRemade(PathBuf),
    /// A claim folder that holds something we did not put there.
    #[error("{}: holds something unknown and was left in place; look at it and remove it", display_name(.0))]
    LeftBehind(PathBuf),
}

/// Why a folder could not be used, by what follows from it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// No space or quota is left: pause the intake, and go on when there is.
    #[error("{}: no space left to {what} ({source}); the intake pauses until space is freed", display_name(.path))]
    OutOfSpace {
        /// What was being done.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was there a moment ago is not: the next scan sees why.
    #[error("{}: gone before the daemon could {what} ({source}); the next scan looks again", display_name(.path))]
    Gone {
        /// What was being done.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two folders between which nothing can be renamed.
    #[error(
        "{} and {}: not on one file system, so that a file cannot be moved in one step; put inbox, processed, failed and .claimed on the same mount (in a container: mount their common parent)",
        display_name(.one), display_name(.other)
    )]
    NotOneFileSystem {
        /// One folder.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// Somebody else's file stands at a final place: choose other names.
    #[error("{to}: the name was taken by somebody else; another one is chosen")]
    NameTaken {
        /// The place.
        to: Place,
    },
    /// Anything else.
    #[error("{}: cannot {what} ({source}); {remedy}", display_name(.path))]
    Other {
        /// What was being done.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What helps.
        remedy: &'static str,
    },
}

/// The folders, opened. All methods can be called from several threads.
#[derive(Debug)]
pub struct Spool {
    layout: Layout,
    gid: Option<u32>,
    seen: Mutex<Seen>,
    names: Mutex<Reservations>,
    findings: Mutex<Vec<Finding>>,
    /// Claims of finished moves whose folder could not be removed yet.
    left: Mutex<Vec<Claim>>,
}

/// What the last scan saw, so that the next one can tell what is new.
#[derive(Debug)]
struct Seen {
    inbox: (u64, u64),
    remote: bool,
    ignored: HashSet<PathBuf>,
    folders: HashSet<PathBuf>,
}

/// Names that were chosen and are not on disk yet, and where to go on counting.
#[derive(Debug, Default)]
struct Reservations {
    taken: HashSet<Place>,
    next_suffix: HashMap<(PathBuf, Option<Folder>), u64>,
}

// Opening and scanning.
impl Spool {
    /// Makes the folders that are missing and checks that a file can be renamed all the way through them.
    ///
    /// An inbox that is a mount of its own, together with the archive, keeps its claims hidden inside itself.
    /// What people should know about the folders is in [`Spool::take_findings`] afterwards.
    ///
    /// # Errors
    /// When a folder cannot be made or written, the group is unknown, or the folders are not on one file system.
    pub fn open(layout: Layout) -> Result<Self, SpoolError> {
        let gid = layout.group.as_deref().map(group_id).transpose()?;
        let mut spool = Self {
            layout,
            gid,
            seen: Mutex::new(Seen { inbox: (0, 0), remote: false, ignored: HashSet::new(), folders: HashSet::new() }),
            names: Mutex::default(),
            findings: Mutex::default(),
            left: Mutex::default(),
        };
        make_dirs(&spool.layout.root).map_err(|error| SpoolError::at("make the root", &spool.layout.root, error))?;
        spool.make_folders()?;
        if dev_of(&spool.layout.claimed)? != dev_of(&spool.layout.inbox)? {
            let _ = fs::remove_dir(&spool.layout.claimed); // made above for nothing; kept if older claims lie in it
            spool.layout.claimed = spool.layout.inbox.join(".claimed");
            spool.make_folders()?;
        }
        spool.check_one_file_system()?;
        let inbox = fs::metadata(&spool.layout.inbox).map_err(|error| SpoolError::at("look at the inbox", &spool.layout.inbox, error))?;
        if inbox.mode() & 0o002 != 0 {
            spool.find(Finding::WorldWritableInbox(spool.layout.inbox.clone()));
        }
        let remote = writers::is_remote(&spool.layout.inbox);
        let mut seen = lock(&spool.seen);
        (seen.inbox, seen.remote) = ((inbox.dev(), inbox.ino()), remote);
        std::mem::drop(seen);
        Ok(spool)
    }

    /// The folders as they are used, which may differ from what was asked for in where the claims lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What people must know about the folders, since the last call; each finding once.
    pub fn take_findings(&self) -> Vec<Finding> {
        std::mem::take(&mut lock(&self.findings))
    }

    /// Looks at the whole inbox. Folders that somebody removed are made anew.
    ///
    /// # Errors
    /// When the inbox cannot be listed.
    pub fn scan(&self) -> Result<Scan, SpoolError> {
        self.remove_left();
        let remade = self.remake_folders()?;
        let inbox = &self.layout.inbox;
        let failed = |error| SpoolError::at("list the inbox", inbox, error);
        let metadata = fs::metadata(inbox).map_err(failed)?;
        let listing = listing::list(inbox).map_err(failed)?;

        let mut seen = lock(&self.seen);
        let identity = (metadata.dev(), metadata.ino());
        let inbox_changed = remade.contains(inbox) || seen.inbox != identity;
        if inbox_changed {
            (seen.inbox, seen.remote) = (identity, writers::is_remote(inbox));
        }
        let new_folders = listing.folders.iter().any(|folder| !seen.folders.contains(folder));
        let ignored = listing.ignored.into_iter().map(|(path, why)| Ignored { first_time: !seen.ignored.contains(&path), path, why });
        let ignored: Vec<Ignored> = ignored.collect();
        seen.ignored = ignored.iter().map(|ignored| ignored.path.clone()).collect();
        seen.folders = listing.folders.into_iter().collect();
        Ok(Scan { drops: listing.drops, ignored, inbox_changed, new_folders, more: listing.more })
    }

    /// How many drops wait, without a look at each of them.
    ///
    /// # Errors
    /// When the inbox cannot be listed.
    pub fn waiting_count(&self) -> Result<usize, SpoolError> {
        listing::count(&self.layout.inbox).map_err(|error| SpoolError::at("list the inbox", &self.layout.inbox, error))
    }

    /// What the system knows about writers of a drop.
    ///
    /// A read lease is granted only while nobody has the file open for writing; it is given back at once. On network file
    /// systems the answer would speak of this machine only, so it is not asked.
    #[must_use]
    pub fn writer_proof(&self, drop: &Drop) -> WriterProof {
        if drop.kind == DropKind::Bundle || lock(&self.seen).remote {
            return WriterProof::Unknown;
        }
        match self.open_waiting(&drop.rel).map(|(file, _)| writers::try_read_lease(&file)) {
            Ok(Lease::Granted) => WriterProof::NoWriter,
            Ok(Lease::Held) => WriterProof::MayHaveWriter,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => WriterProof::MayHaveWriter,
            Ok(Lease::Unsupported) | Err(_) => WriterProof::Unknown,
        }
    }
}

// Opening.
impl Spool {
    /// Opens a drop in the inbox, where it waits.
    ///
    /// # Errors
    /// What the system said; see [`OpenFolder::open_file`].
    pub fn open_waiting(&self, rel: &Path) -> io::Result<(File, Stat)> {
        OpenFolder::open(&self.layout.inbox)?.open_file(rel)
    }

    /// Opens a claimed drop.
    ///
    /// # Errors
    /// What the system said; see [`OpenFolder::open_file`].
    pub fn open_claimed(&self, claim: &Claim) -> io::Result<(File, Stat)> {
        let folder = self.claim_folder(claim).map_err(|error| match error.kind() {
            // The folder is ours: that we may not enter it says nothing about the file in it.
            io::ErrorKind::PermissionDenied => io::Error::other(format!("{}: {error}", display_name(&claim.dir))),
            _ => error,
        })?;
        folder.open_file(&claim.rel)
    }

    /// Opens a file by its path, through whichever of the folders that people may write to it lies in; none for any other.
    pub fn open_inside(&self, path: &Path) -> Option<io::Result<(File, Stat)>> {
        let Layout { inbox, processed, failed, .. } = &self.layout;
        let inside = [inbox, processed, failed].into_iter().find_map(|folder| Some((folder, path.strip_prefix(folder).ok()?)));
        inside.map(|(folder, below)| OpenFolder::open(folder)?.open_file(below))
    }

    /// Opens a file of the archive.
    ///
    /// # Errors
    /// What the system said; see [`OpenFolder::open_file`].
    pub fn open_archived(&self, place: &Place) -> io::Result<(File, Stat)> {
        self.archive(place.folder)?.open_file(&place.rel)
    }

    /// What lies where a claimed drop should, if anything does.
    ///
    /// # Errors
    /// What the system said.
    pub fn look_claimed(&self, claim: &Claim) -> io::Result<Option<Look>> {
        Ok(self.look_in_claim(claim, &claim.rel)?.map(|stat| look_of_stat(&stat)))
    }

    /// The claims. Where they lie inside the inbox, somebody may have put a link in their place.
    fn claims_folder(&self) -> io::Result<OpenFolder> {
        match self.layout.claimed.strip_prefix(&self.layout.inbox) {
            Ok(below) => OpenFolder::open(&self.layout.inbox)?.enter(below),
            Err(_) => OpenFolder::open(&self.layout.claimed),
        }
    }

    fn claim_folder(&self, claim: &Claim) -> io::Result<OpenFolder> {
        self.claims_folder()?.enter(claim.name())
    }

    fn archive(&self, folder: Folder) -> io::Result<OpenFolder> {
        OpenFolder::open(self.folder(folder))
    }

    fn look_in_claim(&self, claim: &Claim, below: &Path) -> io::Result<Option<Stat>> {
        match self.claim_folder(claim) {
            Ok(folder) => folder.look(below),
            Err(error) if is_no_folder(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What lies at a place of the archive, if anything does.
    fn look_at(&self, place: &Place) -> Result<Option<Stat>, SpoolError> {
        let looked = match self.archive(place.folder) {
            Ok(folder) => folder.look(&place.rel),
            Err(error) if is_no_folder(&error) => Ok(None),
            Err(error) => Err(error),
        };
        looked.map_err(|error| SpoolError::at("look at", &self.path(place), error))
    }
}

/// In `processed/`, what the daemon says of itself. It is replaced again and again, so no original may have its name.
pub const STATUS_FILE: &str = "_STATUS.txt";

impl SpoolError {
    /// Sorts what the system said by what follows from it.
    fn at(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::OutOfSpace { what, path, source },
            io::ErrorKind::NotFound => Self::Gone { what, path, source },
            kind => Self::Other { what, path, source, remedy: remedy_for(kind) },
        }
    }
}

/// Up to this many fsyncs are cheaper than flushing a whole file system that others write to as well.
const SINGLE_SYNCS_MAX: usize = 8;
/// More findings than this, unread, are dropped.
const FINDINGS_MAX: usize = 100;
/// Renamed once through all folders at start.
const PROBE: &str = ".valhalla-probe";
/// Beside the claims, what is to take the place of a file in the archive.
const REWRITTEN: &str = ".valhalla-rewritten";

// What the public methods stand on.
impl Spool {
    fn folder(&self, folder: Folder) -> &Path {
        match folder {
            Folder::Processed => &self.layout.processed,
            Folder::Failed => &self.layout.failed,
        }
    }

    fn find(&self, finding: Finding) {
        let mut findings = lock(&self.findings);
        if findings.len() < FINDINGS_MAX && !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    /// Makes the folders that are not there, and returns them.
    fn make_folders(&self) -> Result<Vec<PathBuf>, SpoolError> {
        let Layout { inbox, processed, failed, claimed, .. } = &self.layout;
        let mut made = Vec::new();
        for (folder, shared_mode) in [(inbox, 0o2770), (processed, 0o2750), (failed, 0o2770), (claimed, 0o2750)] {
            if folder.is_dir() {
                continue;
            }
            let opened = make_dirs(folder).and_then(|()| OpenFolder::open(folder));
            self.share(&opened.map_err(|error| SpoolError::at("make the folder", folder, error))?, folder, shared_mode)?;
            made.push(folder.clone());
        }
        for parent in made.iter().filter_map(|folder| folder.parent()) {
            match durable::sync_dir(parent) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {} // not ours to read, and so not to sync
                synced => synced.map_err(|error| SpoolError::at("make the folder durable", parent, error))?,
            }
        }
        Ok(made)
    }

    fn remake_folders(&self) -> Result<Vec<PathBuf>, SpoolError> {
        let made = self.make_folders()?;
        for folder in &made {
            self.find(Finding::FolderRemade(folder.clone()));
        }
        Ok(made)
    }

    /// Gives a folder that we made to the group, if there is one; folders that others made keep what they have.
    fn share(&self, folder: &OpenFolder, path: &Path, mode: u32) -> Result<(), SpoolError> {
        let Some(gid) = self.gid else { return Ok(()) };
        let shared = std::os::unix::fs::fchown(folder, None, Some(gid))
            .and_then(|()| Ok(rustix::fs::fchmod(folder.as_fd(), Mode::from_raw_mode(mode))?)); // after chown, which clears the group bit
        shared.map_err(|source| SpoolError::Other {
            what: "give the folder to the group",
            path: path.to_path_buf(),
            source,
            remedy: "run the daemon as a member of that group, or correct [folders] group",
        })
    }

    /// Renames an empty file through all the folders: the same device number is no proof, since two bind mounts of one
    /// file system have it too.
    fn check_one_file_system(&self) -> Result<(), SpoolError> {
        let Layout { inbox, processed, failed, claimed, .. } = &self.layout;
        let mut at = claimed.join(PROBE);
        let probe = self.claims_folder().and_then(|claims| {
            claims.remove_file(Path::new(PROBE))?; // of a start that died here
            claims.create_new(Path::new(PROBE), Mode::from_raw_mode(0o640))
        });
        match probe.map_err(|error| SpoolError::at("write into the folder", claimed, error)) {
            Err(SpoolError::OutOfSpace { .. }) => return Ok(()), // a full disk pauses the intake, it does not stop the start
            created => std::mem::drop(created?),
        }
        for folder in [inbox, processed, failed] {
            let next = folder.join(PROBE);
            if let Err(error) = durable::rename_over(&at, &next) {
                let _ = fs::remove_file(&at); // the first error is the one that matters
                return Err(match error.kind() {
                    io::ErrorKind::CrossesDevices => not_one_file_system(claimed, folder),
                    _ => SpoolError::at("move a file into the folder", folder, error),
                });
            }
            at = next;
        }
        fs::remove_file(&at).map_err(|error| SpoolError::at("remove a file from the folder", failed, error))
    }

    /// Opens what is to be flushed, by the folder of ours in which it lies.
    fn open_to_sync(&self, target: &Path) -> io::Result<File> {
        let Layout { inbox, processed, failed, claimed, .. } = &self.layout;
        for base in [claimed, inbox, processed, failed] {
            if let Ok(below) = target.strip_prefix(base) {
                let folder = if base == claimed { self.claims_folder()? } else { OpenFolder::open(base)? };
                return folder.open_any(below);
            }
        }
        File::open(target)
    }

    /// Syncs files and folders one by one, or the whole file system when they are many. What somebody has removed in the
    /// meantime, or what may not be read, has no content of ours to lose.
    fn sync_all(&self, mut targets: Vec<PathBuf>) -> io::Result<()> {
        let mut listed = HashSet::new();
        targets.retain(|target| listed.insert(target.clone()));
        if targets.len() > SINGLE_SYNCS_MAX {
            return durable::sync_file_system(&self.layout.claimed);
        }
        for target in targets {
            match self.open_to_sync(&target) {
                Ok(file) => sync_content(&file)?,
                Err(error) if is_no_folder(&error) || is_no_file(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return durable::sync_file_system(&self.layout.claimed),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Of folders inside a claim and of sources in the archive.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);
/// Of a source's folder that has to be made anew in the inbox, for whoever drops there.
const SOURCE_MODE: Mode = Mode::from_raw_mode(0o770);
/// Claim folders are as deep as the inbox may be, and one file.
const DEPTH_MAX: usize = 9;

fn make_dirs(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(dir)
}

/// The folder part and the file name of a relative path.
fn split(rel: &Path) -> (&Path, &OsStr) {
    debug_assert!(rel.components().all(|component| matches!(component, Component::Normal(_))), "drops have plain paths");
    (rel.parent().unwrap_or(Path::new("")), rel.file_name().unwrap_or_default())
}

/// Flushes a file or a folder; a pipe or a device that somebody put there has nothing to flush.
fn sync_content(file: &File) -> io::Result<()> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() { file.sync_all() } else { Ok(()) }
}

fn not_one_file_system(one: &Path, other: &Path) -> SpoolError {
    SpoolError::NotOneFileSystem { one: one.to_path_buf(), other: other.to_path_buf() }
}

fn dev_of(folder: &Path) -> Result<u64, SpoolError> {
    fs::metadata(folder).map(|metadata| metadata.dev()).map_err(|error| SpoolError::at("look at the folder", folder, error))
}

/// The number of a group, by name from the local group file, or as a number.
fn group_id(group: &str) -> Result<u32, SpoolError> {
    const GROUPS: &str = "/etc/group";
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    let groups = fs::read_to_string(GROUPS).map_err(|error| SpoolError::at("read the groups", Path::new(GROUPS), error))?;
    gid_in(&groups, group).ok_or_else(|| SpoolError::Other {
        what: "find the group",
        path: PathBuf::from(group),
        source: io::ErrorKind::NotFound.into(),
        remedy: "correct [folders] group, or give the group's number where it does not stand in /etc/group",
    })
}

fn gid_in(groups: &str, group: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())? // a line that is no group line: not the one
    })
}

fn remedy_for(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => {
            "give the daemon's user write permission on the folder and what is moved out of it, and take a sticky bit off the folder (chmod -t)"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount the file system for writing",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "something else has that name; move it away, or correct [folders]",
        io::ErrorKind::InvalidFilename => "the name is too long for this file system; rename the file and drop it again",
        _ => "see what the system says, then try again",
    }
}

/// What these locks guard stays consistent at every step, so that a panic elsewhere need not stop the folders.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
