//! The file of a drop, opened so that nothing it turns out to be can hurt: no link followed, no pipe waited for, and told
//! at the end whether it stayed the same while it was read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::engine::file_error::FileError;
use crate::engine::plan::HEAD_BYTES;
use crate::inbox::{Look, look_of};

/// An opened drop with its first bytes.
#[derive(Debug)]
pub(super) struct SourceFile {
    file: File,
    look: Look,
    /// Its first MiB, or all of it.
    pub head: Vec<u8>,
}

/// Why a drop could not be opened.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It is not there any more.
    Gone,
    /// It is there and nothing can be read from it: a person must act.
    Unreadable(FileError),
    /// The machine failed, not the file.
    Machine(io::Error),
}

impl SourceFile {
    /// Opens a regular file and reads its head.
    pub fn open(path: &Path) -> Result<Self, Unopened> {
        let no_follow = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let opened = OpenOptions::new().read(true).custom_flags(no_follow.cast_signed()).open(path);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unopened::Gone,
            io::ErrorKind::PermissionDenied => Unopened::Unreadable(FileError::new(
                "unreadable",
                "we are not allowed to read it (permission denied)",
                "Give the program's user the right to read it (chmod a+r) and drop it again",
            )),
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Unopened::Unreadable(not_regular()),
            _ => Unopened::Machine(error),
        })?;
        let metadata = file.metadata().map_err(Unopened::Machine)?;
        if !metadata.is_file() {
            return Err(Unopened::Unreadable(not_regular()));
        }
        let mut head = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(HEAD_BYTES).min(HEAD_BYTES));
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(Unopened::Machine)?;
        Ok(Self { file, look: look_of(&metadata), head })
    }

    /// Length at opening.
    pub fn len(&self) -> u64 {
        self.look.size
    }

    /// Size, times and inode at opening.
    pub fn look(&self) -> Look {
        self.look
    }

    /// Whether the head is the whole file.
    pub fn is_whole(&self) -> bool {
        self.head.len() as u64 >= self.look.size && self.head.len() < HEAD_BYTES
    }

    /// Hash of the whole file, leaving it positioned behind the head.
    pub fn sha256(&mut self) -> io::Result<[u8; 32]> {
        let mut hasher = Sha256::new_with_prefix(&self.head);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = self.file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        self.file.seek(io::SeekFrom::Start(self.head.len() as u64))?;
        Ok(hasher.finalize().into())
    }

    /// What follows the head.
    pub fn rest(&self) -> &File {
        &self.file
    }

    /// What follows the head, for whoever does not ask whether the file stayed the same.
    pub fn into_rest(self) -> File {
        self.file
    }

    /// Whether size, mtime and ctime are still those at opening.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(look_of(&self.file.metadata()?) == self.look)
    }
}

fn not_regular() -> FileError {
    FileError::new("not_a_file", "this is a link, a pipe or a device, not a file", "Copy the file itself into the inbox")
}

/// Hash of a whole file, read in pieces.
///
/// # Errors
/// What the system said.
pub(crate) fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
