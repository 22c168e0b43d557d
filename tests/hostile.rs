//! Whoever may drop files may also be hostile: names, links and shapes of files that try to get us outside, stuck, out of
//! memory, or to forge what a terminal shows.
//!
//! Each attack runs against the real daemon, and afterwards an ordinary file must go through. The short forms run with every
//! change; `TEST_SWAP_SECONDS=60` and `TEST_BOMBS=full` make them long and large.

mod support;

#[path = "hostile/attacked.rs"]
mod attacked;
#[path = "hostile/bombs.rs"]
mod bombs;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/swapper.rs"]
mod swapper;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use support::{Root, tree};

/// Files outside the folders of the daemon, that nobody dropped: they must be as they were, and never be read.
struct Canary {
    dir: PathBuf,
    before: Vec<(PathBuf, Vec<u8>, u64, i64)>,
}

/// In every canary, and nowhere else.
const SECRET: &str = "canary-that-nobody-dropped";

impl Canary {
    /// A folder of files that would be taken with joy, if they lay in the inbox.
    fn placed(root: &Root) -> Self {
        let dir = root.path("elsewhere");
        for name in ["secret.csv", "x.csv", "zillow/x.csv", "unfinished.part"] {
            let tag = name.replace(['/', '.'], "-");
            root.write(Path::new("elsewhere").join(name), format!("name,email,value\n{SECRET},{tag}@{SECRET}.example,5\n"));
        }
        let before = Self::look(&dir);
        Self { dir, before }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn look(dir: &Path) -> Vec<(PathBuf, Vec<u8>, u64, i64)> {
        let looked = tree(dir).into_iter().map(|(path, bytes)| {
            let metadata = dir.join(&path).metadata().expect("metadata");
            (path, bytes, metadata.ino(), metadata.mtime_nsec())
        });
        looked.collect()
    }

    /// Fails when a canary was touched, or a word of it is anywhere in the root; `aside` is where the attacker works.
    #[track_caller]
    fn assert_untouched(&self, root: &Root, aside: &[&str]) {
        assert_eq!(Self::look(&self.dir), self.before, "something outside was touched");
        for (path, bytes) in tree(&root.path("")) {
            let is_aside = aside.iter().chain(&["elsewhere"]).any(|aside| path.starts_with(aside));
            let holds = memchr::memmem::find(&bytes, SECRET.as_bytes()).is_some();
            assert!(is_aside || !holds, "{} holds what was never dropped", path.display());
        }
        assert!(root.leads().iter().all(|lead| !lead.to_string().contains(SECRET)));
    }
}

/// Seconds that a racing test may take.
fn seconds(usual: u64) -> u64 {
    std::env::var("TEST_SWAP_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(usual)
}

/// A file with one row, whose address tells which file it was.
fn numbered(number: u64) -> String {
    format!("name,email,value\nN,n{number}@numbered.example,{}\n", number + 1)
}

/// The number in the address of a numbered file's lead.
fn number_in(text: &str) -> Option<u64> {
    let end = text.find("@numbered.example")?;
    let start = text[..end].rfind(|c: char| !c.is_ascii_digit())? + 1;
    text[start..end].parse().ok()
}

/// Every number found in the files below these folders.
fn numbers_below(dirs: &[PathBuf]) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        dirs.iter().flat_map(|dir| tree(dir)).filter_map(|(_, bytes)| number_in(&String::from_utf8_lossy(&bytes))).collect();
    numbers.sort_unstable();
    numbers
}

/// Every name below a folder, whatever it stands for.
fn all_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
