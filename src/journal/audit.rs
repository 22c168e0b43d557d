//! The wire type of `audit.jsonl`: who did what and when, each entry sealed with the hash of the one before.
//!
//! Verification is in `read`. Anything about a lead beyond counts has no place in `detail`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::SCHEMA;
use super::{Head, hex};

/// One entry; `prev` is filled in by [`seal`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Version of the record.
    pub schema: u32,
    /// When: RFC 3339, UTC, milliseconds, `Z`.
    pub at: String,
    /// Number of the entry, from 1, without gaps.
    pub seq: u64,
    /// Who: `daemon`, `cli`.
    pub actor: String,
    /// What.
    pub action: Action,
    /// The job it is about.
    pub job_id: Option<String>,
    /// The file it is about.
    pub file: Option<String>,
    /// Figures and names that belong to it.
    pub detail: BTreeMap<String, Value>,
    /// SHA-256 of the line before, in hexadecimal; zeros in the first.
    pub prev: String,
}

impl AuditEntry {
    /// An entry about the installation; the caller adds job, file and detail.
    #[must_use]
    pub fn new(at: &str, seq: u64, actor: &str, action: Action) -> Self {
        Self {
            schema: SCHEMA,
            at: at.to_owned(),
            seq,
            actor: actor.to_owned(),
            action,
            job_id: None,
            file: None,
            detail: BTreeMap::new(),
            prev: String::new(),
        }
    }
}

/// What is audited: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The root was set up.
    Initialised,
    /// A daemon or a command that writes began.
    Started,
    /// It ended by itself.
    Stopped,
    /// Recovery finished what a crash or a failed disk had left.
    Recovered,
    /// A job was claimed, committed and moved: one entry for all three.
    Job,
    /// The configuration is another than before.
    ConfigChanged,
    /// An archived file was processed again.
    Replayed,
    /// A script took a step on its ladder.
    ScriptStep,
    /// The outcome model was trained, activated, or another was pinned.
    ModelStep,
    /// A job's effect was taken out.
    Undone,
    /// Stored leads were brought up to the versions in force.
    Rescored,
    /// The store was made anew from the archive and the journals.
    Rebuilt,
    /// The store's schema was raised.
    StoreMigrated,
    /// A file's figures were too bad to count it unseen: it waits for a person.
    Held,
    /// A person had a held file taken in.
    HoldReleased,
    /// A person had a held file moved to `failed/`.
    HoldDiscarded,
    /// An alert was acknowledged.
    AlertAcknowledged,
    /// A person was erased; known by a keyed hash only.
    Forgotten,
    /// A person who was erased may come in again.
    ForgottenAllowed,
    /// Rows of an erased person were taken out of a file of the archive.
    ArchiveRewritten,
    /// A file of the archive was removed, because an erased person stood in it.
    ArchiveRemoved,
    /// Files of the archive were removed, because they were older than they are to be kept.
    Expired,
}

/// The line of an entry, chained to the journal's last: to be placed by the same head, before anything else is.
#[must_use]
pub fn seal(mut entry: AuditEntry, head: &Head) -> Vec<u8> {
    entry.prev = hex(&head.last_hash);
    serde_json::to_vec(&entry).expect("an entry holds only JSON values with text keys")
}
