//! A file read as it would be, without taking anything: for `check`, and for replays before they are applied.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use super::source_file::{SourceFile, Unopened};
use super::stream::{self, Cutoff, Width};
use crate::engine::chunk::{Chunk, Context, IssueCounts};
use crate::engine::dialect::{self, Dialect};
use crate::engine::file_error::FileError;
use crate::engine::lead::RowIssue;
use crate::engine::plan;
use crate::engine::rules::Rules;

/// An opened file: its first MiB, and the rest.
#[derive(Debug)]
pub struct Bytes {
    /// The first MiB, or all of it.
    pub head: Vec<u8>,
    /// Whether that is all.
    pub is_whole: bool,
    rest: File,
}

/// Opens a file to look at it.
///
/// # Errors
/// What the system said, or why it is no file.
pub fn open(path: &Path) -> io::Result<Bytes> {
    let mut file = SourceFile::open(path).map_err(|unopened| match unopened {
        Unopened::Gone => io::Error::from(io::ErrorKind::NotFound),
        Unopened::Unreadable(error) => io::Error::other(format!("{}. {}", error.what, error.remedy)),
        Unopened::Machine(error) => error,
    })?;
    let is_whole = file.is_whole();
    Ok(Bytes { is_whole, head: std::mem::take(&mut file.head), rest: file.into_rest() })
}

/// Something seen while reading.
#[derive(Debug)]
pub enum Seen<'a> {
    /// An acceptable row, rendered behind its row number.
    Lead {
        /// Its row in the file.
        row: u64,
        /// What the context's renderer wrote.
        rest: &'a [u8],
    },
    /// Something wrong with a row.
    Issue(RowIssue),
}

/// What a file would come to.
#[derive(Debug, Default)]
pub struct Preview {
    /// Data records.
    pub rows: u64,
    /// Rows that would be rejected.
    pub rejected: u64,
    /// Rows of people who came earlier in the file.
    pub duplicates: u64,
    /// The first issues.
    pub issues: Vec<RowIssue>,
    /// How many there are.
    pub issue_count: u64,
    /// All of them, counted.
    pub counts: IssueCounts,
}

/// Issues kept in a [`Preview`].
const ISSUES_KEPT: usize = 20;

/// Reads a whole file; `see` is told of each lead and issue in the order of the file.
///
/// # Errors
/// When the file cannot be read on, or `see` fails.
pub fn preview(
    bytes: Bytes,
    context: &Context<'_>,
    workers: usize,
    mut see: impl FnMut(Seen<'_>) -> io::Result<()>,
) -> io::Result<Preview> {
    let mut found = Preview::default();
    let mut people: HashSet<Uuid> = HashSet::new();
    let mut lines = context.plan.layout.data_line;
    let width = Width { workers, chunk_bytes: stream::CHUNK_BYTES };
    let rest = (!bytes.is_whole).then_some(&bytes.rest);
    let streamed = stream::stream(bytes.head, rest, context, width, &AtomicBool::new(false), |outcome, _| {
        let mut start = 0;
        for index in 0..outcome.leads.len() {
            found.duplicates += u64::from(!people.insert(outcome.leads.lead_id(index)));
            let end = outcome.rendered_ends.get(index).copied().unwrap_or(start);
            let lead = outcome.leads.lead(index, &context.plan.mapping.extra_names);
            see(Seen::Lead { row: found.rows + lead.row, rest: &outcome.rendered[start..end] })?;
            start = end;
        }
        for issue in outcome.issues {
            let issue = RowIssue { row: issue.row + found.rows, line: issue.line + lines, ..issue };
            if found.issues.len() < ISSUES_KEPT {
                found.issues.push(issue.clone());
            }
            see(Seen::Issue(issue))?;
        }
        found.counts.merge(&outcome.issue_counts, found.rows);
        found.rejected += outcome.rejects.len() as u64;
        found.rows += outcome.rows;
        lines += outcome.lines;
        Ok::<(), io::Error>(())
    });
    match streamed {
        Ok(_) => {
            found.issue_count = found.counts.pairs.iter().map(|pair| pair.count).sum();
            Ok(found)
        }
        Err(Cutoff::Read(error) | Cutoff::Sink(error)) => Err(error),
        Err(Cutoff::Stopped) => Err(io::ErrorKind::Interrupted.into()),
    }
}

/// Writes header and records as read, before any mapping, as RFC 4180 UTF-8 with LF line ends; how many records were left
/// out because they are beyond the limit.
///
/// # Errors
/// What could not be read or written; inside, why the file is no list at all.
pub fn emit_csv(bytes: Bytes, rules: &Rules, out: &mut impl Write) -> io::Result<Result<u64, FileError>> {
    let layout = match plan::layout(&bytes.head, bytes.is_whole, rules) {
        Ok(layout) => layout,
        Err(error) => return Ok(Err(error)),
    };
    let mut too_long = 0;
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    writer.write_record(&layout.header)?;
    let rest = (!bytes.is_whole).then_some(&bytes.rest);
    stream::each_chunk(bytes.head, rest, &layout, rules, |chunk| {
        let (chunk, dialect) = match chunk {
            Chunk::Records(bytes) => (bytes, layout.dialect),
            Chunk::Literal(bytes) => (bytes, Dialect { quote: None, ..layout.dialect }),
            Chunk::Oversize { .. } => {
                too_long += 1;
                return Ok(());
            }
        };
        for record in dialect::reader(&chunk, &dialect).byte_records() {
            writer.write_record(record?.iter().map(String::from_utf8_lossy).map(std::borrow::Cow::into_owned))?;
        }
        Ok(())
    })?;
    writer.flush()?;
    Ok(Ok(too_long))
}
