//! Journals: append-only, fsynced JSON lines under `logs/`, each line published exactly once.
//!
//! The store decides where a line begins ([`Head::place`], inside its transaction) and keeps the line in its outbox;
//! [`Journals::publish`] then makes the files agree. Publishing is idempotent: what already stands at its place is left
//! there, a torn tail of ours is cut, what is missing is appended. So recovery is nothing but publishing the outbox again.
//!
//! Deliberately absent: retries (a failed fsync is the caller's recovery to run), retention (closed segments are never
//! removed here), and any knowledge of jobs or leads. Two writers on one folder are prevented by the root's lock, not here.
//!
//! * `append` is the writer; `read` streams the lines back and verifies the audit chain.
//! * `report`, `alert` and `audit` are the wire types of the three journals; `snapshot` the small files made again at will.

pub mod alert;
mod append;
pub mod audit;
pub mod read;
pub mod report;
pub mod snapshot;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::durable::sync_dir;
use append::Appender;

pub use alert::{Alert, AlertCode, Folding, Severity};
pub use audit::{Action, AuditEntry, seal};
pub use read::{ChainFault, ChainVerdict, Record, Records, State, read, verify_chain};
pub use report::{Report, safe_column_name};

/// One of the three journals, in the order in which they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Journal {
    /// `reports.jsonl`: one line per job.
    Reports,
    /// `alerts.jsonl`: what a person should know.
    Alerts,
    /// `audit.jsonl`: who, what, when; chained by hashes.
    Audit,
}

impl Journal {
    /// All journals, in the order in which they are published.
    pub const ALL: [Self; 3] = [Self::Reports, Self::Alerts, Self::Audit];

    /// The file's name without its ending; also the journal's name in the store.
    #[must_use]
    pub const fn stem(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
        }
    }

    /// The journal with this stem.
    #[must_use]
    pub fn from_stem(stem: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|journal| journal.stem() == stem)
    }

    /// The active file, which keeps its name for ever.
    #[must_use]
    pub fn active_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.jsonl", self.stem()))
    }

    /// The file of a closed segment, numbered from 1.
    #[must_use]
    pub fn closed_path(self, dir: &Path, segment: u32) -> PathBuf {
        dir.join(format!("{}.{segment:06}.jsonl", self.stem()))
    }
}

/// Where a journal ends: what the store keeps of it, changed only in the transaction that places lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whose end this is.
    pub journal: Journal,
    /// Number of the active file, from 1.
    pub segment: u32,
    /// Length of the active file in bytes once every placed line is published.
    pub length: u64,
    /// SHA-256 of the last line without its newline; zeros before the first.
    pub last_hash: [u8; 32],
}

impl Head {
    /// The head of a journal without a line.
    #[must_use]
    pub const fn new(journal: Journal) -> Self {
        Self { journal, segment: 1, length: 0, last_hash: [0; 32] }
    }

    /// Gives a line (JSON, no newline) its place and moves the head behind it.
    ///
    /// A line that would start at or beyond `rotate_bytes` begins the next segment; a line is never split.
    #[must_use]
    pub fn place(&mut self, line: Vec<u8>, rotate_bytes: u64) -> Line {
        debug_assert!(!line.contains(&b'\n'), "a record is one line");
        if self.length > 0 && self.length >= rotate_bytes {
            self.segment += 1;
            self.length = 0;
        }
        self.last_hash = hash(&line);
        let mut bytes = line;
        bytes.push(b'\n');
        let placed = Line { journal: self.journal, segment: self.segment, offset: self.length, bytes };
        self.length += placed.bytes.len() as u64;
        placed
    }
}

/// A line and its place: one row of the store's outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The journal it belongs to.
    pub journal: Journal,
    /// The segment it stands in, from 1.
    pub segment: u32,
    /// Where in the segment it begins, in bytes.
    pub offset: u64,
    /// The JSON and its newline.
    pub bytes: Vec<u8>,
}

