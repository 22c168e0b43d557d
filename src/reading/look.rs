//! Whether a file is still the one that was seen, as far as can be told without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What one look at a file saw: enough to tell that it is the same file, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Length in bytes.
    pub size: u64,
    /// Last modification, nanoseconds since the epoch on the file system's clock.
    pub mtime_ns: i128,
    /// Last change of the inode, nanoseconds since the epoch on the file system's clock. A rename changes it.
    pub ctime_ns: i128,
    /// The file system.
    pub dev: u64,
    /// The file on it.
    pub ino: u64,
}

impl Look {
    /// Whether both looks saw the same file with the same content, as far as a look can tell.
    ///
    /// The change time is left out, because our own claim (a rename) moves it.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.same_file(other) && self.size == other.size && self.mtime_ns == other.mtime_ns
    }

    /// What identifies this very content of this very file, as far as can be told without reading it.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}:{}:{}:{}", self.dev, self.ino, self.size, self.mtime_ns)
    }

    /// Whether both looks saw the same file, changed or not.
    #[must_use]
    pub fn same_file(&self, other: &Self) -> bool {
        self.dev == other.dev && self.ino == other.ino
    }
}

/// [`look_of`] what was seen through an open folder.
#[must_use]
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_lossless, reason = "the types differ between systems")]
pub fn look_of_stat(stat: &rustix::fs::Stat) -> Look {
    let nanoseconds = |seconds: i128, rest: i128| seconds * 1_000_000_000 + rest;
    Look {
        size: stat.st_size as u64,
        mtime_ns: nanoseconds(stat.st_mtime as i128, stat.st_mtime_nsec as i128),
        ctime_ns: nanoseconds(stat.st_ctime as i128, stat.st_ctime_nsec as i128),
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
    }
}

/// What a look sees in a file's metadata.
#[must_use]
pub fn look_of(metadata: &Metadata) -> Look {
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Look {
        size: metadata.len(),
        mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        dev: metadata.dev(),
        ino: metadata.ino(),
    }
}
