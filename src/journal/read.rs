//! Reading journals: their lines in order, where a given line stands, and whether the audit chain holds.
//!
//! Everything streams with bounded lines. Nothing here writes, and nothing here knows what a line means,
//! except for `seq` and `prev`, which make the chain.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Head, Journal, JournalError, hash, hex};
use crate::durable::identity;

/// Longer lines are reported as [`State::Oversized`], without their content. Ours are far shorter.
pub const LINE_BYTES_MAX: u64 = 16 << 20;
/// More faults of a chain are counted but not listed.
const FAULTS_MAX: usize = 100;

/// One line as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The segment it stands in, from 1; the active file has the highest.
    pub segment: u32,
    /// Where in the segment it begins, in bytes.
    pub offset: u64,
    /// The line without its newline; empty when oversized.
    pub bytes: Vec<u8>,
    /// Whether it is whole.
    pub state: State,
}

/// Whether a line is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It ends with a newline.
    Whole,
    /// The file ends before the newline: being written at this moment, or left by a crash and cut by the next publish.
    Torn,
    /// Longer than [`LINE_BYTES_MAX`].
    Oversized,
}

/// The lines of a journal: closed segments in order, then the active file.
///
/// # Errors
/// When the folder cannot be listed or the active file not be opened; a missing one has no lines.
pub fn read(dir: &Path, journal: Journal) -> Result<Records, JournalError> {
    let active_path = journal.active_path(dir);
    let fault = |path: &Path, source| JournalError::new("read", path, source);
    // The active file is opened before the folder is listed: were it closed in between, it would be listed, but never missed.
    let active = match File::open(&active_path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fault(&active_path, error)),
    };
    let closed = closed_segments(dir, journal)?;
    let newest = closed.last().copied().unwrap_or(0);
    let mut waiting: VecDeque<_> = closed.into_iter().map(|segment| (segment, journal.closed_path(dir, segment), None)).collect();
    if let Some(file) = active {
        let own = identity(&file.metadata().map_err(|source| fault(&active_path, source))?);
        let closed_since = newest > 0 && fs::metadata(journal.closed_path(dir, newest)).is_ok_and(|newest| identity(&newest) == own);
        if !closed_since {
            waiting.push_back((newest.saturating_add(1), active_path, Some(file)));
        }
    }
    Ok(Records { waiting, current: None })
}

/// The iterator of [`read`]; it ends after the first error.
#[derive(Debug)]
pub struct Records {
    waiting: VecDeque<(u32, PathBuf, Option<File>)>,
    current: Option<(PathBuf, Segment)>,
}

impl Iterator for Records {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((path, segment)) = &mut self.current {
                match segment.next_record() {
                    Ok(Some(record)) => return Some(Ok(record)),
                    Ok(None) => self.current = None,
                    Err(source) => {
                        let error = JournalError::new("read", path, source);
                        (self.current, self.waiting) = (None, VecDeque::new());
                        return Some(Err(error));
                    }
                }
            }
            let (number, path, file) = self.waiting.pop_front()?;
            match file.map_or_else(|| File::open(&path), Ok) {
                Ok(file) => self.current = Some((path, Segment::new(file, number))),
                Err(source) => {
                    self.waiting.clear();
                    return Some(Err(JournalError::new("read", &path, source)));
                }
            }
        }
    }
}

/// The lines of one file.
#[derive(Debug)]
struct Segment<R = File> {
    reader: BufReader<R>,
    number: u32,
    offset: u64,
}

impl<R: Read> Segment<R> {
    fn new(file: R, number: u32) -> Self {
        Self { reader: BufReader::with_capacity(64 << 10, file), number, offset: 0 }
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let offset = self.offset;
        self.offset += read;
        let state = if bytes.last() == Some(&b'\n') {
            bytes.pop();
            State::Whole
        } else if read == LINE_BYTES_MAX {
            self.offset += self.reader.skip_until(b'\n')? as u64;
            bytes = Vec::new();
            State::Oversized
        } else {
            State::Torn
        };
        Ok(Some(Record { segment: self.number, offset, bytes, state }))
    }
}

