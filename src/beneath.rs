//! What lies below an open folder, reached without following a single symbolic link.
//!
//! Whoever may write into a shared folder can put a link, a pipe or another folder in the place of anything in it, at any
//! moment between two system calls. So nothing in there is reached by a path from the root: a folder is opened once, where
//! its owner says it lies, and everything below it through that handle. `openat2` does a path in one call; where it is
//! missing (an older Linux, a sandbox, another system) each component is opened by itself, with the same result.
//!
//! It knows nothing of drops, and decides nothing: what stands in the way is an error that says so.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

/// An open folder.
#[derive(Debug)]
pub struct OpenFolder(OwnedFd);

impl AsFd for OpenFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl OpenFolder {
    /// Opens a folder where it is configured to lie. Links on the way are followed: where the folders lie is for whoever
    /// set them up to say.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?))
    }

    /// Opens a folder below this one, or this one anew for an empty path.
    ///
    /// # Errors
    /// `NotFound` when it is not there, `InvalidInput` for a path that is absolute or climbs, else what the system said;
    /// see [`is_no_folder`].
    pub fn enter(&self, below: &Path) -> io::Result<Self> {
        if below.as_os_str().is_empty() {
            return Ok(Self(openat(&self.0, ".", FOLDER, Mode::empty())?));
        }
        Ok(Self(open_beneath(self.as_fd(), below, FOLDER)?))
    }

    /// Opens a file below this folder for reading, and only a regular one.
    ///
    /// Nobody is waited for: neither a pipe that was put in the file's place nor another process's lease.
    ///
    /// # Errors
    /// As [`enter`](Self::enter), and what [`is_no_file`] tells apart when something else has that name.
    pub fn open_file(&self, below: &Path) -> io::Result<(File, Stat)> {
        regular(open_beneath(self.as_fd(), below, FILE)?)
    }

    /// [`open_file`](Self::open_file), for reading and writing.
    ///
    /// # Errors
    /// As there.
    pub fn open_to_mend(&self, below: &Path) -> io::Result<(File, Stat)> {
        regular(open_beneath(self.as_fd(), below, FILE.union(OFlags::RDWR))?)
    }

    /// Opens whatever has a name below this folder, to flush it.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn open_any(&self, below: &Path) -> io::Result<File> {
        if below.as_os_str().is_empty() {
            return self.enter(below).map(|folder| File::from(folder.0));
        }
        Ok(File::from(open_beneath(self.as_fd(), below, FILE)?))
    }

    /// What has a name below this folder, a link itself and not what it points to; none when nothing has it.
    ///
    /// # Errors
    /// What the system said, but for a folder on the way that is none.
    pub fn look(&self, below: &Path) -> io::Result<Option<Stat>> {
        let (folder, name) = split(below);
        let looked = if folder.as_os_str().is_empty() {
            statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
        } else {
            self.enter(folder).and_then(|folder| Ok(statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?))
        };
        match looked {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if is_no_folder(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a file that is not there yet, directly in this folder. Nothing that stands there is ever opened.
    ///
    /// # Errors
    /// `AlreadyExists`, or what the system said.
    pub fn create_new(&self, name: &Path, mode: Mode) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.0, plain(name)?, flags, mode)?))
    }

    /// Makes a folder directly in this one. Whether it was not there.
    ///
    /// # Errors
    /// What the system said.
    pub fn make_folder(&self, name: &Path, mode: Mode) -> io::Result<bool> {
        match mkdirat(&self.0, plain(name)?, mode) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a folder below this one with all that is missing on the way, and opens it.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn make_folders(&self, below: &Path, mode: Mode) -> io::Result<Self> {
        let mut folder = self.enter(Path::new(""))?;
        for component in below.components() {
            let name = Path::new(component.as_os_str());
            folder.make_folder(name, mode)?;
            folder = folder.enter(name)?;
        }
        Ok(folder)
    }

    /// Removes a file, a link or a pipe that lies directly in this folder. Whether there was one.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove_file(&self, name: &Path) -> io::Result<bool> {
        removed(unlinkat(&self.0, plain(name)?, AtFlags::empty()))
    }

    /// Removes an empty folder that lies directly in this one. Whether there was one.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove_folder(&self, name: &Path) -> io::Result<bool> {
        removed(unlinkat(&self.0, plain(name)?, AtFlags::REMOVEDIR))
    }

    /// The names in this folder, and what they are where the file system says so for nothing.
    ///
    /// # Errors
    /// What the system said.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>>> {
        let entries = Dir::read_from(&self.0)?.map(|entry| {
            let entry = entry?;
            Ok((OsString::from_vec(entry.file_name().to_bytes().to_vec()), entry.file_type()))
        });
        Ok(entries.filter(|entry| entry.as_ref().map_or(true, |(name, _)| name != "." && name != "..")))
    }

    /// The names in this folder with a look at each; what went away in the meantime is left out.
    ///
    /// # Errors
    /// What the system said.
    pub fn looks(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, Stat)>>> {
        let entries = self.entries()?;
        Ok(entries.filter_map(|entry| match entry {
            Ok((name, _)) => self.look(Path::new(&name)).map(|look| Some((name, look?))).transpose(),
            Err(error) => Some(Err(error)),
        }))
    }
}

