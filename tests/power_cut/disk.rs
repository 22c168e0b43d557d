//! A file system in a sparse image on a loop device: made, saved, cut off from its disk, mounted again.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::support::{tool, wait_for};

/// The kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4, which orders data before metadata and so hides some missing fsyncs.
    Ext4,
    /// XFS, which does not.
    Xfs,
}

/// What still reaches the disk at the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The file system's journal, but no data: names are there, and content that nobody synced is not.
    JournalOnly,
    /// Nothing at all.
    Nothing,
}

impl Cut {
    /// Both.
    pub const ALL: [Self; 2] = [Self::JournalOnly, Self::Nothing];
}

/// The image, mounted. It goes with the mount namespace of the test.
#[derive(Debug)]
pub struct Disk {
    kind: FileSystem,
    dir: tempfile::TempDir,
}

impl Disk {
    /// Makes and mounts one; else why that cannot be done here.
    pub fn make(kind: FileSystem) -> Result<Self, String> {
        for needed in ["strace", "xfs_io"] {
            tool(needed, &[OsStr::new("-V")])?;
        }
        let disk = Self { kind, dir: tempfile::Builder::new().prefix("valhalla-disk-").tempdir().expect("temporary folder") };
        fs::create_dir(disk.at()).expect("mount point");
        let (mib, make, args): (u64, _, &[&str]) = match kind {
            FileSystem::Ext4 => (48, "mkfs.ext4", &["-q", "-F"]),
            FileSystem::Xfs => (320, "mkfs.xfs", &["-q", "-f"]),
        };
        File::create(disk.image()).and_then(|image| image.set_len(mib << 20)).expect("a sparse image");
        let mut args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let image = disk.image();
        args.push(image.as_os_str());
        tool(make, &args)?;
        tool("mount", &[OsStr::new("-o"), OsStr::new("loop"), image.as_os_str(), disk.at().as_os_str()])?;
        Ok(disk)
    }

    /// The kind of file system.
    pub fn kind(&self) -> FileSystem {
        self.kind
    }

    /// Where it is mounted.
    pub fn at(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }

    /// A file beside it, which no cut touches.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Keeps the disk as it is now, all of it durable.
    pub fn save(&self) -> PathBuf {
        self.unmount();
        let saved = self.beside("saved.img");
        copy_sparse(&self.image(), &saved);
        self.mount();
        saved
    }

    /// Makes the disk what it was when it was saved.
    pub fn restore(&self, saved: &Path) {
        self.unmount();
        copy_sparse(saved, &self.image());
        self.mount();
    }

    /// From now on nothing reaches the disk (`FS_IOC_SHUTDOWN`).
    pub fn cut(&self, cut: Cut) {
        let shutdown = match cut {
            Cut::JournalOnly => "shutdown -f",
            Cut::Nothing => "shutdown",
        };
        let at = self.at();
        tool("xfs_io", &["-x".as_ref(), "-c".as_ref(), shutdown.as_ref(), at.as_os_str()]).expect("a shutdown of the file system");
        let probe = File::create(at.join("probe"));
        assert!(probe.is_err(), "the file system goes on writing after its shutdown");
    }

    /// The power is back: what reached the disk is all there is.
    pub fn mount_again(&self) {
        self.unmount();
        self.mount();
    }

    fn image(&self) -> PathBuf {
        self.beside("disk.img")
    }

    fn mount(&self) {
        tool("mount", &["-o".as_ref(), "loop".as_ref(), self.image().as_os_str(), self.at().as_os_str()]).expect("mount");
    }

    fn unmount(&self) {
        let at = self.at();
        let mut said = Ok(());
        wait_for("the disk to be let go", || {
            said = tool("umount", &[at.as_os_str()]);
            said.is_ok()
        });
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = tool("umount", &["--lazy".as_ref(), self.at().as_os_str()]); // or with the namespace
    }
}

fn copy_sparse(from: &Path, to: &Path) {
    let _ = fs::remove_file(to); // a loop device that is still being taken down keeps the old file
    tool("cp", &["--sparse=always".as_ref(), from.as_os_str(), to.as_os_str()]).expect("copy of the image");
}
