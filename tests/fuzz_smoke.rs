//! The fuzz targets without a fuzzer: every seed, and a bounded number of inputs made up of seeds, pieces and plain bytes.
//!
//! What must hold stands in `fuzz/harness`, where the targets for cargo-fuzz have it from, too. A fault that either of them
//! finds becomes a seed and so stays a case of this test.

#[path = "../fuzz/harness/mod.rs"]
mod harness;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestError, TestRunner};

use harness::{Body, TARGETS};

/// Bytes of an input at most.
const INPUT_BYTES: usize = 2000;

/// Where the seeds of a target lie.
fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target].iter().collect()
}

/// The seeds of a target with their names; what a fuzzer has left beside them is none.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("each target has a folder of seeds");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    let named = |path: &Path| path.extension().is_some_and(|extension| extension == "seed");
    let mut seeds: Vec<(String, Vec<u8>)> =
        paths.filter(|path| named(path)).map(|path| (path.display().to_string(), fs::read(&path).expect("a seed can be read"))).collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_holds() {
    let mut broken = Vec::new();
    for (target, body) in TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() >= 10, "{target} has only {} seeds", seeds.len());
        broken.extend(seeds.into_iter().filter(|(_, seed)| catch_unwind(AssertUnwindSafe(|| body(seed))).is_err()).map(|(path, _)| path));
    }
    assert!(broken.is_empty(), "what must hold does not for\n{}", broken.join("\n"));
}

/// Runs a target on so many inputs, and tells the smallest that breaks it.
fn smoke(target: &str, cases: u32, inputs: impl Strategy<Value = Vec<u8>>) {
    let (_, body): (_, Body) = TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target of this name");
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() });
    let held = runner.run(&inputs, |input| {
        body(&input);
        Ok(())
    });
    match held {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => panic!("{target} does not hold for b\"{}\": {why}", input.escape_ascii()),
        Err(TestError::Abort(why)) => panic!("{target}: {why}"),
    }
}

#[test]
fn split_holds() {
    smoke("split", 2000, inputs("split", 5));
}

#[test]
fn dialect_holds() {
    smoke("dialect", 1000, inputs("dialect", 5));
}

#[test]
fn decode_holds() {
    smoke("decode", 400, inputs("decode", 2));
}

#[test]
fn headers_hold() {
    smoke("headers", 800, inputs("headers", 3));
}

#[test]
fn cells_hold() {
    smoke("cells", 4000, inputs("cells", 0));
}

#[test]
fn chunk_holds() {
    smoke("chunk", 500, inputs("chunk", 2));
}

#[test]
fn unpack_holds() {
    smoke("unpack", 250, mutated("unpack"));
}

/// Inputs of a target whose text stands behind so many settings.
fn inputs(target: &str, settings: usize) -> impl Strategy<Value = Vec<u8>> {
    let glued = (prop::collection::vec(b'0'..b'~', settings), prop::collection::vec(piece(), 0..30));
    prop_oneof![
        4 => mutated(target),
        4 => glued.prop_map(|(settings, pieces)| [settings, pieces.concat()].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// What can be done to a seed.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// A part of it once more.
    Repeat(Index, usize),
    /// From here on as another seed from there on.
    GoOnAs(Index, Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), piece()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<Index>(), 1..20usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), 1..60usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, other, from)| Edit::GoOnAs(at, other, from)),
    ]
}

/// A seed with a few changes.
fn mutated(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    (any::<Index>(), prop::collection::vec(edit(), 0..5)).prop_map(move |(seed, edits)| {
        let mut input = edits.iter().fold(seed.get(&seeds).clone(), |input, edit| edited(input, edit, &seeds));
        input.truncate(INPUT_BYTES.max(seed.get(&seeds).len()));
        input
    })
}

fn edited(mut input: Vec<u8>, edit: &Edit, seeds: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index, input: &Vec<u8>| at.index(input.len() + 1);
    match edit {
        Edit::Set(at, byte) => {
            let at = place(at, &input);
            input.get_mut(at).into_iter().for_each(|place| *place = *byte);
        }
        Edit::Insert(at, piece) => {
            let at = place(at, &input);
            input.splice(at..at, piece.iter().copied());
        }
        Edit::Remove(at, length) => {
            let at = place(at, &input);
            input.drain(at..(at + length).min(input.len()));
        }
        Edit::Repeat(at, length) => {
            let at = place(at, &input);
            let part = input[at..(at + length).min(input.len())].to_vec();
            input.splice(at..at, part);
        }
        Edit::GoOnAs(at, other, from) => {
            let other = other.get(seeds);
            input.truncate(place(at, &input));
            input.extend_from_slice(&other[place(from, other)..]);
        }
    }
    input
}

/// Pieces of lists: the better part of what can go wrong in one.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::sample::select(ROWS).prop_map(|row| row.as_bytes().to_vec()),
        6 => prop::sample::select(SIGNS).prop_map(<[u8]>::to_vec),
        1 => "[a-z]{0,4}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

const ROWS: &[&str] = &[
    "name,email,value\n",
    "Name;E-Mail;Budget;Ort\r\n",
    "A,a@b.co,1\n",
    "\"B\nb\",b@b.co,2\r\n",
    "C,c,3\n",
    "\"D,d@b.co,4\n",
    "x\"y,e@b.co,5\r",
    "\"\"\"\",f@b.co,6\n",
    "G;g@b.co;7;\"Bern; CH\"\r\n",
    "\"H\",\"h@b.co\",\"8\"\n",
    "Total:,,36\n",
    "# a remark\n",
    ",,\n",
    "=1+1,'x,-5\n",
    "José,josé@exämple.com,1.234\u{a0}€\n",
    "a run of text that is far beyond the limit of a record in some of these cases, it goes on and on and on and on",
];

const SIGNS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\"",
    b"\"\"",
    b"'",
    b",",
    b";",
    b"\t",
    b"|",
    b":",
    b" ",
    b"\\",
    b"\\\"",
    b"@",
    b"#",
    b"=",
    b"_row,_errors,_job",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xff\xfe",
    b"\xc3",
    b"\xc3\xa9",
    b"\xe9",
    b"\xc3\x83\xc2\xa9",
    b"sep=;\n",
];