/// Opens a regular file at a path that somebody named. Links are followed, as any program follows them; a pipe or a device
/// is refused and never waited for.
///
/// # Errors
/// What the system said, and what [`is_no_file`] tells apart.
pub fn open_given(path: &Path) -> io::Result<(File, Stat)> {
    let flags = FILE.difference(OFlags::NOFOLLOW);
    regular(openat(CWD, path, flags, Mode::empty())?)
}

/// Whether an error means that there is no folder of that name: nothing at all, or something else.
#[must_use]
pub fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || is(error, Errno::LOOP) || is(error, Errno::XDEV)
}

/// Whether an error means that the name stands for a link, a pipe, a socket, a device or a folder.
#[must_use]
pub fn is_no_file(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NotAFile>)
        || is(error, Errno::LOOP)
        || is(error, Errno::NXIO)
        || is(error, Errno::NODEV)
        || is(error, Errno::ISDIR)
}

/// What [`is_no_file`] finds in an error.
#[derive(Debug, thiserror::Error)]
#[error("this is a link, a pipe, a device or a folder, not a file")]
struct NotAFile;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Set once the system has said that it has no `openat2`, or that we may not use it.
#[cfg(target_os = "linux")]
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Opens a path below a folder in one call where the system can, else component by component.
fn open_beneath(folder: BorrowedFd<'_>, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let components = below.components().map(|component| match component {
        Component::Normal(name) => Ok(Path::new(name)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    });
    let components = components.collect::<io::Result<Vec<&Path>>>()?;
    #[cfg(target_os = "linux")]
    if !WITHOUT_OPENAT2.load(Ordering::Relaxed) {
        match in_one_call(folder, below, flags) {
            // A sandbox's filter may answer either; a folder that is closed to us says EACCES.
            Err(error) if is(&error, Errno::NOSYS) || is(&error, Errno::PERM) => WITHOUT_OPENAT2.store(true, Ordering::Relaxed),
            opened => return opened,
        }
    }
    component_by_component(folder, &components, flags)
}

#[cfg(target_os = "linux")]
fn in_one_call(folder: BorrowedFd<'_>, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(folder, below, flags, Mode::empty(), resolve)?)
}

fn component_by_component(folder: BorrowedFd<'_>, components: &[&Path], flags: OFlags) -> io::Result<OwnedFd> {
    let Some((name, folders)) = components.split_last() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut inner: Option<OwnedFd> = None;
    for component in folders {
        inner = Some(openat(inner.as_ref().map_or(folder, AsFd::as_fd), *component, FOLDER, Mode::empty())?);
    }
    Ok(openat(inner.as_ref().map_or(folder, AsFd::as_fd), *name, flags, Mode::empty())?)
}

/// The opened file, if it is a regular one.
fn regular(opened: OwnedFd) -> io::Result<(File, Stat)> {
    let stat = fstat(&opened)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NotAFile));
    }
    Ok((File::from(opened), stat))
}

