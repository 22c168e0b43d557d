//! The one appender of one journal: brings each line to its place in the files, whatever an earlier attempt or a stranger left.
//!
//! Deliberately absent: where a line belongs (the store's head decides) and what to do after a failure (publish again).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::read::{self, Standing};
use super::{Journal, JournalError, Line, Note};
use crate::durable::identity;
use crate::durable::{rename_noreplace, sync_dir};

/// Lines of one publish are joined into writes of about this many bytes.
const JOINED_BYTES: usize = 1 << 20;

/// The one writer of one journal.
#[derive(Debug)]
pub(super) struct Appender {
    journal: Journal,
    dir: PathBuf,
    path: PathBuf,
    mode: u32,
    /// Number of the active file.
    segment: u32,
    /// What must be added to a placed offset to find it in this file: 0 unless somebody changed the file.
    /// It may be "negative", hence wrapping arithmetic.
    shift: u64,
    active: Option<Active>,
    /// Whether the last publish was ours and went well; if not, a length that fits may be a coincidence.
    familiar: bool,
    /// Whole lines on their way into one write.
    pending: Vec<u8>,
    /// An entry of the folder is new (or may be, from before a crash) and not fsynced.
    pub(super) folder_dirty: bool,
    /// Told with the next success, so that an error in between loses none.
    pub(super) notes: Vec<Note>,
}

/// The active file as last seen.
#[derive(Debug)]
struct Active {
    file: File,
    identity: (u64, u64),
    length: u64,
    /// Whether it ends with a newline (or is empty): only then may a line be appended.
    whole: bool,
}

impl Appender {
    /// Numbers the active file after the newest closed segment that lies in the folder; opens nothing yet.
    pub(super) fn new(dir: &Path, journal: Journal, mode: u32) -> Result<Self, JournalError> {
        let newest = read::closed_segments(dir, journal)?.last().copied().unwrap_or(0);
        Ok(Self {
            journal,
            dir: dir.to_owned(),
            path: journal.active_path(dir),
            mode,
            segment: newest.saturating_add(1),
            shift: 0,
            active: None,
            familiar: false,
            pending: Vec::new(),
            folder_dirty: false,
            notes: Vec::new(),
        })
    }

    /// From now on lines are placed by where the file really ends.
    pub(super) fn realign(&mut self) {
        self.shift = 0;
    }

