//! Reader → chunks → workers → outcomes in the file's order. Memory does not depend on the size of the file.
//!
//! One thread reads and cuts, the workers run [`chunk::run`], and the caller's thread takes the outcomes in order. A fixed
//! number of chunks is on its way at any time: the reader takes a token for each, the caller gives it back. A file that
//! fits into its head is read in place, without a thread.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::chunk::{self, Chunk, ChunkOutcome, Context};
use crate::engine::plan::Layout;
use crate::engine::rules::Rules;
use crate::reading::{Cutter, Cutting, Feed, Streamed};

/// Bytes read at a time; a chunk is what of them is whole records.
pub const CHUNK_BYTES: usize = 256 << 10;

/// The same where leads are rendered: their lines have twenty times the bytes of their rows, and all of them are held until the
/// chunk's turn comes.
pub const RENDERED_CHUNK_BYTES: usize = 64 << 10;

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

/// Reads `feed` to the end, and hands every outcome to `sink` in order, with the bytes of the file read so far.
///
/// # Errors
/// See [`Cutoff`]; nothing more reaches the sink then.
pub fn stream<E>(
    feed: Feed<'_>,
    context: &Context<'_>,
    width: Width,
    stop: &AtomicBool,
    mut sink: impl FnMut(ChunkOutcome, u64) -> Result<(), E>,
) -> Result<Streamed, Cutoff<E>> {
    let cutting = cutting(&context.plan.layout, context.rules, width.chunk_bytes);
    if feed.is_small() {
        let mut cutter = Cutter::new(feed, cutting);
        while let Some(chunk) = cutter.next().map_err(Cutoff::Read)? {
            sink(chunk::run(&chunk, context), cutter.reader().bytes()).map_err(Cutoff::Sink)?;
        }
        return cutter.into_reader().end().map_err(Cutoff::Read);
    }
    let on_the_way = width.workers * 2 + 2;
    let (tokens, tokens_back) = bounded::<()>(on_the_way);
    let (to_workers, chunks) = bounded::<(u64, Chunk, u64)>(on_the_way);
    let (from_workers, outcomes) = bounded::<(u64, ChunkOutcome, u64)>(on_the_way);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || read(Cutter::new(feed, cutting), &tokens, &to_workers, stop));
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
pub fn each_chunk(feed: Feed<'_>, layout: &Layout, rules: &Rules, mut each: impl FnMut(Chunk) -> io::Result<()>) -> io::Result<()> {
    let mut cutter = Cutter::new(feed, cutting(layout, rules, CHUNK_BYTES));
    while let Some(chunk) = cutter.next()? {
        each(chunk)?;
    }
    Ok(())
}

enum ReadEnd {
    Stopped,
    Failed(io::Error),
}

fn read(
    mut cutter: Cutter<Feed<'_>>,
    tokens: &Sender<()>,
    to_workers: &Sender<(u64, Chunk, u64)>,
    stop: &AtomicBool,
) -> Result<Streamed, ReadEnd> {
    let mut number = 0;
    while let Some(chunk) = cutter.next().map_err(ReadEnd::Failed)? {
        let gone = tokens.send(()).is_err() || to_workers.send((number, chunk, cutter.reader().bytes())).is_err();
        if gone || stop.load(Ordering::Relaxed) {
            return Err(ReadEnd::Stopped);
        }
        number += 1;
    }
    cutter.into_reader().end().map_err(ReadEnd::Failed)
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

fn cutting(layout: &Layout, rules: &Rules, chunk_bytes: usize) -> Cutting {
    Cutting { start: layout.data_start as u64, table: layout.table.clone(), record_bytes: rules.limits.record_bytes, chunk_bytes }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::engine::chunk::Parents;
    use crate::engine::learned::Learned;
    use crate::engine::plan;

    /// Everything that a file gives, in words, read in chunks of this size by so many workers.
    fn read_all(text: &[u8], workers: usize, chunk_bytes: usize, rules: &Rules) -> Option<Vec<String>> {
        let plan = plan::decide(plan::Head::whole(text), rules, "csv", None).ok()?;
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
        let cut = plan.layout.data_start.max(1).min(text.len());
        let encoding = plan.layout.encoding;
        let feed =
            if workers == 0 { Feed::whole(text.to_vec(), encoding) } else { Feed::plain(text[..cut].to_vec(), &text[cut..], encoding) };
        let (mut told, mut rows, mut lines) = (Vec::new(), 0, 0);
        let streamed = stream(feed, &context, Width { workers, chunk_bytes }, &AtomicBool::new(false), |outcome, _| {
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
        let plan = plan::decide(plan::Head::whole(&text), &rules, "csv", None).expect("a plan");
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
        let ended = stream(
            Feed::plain(text[..20].to_vec(), &text[20..], plan.layout.encoding),
            &context,
            width,
            &AtomicBool::new(false),
            |_, _| {
                calls += 1;
                if calls == 3 { Err("full") } else { Ok(()) }
            },
        );
        assert!(matches!(ended, Err(Cutoff::Sink("full"))));
        assert_eq!(calls, 3);
    }
}
