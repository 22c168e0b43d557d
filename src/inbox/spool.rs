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

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, Stat};
use uuid::Uuid;

use super::listing::{self, Drop, DropKind, Ignored, is_folder, not_regular};
use super::names::{Family, Folder, LeadsFormat, Names, Place, Wants, display_name};
use super::settle::WriterProof;
use super::writers::{self, Lease};
use crate::beneath::{OpenFolder, is_no_file, is_no_folder};
use crate::durable;
use crate::reading::{Look, look_of_stat};

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
    fn is_text(self) -> bool {
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

// Claims.
impl Spool {
    /// Where the claim of a job lies, or would lie.
    #[must_use]
    pub fn claim_at(&self, job_id: Uuid, rel: &Path) -> Claim {
        Claim { job_id, dir: self.layout.claimed.join(job_id.to_string()), rel: rel.to_path_buf() }
    }

    /// Takes a drop out of everyone else's reach. None when it vanished or is not what the scan saw any more; the next
    /// scan will tell.
    ///
    /// # Errors
    /// When it cannot be renamed, or the claim folder cannot be made. The drop is still in the inbox then.
    pub fn claim(&self, job_id: Uuid, drop: &Drop) -> Result<Option<Claim>, SpoolError> {
        let claim = self.claim_at(job_id, &drop.rel);
        let (folder, name) = split(&drop.rel);
        let name = Path::new(name);
        let source = match OpenFolder::open(&self.layout.inbox).and_then(|inbox| inbox.enter(folder)) {
            Ok(source) => source,
            Err(error) if is_no_folder(&error) => return Ok(None), // gone, or swapped for a link
            Err(error) => return Err(SpoolError::at("open the drop's folder", &self.layout.inbox.join(folder), error)),
        };
        let target = self.make_claim_folder(&claim).map_err(|error| SpoolError::at("make the claim folder", &claim.dir, error))?;
        match durable::rename_noreplace_at(&source, name, &target, name) {
            Ok(()) => {}
            Err(_) if target.look(name).is_ok_and(|stat| stat.is_some_and(|stat| is_still(drop, &stat))) => {} // it was made all the same, as a share may report it
            Err(error) => {
                self.remove_claim_folder(&claim);
                return match error.kind() {
                    io::ErrorKind::NotFound => Ok(None),
                    io::ErrorKind::CrossesDevices => Err(not_one_file_system(&self.layout.inbox.join(folder), &self.layout.claimed)),
                    _ => Err(SpoolError::at("take the drop", &self.layout.inbox.join(&drop.rel), error)),
                };
            }
        }
        if target.look(name).is_ok_and(|stat| stat.is_some_and(|stat| is_still(drop, &stat))) {
            return Ok(Some(claim));
        }
        self.unclaim(&claim)?; // swapped or written between the look and the rename
        Ok(None)
    }

    /// Makes a claim folder without an original, for a job whose file stays with its owner.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn claim_outputs_only(&self, job_id: Uuid, rel: &Path) -> Result<Claim, SpoolError> {
        let claim = self.claim_at(job_id, rel);
        let made = self.claims_folder().and_then(|claims| claims.make_folders(claim.name(), FOLDER_MODE));
        made.map_err(|error| SpoolError::at("make the claim folder", &claim.dir, error))?;
        Ok(claim)
    }

    /// Creates an output, empty, with the mode that it keeps in the archive. A torso from before a crash is replaced.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create_output(&self, claim: &Claim, output: Output) -> Result<File, SpoolError> {
        let mode = if self.gid.is_some() && output == Output::Rejects { 0o660 } else { 0o640 };
        let name = Path::new(output.file_name());
        let created = self.claim_folder(claim).and_then(|folder| {
            folder.remove_file(name)?;
            let file = folder.create_new(name, Mode::from_raw_mode(mode))?;
            file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask took away
            Ok(file)
        });
        created.map_err(|error| SpoolError::at("create an output", &claim.output(output), error))
    }

    /// Removes what an abandoned attempt wrote; the original stays.
    ///
    /// # Errors
    /// When an output is there and cannot be removed.
    pub fn clear_outputs(&self, claim: &Claim) -> Result<(), SpoolError> {
        Output::ALL.into_iter().try_for_each(|output| self.clear_output(claim, output))
    }

    /// Drops a copy of an archived file into the inbox, under its old name or with a suffix.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn drop_anew(&self, place: &Place, rel: &Path) -> Result<(), SpoolError> {
        let (folder, name) = split(rel);
        let failed = |error| SpoolError::at("drop a copy anew", &self.layout.inbox.join(folder), error);
        let mut original = match self.open_archived(place) {
            Ok((original, _)) => original,
            Err(error) if is_no_file(&error) || is_no_folder(&error) => return Ok(()), // swapped for what is never read
            Err(error) => return Err(failed(error)),
        };
        let inbox = OpenFolder::open(&self.layout.inbox).and_then(|inbox| inbox.make_folders(folder, SOURCE_MODE)).map_err(failed)?;
        let staged = PathBuf::from(format!(".anew-{}.part", Uuid::now_v7()));
        let copied = inbox.create_new(&staged, Mode::from_raw_mode(0o640)).and_then(|mut copy| {
            io::copy(&mut original, &mut copy)?;
            copy.sync_all()
        });
        copied.map_err(failed)?;
        let family = Family::of(name);
        for suffix in 1.. {
            let name = if suffix == 1 { name.to_os_string() } else { family.original(suffix) };
            match durable::rename_noreplace_at(&inbox, &staged, &inbox, Path::new(&name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                placed => return placed.and_then(|()| inbox.open_any(Path::new(""))?.sync_all()).map_err(failed),
            }
        }
        Ok(())
    }

    /// Moves a file of `failed/` that has served its purpose to `processed/`, under its name or with a suffix.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn retire(&self, place: &Place) -> Result<(), SpoolError> {
        let (folder, name) = split(&place.rel);
        let family = Family::of(name);
        for suffix in 1.. {
            let name = if suffix == 1 { name.to_os_string() } else { family.original(suffix) };
            match self.relocate(place, &Place { folder: Folder::Processed, rel: folder.join(name) }) {
                Err(SpoolError::NameTaken { .. }) => {}
                moved => return moved.map(|_| ()),
            }
        }
        Ok(())
    }

    /// Removes one output, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn clear_output(&self, claim: &Claim, output: Output) -> Result<(), SpoolError> {
        match self.claim_folder(claim).and_then(|folder| folder.remove_file(Path::new(output.file_name()))) {
            Err(error) if !is_no_folder(&error) => Err(SpoolError::at("remove an output", &claim.output(output), error)),
            _ => Ok(()),
        }
    }

    /// Gives a drop back to the inbox, under its name or, where that is taken, with a suffix. Returns its path inside the
    /// inbox; none when the claim holds no original (any more). Outputs and death marks go.
    ///
    /// # Errors
    /// When it cannot be renamed. It is still in its claim folder then.
    pub fn unclaim(&self, claim: &Claim) -> Result<Option<PathBuf>, SpoolError> {
        self.remake_folders()?;
        let (folder, name) = split(&claim.rel);
        let failed = |error| SpoolError::at("give the drop back", &self.layout.inbox.join(&claim.rel), error);
        let inbox = OpenFolder::open(&self.layout.inbox).map_err(failed)?;
        let source = match self.claim_folder(claim).and_then(|dir| dir.enter(folder)) {
            Ok(source) => source,
            Err(error) if is_no_folder(&error) => return Ok(None), // it holds no original
            Err(error) => return Err(failed(error)),
        };
        // A folder that cannot be had again (a link or a file stands in its place) loses the source, never the drop.
        let (target, folder) = match inbox.make_folders(folder, SOURCE_MODE) {
            Ok(target) => (target, folder),
            Err(_) => (inbox, Path::new("")),
        };
        let family = Family::of(name);
        for suffix in 1.. {
            let given = if suffix == 1 { name.to_os_string() } else { family.original(suffix) };
            match durable::rename_noreplace_at(&source, Path::new(name), &target, Path::new(&given)) {
                Ok(()) => {
                    self.clear_outputs(claim)?;
                    self.remove_claim_folder(claim);
                    return Ok(Some(folder.join(given)));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(None)
    }

    /// What lies in the claims folder, by job id, which is by age. Folders that hold nothing are removed.
    ///
    /// # Errors
    /// When the claims folder cannot be listed.
    pub fn claims(&self) -> Result<Vec<Found>, SpoolError> {
        let failed = |error| SpoolError::at("list the claims", &self.layout.claimed, error);
        let claims = self.claims_folder().map_err(failed)?;
        let mut names = claims.entries().and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut found = Vec::with_capacity(names.len());
        for (name, _) in names {
            let path = self.layout.claimed.join(&name);
            let is_dir = claims.look(Path::new(&name)).map_err(failed)?.is_some_and(|stat| is_folder(&stat));
            match name.to_str().and_then(|name| Uuid::parse_str(name).ok()) {
                Some(job_id) if is_dir => {
                    found.extend(self.found_in(job_id, &path)?);
                }
                _ if name == PROBE => {}
                _ => found.push(Found::Stray { path, why: "it is not named after a job" }),
            }
        }
        Ok(found)
    }

    /// Makes a claimed original's next sync mean something after one that failed: see [`durable::write_again`].
    ///
    /// What we may not write (its owner took the right away, or it is a folder) stays as it is: the sync that comes is all
    /// that can be had.
    ///
    /// # Errors
    /// When the disk fails at it.
    pub fn rewrite_claim(&self, claim: &Claim) -> Result<(), SpoolError> {
        let opened = self.claim_folder(claim).and_then(|folder| folder.open_to_mend(&claim.rel));
        match opened.and_then(|(file, _)| durable::write_again(&file)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied || is_no_file(&error) || is_no_folder(&error) => Ok(()),
            written => written.map_err(|error| SpoolError::at("write the claimed file again", &claim.original(), error)),
        }
    }

    /// Makes claims durable before their commit: originals, outputs, claim folders, and the folders they came from.
    ///
    /// Few files are synced one by one, many by one flush of the file system.
    ///
    /// # Errors
    /// When the system reports that something could not be written. It must not simply be tried again: see the
    /// start-up recovery.
    pub fn sync_claims(&self, claims: &[&Claim]) -> io::Result<()> {
        let mut targets = Vec::new();
        for claim in claims {
            if self.look_in_claim(claim, &claim.rel)?.is_some_and(|stat| is_folder(&stat)) {
                return durable::sync_file_system(&self.layout.claimed); // a bundle has more files than we look at
            }
            targets.push(claim.original());
            // One that cannot be looked at is not left out: opening it will say what is wrong.
            targets
                .extend(Output::ALL.into_iter().map(|output| claim.output(output)).filter(|path| !matches!(path.try_exists(), Ok(false))));
            targets.extend(claim.original().ancestors().skip(1).take_while(|dir| dir.starts_with(&claim.dir)).map(Path::to_path_buf));
            targets.push(self.layout.inbox.join(split(&claim.rel).0));
            if targets.len() > SINGLE_SYNCS_MAX * 2 {
                break; // one flush covers all of them
            }
        }
        targets.push(self.layout.claimed.clone());
        self.sync_all(targets)
    }
}

// The archive.
impl Spool {
    /// The path of a place on this machine.
    #[must_use]
    pub fn path(&self, place: &Place) -> PathBuf {
        self.folder(place.folder).join(&place.rel)
    }

    /// Whether something stands at a place.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn is_taken(&self, place: &Place) -> Result<bool, SpoolError> {
        Ok(self.look_at(place)?.is_some())
    }

    /// Whether the folder of a claim still stands.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn stands(&self, claim: &Claim) -> Result<bool, SpoolError> {
        let looked = self.claims_folder().and_then(|claims| claims.look(claim.name()));
        Ok(looked.map_err(|error| SpoolError::at("look at the claim folder", &claim.dir, error))?.is_some())
    }

    /// Whether a claim has this output now.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn has_output(&self, claim: &Claim, output: Output) -> Result<bool, SpoolError> {
        let looked = self.look_in_claim(claim, Path::new(output.file_name()));
        Ok(looked.map_err(|error| SpoolError::at("look at an output", &claim.output(output), error))?.is_some())
    }

    /// Chooses final names for a drop and reserves them: free on disk and not promised to another job.
    ///
    /// All carry the same suffix, so that people see what belongs together. The names stay reserved until
    /// [`Spool::finish`] has moved the files there, or [`Spool::release_names`].
    ///
    /// # Errors
    /// When the archive cannot be looked at.
    pub fn choose_names(&self, rel: &Path, wants: Wants) -> Result<Names, SpoolError> {
        let (sub, name) = split(rel);
        let family = Family::of(name);
        let mut reserved = lock(&self.names);
        let subs = Subfolders {
            processed: self.free_subfolder(&reserved, Folder::Processed, sub)?,
            failed: self.free_subfolder(&reserved, Folder::Failed, sub)?,
        };
        let key = (sub.join(family.original(1)), wants.original);
        let counted_on = reserved.next_suffix.get(&key).copied().unwrap_or(2);
        let mut names = Names::default();
        for suffix in std::iter::once(1).chain(counted_on..) {
            names = subs.names(&family, suffix, wants);
            if self.are_free(&reserved, &names)? {
                if suffix > 1 {
                    reserved.count_on(key, suffix + 1);
                }
                break;
            }
        }
        reserved.taken.extend(names.places().cloned());
        if wants.rejects && family.is_returned() {
            names.rejects = Some(self.choose_next_round(&mut reserved, &family, &subs)?);
        }
        Ok(names)
    }

    /// Gives up names that were chosen and will not be used.
    pub fn release_names(&self, names: &Names) {
        let mut reserved = lock(&self.names);
        names.places().for_each(|place| {
            reserved.taken.remove(place);
        });
    }

    /// Moves a committed claim into the archive: outputs first, the original last. Repeating it is harmless.
    ///
    /// What it moved is not yet durable, and the claim folder still stands: [`Spool::sync_finished`], then
    /// [`Spool::remove_claims`].
    ///
    /// # Errors
    /// `NameTaken`, before anything is moved, when somebody else's file stands at a place: choose other names, record
    /// them, and call again. Else what the system said; call again when it can be helped.
    pub fn finish(&self, claim: &Claim, moves: &[Move]) -> Result<Finished, SpoolError> {
        let mut ordered: Vec<&Move> = moves.iter().collect();
        ordered.sort_by_key(|step| step.from == Source::Original);
        if ordered.iter().any(|step| !self.folder(step.to.folder).is_dir()) {
            self.remake_folders()?;
        }
        for step in &ordered {
            if self.state_of(claim, step)? == MoveState::Taken {
                return Err(SpoolError::NameTaken { to: step.to.clone() });
            }
        }
        let mut finished = Finished { claim: claim.clone(), missing: Vec::new(), touched: Vec::new() };
        for step in ordered {
            let target = self.make_subfolder(&step.to, &mut finished.touched)?;
            self.make_move(claim, step, &target, &mut finished)?;
            lock(&self.names).taken.remove(&step.to);
        }
        Ok(finished)
    }

    /// Makes a text whole again that a power cut tore after it had been moved: its name was durable, its content was not.
    /// Anything else that stands there (a text that somebody has edited) stays as it is. Repeating it is harmless.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn mend_text(&self, place: &Place, text: &str) -> Result<(), SpoolError> {
        let failed = |error| SpoolError::at("make a torn text whole", &self.path(place), error);
        let (mut file, stat) = match self.archive(place.folder).and_then(|folder| folder.open_to_mend(&place.rel)) {
            Ok(opened) => opened,
            Err(error) if is_no_file(&error) || is_no_folder(&error) => return Ok(()), // gone, or not ours any more
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()), // likewise
            Err(error) => return Err(failed(error)),
        };
        if not_regular(&stat).is_some() || look_of_stat(&stat).size > text.len() as u64 {
            return Ok(());
        }
        let mut found = Vec::with_capacity(text.len());
        file.read_to_end(&mut found).map_err(failed)?;
        if !is_torn(&found, text) {
            return Ok(());
        }
        // In place: a name for a new file beside it may be too long, and torn once more it is mended once more.
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)
    }

    /// Makes finished moves durable: each folder that was touched once, or one flush of the file system for many. With them
    /// go the texts, which no job makes again once it is done.
    ///
    /// # Errors
    /// When the system reports that something could not be written.
    pub fn sync_finished(&self, finished: &[Finished]) -> io::Result<()> {
        self.sync_all(finished.iter().flat_map(|finished| finished.touched.iter().cloned()).collect())
    }

    /// Removes the claim folders of durable moves. One that holds something unknown is left: the next scan tries once more,
    /// and makes it a finding.
    pub fn remove_claims(&self, finished: &[Finished]) {
        for finished in finished {
            if !self.is_removed(&finished.claim) {
                lock(&self.left).push(finished.claim.clone());
            }
        }
    }

    /// Tries once more what could not be removed the first time: it may have been the disk's trouble, and nobody's file.
    fn remove_left(&self) {
        let left = std::mem::take(&mut *lock(&self.left));
        for claim in left {
            if !self.is_removed(&claim) {
                self.find(Finding::LeftBehind(claim.dir));
            }
        }
    }

    fn is_removed(&self, claim: &Claim) -> bool {
        self.look_in_claim(claim, &claim.rel).is_ok_and(|there| there.is_none()) && self.remove_claim_folder(claim)
    }

    /// Moves something from one place in the archive to another, such as a rejects file whose rows are all resolved.
    /// Whether it is at its new place now; repeating it is harmless.
    ///
    /// # Errors
    /// `NameTaken` when something else stands there, else what the system said.
    pub fn relocate(&self, from: &Place, to: &Place) -> Result<bool, SpoolError> {
        let mut touched = Vec::new();
        let target = self.make_subfolder(to, &mut touched)?;
        let (folder, name) = split(&from.rel);
        let source = self.archive(from.folder).and_then(|archive| archive.enter(folder));
        let renamed = match source {
            Err(error) if is_no_folder(&error) => Err(io::ErrorKind::NotFound.into()),
            source => source.and_then(|source| durable::rename_noreplace_at(&source, Path::new(name), &target, to.name())),
        };
        let moved = match renamed {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.look_at(to)?.is_some(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(SpoolError::NameTaken { to: to.clone() }),
            Err(error) => return Err(SpoolError::at("move within the archive", &self.path(from), error)),
        };
        lock(&self.names).taken.remove(to);
        touched.extend(self.path(to).parent().map(Path::to_path_buf));
        touched.extend(self.path(from).parent().map(Path::to_path_buf));
        self.sync_all(touched).map_err(|error| SpoolError::at("make a move durable", &self.path(to), error))?;
        Ok(moved)
    }
}

