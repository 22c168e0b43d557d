//! Files handed to a running daemon: dropped atomically, then followed to their reports.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Exit, Trouble};
use crate::beneath;
use crate::config::{Config, Hold};
use crate::durable;
use crate::inbox::{Held, display_name, held, ignored_by_name, path_from_text};
use crate::journal::Report;
use crate::reading::{Look, look_of};
use crate::store::open_to_read;

/// A copy of a file, in the inbox of a running daemon.
pub(super) struct Dropped {
    inode: u64,
    /// The last job before it was dropped.
    seq: i64,
    /// The original as it was when it was copied.
    look: Look,
}

impl Dropped {
    /// Whether the original is still what was copied.
    pub(super) fn is_still(&self, original: &Path) -> bool {
        original.metadata().is_ok_and(|metadata| look_of(&metadata) == self.look)
    }
}

/// Copies a file into the inbox under a name that is not taken, so that it appears there whole.
pub(super) fn drop_copy(config: &Config, file: &Path) -> Result<Dropped, Trouble> {
    let inbox = &config.folders.inbox;
    let broken =
        |error: io::Error| Trouble::environment(format!("{}: {error}. The file could not be put into the inbox", display_name(inbox)));
    let name = name_to_drop(file);
    let staged = inbox.join(format!(".ingest-{}.part", uuid::Uuid::now_v7()));
    let seq = open_to_read(&config.store.path)?.last_seq()?;
    let look = look_of(&file.metadata().map_err(broken)?);
    let copied = copy_of(file, &staged).and_then(|copy| {
        // The daemon may be another user, who has the inbox's group.
        copy.set_permissions(PermissionsExt::from_mode(0o640))?;
        copy.sync_all()?;
        let inode = copy.metadata()?.ino();
        place(inbox, &staged, &name)?;
        Ok(inode)
    });
    match copied {
        Ok(inode) => Ok(Dropped { inode, seq, look }),
        Err(error) => {
            let _ = std::fs::remove_file(&staged); // the first error is the one that matters
            Err(broken(error))
        }
    }
}

/// A file's name, unless the daemon would leave a drop of that name alone: whoever names a file wants it taken.
fn name_to_drop(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    match ignored_by_name(name) {
        None if !name.is_empty() => PathBuf::from(name),
        _ => PathBuf::from(format!("{}.csv", name.to_string_lossy().trim_start_matches(['.', '~', '$']))),
    }
}

/// Puts the file itself into the inbox, for a writer that takes it from there at once; its path inside the inbox.
pub(super) fn drop_itself(config: &Config, file: &Path) -> Result<PathBuf, Trouble> {
    let inbox = &config.folders.inbox;
    let broken =
        |error: io::Error| Trouble::environment(format!("{}: {error}. The file could not be moved into the inbox", display_name(file)));
    let name = file.file_name().map_or_else(|| PathBuf::from("leads.csv"), PathBuf::from);
    match place(inbox, file, &name) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let staged = inbox.join(format!(".ingest-{}.part", uuid::Uuid::now_v7()));
            copy_of(file, &staged).and_then(|copy| copy.sync_all()).map_err(broken)?;
            let placed = place(inbox, &staged, &name).map_err(broken)?;
            durable::sync_dir(inbox).and_then(|()| std::fs::remove_file(file)).map_err(broken)?;
            Ok(placed)
        }
        placed => placed.map_err(broken),
    }
}

/// A copy under a name that nobody has yet. Whoever may write to the inbox cannot have it written elsewhere.
fn copy_of(file: &Path, staged: &Path) -> io::Result<File> {
    let (mut original, _) = beneath::open_given(file)?;
    let mut copy = File::options().read(true).write(true).create_new(true).mode(0o640).open(staged)?;
    io::copy(&mut original, &mut copy)?;
    Ok(copy)
}

/// Gives a file its name in the inbox, or the next free one; its path inside the inbox.
fn place(inbox: &Path, staged: &Path, name: &Path) -> io::Result<PathBuf> {
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let extension = name.extension().map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()));
    for number in 1..1000 {
        let name = if number == 1 { name.to_owned() } else { PathBuf::from(format!("{stem}-{number}{extension}")) };
        match durable::rename_noreplace(staged, &inbox.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| name),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Waits for the daemon's report of a dropped copy, and until what it brought has been learned from. `look` is called
/// meanwhile and says whether to go on waiting.
pub(super) fn report_of(config: &Config, dropped: &Dropped, mut look: impl FnMut() -> bool) -> Result<Report, Trouble> {
    let store = open_to_read(&config.store.path)?;
    loop {
        if let Some(job) = store.job_of_inode(dropped.inode, dropped.seq)?.filter(|job| job.done) {
            if store.is_to_be_learned(job.seq)? && look() {
                std::thread::park_timeout(Duration::from_millis(10));
                continue;
            }
            return serde_json::from_str(&job.report)
                .map_err(|error| Trouble::environment(format!("a report in the store cannot be read: {error}")));
        }
        if config.risk.hold != Hold::Off && is_held(config, dropped)? {
            return Err(Trouble {
                exit: Exit::Failed,
                text: "the file is held until a person decides; nothing of it is counted. `valhalla hold` shows why".to_owned(),
            });
        }
        if !look() {
            return Err(Trouble::environment("the daemon is gone; the file is in its inbox and will be taken at its next start"));
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Whether the daemon holds a dropped copy back.
fn is_held(config: &Config, dropped: &Dropped) -> io::Result<bool> {
    let claimed = &config.folders.claimed;
    let is_it = |held: &Held| {
        let path = claimed.join(&held.job_id).join(path_from_text(&held.file).unwrap_or_else(|| PathBuf::from(&held.file)));
        path.symlink_metadata().is_ok_and(|metadata| metadata.ino() == dropped.inode)
    };
    Ok(held(claimed)?.iter().any(is_it))
}
