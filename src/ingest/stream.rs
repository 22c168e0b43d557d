//! Reader → chunks → workers → outcomes in the file's order. Memory does not depend on the size of the file.
//!
//! One thread reads and cuts, the workers run [`chunk::run`], and the caller's thread takes the outcomes in order. A fixed
//! number of chunks is on its way at any time: the reader takes a token for each, the caller gives it back. A file that
//! fits into its head is read in place, without a thread.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use super::cutter::{Cutter, Cutting};
use crate::engine::chunk::{self, Chunk, ChunkOutcome, Context};
use crate::engine::plan::Layout;
use crate::engine::rules::Rules;

/// Bytes read at a time; a chunk is what of them is whole records.
pub const CHUNK_BYTES: usize = 256 << 10;

/// What was read in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streamed {
    /// Bytes.
    pub bytes: u64,
    /// Their hash.
    pub sha256: [u8; 32],
}

/// Why reading ended early.
#[derive(Debug)]
pub enum Cutoff<E> {
    /// We were asked to stop.
    Stopped,
    /// The file could not be read on.
    Read(io::Error),
    /// Whoever takes the outcomes failed.
    Sink(E),
}

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// Worker threads.
    pub workers: usize,
    /// Bytes read at a time.
    pub chunk_bytes: usize,
}

/// Reads `head` and then `rest` to the end, and hands every outcome to `sink` in order, with the bytes read so far.
///
/// # Errors
/// See [`Cutoff`]; nothing more reaches the sink then.
pub fn stream<E>(
    head: Vec<u8>,
    rest: Option<impl Read + Send>,
    context: &Context<'_>,
    width: Width,
    stop: &AtomicBool,
    mut sink: impl FnMut(ChunkOutcome, u64) -> Result<(), E>,
) -> Result<Streamed, Cutoff<E>> {
    let cutting = cutting(&context.plan.layout, context.rules, width.chunk_bytes);
    let Some(rest) = rest else {
        let hashed = Hashed::behind(&head, io::empty());
        let mut cutter = Cutter::new(behind_header(head, cutting), hashed, cutting);
        while let Some(chunk) = cutter.next().map_err(Cutoff::Read)? {
            sink(chunk::run(&chunk, context), cutter.reader().bytes).map_err(Cutoff::Sink)?;
        }
        return Ok(cutter.into_reader().end());
    };
    let on_the_way = width.workers * 2 + 2;
    let (tokens, tokens_back) = bounded::<()>(on_the_way);
    let (to_workers, chunks) = bounded::<(u64, Chunk, u64)>(on_the_way);
    let (from_workers, outcomes) = bounded::<(u64, ChunkOutcome, u64)>(on_the_way);
    std::thread::scope(|scope| {
        let hashed = Hashed::behind(&head, rest);
        let reader = scope.spawn(move || read(Cutter::new(behind_header(head, cutting), hashed, cutting), &tokens, &to_workers, stop));
        let workers: Vec<_> = (0..width.workers)
            .map(|_| {
                let (chunks, from_workers) = (chunks.clone(), from_workers.clone());
                scope.spawn(move || work(&chunks, &from_workers, context))
            })
            .collect();
        drop((chunks, from_workers));
        let taken = take_in_order(&outcomes, &tokens_back, &mut sink);
        drop((outcomes, tokens_back)); // lets the others end when the sink has failed
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.map_err(Cutoff::Sink)?;
        read.map_err(|cutoff| match cutoff {
            ReadEnd::Stopped => Cutoff::Stopped,
            ReadEnd::Failed(error) => Cutoff::Read(error),
        })
    })
}