/// In `processed/`, what the daemon says of itself. It is replaced again and again, so no original may have its name.
pub const STATUS_FILE: &str = "_STATUS.txt";

/// Counts one death that we caused against the claim, so that a drop that kills us is set aside in the end.
///
/// It only creates an empty file, and so can be called from a panic hook or the watchdog of a stalled worker. Returns how
/// many deaths are marked now.
///
/// # Errors
/// When the mark cannot be created.
pub fn mark_death(claim_dir: &Path) -> io::Result<u32> {
    for count in 1..=DEATHS_MAX {
        match OpenOptions::new().write(true).create_new(true).mode(0o640).open(claim_dir.join(format!("{DEATH_PREFIX}{count}"))) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            marked => return marked.map(|_| count),
        }
    }
    Ok(DEATHS_MAX)
}

/// How many deaths are marked against a claim.
#[must_use]
pub fn deaths(claim: &Claim) -> u32 {
    let is_marked = |count: &u32| claim.dir.join(format!("{DEATH_PREFIX}{count}")).exists();
    (1..=DEATHS_MAX).take_while(is_marked).last().unwrap_or(0)
}

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
/// More deaths than this are not told apart; three are enough to set a drop aside.
const DEATHS_MAX: u32 = 9;
const DEATH_PREFIX: &str = ".death-";
/// More findings than this, unread, are dropped.
const FINDINGS_MAX: usize = 100;
/// More names than this are counted from the start again.
const COUNTED_NAMES_MAX: usize = 4096;
/// Renamed once through all folders at start.
const PROBE: &str = ".valhalla-probe";

