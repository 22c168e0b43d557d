//! Asks the system who else may be writing a file, and whether its answer can be trusted.
//!
//! The only place of the inbox that depends on the platform. It decides nothing: `settle.rs` weighs the answer.

use std::path::Path;

/// What the system says about writers of an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// A read lease was granted: at that moment nobody had the file open for writing.
    Granted,
    /// Refused because somebody has it open for writing.
    Held,
    /// No answer: another owner's file without the right to lease it, or a file system or platform without leases.
    Unsupported,
}

/// Asks for a read lease on `file` and gives it back at once.
///
/// The file must be open for reading only: our own write access would count as a writer.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no safe wrapper for F_SETLEASE exists in the crates we use")]
pub fn try_read_lease(file: &std::fs::File) -> Lease {
    use std::os::fd::AsRawFd;
    /// Chooses the signal that announces a lease break; the same number on every Linux architecture.
    const F_SETSIG: libc::c_int = 10;

    let fd = file.as_raw_fd();
    // Between the grant and the return a writer may arrive, and the system would then signal us: SIGIO by default, which
    // ends a process that does not handle it. SIGURG is ignored by default and nothing here uses it.
    // SAFETY: `fd` is open for as long as `file` is borrowed, and these commands take an integer and no pointer.
    let (answer, error) = unsafe {
        if libc::fcntl(fd, F_SETSIG, libc::SIGURG) == -1 {
            return Lease::Unsupported;
        }
        let answer = libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK);
        let error = std::io::Error::last_os_error();
        if answer == 0 {
            libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK);
        }
        (answer, error)
    };
    match answer {
        0 => Lease::Granted,
        _ if error.kind() == std::io::ErrorKind::WouldBlock => Lease::Held,
        _ => Lease::Unsupported,
    }
}

/// Without leases there is no answer.
#[cfg(not(target_os = "linux"))]
pub fn try_read_lease(_file: &std::fs::File) -> Lease {
    Lease::Unsupported
}

/// Whether others can write to the file system behind this machine's back, so that neither events nor leases are the whole
/// truth: NFS, SMB, FUSE, 9p and their kind.
///
/// Where the question cannot be answered the file system is taken for a local one; the periodic listing still finds all.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_remote(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|magic| REMOTE.contains(&magic)))
}

/// Only Linux is asked; elsewhere `poll = "always"` is the way.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn is_remote(_path: &Path) -> bool {
    false
}

/// `statfs` magic numbers, from `linux/magic.h` and the file systems' own headers.
#[cfg(target_os = "linux")]
const REMOTE: &[u32] = &[
    0x6969,      // NFS
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB2 and later
    0x517B,      // SMB, the old one
    0x6573_5546, // FUSE: sshfs, rclone, Docker Desktop, s3fs
    0x0102_1997, // 9p: WSL, QEMU
    0x00C3_6400, // Ceph
    0x5346_414F, // AFS
    0x6B41_4653, // kAFS
    0x7375_7245, // Coda
    0x564C,      // NCP
    0x786F_4256, // VirtualBox shared folder
    0x0116_1970, // GFS2
    0x7461_636F, // OCFS2
    0x0BD0_0BD0, // Lustre
    0xAAD7_AAEA, // PanFS
];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn a_lease_is_refused_while_a_writer_holds_the_file() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("x.csv");
        let writer = File::create(&path).expect("create");
        let reader = File::open(&path).expect("open");
        if try_read_lease(&reader) == Lease::Unsupported {
            eprintln!("skipped: the temporary folder's file system has no leases");
            return;
        }
        assert_eq!(try_read_lease(&reader), Lease::Held);
        drop(writer);
        assert_eq!(try_read_lease(&reader), Lease::Granted);
        // Given back: a writer that refuses to wait for a lease break gets in.
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("a small flag");
        let mut again = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(again.write(true), flags);
        again.open(&path).expect("no lease is left behind");
    }

    #[test]
    fn the_temporary_folder_is_local() {
        assert!(!is_remote(&std::env::temp_dir()));
    }
}
