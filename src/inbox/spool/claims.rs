//! The claim half of the spool: a drop is taken out of everyone else's reach by one rename, its outputs are written beside it,
//! and it is given back or found again after a crash.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Stat};
use uuid::Uuid;

use super::{
    Claim, DEPTH_MAX, FOLDER_MODE, Found, Output, PROBE, REWRITTEN, SINGLE_SYNCS_MAX, SOURCE_MODE, Spool, SpoolError, not_one_file_system,
    split,
};
use crate::beneath::{OpenFolder, is_no_file, is_no_folder};
use crate::durable;
use crate::inbox::listing::{self, Drop, DropKind, is_folder, not_regular};
use crate::inbox::names::{Family, Folder, Place};
use crate::reading::look_of_stat;

/// More deaths than this are not told apart; three are enough to set a drop aside.
pub(super) const DEATHS_MAX: u32 = 9;
const DEATH_PREFIX: &str = ".death-";

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
                _ if name == REWRITTEN => drop(claims.remove_file(Path::new(REWRITTEN)).map_err(failed)?), // of a rewriting that died
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
    pub(super) fn remove_claim_folder(&self, claim: &Claim) -> bool {
        debug_assert!(claim.dir.starts_with(&self.layout.claimed), "only claim folders are removed");
        let Ok(claims) = self.claims_folder() else { return false };
        if claims.remove_folder(claim.name()).is_ok() {
            return true; // the usual case: everything was moved
        }
        if let Ok(folder) = claims.enter(claim.name()) {
            for output in Output::ALL {
                let _ = folder.remove_file(Path::new(output.file_name())); // usually none is there; the removal of the folder tells
            }
            for mark in super::HoldMark::ALL {
                let _ = folder.remove_file(Path::new(mark.file_name())); // likewise
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
}

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

/// Whether what was claimed is what the scan saw: the same file, regular, with one link, with the same content.
fn is_still(drop: &Drop, stat: &Stat) -> bool {
    let look = look_of_stat(stat);
    match drop.kind {
        DropKind::File => not_regular(stat).is_none() && look.same_content(&drop.look),
        DropKind::Bundle => is_folder(stat) && look.same_file(&drop.look),
    }
}