#[derive(Debug, PartialEq, Eq)]
enum MoveState {
    /// Waits in the claim folder, and its place is free.
    Waiting,
    /// Is at its place.
    Done,
    /// Is at its place and still in the claim folder: a crash between link and unlink.
    Linked,
    /// Neither here nor there.
    Missing,
    /// Somebody else's file is at its place.
    Taken,
}

struct Subfolders {
    processed: PathBuf,
    failed: PathBuf,
}

impl Subfolders {
    fn place(&self, folder: Folder, name: OsString) -> Place {
        let sub = match folder {
            Folder::Processed => &self.processed,
            Folder::Failed => &self.failed,
        };
        Place { folder, rel: sub.join(name) }
    }

    fn names(&self, family: &Family, suffix: u64, wants: Wants) -> Names {
        let leads = |format: LeadsFormat| self.place(Folder::Processed, family.leads(suffix, format));
        Names {
            original: wants.original.map(|folder| self.place(folder, family.original(suffix))),
            receipt: wants.receipt.then(|| self.place(Folder::Processed, family.receipt(suffix))),
            error: wants.error.then(|| self.place(Folder::Failed, family.error(suffix))),
            rejects: (wants.rejects && !family.is_returned()).then(|| self.place(Folder::Failed, family.rejects(suffix))),
            leads: wants.leads.map(leads),
            dry_run_note: wants.dry_run_note.then(|| self.place(Folder::Processed, family.dry_run_note(suffix))),
        }
    }
}