/// What the chain of `audit.jsonl` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainVerdict {
    /// Entries read.
    pub lines: u64,
    /// What does not hold, in order of place; at most a hundred.
    pub faults: Vec<ChainFault>,
    /// Faults beyond those listed.
    pub more: u64,
}

impl ChainVerdict {
    /// Whether nothing was changed, taken out, put in or cut off.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    fn add(&mut self, fault: ChainFault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

/// One thing that does not hold, and where: (segment, offset in bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    /// This line, or the one before it, is not what was written.
    Edited(u32, u64),
    /// Entries before this line are gone.
    Gap(u32, u64),
    /// This line is no audit entry of ours.
    Foreign(u32, u64),
    /// The last line has no end.
    Torn(u32, u64),
    /// The store knows later entries; the file ends here.
    Cut(u32, u64),
    /// The store's last entry is followed by others; the file ends here.
    Beyond(u32, u64),
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, segment, offset) = match self {
            Self::Edited(segment, offset) => ("this entry or the one before it was changed", segment, offset),
            Self::Gap(segment, offset) => ("entries before this one are missing", segment, offset),
            Self::Foreign(segment, offset) => ("this line is not an audit entry", segment, offset),
            Self::Torn(segment, offset) => ("the last line is not finished", segment, offset),
            Self::Cut(segment, offset) => ("the tail is missing: the store knows later entries", segment, offset),
            Self::Beyond(segment, offset) => ("entries follow that the store does not know", segment, offset),
        };
        write!(f, "audit journal, segment {segment}, byte {offset}: {what}")
    }
}

/// Follows the chain: each line's `prev` is the SHA-256 of the line before, the first one's is zeros, `seq` counts from 1.
///
/// With the store's head (taken while nothing waits in the outbox) a cut tail shows too.
///
/// # Errors
/// When the journal cannot be read; a fault in the chain is no error but part of the verdict.
pub fn verify_chain(
    records: impl Iterator<Item = Result<Record, JournalError>>,
    head: Option<&Head>,
) -> Result<ChainVerdict, JournalError> {
    #[derive(Deserialize)]
    struct Link {
        seq: u64,
        prev: String,
    }
    let mut verdict = ChainVerdict { lines: 0, faults: Vec::new(), more: 0 };
    let mut last = ([0_u8; 32], 0_u64); // hash and number of the entry before
    let mut last_place = (1, 0);
    let mut end = (1, 0); // where the file ends, whole lines only
    let mut head_seen = head.is_some_and(|head| head.last_hash == last.0);
    for record in records {
        let Record { segment, offset, bytes, state } = record?;
        match state {
            State::Whole => end = (segment, offset + bytes.len() as u64 + 1),
            State::Torn => verdict.add(ChainFault::Torn(segment, offset)),
            State::Oversized => verdict.add(ChainFault::Foreign(segment, offset)),
        }
        if state != State::Whole {
            continue;
        }
        let Ok(link) = serde_json::from_slice::<Link>(&bytes) else {
            verdict.add(ChainFault::Foreign(segment, offset));
            continue;
        };
        if link.prev != hex(&last.0) {
            let follows = link.seq == last.1.wrapping_add(1);
            verdict.add(if follows { ChainFault::Edited(segment, offset) } else { ChainFault::Gap(segment, offset) });
        }
        last = (hash(&bytes), link.seq);
        last_place = (segment, offset);
        head_seen |= head.is_some_and(|head| head.last_hash == last.0);
        verdict.lines += 1;
    }
    if let Some(head) = head.filter(|head| head.last_hash != last.0) {
        verdict.add(if head_seen {
            ChainFault::Beyond(end.0, end.1)
        } else if end < (head.segment, head.length) {
            ChainFault::Cut(end.0, end.1)
        } else {
            ChainFault::Edited(last_place.0, last_place.1)
        });
    }
    Ok(verdict)
}