/// Something in a journal that we did not write, or that we wrote and is gone; the line itself was published all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Bytes of somebody else (an editor, a script) stand where our line belongs; they were kept.
    Foreign {
        /// The journal.
        journal: Journal,
        /// Where the line belonged.
        expected: u64,
        /// Where it stands now.
        found: u64,
    },
    /// The file is shorter than what was published to it: cut, emptied, deleted or moved away.
    Cut {
        /// The journal.
        journal: Journal,
        /// Where the line belonged: the least length the file should have had.
        expected: u64,
        /// Where it stands now.
        found: u64,
    },
    /// The name for the closed segment is taken, so the active file goes on growing.
    Occupied {
        /// The journal.
        journal: Journal,
        /// The file in the way.
        path: PathBuf,
    },
}

impl Note {
    /// The journal it is about.
    #[must_use]
    pub const fn journal(&self) -> Journal {
        match self {
            Self::Foreign { journal, .. } | Self::Cut { journal, .. } | Self::Occupied { journal, .. } => *journal,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stem = self.journal().stem();
        match self {
            Self::Foreign { expected, found, .. } => {
                write!(f, "{stem}.jsonl holds text that was not written by this program (line due at byte {expected}, now at {found})")
            }
            Self::Cut { expected, found, .. } => {
                write!(f, "{stem}.jsonl was cut, emptied or replaced (line due at byte {expected}, now at {found})")
            }
            Self::Occupied { path, .. } => {
                write!(f, "{stem}.jsonl could not be closed: {} is already there; move it away", path.display())
            }
        }
    }
}

/// Why lines could not be published. They stay in the outbox, and publishing them again is safe.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk, or the quota, is full.
    #[error("{}: no space left to append; free some space and the line is appended then", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system could not say that the lines are on disk. What is in memory may no longer be what is on disk,
    /// so these journals refuse to work on: open them anew and publish again.
    #[error("{}: the disk did not confirm the last lines; check the disk, recovery has to run before anything else is written", path.display())]
    Fsync {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("{}: cannot {action} the journal; check that the folder exists and that this user may read and write there", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            _ => Self::Io { action, path, source },
        }
    }
}

/// The three journals of one folder, open for appending: one appender each.
#[derive(Debug)]
pub struct Journals {
    appenders: [Appender; 3],
    dir: PathBuf,
    /// Set by a failed fsync, which is never simply tried again: the second call would say "fine" about lost pages.
    unconfirmed: Option<PathBuf>,
}

impl Journals {
    /// Opens the journals of a folder; `mode` is for files made here. Creates nothing until a line is published.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn open(dir: &Path, mode: u32) -> Result<Self, JournalError> {
        let [reports, alerts, audit] = Journal::ALL;
        let open = |journal| Appender::new(dir, journal, mode);
        let appenders = [open(reports)?, open(alerts)?, open(audit)?];
        Ok(Self { appenders, dir: dir.to_owned(), unconfirmed: None })
    }

    /// The heads as the files have them: for a new or restored store that is to go on with the journals that lie here.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn heads(&self) -> Result<[Head; 3], JournalError> {
        let [reports, alerts, audit] = Journal::ALL;
        Ok([read::head(&self.dir, reports)?, read::head(&self.dir, alerts)?, read::head(&self.dir, audit)?])
    }

    /// How many lines the files of a journal have; in the audit trail, the number of the last entry. Reads all of them.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn count(&self, journal: Journal) -> Result<u64, JournalError> {
        let mut lines = 0;
        for record in read::read(&self.dir, journal)? {
            let record = record?;
            lines += u64::from(record.state == State::Whole);
            if journal == Journal::Audit
                && let Ok(entry) = serde_json::from_slice::<AuditEntry>(&record.bytes)
            {
                lines = entry.seq;
            }
        }
        Ok(lines)
    }

    /// The store has taken over [`heads`](Self::heads): what it places from now on stands where it says.
    pub fn realign(&mut self) {
        self.appenders.iter_mut().for_each(Appender::realign);
    }

    /// Brings every line to its place, durably, whatever an earlier attempt left. The lines of a journal come in order.
    ///
    /// On `Ok` they are all on disk and may leave the outbox. The notes say what was odd; see [`Note`].
    ///
    /// # Errors
    /// See [`JournalError`]; after `Fsync` this value only ever returns `Fsync`.
    pub fn publish(&mut self, lines: &[Line]) -> Result<Vec<Note>, JournalError> {
        if let Some(path) = &self.unconfirmed {
            return Err(JournalError::Fsync { path: path.clone(), source: io::Error::other("an earlier fsync failed") });
        }
        let result = self.publish_each(lines);
        if let Err(JournalError::Fsync { path, .. }) = &result {
            self.unconfirmed = Some(path.clone());
        }
        result.map(|()| self.appenders.iter_mut().flat_map(|appender| appender.notes.drain(..)).collect())
    }

    fn publish_each(&mut self, lines: &[Line]) -> Result<(), JournalError> {
        for (journal, appender) in Journal::ALL.into_iter().zip(&mut self.appenders) {
            let mut own = lines.iter().filter(|line| line.journal == journal).peekable();
            if own.peek().is_some() {
                appender.publish(own)?;
            }
        }
        if self.appenders.iter().any(|appender| appender.folder_dirty) {
            sync_dir(&self.dir).map_err(|source| JournalError::Fsync { path: self.dir.clone(), source })?;
            self.appenders.iter_mut().for_each(|appender| appender.folder_dirty = false);
        }
        Ok(())
    }
}

