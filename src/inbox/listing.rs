//! Reads the inbox: which files are drops, which are left alone and why.
//!
//! It only looks. It opens no file, moves nothing, keeps no memory and judges no age; whether a drop is complete is the
//! business of `settle.rs`. Symbolic links are never followed, not even one that takes a folder's place while it is listed,
//! and hidden folders are never entered.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use crate::beneath::{OpenFolder, is_no_folder};
use crate::reading::{Look, look_of_stat};

/// A file that waits in the inbox to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// Its path inside the inbox: `x.csv`, `zillow/x.csv`.
    pub rel: PathBuf,
    /// A file, or a folder that people take for a file.
    pub kind: DropKind,
    /// What the listing saw.
    pub look: Look,
}

/// What lies under a drop's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// A regular file with one link.
    File,
    /// A folder that a program shows as one document, such as `*.numbers`. It is taken whole and never read.
    Bundle,
}

/// Something in the inbox that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Its path inside the inbox.
    pub path: PathBuf,
    /// Why.
    pub why: IgnoredWhy,
    /// Whether the last scan did not see it: log it now, and only now.
    pub first_time: bool,
}

/// Why something in the inbox is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredWhy {
    /// The name begins with a dot.
    Hidden,
    /// The name says that a program is still writing it.
    Unfinished,
    /// The system's own litter.
    Litter,
    /// A spreadsheet program's temporary or lock file.
    OfficeTemporary,
    /// Not a regular file with exactly one link.
    NotRegular(NotRegular),
    /// A folder too deep inside the inbox.
    TooDeep,
    /// A folder that is another file system: nothing can be renamed out of it.
    OtherFileSystem,
    /// A folder that the daemon may not list.
    Unreadable,
}

/// What else a name can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRegular {
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// A file with a second name elsewhere, through which it could be changed later.
    HardLink,
}

impl IgnoredWhy {
    /// Whether a person must be told, because it looks like a drop and will never be taken.
    #[must_use]
    pub fn is_alert(self) -> bool {
        matches!(self, Self::NotRegular(_) | Self::TooDeep | Self::OtherFileSystem | Self::Unreadable)
    }
}

impl fmt::Display for IgnoredWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "its name begins with a dot",
            Self::Unfinished => "its name says that it is still being written; rename it when it is complete",
            Self::Litter => "it is a file of the operating system",
            Self::OfficeTemporary => "it is a temporary file of a spreadsheet program",
            Self::NotRegular(NotRegular::Symlink) => "it is a symbolic link; drop a copy of the file instead",
            Self::NotRegular(NotRegular::Fifo) => "it is a named pipe; drop a file instead",
            Self::NotRegular(NotRegular::Socket) => "it is a socket; drop a file instead",
            Self::NotRegular(NotRegular::Device) => "it is a device; drop a file instead",
            Self::NotRegular(NotRegular::HardLink) => "it is a hard link to a file with another name; drop a copy instead",
            Self::TooDeep => "the folder lies too deep; put its files higher up in the inbox",
            Self::OtherFileSystem => "the folder is another file system, from which nothing can be renamed; mount it elsewhere",
            Self::Unreadable => "the folder may not be listed; give the daemon's user read, write and search permission on it",
        })
    }
}

/// Everything that one look at the inbox saw.
#[derive(Debug, Default)]
pub struct Listing {
    /// Older drops first.
    pub drops: Vec<Drop>,
    /// What is not taken, and why.
    pub ignored: Vec<(PathBuf, IgnoredWhy)>,
    /// The subfolders that were entered.
    pub folders: Vec<PathBuf>,
    /// Whether there was more than is listed.
    pub more: bool,
}

/// Lists the inbox and its subfolders.
///
/// # Errors
/// When the inbox itself, or a subfolder for a reason other than permissions, cannot be listed.
pub fn list(inbox: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let inbox = OpenFolder::open(inbox)?;
    let inbox_dev = inbox.look(Path::new("."))?.map_or(0, |stat| look_of_stat(&stat).dev);
    let mut to_enter = vec![PathBuf::new()];
    while let Some(folder) = to_enter.pop() {
        let opened = inbox.enter(&folder);
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) if !folder.as_os_str().is_empty() && is_no_folder(&error) => continue, // gone or swapped in the meantime
            Err(error) if !folder.as_os_str().is_empty() && error.kind() == io::ErrorKind::PermissionDenied => {
                listing.ignore(folder, IgnoredWhy::Unreadable);
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in opened.entries()? {
            let (name, _) = entry?;
            let rel = folder.join(&name);
            if let Some(why) = ignored_by_name(&name) {
                listing.ignore(rel, why);
                continue;
            }
            match opened.look(Path::new(&name)) {
                Ok(Some(stat)) if is_folder(&stat) && !is_bundle_name(&name) => {
                    listing.enter_later(rel, &look_of_stat(&stat), inbox_dev, &mut to_enter);
                }
                Ok(Some(stat)) => listing.add(rel, &stat),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    listing.ignore(folder.clone(), IgnoredWhy::Unreadable);
                    break; // no search permission: the other entries would say the same
                }
                Ok(None) | Err(_) => {} // gone in the meantime: the next listing tells
            }
        }
        if !folder.as_os_str().is_empty() {
            listing.folders.push(folder);
        }
    }
    listing.drops.sort_unstable_by(|a, b| (a.look.mtime_ns, &a.rel).cmp(&(b.look.mtime_ns, &b.rel)));
    Ok(listing)
}

