//! Claims that wait for a person: a note in the claim folder says why, and its name says what was decided.
//!
//! The name changes by one rename, so that a claim is held, or released, or discarded at every moment, whatever dies.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Claim, Spool, SpoolError};
use crate::durable::{self, Sync};

/// What a claim waits for, or what a person decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldMark {
    /// It waits for a person.
    Held,
    /// It is to be taken in, whatever its figures are.
    Released,
    /// It is to go to `failed/` as it is.
    Discarded,
}

impl HoldMark {
    /// Every mark, those that a person made first.
    pub const ALL: [Self; 3] = [Self::Discarded, Self::Released, Self::Held];

    /// The name of the note in the claim folder.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Held => ".hold",
            Self::Released => ".released",
            Self::Discarded => ".discarded",
        }
    }
}

/// The note about a held file. Figures and codes, no cell's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Its job.
    pub job_id: String,
    /// As in a report.
    pub file: String,
    /// Since when: RFC 3339, UTC.
    pub at: String,
    /// Of its content, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Rows that wait with it.
    pub rows: u64,
    /// A sentence for each finding that is not as it should be, the worst first.
    pub why: Vec<String>,
    /// Their codes.
    pub causes: Vec<String>,
}

/// What is marked on a claim, if anything.
#[must_use]
pub fn mark_of(claim: &Claim) -> Option<HoldMark> {
    HoldMark::ALL.into_iter().find(|mark| claim.dir.join(mark.file_name()).exists())
}

/// Every file that waits for a person, by age. Looks only, and needs no writer.
///
/// # Errors
/// When the claims folder cannot be listed; where there is none, nothing is held.
pub fn held(claimed: &Path) -> io::Result<Vec<Held>> {
    let entries = match std::fs::read_dir(claimed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let read = std::fs::read(entry?.path().join(HoldMark::Held.file_name()));
        let Ok(text) = read else { continue }; // not held, or decided about meanwhile
        found.extend(serde_json::from_slice::<Held>(&text).ok());
    }
    found.sort_unstable_by(|a, b| a.job_id.cmp(&b.job_id));
    Ok(found)
}

impl Spool {
    /// Has a claim wait for a person, durably.
    ///
    /// # Errors
    /// When the note cannot be written; the claim is then an ordinary one, and is assessed again at the next start.
    pub fn hold(&self, claim: &Claim, held: &Held) -> Result<(), SpoolError> {
        let path = claim.dir.join(HoldMark::Held.file_name());
        let text = serde_json::to_vec(held).expect("texts and numbers are JSON");
        durable::replace_file(&path, &text, 0o640, Sync::Yes)
            .map_err(|error| SpoolError::at("write the note about a held file", &path, error))
    }

    /// Writes down what was decided about a claim, durably. Whether it was as `from` says.
    ///
    /// # Errors
    /// When the note cannot be renamed.
    pub fn decide(&self, claim: &Claim, from: HoldMark, to: HoldMark) -> Result<bool, SpoolError> {
        let (from, to) = (claim.dir.join(from.file_name()), claim.dir.join(to.file_name()));
        match durable::rename_noreplace(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            renamed => renamed.map_err(|error| SpoolError::at("write down what was decided about a held file", &from, error))?,
        }
        durable::sync_dir(&claim.dir).map_err(|error| SpoolError::at("make a decision durable", &claim.dir, error))?;
        Ok(true)
    }
}