/// The numbers of the closed segments in the folder.
pub(super) fn closed_segments(dir: &Path, journal: Journal) -> Result<BTreeSet<u32>, JournalError> {
    let fault = |source| JournalError::new("list", dir, source);
    let mut segments = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(journal.stem())?.strip_prefix('.')?.strip_suffix(".jsonl"));
        let number = number.filter(|digits| digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()));
        segments.extend(number.and_then(|digits| digits.parse::<u32>().ok()).filter(|&number| number > 0)); // not a name of ours
    }
    Ok(segments)
}

/// The head as the files have it: after the last whole line.
pub(super) fn head(dir: &Path, journal: Journal) -> Result<Head, JournalError> {
    let newest = closed_segments(dir, journal)?.last().copied().unwrap_or(0);
    let mut head = Head { segment: newest.saturating_add(1), ..Head::new(journal) };
    for (segment, path) in [(newest, journal.closed_path(dir, newest)), (head.segment, journal.active_path(dir))] {
        let fault = |source| JournalError::new("read", &path, source);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fault(error)),
        };
        let mut lines = Segment::new(file, segment);
        while let Some(record) = lines.next_record().map_err(fault)? {
            if record.state == State::Whole {
                head.last_hash = hash(&record.bytes);
                if segment == head.segment {
                    head.length = record.offset + record.bytes.len() as u64 + 1;
                }
            }
        }
    }
    Ok(head)
}

/// Where a line stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Exactly, from this offset.
    Here(u64),
    /// The file ends with a part of it, from this offset.
    Torn(u64),
    /// Nowhere.
    Missing,
}