/// Cuts a file that is only looked at, on the caller's thread.
///
/// # Errors
/// What could not be read, or what `each` returned.
pub fn each_chunk(
    head: Vec<u8>,
    rest: Option<impl Read>,
    layout: &Layout,
    rules: &Rules,
    mut each: impl FnMut(Chunk) -> io::Result<()>,
) -> io::Result<()> {
    let rest: Box<dyn Read + '_> = match rest {
        Some(rest) => Box::new(rest),
        None => Box::new(io::empty()),
    };
    let cutting = cutting(layout, rules, CHUNK_BYTES);
    let mut cutter = Cutter::new(behind_header(head, cutting), rest, cutting);
    while let Some(chunk) = cutter.next()? {
        each(chunk)?;
    }
    Ok(())
}

enum ReadEnd {
    Stopped,
    Failed(io::Error),
}

fn read<R: Read>(
    mut cutter: Cutter<Hashed<R>>,
    tokens: &Sender<()>,
    to_workers: &Sender<(u64, Chunk, u64)>,
    stop: &AtomicBool,
) -> Result<Streamed, ReadEnd> {
    let mut number = 0;
    while let Some(chunk) = cutter.next().map_err(ReadEnd::Failed)? {
        let gone = tokens.send(()).is_err() || to_workers.send((number, chunk, cutter.reader().bytes)).is_err();
        if gone || stop.load(Ordering::Relaxed) {
            return Err(ReadEnd::Stopped);
        }
        number += 1;
    }
    Ok(cutter.into_reader().end())
}

fn work(chunks: &Receiver<(u64, Chunk, u64)>, done: &Sender<(u64, ChunkOutcome, u64)>, context: &Context<'_>) {
    for (number, chunk, bytes) in chunks {
        if done.send((number, chunk::run(&chunk, context), bytes)).is_err() {
            return;
        }
    }
}

fn take_in_order<E>(
    outcomes: &Receiver<(u64, ChunkOutcome, u64)>,
    tokens: &Receiver<()>,
    sink: &mut impl FnMut(ChunkOutcome, u64) -> Result<(), E>,
) -> Result<(), E> {
    let mut early = BTreeMap::new(); // at most as many as there are tokens
    let mut next = 0;
    for (number, outcome, bytes) in outcomes {
        early.insert(number, (outcome, bytes));
        while let Some((outcome, bytes)) = early.remove(&next) {
            sink(outcome, bytes)?;
            next += 1;
            let _ = tokens.try_recv(); // the chunk's own token is there: it was sent before the chunk
        }
    }
    Ok(())
}

