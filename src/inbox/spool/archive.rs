//! The archive half of the spool: names that nobody has, moves that can be repeated, and nothing that is ever replaced.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Stat};

use super::{
    Claim, FOLDER_MODE, Finding, Finished, Move, Output, REWRITTEN, Reservations, STATUS_FILE, Source, Spool, SpoolError, lock, split,
};
use crate::beneath::{OpenFolder, is_no_file, is_no_folder};
use crate::durable;
use crate::inbox::listing::{is_folder, not_regular};
use crate::inbox::names::{Family, Folder, LeadsFormat, Names, Place, Wants};
use crate::reading::look_of_stat;

/// More names than this are counted from the start again.
const COUNTED_NAMES_MAX: usize = 4096;

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
    pub(super) fn remove_left(&self) {
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

    /// Begins to write a file of the archive anew: what goes into this file takes its place with [`Self::finish_rewrite`].
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn begin_rewrite(&self) -> Result<File, SpoolError> {
        let name = Path::new(REWRITTEN);
        let made = self.claims_folder().and_then(|claims| {
            claims.remove_file(name)?; // of a rewriting that died
            claims.create_new(name, Mode::from_raw_mode(0o640))
        });
        made.map_err(|error| SpoolError::at("write a file of the archive anew", &self.layout.claimed.join(name), error))
    }

    /// Opens what was written, to read it.
    ///
    /// # Errors
    /// What the system said.
    pub fn open_rewrite(&self) -> io::Result<(File, Stat)> {
        self.claims_folder()?.open_file(Path::new(REWRITTEN))
    }

    /// Gives up what was written.
    pub fn drop_rewrite(&self) {
        let _ = self.claims_folder().and_then(|claims| claims.remove_file(Path::new(REWRITTEN))); // the next one, or a start, does
    }

    /// Puts what was written in the place of a file of the archive, in one step and durably, with that file's permissions.
    ///
    /// # Errors
    /// What the system said; the file is as it was then.
    pub fn finish_rewrite(&self, place: &Place) -> Result<(), SpoolError> {
        let failed = |error| SpoolError::at("write a file of the archive anew", &self.path(place), error);
        let (folder, name) = split(&place.rel);
        let replaced = || -> io::Result<()> {
            let (claims, target) = (self.claims_folder()?, self.archive(place.folder)?.enter(folder)?);
            let (_, stat) = target.open_file(Path::new(name))?;
            let (written, own) = claims.open_to_mend(Path::new(REWRITTEN))?;
            if own.st_gid != stat.st_gid {
                let _ = std::os::unix::fs::fchown(&written, None, Some(stat.st_gid)); // a group that is not ours to give stays ours
            }
            rustix::fs::fchmod(&written, Mode::from_raw_mode(stat.st_mode))?;
            written.sync_all()?;
            durable::rename_over_at(&claims, Path::new(REWRITTEN), &target, Path::new(name))?;
            target.open_any(Path::new(""))?.sync_all()?;
            claims.open_any(Path::new(""))?.sync_all()
        };
        replaced().map_err(failed)
    }

    /// Removes a file of the archive, durably. Whether it was there; what is no plain file is left alone, and is none.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove_archived(&self, place: &Place) -> Result<bool, SpoolError> {
        let failed = |error| SpoolError::at("remove a file from the archive", &self.path(place), error);
        let (folder, name) = split(&place.rel);
        let name = Path::new(name);
        let folder = match self.archive(place.folder).and_then(|archive| archive.enter(folder)) {
            Err(error) if is_no_folder(&error) => return Ok(false),
            opened => opened.map_err(failed)?,
        };
        if folder.look(name).map_err(failed)?.is_none_or(|stat| not_regular(&stat).is_some()) {
            return Ok(false);
        }
        let removed = folder.remove_file(name).map_err(failed)?;
        folder.open_any(Path::new("")).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(removed)
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
    pub(super) fn source_of(claim: &Claim, from: Source) -> &Path {
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
}

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

/// Whether this is what a power cut leaves of a text: less of it, or zeros where it never reached the disk.
fn is_torn(found: &[u8], text: &str) -> bool {
    found != text.as_bytes()
        && found.len() <= text.len()
        && found.iter().zip(text.bytes()).all(|(found, byte)| *found == 0 || *found == byte)
}
