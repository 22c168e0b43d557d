//! The file of a drop, opened so that nothing it turns out to be can hurt: no pipe waited for, nothing but a regular file
//! read, and told at the end whether it stayed the same while it was read.
//!
//! A file in a folder that others may write to comes here already open, through that folder's handle (`beneath.rs`).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::feed::{Feed, Streamed};
use super::look::{Look, look_of, look_of_stat};
use super::unpack::{self, Container, Trouble, UnpackLimits, Unpacked};
use crate::beneath::{self, is_no_file, is_no_folder};
use crate::engine::decode::Encoding;
use crate::engine::file_error::FileError;
use crate::engine::plan::{HEAD_BYTES, Head};
use crate::engine::rules::Rules;

/// An opened drop with the first bytes of the list in it.
pub(crate) struct SourceFile {
    file: File,
    look: Look,
    /// The first MiB of the list, out of its container, or all of it.
    head: Vec<u8>,
    is_whole: bool,
    /// What the list came in.
    inside: Option<Inside>,
}

/// A list that came in a container.
struct Inside {
    unpacked: Unpacked,
    /// The container itself, hashed before it was opened: it is not read from one end to the other.
    raw: Streamed,
}

/// Why a drop could not be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// It is not there any more.
    Gone,
    /// Another file has its name.
    Replaced,
    /// It is there and nothing can be read from it: a person must act.
    Unreadable(FileError),
    /// The machine failed, not the file.
    Machine(io::Error),
}

impl From<Trouble> for Unopened {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::File(error) => Self::Unreadable(error),
            Trouble::Io(error) => Self::Machine(error),
        }
    }
}

impl SourceFile {
    /// Opens a regular file that somebody named, and what it is packed in, and reads the head of the list. Links are
    /// followed: whoever names a link means what it points to.
    pub fn open(path: &Path, rules: &Rules) -> Result<Self, Unopened> {
        let (file, stat) = beneath::open_given(path).map_err(unopened)?;
        Self::of(file, look_of_stat(&stat), rules)
    }

    /// The same, of a file that has been opened through its folder. `seen` is the file that it should be: what was swapped
    /// for another meanwhile, or has got a second name by which it could be changed later, is not read.
    pub fn opened(opened: io::Result<(File, rustix::fs::Stat)>, seen: Option<&Look>, rules: &Rules) -> Result<Self, Unopened> {
        let (file, stat) = opened.map_err(unopened)?;
        let look = look_of_stat(&stat);
        if stat.st_nlink > 1 || seen.is_some_and(|seen| !seen.same_file(&look)) {
            return Err(Unopened::Replaced);
        }
        Self::of(file, look, rules)
    }

    fn of(file: File, look: Look, rules: &Rules) -> Result<Self, Unopened> {
        let mut head = Vec::with_capacity(usize::try_from(look.size).unwrap_or(HEAD_BYTES).min(HEAD_BYTES));
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(Unopened::Machine)?;
        let is_whole = head.len() as u64 >= look.size && head.len() < HEAD_BYTES;
        let mut source = Self { file, look, head, is_whole, inside: None };
        if unpack::container_of(&source.head) != Container::Plain && look.size <= rules.limits.file_bytes {
            source.unpack(rules)?;
        }
        Ok(source)
    }

    /// Opens the container, and takes the head from the list inside.
    fn unpack(&mut self, rules: &Rules) -> Result<(), Unopened> {
        let raw = Streamed { bytes: self.look.size, sha256: self.sha256().map_err(Unopened::Machine)? };
        let limits = UnpackLimits { ratio: rules.limits.expansion_ratio, bytes: rules.limits.file_bytes };
        let file = self.file.try_clone().map_err(Unopened::Machine)?;
        let mut unpacked = unpack::unpack(file, limits, rules.reading.sheet.as_deref())?;
        self.head.clear();
        let read = (&mut unpacked.reader).take(HEAD_BYTES as u64).read_to_end(&mut self.head);
        read.map_err(|error| Unopened::from(Trouble::from(error)))?;
        self.is_whole = self.head.len() < HEAD_BYTES;
        self.inside = Some(Inside { unpacked, raw });
        Ok(())
    }

