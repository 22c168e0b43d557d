//! Where the original of a job may be: at its place in the archive, still in its claim folder, or, because people move
//! things, anywhere in the archive or in the folders that we were told of, known by its length and its content.
//!
//! Only looks. What is found is held against the report's hash when it is read.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their length, of the lengths that somebody may ask for.
#[derive(Debug)]
pub(super) struct Originals {
    folders: Vec<PathBuf>,
    wanted: HashSet<u64>,
    found: Option<HashMap<u64, Vec<PathBuf>>>,
}

impl Originals {
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, wanted: HashSet::new(), found: None }
    }

    /// Says beforehand that a file of this length may be looked for, so that one walk finds them all.
    pub fn want(&mut self, length: u64) {
        if self.wanted.insert(length) {
            self.found = None;
        }
    }

    /// Files of this length, in a fixed order.
    pub fn of_length(&mut self, length: u64) -> Vec<PathBuf> {
        self.want(length);
        let (folders, wanted) = (&self.folders, &self.wanted);
        let found = self.found.get_or_insert_with(|| {
            let mut found: HashMap<u64, Vec<PathBuf>> = HashMap::new();
            for folder in folders {
                walk(folder, wanted, &mut found);
            }
            found
        });
        found.get(&length).cloned().unwrap_or_default()
    }
}

/// Whether a plain file of this length lies there.
pub(super) fn is_of_length(path: &Path, length: u64) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == length)
}

/// Gathers plain files; what cannot be listed is as if it were not there, and no link is followed.
fn walk(folder: &Path, wanted: &HashSet<u64>, found: &mut HashMap<u64, Vec<PathBuf>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => walk(&path, wanted, found),
            Ok(metadata) if metadata.is_file() && wanted.contains(&metadata.len()) => {
                found.entry(metadata.len()).or_default().push(path);
            }
            _ => {}
        }
    }
}