/// One component, so that a call on it cannot leave its folder.
fn plain(name: &Path) -> io::Result<&Path> {
    let mut components = name.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn split(below: &Path) -> (&Path, &Path) {
    (below.parent().unwrap_or(Path::new("")), below.file_name().map_or(Path::new("."), Path::new))
}

fn removed(answer: rustix::io::Result<()>) -> io::Result<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    type Way = fn(BorrowedFd<'_>, &Path, OFlags) -> io::Result<OwnedFd>;

    /// Both ways of opening, so that whoever lacks one has the same answers.
    fn ways() -> Vec<(&'static str, Way)> {
        let by_component: Way = |folder, below, flags| {
            let names = below.components().map(|component| Path::new(component.as_os_str())).collect::<Vec<_>>();
            component_by_component(folder, &names, flags)
        };
        let mut ways = vec![("component by component", by_component)];
        #[cfg(target_os = "linux")]
        {
            let dir = OpenFolder::open(Path::new("/")).expect("the root");
            match in_one_call(dir.as_fd(), Path::new("proc"), FOLDER) {
                Err(error) if is(&error, Errno::NOSYS) || is(&error, Errno::PERM) => eprintln!("skipped: no openat2 here"),
                _ => ways.push(("in one call", in_one_call)),
            }
        }
        ways
    }

    #[test]
    fn no_link_is_followed_on_the_way_and_none_at_the_end() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let at = |rel: &str| dir.path().join(rel);
        fs::create_dir_all(at("base/in/deep")).expect("folders");
        fs::create_dir_all(at("outside")).expect("folder");
        for file in ["base/x.csv", "base/in/deep/x.csv", "outside/x.csv"] {
            fs::write(at(file), file).expect("write");
        }
        symlink(at("outside"), at("base/out")).expect("link");
        symlink("in", at("base/inner")).expect("link");
        symlink("x.csv", at("base/link.csv")).expect("link");
        symlink("/proc/self", at("base/magic")).expect("link");
        let base = OpenFolder::open(&at("base")).expect("open");
        for (way, open) in ways() {
            for below in ["x.csv", "in/deep/x.csv"] {
                regular(open(base.as_fd(), Path::new(below), FILE).expect(below)).expect("a file");
            }
            for below in ["out/x.csv", "inner/deep/x.csv", "magic/status"] {
                let error = open(base.as_fd(), Path::new(below), FILE).expect_err(below);
                assert!(is_no_folder(&error), "{way}: {below}: {error}");
            }
            let error = open(base.as_fd(), Path::new("link.csv"), FILE).expect_err("a link");
            assert!(is_no_file(&error), "{way}: {error}");
            for below in ["out", "inner", "magic", "x.csv", "nothing"] {
                let error = open(base.as_fd(), Path::new(below), FOLDER).expect_err(below);
                assert!(is_no_folder(&error), "{way}: {below}: {error}");
            }
        }
        for below in ["..", "../outside/x.csv", "in/../../outside/x.csv", "/etc/passwd", "./x.csv/..", ""] {
            assert!(base.open_file(Path::new(below)).is_err(), "{below}");
        }
        assert!(base.look(Path::new("out/x.csv")).expect("no error").is_none());
        assert!(base.look(Path::new("link.csv")).expect("no error").is_some(), "the link itself is seen");
    }

    #[test]
    fn nobody_is_waited_for() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("fifo");
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("socket");
        fs::create_dir(dir.path().join("folder")).expect("folder");
        let base = OpenFolder::open(dir.path()).expect("open");
        for name in ["pipe", "socket", "folder"] {
            assert!(is_no_file(&base.open_file(Path::new(name)).expect_err(name)), "{name}");
            assert!(is_no_file(&open_given(&dir.path().join(name)).expect_err(name)), "{name}");
        }
        assert!(is_no_file(&open_given(Path::new("/dev/null")).expect_err("a device")));
    }

    #[test]
    fn what_stands_at_a_name_is_neither_opened_nor_followed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("precious"), "precious").expect("write");
        fs::create_dir(dir.path().join("base")).expect("folder");
        symlink("../precious", dir.path().join("base/.rejects")).expect("link");
        let base = OpenFolder::open(&dir.path().join("base")).expect("open");
        let mode = Mode::from_raw_mode(0o640);
        let error = base.create_new(Path::new(".rejects"), mode).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(base.remove_file(Path::new(".rejects")).expect("the link goes"));
        assert!(!base.remove_file(Path::new(".rejects")).expect("no error"));
        base.create_new(Path::new(".rejects"), mode).expect("free now");
        assert_eq!(fs::read(dir.path().join("precious")).expect("read"), b"precious");
        for name in ["../precious", "a/b", "..", ".", ""] {
            assert!(base.create_new(Path::new(name), mode).is_err() && base.remove_file(Path::new(name)).is_err(), "{name}");
        }
        assert!(dir.path().join("precious").exists());
    }
}