    /// Length at opening.
    pub fn len(&self) -> u64 {
        self.look.size
    }

    /// Size, times and inode at opening.
    pub fn look(&self) -> Look {
        self.look
    }

    /// The first bytes of the list.
    pub fn head(&self) -> Head<'_> {
        Head { bytes: &self.head, is_whole: self.is_whole, is_sheet: self.inside.as_ref().is_some_and(|inside| inside.unpacked.is_sheet) }
    }

    /// What the list came in, and its name in there; nothing for a plain file.
    pub fn container(&self) -> Option<(&'static str, Option<&str>)> {
        self.inside.as_ref().map(|inside| (inside.unpacked.container.as_str(), inside.unpacked.inner_name.as_deref()))
    }

    /// Sentences about what was left aside in the container.
    pub fn left_aside(&self) -> &[String] {
        self.inside.as_ref().map_or(&[], |inside| &inside.unpacked.notes)
    }

    /// Hash of the whole file, leaving it positioned behind the head.
    pub fn sha256(&mut self) -> io::Result<[u8; 32]> {
        if let Some(inside) = &self.inside {
            return Ok(inside.raw.sha256);
        }
        let mut hasher = Sha256::new_with_prefix(&self.head);
        let mut buffer = vec![0; if self.is_whole { 512 } else { 1 << 20 }]; // of a whole file nothing is left, as a rule
        loop {
            match read_some(&mut self.file, &mut buffer)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        self.file.seek(io::SeekFrom::Start(self.head.len() as u64))?;
        Ok(hasher.finalize().into())
    }

    /// The list as text, from its start. To be asked for once: it takes what has been read.
    pub fn feed(&mut self, encoding: Encoding) -> Feed<'_> {
        let head = std::mem::take(&mut self.head);
        match &mut self.inside {
            Some(Inside { unpacked, raw }) => {
                let rest = (!self.is_whole).then_some(&mut unpacked.reader as &mut (dyn Read + Send));
                Feed::unpacked(head, rest.map(|rest| Box::new(rest) as Box<dyn Read + Send + '_>), *raw, encoding)
            }
            None if self.is_whole => Feed::whole(head, encoding),
            None => Feed::plain(head, &self.file, encoding),
        }
    }

    /// The same, for whoever keeps the text longer than the file.
    pub fn into_feed(mut self, encoding: Encoding) -> Feed<'static> {
        let head = std::mem::take(&mut self.head);
        match self.inside {
            Some(Inside { unpacked, raw }) => {
                let rest = (!self.is_whole).then_some(unpacked.reader as Box<dyn Read + Send>);
                Feed::unpacked(head, rest, raw, encoding)
            }
            None if self.is_whole => Feed::whole(head, encoding),
            None => Feed::plain(head, self.file, encoding),
        }
    }

    /// Whether size, mtime and ctime are still those at opening.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(look_of(&self.file.metadata()?) == self.look)
    }
}

impl std::fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceFile").field("look", &self.look).field("container", &self.container()).finish_non_exhaustive()
    }
}

/// Why a file could not be opened, by what follows from it.
fn unopened(error: io::Error) -> Unopened {
    if is_no_file(&error) {
        let what = "this is a link, a pipe or a device, not a file";
        return Unopened::Unreadable(FileError::new("not_a_file", what, "Copy the file itself into the inbox"));
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => Unopened::Unreadable(FileError::new(
            "unreadable",
            "we are not allowed to read it (permission denied)",
            "Give the program's user the right to read it (chmod a+r) and drop it again",
        )),
        _ if is_no_folder(&error) => Unopened::Gone,
        _ => Unopened::Machine(error),
    }
}

/// A read that a signal interrupted has not failed.
fn read_some(mut file: impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Hash of a whole file from where it stands, read in pieces.
///
/// # Errors
/// What the system said.
pub(crate) fn sha256_of(mut file: &File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match read_some(&mut file, &mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