impl Reservations {
    fn count_on(&mut self, key: (PathBuf, Option<Folder>), next: u64) {
        if self.next_suffix.len() >= COUNTED_NAMES_MAX && !self.next_suffix.contains_key(&key) {
            self.next_suffix.clear();
        }
        self.next_suffix.insert(key, next);
    }
}

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

    /// What one claim folder holds.
    fn found_in(&self, job_id: Uuid, dir: &Path) -> Result<Option<Found>, SpoolError> {
        let failed = |error| SpoolError::at("list a claim folder", dir, error);
        let claim = |rel: &Path| Claim { job_id, dir: dir.to_path_buf(), rel: rel.to_path_buf() };
        let opened = self.claim_folder(&claim(Path::new(""))).map_err(failed)?;
        let contents = contents_of(&opened).map_err(failed)?;
        Ok(match contents.originals.as_slice() {
            [rel] => {
                let claim = claim(rel);
                let stat = opened.look(rel).map_err(failed)?;
                if stat.is_some_and(|stat| !is_folder(&stat) && not_regular(&stat).is_some()) {
                    self.unclaim(&claim)?; // swapped in before a crash let us look: the scan refuses it
                    return Ok(None);
                }
                Some(Found::Claim(claim))
            }
            [] if contents.has_outputs => Some(Found::OutputsOnly { job_id, dir: dir.to_path_buf() }),
            [] if self.remove_claim_folder(&claim(Path::new(""))) => None,
            [] => Some(Found::Stray { path: dir.to_path_buf(), why: "the claim folder holds no drop but something unknown" }),
            _ => Some(Found::Stray { path: dir.to_path_buf(), why: "the claim folder holds more than one drop" }),
        })
    }

    /// Removes a claim folder and what we put there, never anything else. Whether it is gone.
    fn remove_claim_folder(&self, claim: &Claim) -> bool {
        debug_assert!(claim.dir.starts_with(&self.layout.claimed), "only claim folders are removed");
        let Ok(claims) = self.claims_folder() else { return false };
        if claims.remove_folder(claim.name()).is_ok() {
            return true; // the usual case: everything was moved
        }
        if let Ok(folder) = claims.enter(claim.name()) {
            for output in Output::ALL {
                let _ = folder.remove_file(Path::new(output.file_name())); // usually none is there; the removal of the folder tells
            }
            for count in 1..=DEATHS_MAX {
                let _ = folder.remove_file(Path::new(&format!("{DEATH_PREFIX}{count}"))); // likewise
            }
        }
        remove_empty_folders(&claims, claim.name(), DEPTH_MAX);
        claims.look(claim.name()).is_ok_and(|there| there.is_none())
    }

    /// Makes a claim folder and the folders inside it; the innermost one. A job id that was used before is an error: its
    /// claim is not touched.
    fn make_claim_folder(&self, claim: &Claim) -> io::Result<OpenFolder> {
        let claims = self.claims_folder()?;
        if !claims.make_folder(claim.name(), FOLDER_MODE)? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let made = claims.enter(claim.name()).and_then(|folder| folder.make_folders(split(&claim.rel).0, FOLDER_MODE));
        made.inspect_err(|_| remove_empty_folders(&claims, claim.name(), DEPTH_MAX))
    }

    /// The subfolder in the archive for a source, under another name where a file stands in its way.
    fn free_subfolder(&self, reserved: &Reservations, folder: Folder, sub: &Path) -> Result<PathBuf, SpoolError> {
        let mut free = PathBuf::new();
        for component in sub.components() {
            let family = Family::of(component.as_os_str());
            for suffix in 1.. {
                let name = if suffix == 1 { component.as_os_str().to_os_string() } else { family.original(suffix) };
                let place = Place { folder, rel: free.join(&name) };
                let usable = match self.look_at(&place)? {
                    Some(stat) => is_folder(&stat),
                    None => !reserved.taken.contains(&place),
                };
                if usable {
                    free = place.rel;
                    break;
                }
            }
        }
        Ok(free)
    }

    fn choose_next_round(&self, reserved: &mut Reservations, family: &Family, subs: &Subfolders) -> Result<Place, SpoolError> {
        let key = (subs.failed.join(family.rejects(1)), None);
        let mut number = reserved.next_suffix.get(&key).copied().unwrap_or(1);
        loop {
            let place = subs.place(Folder::Failed, family.rejects(number));
            if self.is_free(reserved, &place)? {
                reserved.count_on(key, number + 1);
                reserved.taken.insert(place.clone());
                return Ok(place);
            }
            number += 1;
        }
    }

    fn are_free(&self, reserved: &Reservations, names: &Names) -> Result<bool, SpoolError> {
        for place in names.places() {
            if !self.is_free(reserved, place)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_free(&self, reserved: &Reservations, place: &Place) -> Result<bool, SpoolError> {
        let is_ours = place.folder == Folder::Processed && place.rel == Path::new(STATUS_FILE);
        Ok(!is_ours && !reserved.taken.contains(place) && self.look_at(place)?.is_none())
    }

    /// Where something lies inside its claim folder.
    fn source_of(claim: &Claim, from: Source) -> &Path {
        match from {
            Source::Original => &claim.rel,
            Source::Output(output) => Path::new(output.file_name()),
        }
    }

    fn state_of(&self, claim: &Claim, step: &Move) -> Result<MoveState, SpoolError> {
        let identity = |stat: Option<Stat>| stat.map(|stat| (look_of_stat(&stat).dev, look_of_stat(&stat).ino));
        let source = self.look_in_claim(claim, Self::source_of(claim, step.from));
        let source = source.map_err(|error| SpoolError::at("look at", &claim.dir, error))?;
        Ok(match (identity(source), identity(self.look_at(&step.to)?)) {
            (Some(_), None) => MoveState::Waiting,
            (None, Some(_)) => MoveState::Done,
            (Some(source), Some(target)) if source == target => MoveState::Linked,
            (Some(_), Some(_)) => MoveState::Taken,
            (None, None) => MoveState::Missing,
        })
    }

    fn make_move(&self, claim: &Claim, step: &Move, target: &OpenFolder, finished: &mut Finished) -> Result<(), SpoolError> {
        let failed = |error| SpoolError::at("move into the archive", &self.path(&step.to), error);
        let (folder, name) = split(Self::source_of(claim, step.from));
        let source = || self.claim_folder(claim).and_then(|dir| dir.enter(folder));
        match self.state_of(claim, step)? {
            MoveState::Waiting => {
                let source = source().map_err(failed)?;
                match durable::rename_noreplace_at(&source, Path::new(name), target, step.to.name()) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        return Err(SpoolError::NameTaken { to: step.to.clone() });
                    }
                    moved => moved.map_err(failed)?,
                }
            }
            MoveState::Linked => drop(source().and_then(|source| source.remove_file(Path::new(name))).map_err(failed)?),
            MoveState::Done => {}
            MoveState::Missing => finished.missing.push(step.to.clone()),
            MoveState::Taken => return Err(SpoolError::NameTaken { to: step.to.clone() }),
        }
        let to = self.path(&step.to);
        if matches!(step.from, Source::Output(output) if output.is_text()) {
            finished.touched.push(to.clone()); // before its folder: one write of the file system's journal for both
        }
        finished.touched.extend(to.parent().map(Path::to_path_buf));
        Ok(())
    }

    /// Makes the subfolders of a place and opens the innermost; notes the folders in which one was made.
    fn make_subfolder(&self, place: &Place, touched: &mut Vec<PathBuf>) -> Result<OpenFolder, SpoolError> {
        let shared_mode = if place.folder == Folder::Failed { 0o2770 } else { 0o2750 };
        let mut dir = self.folder(place.folder).to_path_buf();
        let mut folder = self.archive(place.folder).map_err(|error| SpoolError::at("open the folder", &dir, error))?;
        for component in split(&place.rel).0.components() {
            let name = Path::new(component.as_os_str());
            let parent = dir.clone();
            dir.push(name);
            let is_new = folder.make_folder(name, FOLDER_MODE).map_err(|error| SpoolError::at("make the folder", &dir, error))?;
            folder = match folder.enter(name) {
                Ok(folder) => folder,
                Err(error) if is_no_folder(&error) => return Err(SpoolError::NameTaken { to: place.clone() }),
                Err(error) => return Err(SpoolError::at("make the folder", &dir, error)),
            };
            if is_new {
                self.share(&folder, &dir, shared_mode)?;
                touched.push(parent);
            }
        }
        Ok(folder)
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

#[derive(Default)]
struct Contents {
    originals: Vec<PathBuf>,
    has_outputs: bool,
}

/// Walks a claim folder: paths that can be drops, and whether outputs lie at its top. Dot-names are never drops.
fn contents_of(dir: &OpenFolder) -> io::Result<Contents> {
    let mut contents = Contents::default();
    let mut to_enter = vec![PathBuf::new()];
    while let Some(folder) = to_enter.pop() {
        for entry in dir.enter(&folder)?.looks()? {
            let (name, stat) = entry?;
            if name.as_bytes().starts_with(b".") {
                contents.has_outputs |= folder.as_os_str().is_empty() && Output::ALL.iter().any(|output| name == output.file_name());
            } else if is_folder(&stat) && !listing::is_bundle_name(&name) {
                if folder.components().count() < DEPTH_MAX {
                    to_enter.push(folder.join(name));
                }
            } else if contents.originals.len() < 2 {
                contents.originals.push(folder.join(name));
            }
        }
    }
    Ok(contents)
}

/// Removes a tree of empty folders, and stops at whatever is not empty, or is a drop itself.
fn remove_empty_folders(parent: &OpenFolder, name: &Path, depth_max: usize) {
    if parent.remove_folder(name).is_ok() || depth_max == 0 {
        return;
    }
    let Ok(folder) = parent.enter(name) else { return };
    let Ok(entries) = folder.looks() else { return };
    for (name, stat) in entries.filter_map(Result::ok) {
        if is_folder(&stat) && !listing::is_bundle_name(&name) {
            remove_empty_folders(&folder, Path::new(&name), depth_max - 1);
        }
    }
    let _ = parent.remove_folder(name); // still not empty: something of others is in it, and the caller looks
}

/// Whether this is what a power cut leaves of a text: less of it, or zeros where it never reached the disk.
fn is_torn(found: &[u8], text: &str) -> bool {
    found != text.as_bytes()
        && found.len() <= text.len()
        && found.iter().zip(text.bytes()).all(|(found, byte)| *found == 0 || *found == byte)
}

/// Whether what was claimed is what the scan saw: the same file, regular, with one link, with the same content.
fn is_still(drop: &Drop, stat: &Stat) -> bool {
    let look = look_of_stat(stat);
    match drop.kind {
        DropKind::File => not_regular(stat).is_none() && look.same_content(&drop.look),
        DropKind::Bundle => is_folder(stat) && look.same_file(&drop.look),
    }
}

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