/// How many drops wait, by their names alone and without a look at each where the file system tells what they are.
///
/// # Errors
/// When the inbox itself cannot be listed.
pub fn count(inbox: &Path) -> io::Result<usize> {
    let mut waiting = 0;
    let inbox = OpenFolder::open(inbox)?;
    let mut to_enter = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = to_enter.pop() {
        let opened = match inbox.enter(&folder) {
            Ok(opened) => opened,
            Err(_) if depth > 0 => continue, // gone or closed to us: nothing there can be taken
            Err(error) => return Err(error),
        };
        for entry in opened.entries()? {
            let (name, mut kind) = entry?;
            if ignored_by_name(&name).is_some() {
                continue;
            }
            if kind == FileType::Unknown {
                let Ok(Some(stat)) = opened.look(Path::new(&name)) else { continue }; // gone in the meantime
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            let is_source = kind.is_dir() && !is_bundle_name(&name);
            if is_source && depth < DEPTH_MAX {
                to_enter.push((folder.join(name), depth + 1));
            } else if kind.is_file() || (kind.is_dir() && !is_source) {
                waiting += 1;
            }
        }
    }
    Ok(waiting)
}

/// Whether what was seen (of the name itself, not of what a link points to) belongs to something that is never taken.
#[must_use]
pub fn not_regular(stat: &Stat) -> Option<NotRegular> {
    Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink > 1 => NotRegular::HardLink,
        FileType::RegularFile => return None,
        FileType::Symlink => NotRegular::Symlink,
        FileType::Fifo => NotRegular::Fifo,
        FileType::Socket => NotRegular::Socket,
        _ => NotRegular::Device,
    })
}

/// Whether what was seen is a folder.
#[must_use]
pub fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whether a name alone says that it is not a drop.
#[must_use]
pub fn ignored_by_name(name: &OsStr) -> Option<IgnoredWhy> {
    let bytes = name.as_bytes();
    let ends_with = |tail: &str| bytes.len() >= tail.len() && bytes[bytes.len() - tail.len()..].eq_ignore_ascii_case(tail.as_bytes());
    if bytes.starts_with(b".") {
        Some(IgnoredWhy::Hidden)
    } else if bytes.starts_with(b"~$") || is_spreadsheet_temporary(bytes) {
        Some(IgnoredWhy::OfficeTemporary)
    } else if UNFINISHED.iter().any(|tail| ends_with(tail)) {
        Some(IgnoredWhy::Unfinished)
    } else if LITTER.iter().any(|litter| name.eq_ignore_ascii_case(litter)) {
        Some(IgnoredWhy::Litter)
    } else {
        None
    }
}

/// Folders deeper than this below the inbox are not entered.
const DEPTH_MAX: usize = 8;
/// More drops than this wait for the next listing, so that a listing's memory is bounded.
const DROPS_MAX: usize = 50_000;
/// More than this is left alone without a word.
const IGNORED_MAX: usize = 10_000;
/// More subfolders than this wait until others are gone.
const FOLDERS_MAX: usize = 10_000;

const UNFINISHED: &[&str] = &[".tmp", ".part", ".filepart", ".crdownload", ".download", ".swp"];
const LITTER: &[&str] = &["Thumbs.db", "desktop.ini"];
const BUNDLES: &[&str] = &["numbers", "pages", "key", "app", "bundle", "rtfd", "pkg", "band", "photoslibrary"];

impl Listing {
    fn add(&mut self, rel: PathBuf, stat: &Stat) {
        let kind = match not_regular(stat) {
            _ if is_folder(stat) => DropKind::Bundle,
            None => DropKind::File,
            Some(other) => return self.ignore(rel, IgnoredWhy::NotRegular(other)),
        };
        if self.drops.len() < DROPS_MAX {
            self.drops.push(Drop { rel, kind, look: look_of_stat(stat) });
        } else {
            self.more = true;
        }
    }