    /// Publishes the journal's lines, in order, and fsyncs the file once; the folder is left to the caller.
    pub(super) fn publish<'a>(&mut self, lines: impl Iterator<Item = &'a Line>) -> Result<(), JournalError> {
        self.pending.clear();
        self.attach()?;
        let mut familiar = std::mem::replace(&mut self.familiar, false);
        for line in lines {
            if line.segment > self.segment {
                self.begin_segment(line)?;
            }
            if self.is_next(line) && (familiar || !self.holds(line)?) {
                // Joining whole lines keeps the promise of one write per line: a write tears at one point, so what is left
                // is whole lines and one proper prefix, and each line is looked for at its own offset.
                self.pending.extend_from_slice(&line.bytes);
                if self.pending.len() >= JOINED_BYTES {
                    self.flush()?;
                }
            } else {
                self.flush()?;
                self.settle(line)?;
            }
            familiar = true; // the first line has shown how the file stands to the places
        }
        self.flush()?;
        self.sync()?;
        self.familiar = true;
        Ok(())
    }

    /// Looks at what stands at the active name: ours, or after a rename or deletion by somebody else (logrotate) another file.
    fn attach(&mut self) -> Result<(), JournalError> {
        let fault = |source| JournalError::new("open", &self.path, source);
        let standing = match fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(error)),
        };
        let known = self.active.take().filter(|active| standing.as_ref().is_some_and(|found| identity(found) == active.identity));
        let (file, metadata) = if let (Some(active), Some(metadata)) = (known, standing) {
            (active.file, metadata)
        } else {
            self.familiar = false;
            self.folder_dirty = true; // the entry may be new, or from a process that died before it fsynced the folder
            let file = OpenOptions::new().read(true).append(true).create(true).mode(self.mode).open(&self.path).map_err(fault)?;
            let metadata = file.metadata().map_err(fault)?;
            (file, metadata)
        };
        let length = metadata.len();
        let whole = read::is_boundary(&file, length).map_err(fault)?;
        self.active = Some(Active { file, identity: identity(&metadata), length, whole });
        Ok(())
    }

    /// Closes the active file under the number before the line's, and starts a new one.
    fn begin_segment(&mut self, line: &Line) -> Result<(), JournalError> {
        self.flush()?;
        // Our number came from the closed files that lie here. If those were taken away, the active file may be the line's already.
        let begun = |file: &File| Ok(line.offset > 0 || read::stands_at(file, 0, &line.bytes)?);
        let active = self.active();
        let length = active.length;
        if begun(&active.file).map_err(|source| JournalError::new("read", &self.path, source))? {
            (self.segment, self.shift) = (line.segment, 0);
            return Ok(());
        }
        if length == 0 {
            self.notes.push(Note::Cut { journal: self.journal, expected: 1, found: 0 }); // a segment is never closed empty
        }
        self.sync()?; // a closed segment is whole on disk before it gets its name
        let closed = self.journal.closed_path(&self.dir, line.segment - 1);
        match rename_noreplace(&self.path, &closed) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (self.segment, self.shift) = (line.segment, length);
                self.notes.push(Note::Occupied { journal: self.journal, path: closed });
                return Ok(());
            }
            Err(error) => return Err(JournalError::new("close a segment of", &self.path, error)),
        }
        (self.segment, self.shift, self.active) = (line.segment, 0, None);
        self.folder_dirty = true;
        sync_dir(&self.dir).map_err(|source| JournalError::Fsync { path: self.dir.clone(), source })?;
        self.attach()
    }

    /// Whether the line's place is exactly the end of the active file: the case of every day.
    fn is_next(&self, line: &Line) -> bool {
        let end = |active: &Active| active.length + self.pending.len() as u64;
        let here = |active: &Active| active.whole && line.offset.wrapping_add(self.shift) == end(active);
        line.segment == self.segment && self.active.as_ref().is_some_and(here)
    }

    /// Whether the line stands in the active file already, wherever: asked once after opening, because a file that was
    /// cut and then written to by a run that died may by chance be as long as it should be.
    fn holds(&mut self, line: &Line) -> Result<bool, JournalError> {
        let found = read::locate(&self.active().file, u64::MAX, &line.bytes);
        found.map(|standing| matches!(standing, Standing::Here(_))).map_err(|source| JournalError::new("read", &self.path, source))
    }

    /// Publishes a line whose place is not the end of the file: an earlier attempt was interrupted, or somebody changed the file.
    fn settle(&mut self, line: &Line) -> Result<(), JournalError> {
        if line.segment < self.segment {
            let closed = self.journal.closed_path(&self.dir, line.segment);
            if confirm_closed(&closed, line)? {
                return Ok(());
            }
        }
        let fault = |source| JournalError::new("repair", &self.path, source);
        let expected = if line.segment == self.segment { line.offset.wrapping_add(self.shift) } else { u64::MAX };
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(fault)?;
        let at = match read::locate(&file, expected, &line.bytes).map_err(fault)? {
            Standing::Here(at) => {
                // The bytes may be known to the page cache only (a kill, a failed fsync): written again, they are the
                // business of the next fsync, which otherwise would vouch for pages it never wrote.
                file.write_all_at(&line.bytes, at).map_err(fault)?;
                at
            }
            Standing::Torn(at) => {
                file.set_len(at).map_err(fault)?;
                let active = self.active();
                (active.length, active.whole) = (at, true);
                self.append(line)?
            }
            Standing::Missing => self.append(line)?,
        };
        let journal = self.journal;
        if line.segment < self.segment {
            self.notes.push(Note::Cut { journal, expected: line.offset, found: at }); // its own segment lost it
        } else {
            if at != expected {
                let (expected, found) = (line.offset, at);
                let cut = found < expected;
                self.notes.push(if cut { Note::Cut { journal, expected, found } } else { Note::Foreign { journal, expected, found } });
            }
            self.shift = at.wrapping_sub(line.offset);
        }
        Ok(())
    }

    /// Appends one line at the very end, closing an unfinished foreign line first; returns where ours begins.
    fn append(&mut self, line: &Line) -> Result<u64, JournalError> {
        let active = self.active();
        let unfinished = !active.whole;
        let at = active.length + u64::from(unfinished);
        if unfinished {
            self.pending.push(b'\n');
        }
        self.pending.extend_from_slice(&line.bytes);
        self.flush()?;
        Ok(at)
    }

    /// Writes what is pending. After an error the length on record is wrong, but every publish starts by looking again.
    fn flush(&mut self) -> Result<(), JournalError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let active = self.active();
        let written = active.file.write_all(&pending);
        active.length += pending.len() as u64;
        active.whole = true;
        self.pending = pending; // keeps its room for the next lines
        self.pending.clear();
        written.map_err(|source| JournalError::new("append to", &self.path, source))
    }

    /// `fdatasync` is enough: besides the data it writes the metadata needed to read it back, and the new length is that.
    fn sync(&mut self) -> Result<(), JournalError> {
        let synced = self.active().file.sync_data();
        synced.map_err(|source| JournalError::Fsync { path: self.path.clone(), source })
    }

    fn active(&mut self) -> &mut Active {
        self.active.as_mut().expect("every publish and every new segment attaches first")
    }
}

/// Whether a closed segment holds the line; makes sure then that it does so on disk.
fn confirm_closed(path: &Path, line: &Line) -> Result<bool, JournalError> {
    let fault = |source| JournalError::new("repair", path, source);
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fault(error)),
    };
    let Standing::Here(at) = read::locate(&file, line.offset, &line.bytes).map_err(fault)? else {
        return Ok(false);
    };
    file.write_all_at(&line.bytes, at).map_err(fault)?;
    file.sync_data().map_err(|source| JournalError::Fsync { path: path.to_owned(), source })?;
    Ok(true)
}