/// SHA-256.
fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal, as `prev` is written.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    const MODE: u32 = 0o640;
    const NEVER: u64 = u64::MAX;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("temporary folder")
    }

    fn open(dir: &Path) -> Journals {
        Journals::open(dir, MODE).expect("open")
    }

    /// So many distinct lines, placed.
    fn lines(head: &mut Head, count: usize, rotate_bytes: u64) -> Vec<Line> {
        (0..count)
            .map(|n| head.place(format!(r#"{{"at":"{}/{}","n":{n}}}"#, head.segment, head.length).into_bytes(), rotate_bytes))
            .collect()
    }

    fn joined(lines: &[Line]) -> Vec<u8> {
        lines.iter().flat_map(|line| line.bytes.clone()).collect()
    }

    fn active(dir: &Path) -> Vec<u8> {
        fs::read(Journal::Reports.active_path(dir)).expect("active file")
    }

    fn times(dir: &Path, line: &Line) -> usize {
        let whole = |record: &Record| record.state == State::Whole && line.bytes.strip_suffix(b"\n") == Some(&record.bytes);
        read(dir, line.journal).expect("read").filter(|record| whole(record.as_ref().expect("record"))).count()
    }

    #[test]
    fn segments_close_at_the_limit_and_lines_are_never_split() {
        let (dir, mut head) = (folder(), Head::new(Journal::Reports));
        let placed = lines(&mut head, 10, 60);
        let mut journals = open(dir.path());
        assert_eq!(journals.publish(&placed).expect("published"), vec![]);
        assert!(head.segment > 2, "the case needs several segments");
        for segment in 1..=head.segment {
            let own: Vec<Line> = placed.iter().filter(|line| line.segment == segment).cloned().collect();
            let path = if segment == head.segment {
                Journal::Reports.active_path(dir.path())
            } else {
                dir.path().join(format!("reports.{segment:06}.jsonl"))
            };
            assert_eq!(fs::read(path).expect("segment"), joined(&own));
            assert!(own.iter().all(|line| line.offset < 60));
        }
        let found: Vec<_> = read(dir.path(), Journal::Reports).expect("read").map(|record| record.expect("record")).collect();
        let place = |record: &Record| (record.segment, record.offset, record.bytes.clone());
        let expected = placed.iter().map(|line| (line.segment, line.offset, line.bytes[..line.bytes.len() - 1].to_vec()));
        assert_eq!(found.iter().map(place).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(journals.heads().expect("heads")[0], head, "a new store goes on where the files end");
    }

    #[test]
    fn a_line_torn_at_any_byte_is_made_whole() {
        let (mut head, mut placed) = (Head::new(Journal::Reports), Vec::new());
        placed.extend(lines(&mut head, 3, NEVER));
        let whole = joined(&placed);
        let first = placed[0].bytes.len();
        for cut in first..=whole.len() {
            for zeros in [0, 7] {
                let dir = folder();
                let zeros = if whole[cut - 1] == b'\n' && cut == whole.len() { 0 } else { zeros };
                let left = [&whole[..cut], &vec![0; zeros][..]].concat();
                fs::write(Journal::Reports.active_path(dir.path()), left).expect("what the crash left");
                assert_eq!(open(dir.path()).publish(&placed[1..]).expect("recovery"), vec![], "cut at {cut}");
                assert_eq!(active(dir.path()), whole, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_crash_around_a_rotation_leaves_nothing_double() {
        let mut head = Head::new(Journal::Reports);
        let placed = [lines(&mut head, 2, NEVER), lines(&mut head, 2, 1)].concat();
        assert_eq!(placed.iter().map(|line| line.segment).collect::<Vec<_>>(), [1, 1, 2, 3]);
        let first = joined(&placed[..2]);
        for torn in 0..=placed[2].bytes.len() {
            let dir = folder();
            fs::write(Journal::Reports.closed_path(dir.path(), 1), &first).expect("closed before the crash");
            fs::write(Journal::Reports.active_path(dir.path()), &placed[2].bytes[..torn]).expect("begun");
            let mut journals = open(dir.path());
            for _ in 0..2 {
                assert_eq!(journals.publish(&placed).expect("recovery"), vec![]);
                assert!(placed.iter().all(|line| times(dir.path(), line) == 1), "torn at {torn}");
                assert_eq!(active(dir.path()), placed[3].bytes);
            }
        }
    }

    #[test]
    fn publishing_again_changes_nothing() {
        let (dir, mut head) = (folder(), Head::new(Journal::Reports));
        let mut placed = lines(&mut head, 5, NEVER);
        placed.extend(lines(&mut Head::new(Journal::Audit), 2, NEVER));
        let mut journals = open(dir.path());
        for _ in 0..2 {
            assert_eq!(journals.publish(&placed).expect("published"), vec![]);
            assert_eq!(open(dir.path()).publish(&placed[3..]).expect("published"), vec![]);
        }
        assert_eq!(active(dir.path()), joined(&placed[..5]));
        assert!(!Journal::Alerts.active_path(dir.path()).exists(), "no line, no file");
    }

    #[test]
    fn what_somebody_did_to_the_file_is_noted_once_and_loses_nothing() {
        type Damage = fn(&Path);
        let table: [(&str, Damage, bool); 7] = [
            ("a foreign line", |path| fs::write(path, [&fs::read(path).expect("file"), &b"hello\n"[..]].concat()).expect("damage"), false),
            ("no final newline", |path| fs::write(path, [&fs::read(path).expect("file"), &b"hello"[..]].concat()).expect("damage"), false),
            ("an editor's newline", |path| fs::write(path, [&b"\n"[..], &fs::read(path).expect("file")].concat()).expect("damage"), false),
            ("cut", |path| fs::write(path, &fs::read(path).expect("file")[..30]).expect("damage"), true),
            ("emptied", |path| fs::write(path, "").expect("damage"), true),
            ("deleted", |path| fs::remove_file(path).expect("damage"), true),
            ("moved by logrotate", |path| fs::rename(path, path.with_extension("1")).expect("damage"), true),
        ];
        for (name, damage, cut) in table {
            for reopen in [false, true] {
                let (dir, mut head) = (folder(), Head::new(Journal::Reports));
                let mut journals = open(dir.path());
                journals.publish(&lines(&mut head, 3, NEVER)).expect("before");
                damage(&Journal::Reports.active_path(dir.path()));
                if reopen {
                    journals = open(dir.path());
                }
                let placed = lines(&mut head, 3, NEVER);
                let notes = journals.publish(&placed).expect("published all the same");
                assert_eq!(notes.len(), 1, "{name}: {notes:?}");
                assert_eq!(matches!(notes[0], Note::Cut { .. }), cut, "{name}: {notes:?}");
                assert_eq!(journals.publish(&lines(&mut head, 1, NEVER)).expect("next"), vec![], "{name}: told once");
                open(dir.path()).publish(&placed).expect("recovery");
                assert!(placed.iter().all(|line| times(dir.path(), line) == 1), "{name}");
            }
        }
    }

    #[test]
    fn closed_segments_that_were_taken_away_do_not_close_the_active_file_twice() {
        let (dir, mut head) = (folder(), Head::new(Journal::Reports));
        let placed = [lines(&mut head, 1, NEVER), lines(&mut head, 1, 1), lines(&mut head, 1, NEVER)].concat();
        open(dir.path()).publish(&placed[..2]).expect("two segments");
        fs::remove_file(Journal::Reports.closed_path(dir.path(), 1)).expect("taken away");
        assert_eq!(open(dir.path()).publish(&placed[1..]).expect("published"), vec![]);
        assert_eq!(active(dir.path()), joined(&placed[1..]));
    }

    #[test]
    fn a_full_disk_and_a_failed_fsync_are_told_apart() {
        let dir = folder();
        let placed = lines(&mut Head::new(Journal::Reports), 1, NEVER);
        symlink("/dev/full", Journal::Reports.active_path(dir.path())).expect("link");
        let mut journals = open(dir.path());
        assert!(matches!(journals.publish(&placed), Err(JournalError::Full { .. })));
        fs::remove_file(Journal::Reports.active_path(dir.path())).expect("space again");
        assert_eq!(journals.publish(&placed).expect("goes on by itself"), vec![]);

        let alerts = lines(&mut Head::new(Journal::Alerts), 1, NEVER);
        symlink("/dev/null", Journal::Alerts.active_path(dir.path())).expect("link"); // takes writes, knows no fsync
        assert!(matches!(journals.publish(&alerts), Err(JournalError::Fsync { .. })));
        assert!(matches!(journals.publish(&placed), Err(JournalError::Fsync { .. })), "never just tried again");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Publish { count: usize, rotate_bytes: u64, torn_at: Option<usize> },
        Append(Vec<u8>),
        Truncate(usize),
        Delete,
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..5_usize, prop_oneof![Just(NEVER), Just(50)], prop::option::of(0..120_usize))
                .prop_map(|(count, rotate_bytes, torn_at)| Step::Publish { count, rotate_bytes, torn_at }),
            1 => prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'{'), Just(0)], 1..5).prop_map(Step::Append),
            1 => (0..200_usize).prop_map(Step::Truncate),
            1 => Just(Step::Delete),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever crashes and strangers do in between, each published line stands in the files exactly once.
        #[test]
        fn every_line_is_published_exactly_once(steps in prop::collection::vec(step(), 1..12)) {
            let (dir, mut head) = (folder(), Head::new(Journal::Reports));
            let path = Journal::Reports.active_path(dir.path());
            let mut journals = open(dir.path());
            let mut serial = 0;
            for step in steps {
                match step {
                    Step::Publish { count, rotate_bytes, torn_at } => {
                        let placed: Vec<Line> = (0..count).map(|_| {
                            serial += 1;
                            head.place(format!(r#"{{"serial":{serial}}}"#).into_bytes(), rotate_bytes)
                        }).collect();
                        if let Some(torn_at) = torn_at {
                            let some = torn_at % (count + 1);
                            journals.publish(&placed[..some]).expect("published in part");
                            if let Some(next) = placed.get(some).filter(|line| line.offset > 0) {
                                let part = &next.bytes[..torn_at % next.bytes.len()];
                                fs::write(&path, [&fs::read(&path).unwrap_or_default(), part].concat()).expect("torn");
                            }
                            journals = open(dir.path());
                        }
                        journals.publish(&placed).expect("published");
                        for line in &placed {
                            prop_assert_eq!(times(dir.path(), line), 1);
                        }
                    }
                    Step::Append(bytes) => fs::write(&path, [fs::read(&path).unwrap_or_default(), bytes].concat()).expect("append"),
                    Step::Truncate(length) => {
                        let mut bytes = fs::read(&path).unwrap_or_default();
                        bytes.truncate(length);
                        fs::write(&path, bytes).expect("truncate");
                    }
                    Step::Delete => { let _ = fs::remove_file(&path); } // it may be gone already
                    Step::Reopen => journals = open(dir.path()),
                }
            }
        }
    }
}