    fn enter_later(&mut self, rel: PathBuf, look: &Look, inbox_dev: u64, to_enter: &mut Vec<PathBuf>) {
        if look.dev != inbox_dev {
            self.ignore(rel, IgnoredWhy::OtherFileSystem);
        } else if rel.components().count() > DEPTH_MAX {
            self.ignore(rel, IgnoredWhy::TooDeep);
        } else if self.folders.len() + to_enter.len() < FOLDERS_MAX {
            to_enter.push(rel);
        } else {
            self.more = true;
        }
    }

    fn ignore(&mut self, path: PathBuf, why: IgnoredWhy) {
        if self.ignored.len() < IGNORED_MAX {
            self.ignored.push((path, why));
        } else {
            self.more = true;
        }
    }
}

/// Excel saves to a name of eight capital hexadecimal digits without an extension, then renames it.
fn is_spreadsheet_temporary(name: &[u8]) -> bool {
    name.len() == 8 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// Whether a folder of this name is shown to people as one document.
pub fn is_bundle_name(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|extension| BUNDLES.iter().any(|bundle| extension.eq_ignore_ascii_case(bundle)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use IgnoredWhy::{Hidden, Litter, OfficeTemporary, Unfinished};

    #[test]
    fn names_that_are_not_drops() {
        let table: &[(&[u8], Option<IgnoredWhy>)] = &[
            (b"list.csv", None),
            (b"list", None),
            (b"tmp", None),
            (b"x.tmp.csv", None),
            (b"caf\xe9.csv", None),
            (b"a\nb.csv", None),
            (b"leads~$.csv", None),
            (b"DEADBEEF.csv", None),
            (b"deadbeef", None),
            (b"DEADBEE", None),
            (b".list.csv", Some(Hidden)),
            (b"..csv", Some(Hidden)),
            (b".claimed", Some(Hidden)),
            (b".DS_Store", Some(Hidden)),
            (b"list.csv.tmp", Some(Unfinished)),
            (b"LIST.TMP", Some(Unfinished)),
            (b"list.csv.part", Some(Unfinished)),
            (b"list.csv.filepart", Some(Unfinished)),
            (b"list.csv.crdownload", Some(Unfinished)),
            (b"list.csv.download", Some(Unfinished)),
            (b"list.csv.swp", Some(Unfinished)),
            (b"~$list.xlsx", Some(OfficeTemporary)),
            (b"5F2A1C00", Some(OfficeTemporary)),
            (b"Thumbs.db", Some(Litter)),
            (b"thumbs.DB", Some(Litter)),
            (b"desktop.ini", Some(Litter)),
        ];
        for (name, expected) in table {
            assert_eq!(ignored_by_name(OsStr::from_bytes(name)), *expected, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_count_agrees_with_the_listing() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for name in ["a.csv", "b.csv.part", ".hidden", "zillow/c.csv", "zillow/deep/d.csv", "sheet.numbers/index.zip", ".claimed/x/e.csv"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("folder");
            fs::write(path, "x").expect("write");
        }
        let listing = list(dir.path()).expect("list");
        let mut names: Vec<_> = listing.drops.iter().map(|drop| drop.rel.to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, ["a.csv", "sheet.numbers", "zillow/c.csv", "zillow/deep/d.csv"]);
        assert_eq!(count(dir.path()).expect("count"), 4);
    }

    #[test]
    fn older_drops_come_first_then_names() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for (name, seconds) in [("c.csv", 20), ("b.csv", 10), ("a.csv", 20)] {
            let file = fs::File::create(dir.path().join(name)).expect("create");
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).expect("set time");
        }
        let order: Vec<_> = list(dir.path()).expect("list").drops.into_iter().map(|drop| drop.rel).collect();
        assert_eq!(order, ["b.csv", "a.csv", "c.csv"].map(PathBuf::from));
    }

    #[test]
    fn folders_are_entered_to_a_bounded_depth() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let deep = ["1", "2", "3", "4", "5", "6", "7", "8"].iter().collect::<PathBuf>();
        fs::create_dir_all(dir.path().join(&deep).join("9")).expect("folders");
        fs::write(dir.path().join(&deep).join("in.csv"), "x").expect("write");
        fs::write(dir.path().join(&deep).join("9/out.csv"), "x").expect("write");
        let listing = list(dir.path()).expect("list");
        assert_eq!(listing.drops.len(), 1);
        assert_eq!(listing.ignored, [(deep.join("9"), IgnoredWhy::TooDeep)]);
        assert_eq!(count(dir.path()).expect("count"), 1);
    }
}