/// Looks for a line (with its newline) where it should be, and only if that fails in the whole file: a line that was
/// published into a file which somebody changed is not published again.
pub(super) fn locate(mut file: &File, expected: u64, line: &[u8]) -> io::Result<Standing> {
    if stands_at(file, expected, line)? {
        return Ok(Standing::Here(expected));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut lines = Segment::new(file.take(file.metadata()?.len()), 1);
    while let Some(record) = lines.next_record()? {
        match record.state {
            State::Whole if line.strip_suffix(b"\n") == Some(record.bytes.as_slice()) => return Ok(Standing::Here(record.offset)),
            State::Torn if is_torn(&record.bytes, line) => return Ok(Standing::Torn(record.offset)),
            _ => {}
        }
    }
    Ok(Standing::Missing)
}

/// Whether a line (with its newline) stands exactly here.
pub(super) fn stands_at(file: &File, at: u64, line: &[u8]) -> io::Result<bool> {
    if at.saturating_add(line.len() as u64) > file.metadata()?.len() || !is_boundary(file, at)? {
        return Ok(false);
    }
    let mut found = vec![0; line.len()];
    file.read_exact_at(&mut found, at)?;
    Ok(found == line)
}

/// Whether a line may begin at this offset.
pub(super) fn is_boundary(file: &File, at: u64) -> io::Result<bool> {
    let mut before = [b'\n'];
    if let Some(last) = at.checked_sub(1) {
        file.read_exact_at(&mut before, last)?;
    }
    Ok(before == [b'\n'])
}

/// Whether a file's tail is a proper prefix of the line; some file systems leave zeros behind it after a power cut.
fn is_torn(tail: &[u8], line: &[u8]) -> bool {
    let written = tail.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    written < line.len() && line.starts_with(&tail[..written])
}

#[cfg(test)]
mod tests {
    use super::super::{Action, AuditEntry, Journals, seal};
    use super::*;

    fn entry(head: &mut Head, seq: u64, rotate_bytes: u64) -> super::super::Line {
        let line = seal(AuditEntry::new("2026-01-01T00:00:00.000Z", seq, "daemon", Action::Job), head);
        head.place(line, rotate_bytes)
    }

    type Damage = fn(&mut Vec<String>);

    /// Six entries in two segments, changed by `damage` (given the lines of both files), then verified.
    fn verdict(damage: Damage) -> ChainVerdict {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut head = Head::new(Journal::Audit);
        let placed: Vec<_> = (1..=6).map(|seq| entry(&mut head, seq, 600)).collect();
        assert_eq!(head.segment, 2, "the case needs two segments");
        Journals::open(dir.path(), 0o640).and_then(|mut journals| journals.publish(&placed)).expect("published");
        let paths = [Journal::Audit.closed_path(dir.path(), 1), Journal::Audit.active_path(dir.path())];
        let texts = paths.clone().map(|path| fs::read_to_string(path).expect("segment"));
        let mut lines: Vec<String> = texts.iter().flat_map(|text| text.split_inclusive('\n')).map(str::to_owned).collect();
        let first = texts[0].lines().count();
        damage(&mut lines);
        fs::write(&paths[0], lines[..first].concat()).expect("write");
        fs::write(&paths[1], lines[first..].concat()).expect("write");
        verify_chain(read(dir.path(), Journal::Audit).expect("read"), Some(&head)).expect("verdict")
    }

    #[test]
    fn the_chain_shows_every_change() {
        let kinds = |verdict: &ChainVerdict| {
            verdict.faults.iter().map(|fault| format!("{fault:?}").split('(').next().unwrap_or("").to_owned()).collect::<Vec<_>>().join(" ")
        };
        let table: [(&str, Damage, &str); 10] = [
            ("untouched", |_| {}, ""),
            ("an edit", |lines| lines[2] = lines[2].replace("daemon", "nobody"), "Edited"),
            ("an edit of the last", |lines| lines[5] = lines[5].replace("daemon", "nobody"), "Edited"),
            ("an entry taken out", |lines| drop(lines.remove(3)), "Gap"),
            ("the first taken out", |lines| drop(lines.remove(0)), "Gap"),
            ("a cut tail", |lines| drop(lines.pop()), "Cut"),
            ("a torn tail", |lines| lines[5].truncate(20), "Torn Cut"),
            ("a foreign line", |lines| lines.insert(3, "hello\n".into()), "Foreign"),
            ("an entry put in again", |lines| lines.insert(4, lines[3].clone()), "Gap"),
            (
                "a forged entry at the end",
                |lines| {
                    let prev = hex(&hash(lines[5].trim_end().as_bytes()));
                    lines.push(format!("{{\"seq\":7,\"prev\":\"{prev}\"}}\n"));
                },
                "Beyond",
            ),
        ];
        for (name, damage, expected) in table {
            let verdict = verdict(damage);
            assert_eq!(kinds(&verdict), expected, "{name}");
            assert_eq!(verdict.holds(), expected.is_empty());
        }
    }

    #[test]
    fn lines_are_bounded_and_what_follows_a_long_one_is_read() {
        let long = usize::try_from(LINE_BYTES_MAX).expect("small") + 10;
        let mut text = vec![b'x'; long];
        text.extend_from_slice(b"\nshort\ntorn");
        let mut lines = Segment::new(text.as_slice(), 1);
        let mut found = Vec::new();
        while let Some(record) = lines.next_record().expect("memory") {
            found.push((record.offset, record.bytes.len(), record.state));
        }
        let after = long as u64 + 1;
        assert_eq!(found, [(0, 0, State::Oversized), (after, 5, State::Whole), (after + 6, 4, State::Torn)]);
    }

    #[test]
    fn only_our_own_names_are_segments() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for name in [
            "audit.000002.jsonl",
            "audit.1234567.jsonl",
            "audit.2.jsonl",
            "audit.000000.jsonl",
            "audit.00000x.jsonl",
            "xaudit.000003.jsonl",
            "audit.jsonl",
        ] {
            fs::write(dir.path().join(name), "").expect("write");
        }
        assert_eq!(closed_segments(dir.path(), Journal::Audit).expect("list").into_iter().collect::<Vec<_>>(), [2, 1_234_567]);
    }
}