/// Hashes and counts what passes through.
struct Hashed<R> {
    reader: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R> Hashed<R> {
    /// Begins with what has been read already.
    fn behind(head: &[u8], reader: R) -> Self {
        Self { reader, hasher: Sha256::new_with_prefix(head), bytes: head.len() as u64 }
    }

    fn end(self) -> Streamed {
        Streamed { bytes: self.bytes, sha256: self.hasher.finalize().into() }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// What the head holds of the data.
fn behind_header(mut head: Vec<u8>, cutting: Cutting) -> Vec<u8> {
    head.drain(..usize::try_from(cutting.start).unwrap_or(usize::MAX).min(head.len()));
    head
}

fn cutting(layout: &Layout, rules: &Rules, chunk_bytes: usize) -> Cutting {
    Cutting { start: layout.data_start as u64, dialect: layout.dialect, record_bytes: rules.limits.record_bytes, chunk_bytes }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::chunk::Parents;
    use crate::engine::learned::Learned;
    use crate::engine::plan;

    /// Everything that a file gives, in words, read in chunks of this size by so many workers.
    fn read_all(text: &[u8], workers: usize, chunk_bytes: usize, rules: &Rules) -> Option<Vec<String>> {
        let plan = plan::decide(text, true, rules, "csv").ok()?;
        let learned = Learned::none();
        let context = Context {
            plan: &plan,
            rules,
            learned: &learned,
            job_id: "job",
            ingested_at: "",
            parents: &Parents::Any,
            issues_kept: usize::MAX,
            render: None,
        };
        let cut = plan.layout.data_start.max(1);
        let (head, rest) = if workers == 0 { (text, None) } else { (&text[..cut], Some(&text[cut..])) };
        let (mut told, mut rows, mut lines) = (Vec::new(), 0, 0);
        let streamed = stream(head.to_vec(), rest, &context, Width { workers, chunk_bytes }, &AtomicBool::new(false), |outcome, _| {
            for index in 0..outcome.leads.len() {
                let lead = outcome.leads.lead(index, &plan.mapping.extra_names);
                told.push(
                    format!("{} {} {:?} {}", lead.row + rows, lead.line + lines, lead, outcome.leads.mark(index).score)
                        .replace(&format!("row: {}, line: {}", lead.row, lead.line), ""),
                );
            }
            told.extend(outcome.issues.iter().map(|i| format!("{} {} {} {}", i.row + rows, i.line + lines, i.code.as_str(), i.message)));
            told.extend(outcome.rejects.iter().map(|(_, head, tail)| String::from_utf8_lossy(&[head, b"#", tail].concat()).into_owned()));
            rows += outcome.rows;
            lines += outcome.lines;
            Ok::<(), ()>(())
        });
        let streamed = streamed.expect("reading from memory");
        assert_eq!(streamed.bytes, text.len() as u64);
        assert_eq!(streamed.sha256, <[u8; 32]>::from(Sha256::digest(text)));
        told.push(format!("rows {rows}"));
        told.sort();
        Some(told)
    }

    /// Pieces that are glued together into files: the better part of what can go wrong in one.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"A,a@b.co,1\n"[..]),
            Just(&b"\"B\nb\",b@b.co,2\r\n"[..]),
            Just(&b"C,c,3\n"[..]),
            Just(&b"\"D,d@b.co,4\n"[..]),
            Just(&b"x\"y,e@b.co,5\r"[..]),
            Just(&b"\"\"\"\",f@b.co,6\n"[..]),
            Just(&b",,\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\""[..]),
            Just(&b","[..]),
            Just(&b"\xff\xfe"[..]),
            Just(&b"a long run of text that is far beyond the limit of a record in this test, it goes on and on and on and on"[..]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| [b"name,email,value\n".to_vec(), pieces.concat()].concat())
    }

    proptest! {
        #[test]
        fn one_chunk_or_many_one_worker_or_many_give_the_same(text in pieces(), chunk_bytes in 1usize..200, workers in 1usize..4) {
            let mut rules = Rules::default();
            rules.limits.record_bytes = 90;
            let whole = read_all(&text, 0, 1 << 20, &rules);
            prop_assert_eq!(&whole, &read_all(&text, 0, chunk_bytes, &rules));
            prop_assert_eq!(&whole, &read_all(&text, workers, chunk_bytes, &rules));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..300), chunk_bytes in 1usize..50) {
            let text = [&b"name,email,value\n"[..], &text].concat();
            prop_assert_eq!(read_all(&text, 0, 1 << 20, &Rules::default()), read_all(&text, 0, chunk_bytes, &Rules::default()));
        }
    }

    #[test]
    fn a_failing_sink_ends_everything() {
        let text: Vec<u8> = [b"name,email,value\n".to_vec(), b"A,a@b.co,1\n".repeat(10_000)].concat();
        let (rules, learned) = (Rules::default(), Learned::none());
        let plan = plan::decide(&text, true, &rules, "csv").expect("a plan");
        let context = Context {
            plan: &plan,
            rules: &rules,
            learned: &learned,
            job_id: "job",
            ingested_at: "",
            parents: &Parents::Any,
            issues_kept: 0,
            render: None,
        };
        let mut calls = 0;
        let width = Width { workers: 2, chunk_bytes: 100 };
        let ended = stream(text[..20].to_vec(), Some(&text[20..]), &context, width, &AtomicBool::new(false), |_, _| {
            calls += 1;
            if calls == 3 { Err("full") } else { Ok(()) }
        });
        assert!(matches!(ended, Err(Cutoff::Sink("full"))));
        assert_eq!(calls, 3);
    }
}
