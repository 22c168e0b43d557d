//! The house rules that a compiler does not keep, read off the sources: imports go down only, the engine stays pure, and a
//! few things happen in one place. Each rule is shown to find what it is for before it is trusted.
//!
//! Reads words, not types: a name brought in under another name is not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors, lowest first. A room may use the rooms below its own floor.
const FLOORS: &[&[&str]] = &[
    &["engine", "beneath", "clock", "durable"],
    &["reading", "journal", "learning", "lock", "store", "config", "progress", "render"],
    &["inbox", "risk", "logging", "delivery"],
    &["ingest"],
    &["daemon", "ingestion"],
    &["preflight"],
    &["cli"],
    &["main"],
];

/// What a room may use of its own floor, and why.
const BESIDE: &[(&str, &str, &str)] = &[
    ("store", "journal", "the outbox holds journal lines until they are published"),
    ("store", "learning", "the history that lessons are made of, and the state that they leave"),
    ("progress", "journal", "what is shown of a running daemon includes its last reports and alerts"),
    ("config", "journal", "a channel says from which severity on it is told"),
    ("render", "journal", "receipts and tables are made of report records"),
    ("render", "learning", "pages show what was learned"),
];

/// Rooms that may use less than their floor allows, and why.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("engine", &["engine"], "bytes in, values out"),
    ("reading", &["engine", "beneath"], "a file and what is in it, without folders, store or journals"),
    ("ingestion", &["engine", "reading"], "other programs get no store, folders or daemon with it"),
];

/// What has no business in the engine.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::time",
    "std::process",
    "std::thread",
    "std::os",
    "chrono",
    "tracing",
    "rusqlite",
    "tokio",
    "rustix",
    "libc",
];

/// Who renames files, and why: everybody else asks the spool.
const RENAMERS: &[(&str, &str)] = &[
    ("durable.rs", "makes renaming durable, for the others"),
    ("inbox/spool.rs", "the owner of the folders"),
    ("inbox/spool/", "its two halves"),
    ("journal/", "closes its own segments and replaces its own snapshots"),
    ("ingest/forget.rs", "puts its key into the root, whole or not at all"),
    ("cli/follow.rs", "drops a file into the inbox of a running daemon, as any program would"),
];

/// One rule, with texts that it must find something in, and texts that it must not.
struct Rule {
    name: &'static str,
    find: fn(&Source) -> Vec<Finding>,
    broken: &'static [(&'static str, &'static str)],
    kept: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        name: "imports go down only",
        find: imports_that_do_not_go_down,
        broken: &[
            ("engine/plan.rs", "use crate::clock;"),
            ("store/mod.rs", "use crate::{\n    engine::lead::{self, Lead},\n    ingest::{Job, Ended},\n};"),
            ("render/mod.rs", "fn a() -> crate::daemon::Event {}"),
            ("config.rs", "use crate::store::Store;"),
            ("journal/audit.rs", "use super::super::inbox;"),
            ("clock.rs", "use super::config;"),
            ("ingestion.rs", "use crate::store::Store;"),
            ("ingestion.rs", "use crate::{ingest::Ingest, reading::Cutter};"),
            ("reading/feed.rs", "use crate::journal::Report;"),
            ("main.rs", "use crate::attic;"),
        ],
        kept: &[
            ("store/mod.rs", "use crate::{engine::{lead, rules::{self, Rules}}, journal};\nuse crate::durable::sync;"),
            ("journal/audit.rs", "// crate::daemon\nconst A: &str = \"crate::daemon\"; use super::report; use crate::journal::alert;"),
            ("engine/stages/outcome.rs", "use super::super::lead; use crate::engine::lead::Lead; mod tests { use super::*; }"),
            ("ingestion.rs", "use crate::reading::{Cutter, Cutting};"),
            ("main.rs", "fn main() { valhalla_ingest::cli::main() }"),
        ],
    },
    Rule {
        name: "the engine is pure",
        find: impurities,
        broken: &[
            ("engine/decode.rs", "use std::fs::File;"),
            ("engine/decode.rs", "use std::{\n    fmt,\n    io::{self, Read},\n    time::Duration,\n};"),
            ("engine/stages/mod.rs", "fn a() { tracing::info!(\"x\") }"),
            ("engine/check.rs", "use chrono;"),
        ],
        kept: &[
            ("engine/decode.rs", "use std::{fmt, collections::HashMap}; // std::fs\nlet a = \"std::env\"; let my_chrono = 1;"),
            ("clock.rs", "use std::time::Instant;"),
        ],
    },
    Rule {
        name: "the only now() is in clock.rs",
        find: clocks,
        broken: &[
            ("ingest.rs", "let at = Utc::now();"),
            ("engine/plan.rs", "std::time::Instant::now()"),
            ("cli/run.rs", "SystemTime :: now ()"),
        ],
        kept: &[("clock.rs", "Utc::now()"), ("ingest.rs", "clock::now_ms(); // not Utc::now()")],
    },
    Rule {
        name: "files are renamed in few places",
        find: renames,
        broken: &[
            ("ingest.rs", "fs::rename(a, b)?;"),
            ("store/mod.rs", "use std::fs::rename;"),
            ("cli/init.rs", "durable::rename_noreplace(&a, &b)"),
            ("inbox/watch.rs", "rustix::fs::renameat(a, b, c, d)"),
        ],
        kept: &[
            ("durable.rs", "fs::rename(a, b)?;"),
            ("inbox/spool.rs", "rename_noreplace(a, b)"),
            ("journal/append.rs", "durable::rename_noreplace(a, b)"),
            ("store/jobs.rs", "pub fn rename(&self) {}\nstore.rename(a)?;"),
            ("inbox/watch.rs", "fn a() { renamed(1) }\n#[cfg(test)]\nmod tests { fn b() { fs::rename(a, b) } }"),
        ],
    },
    Rule {
        name: "no unwrap() outside tests",
        find: unwraps,
        broken: &[
            ("lock.rs", "a.unwrap();"),
            ("lock.rs", "a\n    .unwrap ()"),
            ("lock.rs", "#[cfg(test)]\nfn a() {}\nfn b() { c.unwrap() }"),
        ],
        kept: &[
            ("lock.rs", "a.unwrap_or(1); b.expect(\"x\"); // .unwrap()"),
            ("lock.rs", "#[cfg(test)]\nmod tests { fn a() { \"}\"; b.unwrap() } }"),
            ("config/tests.rs", "a.unwrap()"),
        ],
    },
    Rule {
        name: "every file says first what it does",
        find: missing_introductions,
        broken: &[("lock.rs", "use std::fs;\n//! late"), ("lock.rs", "/// not about the file\nfn a() {}"), ("lock.rs", "//! ")],
        kept: &[("lock.rs", "//! Keeps two writers apart.\n")],
    },
    Rule {
        name: "an error thrown away says why on its line",
        find: silent_oks,
        broken: &[("lock.rs", "let url = \"http://x\"; remove(a).ok();")],
        kept: &[("lock.rs", "remove(a).ok(); // gone already is as well\nlet b = a\n    .ok();\nremove(c).ok()?;\n")],
    },
];

#[test]
fn every_rule_finds_what_it_is_for() {
    for Rule { name, find, broken, kept } in RULES {
        for (path, text) in *broken {
            assert!(!find(&Source::new(path, text)).is_empty(), "{name}: nothing found in {path}: {text}");
        }
        for (path, text) in *kept {
            assert_eq!(find(&Source::new(path, text)), [], "{name}: {path}: {text}");
        }
    }
}

#[test]
fn the_house_is_in_order() {
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.iter().map(Source::room).collect();
    assert!(rooms.contains("engine") && rooms.contains("main"), "the sources were not found: {rooms:?}");
    let mut told = Vec::new();
    for rule in RULES {
        for source in &sources {
            told.extend((rule.find)(source).into_iter().map(|(line, what)| format!("src/{}:{line}: {what} ({})", source.path, rule.name)));
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

#[test]
fn every_room_has_its_floor() {
    let rooms: BTreeSet<String> = sources().iter().map(|source| source.room().to_owned()).filter(|room| room != "lib").collect();
    let homeless: Vec<&String> = rooms.iter().filter(|room| floor_of(room).is_none()).collect();
    assert!(homeless.is_empty(), "give these rooms a floor in FLOORS: {homeless:?}");
}

#[test]
fn no_rooms_go_round_in_a_circle() {
    let circle = |uses: &[(&str, &str)]| circle(&uses.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect());
    assert_eq!(circle(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]), ["a", "b", "c"]);
    assert_eq!(circle(&[("a", "b"), ("b", "c"), ("a", "c")]), [""; 0]);

    let sources = sources();
    let uses =
        sources.iter().flat_map(|source| source.uses().into_iter().map(|(_, used)| (source.room().to_owned(), room_of(&used).to_owned())));
    let circle = self::circle(&uses.filter(|(from, to)| from != to && from != "lib").collect());
    assert!(circle.is_empty(), "rooms that use each other: {}", circle.join(", "));
}

/// The line from 1, and what is wrong there.
type Finding = (usize, String);

fn imports_that_do_not_go_down(source: &Source) -> Vec<Finding> {
    let from = source.room();
    if from == "lib" {
        return Vec::new(); // the map names every room
    }
    let mut found = Vec::new();
    for (line, used) in source.uses() {
        let to = room_of(&used);
        let only = ONLY.iter().find(|(room, ..)| *room == from);
        let what = match (floor_of(from), floor_of(to)) {
            _ if from == to => continue,
            (_, None) => format!("{from} uses {to}, which is no room"),
            _ if only.is_some_and(|(_, only, _)| !only.iter().any(|allowed| is_within(&used, allowed))) => {
                format!("{from} uses {used}, and may not: {}", only.map_or("", |(.., why)| why))
            }
            (Some(own), Some(other)) if other < own => continue,
            (own, other) if own == other && BESIDE.iter().any(|(room, beside, _)| *room == from && *beside == to) => continue,
            _ => format!("{from} uses {to}, which is not below it"),
        };
        found.push((line, what));
    }
    found
}

fn impurities(source: &Source) -> Vec<Finding> {
    if source.room() != "engine" {
        return Vec::new();
    }
    let is_impure = |path: &str| IMPURE.iter().find(|impure| is_within(path, impure));
    let heads: BTreeSet<&str> = IMPURE.iter().map(|path| path.split("::").next().unwrap_or(path)).collect();
    let paths = heads.into_iter().flat_map(|head| paths(&source.code, head));
    paths.filter_map(|(line, path)| Some((line, format!("the engine uses {}", is_impure(&path)?)))).collect()
}

fn clocks(source: &Source) -> Vec<Finding> {
    if source.path == "clock.rs" {
        return Vec::new();
    }
    let clock_before = |at: usize| {
        let path = source.code[..at].trim_end().strip_suffix("::")?.trim_end();
        ["Utc", "Local", "SystemTime", "Instant"].into_iter().find(|clock| path.ends_with(clock))
    };
    let calls = words(&source.code).filter(|(_, word)| *word == "now").filter_map(|(at, _)| Some((at, clock_before(at)?)));
    calls.map(|(at, clock)| (line_at(&source.code, at), format!("{clock}::now: take the time as an argument"))).collect()
}

fn renames(source: &Source) -> Vec<Finding> {
    if RENAMERS.iter().any(|(path, _)| source.path == *path || (path.ends_with('/') && source.path.starts_with(path))) {
        return Vec::new();
    }
    let code = &source.production;
    let is_rename = |word: &str| word == "rename" || word.starts_with("renameat") || word.starts_with("rename_noreplace");
    let is_function = |at: usize, word: &str| {
        let (before, after) = (code[..at].trim_end(), code[at + word.len()..].trim_start());
        before.ends_with("::") || (after.starts_with('(') && !before.ends_with('.') && !before.ends_with("fn"))
    };
    let used = words(code).filter(|(at, word)| is_rename(word) && is_function(*at, word));
    used.map(|(at, word)| (line_at(code, at), format!("{word}: the spool owns the folders"))).collect()
}

fn unwraps(source: &Source) -> Vec<Finding> {
    let code = &source.production;
    let calls = words(code).filter(|(at, word)| *word == "unwrap" && code[..*at].trim_end().ends_with('.'));
    calls.map(|(at, _)| (line_at(code, at), "unwrap(): say with expect(\"…\") why it holds, or return the error".to_owned())).collect()
}

fn missing_introductions(source: &Source) -> Vec<Finding> {
    let introduced = source.text.strip_prefix("//!").is_some_and(|rest| rest.lines().next().is_some_and(|line| !line.trim().is_empty()));
    if introduced { Vec::new() } else { vec![(1, "the first line is no //! that says what the file does".to_owned())] }
}

fn silent_oks(source: &Source) -> Vec<Finding> {
    let code = &source.production;
    let is_dropped = |at: usize| !code[code[..at].rfind([';', '{', '}']).unwrap_or(0)..at].contains('=');
    let is_silent = |at: usize| !source.text[at..].lines().next().is_some_and(|rest| rest.contains("//"));
    let silent = code.match_indices(".ok();").filter(|(at, _)| is_dropped(*at) && is_silent(*at));
    silent.map(|(at, _)| (line_at(code, at), ".ok(); without a word on why the error does not matter".to_owned())).collect()
}

/// Whether this path is that one, or something in it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// The rooms of one circle in alphabetical order; none when every way ends.
fn circle(uses: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in uses {
        reached.entry(from).or_default().insert(to);
    }
    loop {
        let further: Vec<(&str, &str)> = reached
            .iter()
            .flat_map(|(from, tos)| tos.iter().filter_map(|to| reached.get(to)).flatten().map(move |to| (*from, *to)))
            .filter(|(from, to)| !reached[from].contains(to))
            .collect();
        if further.is_empty() {
            break;
        }
        for (from, to) in further {
            reached.entry(from).or_default().insert(to);
        }
    }
    let Some(first) = reached.iter().find(|(from, tos)| tos.contains(*from)).map(|(from, _)| *from) else { return Vec::new() };
    reached[first].iter().filter(|room| reached.get(*room).is_some_and(|tos| tos.contains(first))).map(|room| (*room).to_owned()).collect()
}

/// One file of `src/`.
struct Source {
    /// From `src/`.
    path: String,
    text: String,
    /// The text with spaces for comments and for what stands in quotes; every byte keeps its place.
    code: String,
    /// The code with spaces for what is compiled for tests only.
    production: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_quotes(text);
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let production = if is_test { blank(&code) } else { without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, production }
    }

    /// The first name of its path: `store` for `store/mod.rs` and `store.rs`.
    fn room(&self) -> &str {
        self.path.split('/').next().map_or("", |name| name.trim_end_matches(".rs"))
    }

    /// Every path of ours in this file from its room on, and where: `store::leads::LeadWriter`.
    fn uses(&self) -> Vec<(usize, String)> {
        let depth = self.path.trim_end_matches("/mod.rs").trim_end_matches(".rs").split('/').count();
        let from_root = ["crate", "valhalla_ingest"].into_iter().flat_map(|head| paths(&self.code, head));
        let from_root = from_root.filter_map(|(line, path)| Some((line, path.split_once("::")?.1.to_owned())));
        let upwards = paths(&self.code, "super").into_iter().filter_map(|(line, path)| {
            let supers = path.split("::").take_while(|part| *part == "super").count();
            let used = path.split("::").skip(supers).collect::<Vec<_>>().join("::");
            (supers >= depth && floor_of(room_of(&used)).is_some()).then_some((line, used))
        });
        from_root.chain(upwards).filter(|(_, used)| !matches!(room_of(used), "self" | "*" | "")).collect()
    }
}

/// `store` of `store::leads::LeadWriter`.
fn room_of(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

fn sources() -> Vec<Source> {
    fn visit(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).expect("src/ can be read") {
            let entry = entry.expect("src/ can be read");
            let name = entry.file_name().into_string().expect("our names are text");
            let path = entry.path();
            if path.is_dir() {
                visit(&path, &format!("{prefix}{name}/"), sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(Source::new(&format!("{prefix}{name}"), &fs::read_to_string(&path).expect("a source is text")));
            }
        }
    }
    let mut sources = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Every path that begins with this name, its braces taken apart, and the line where it begins.
fn paths(code: &str, head: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let before = code[..at].trim_end();
        let is_head = word == head && (!before.ends_with("::") || before.ends_with("use ::"));
        if is_head {
            let mut all = Vec::new();
            expand(&code[at + head.len()..], head.to_owned(), &mut all);
            found.extend(all.into_iter().map(|path| (line_at(code, at), path)));
        }
    }
    found
}

/// Follows `::name` and `::{a, b::c}` from here; returns the rest.
fn expand<'c>(code: &'c str, path: String, found: &mut Vec<String>) -> &'c str {
    let Some(rest) = code.trim_start().strip_prefix("::").map(str::trim_start) else {
        found.push(path);
        return code;
    };
    let Some(mut rest) = rest.strip_prefix('{') else {
        let length = word_length(rest).max(usize::from(rest.starts_with('*')));
        if length == 0 {
            found.push(path); // generic arguments
            return rest;
        }
        return expand(&rest[length..], format!("{path}::{}", &rest[..length]), found);
    };
    loop {
        rest = rest.trim_start();
        let length = word_length(rest).max(usize::from(rest.starts_with('*')));
        if length > 0 {
            rest = expand(&rest[length..], format!("{path}::{}", &rest[..length]), found);
        }
        let Some(next) = rest.find([',', '}']) else { return rest };
        let is_last = rest[next..].starts_with('}');
        rest = &rest[next + 1..];
        if is_last {
            return rest;
        }
    }
}

/// Names and key words, and where they begin.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += code[at..].find(|c: char| c.is_alphanumeric() || c == '_')?;
        let start = at;
        at += word_length(&code[at..]);
        Some((start, &code[start..at]))
    })
}

fn word_length(code: &str) -> usize {
    code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len())
}

fn line_at(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Spaces for everything but line ends.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Blanks every item under `#[cfg(test)]`, to its closing brace or semicolon.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(start) = rest.find(MARK) {
        let (mut depth, mut end) = (0, rest.len());
        for (at, byte) in rest.bytes().enumerate().skip(start + MARK.len()) {
            depth += i32::from(byte == b'{') - i32::from(byte == b'}');
            if depth == 0 && matches!(byte, b'}' | b';') {
                end = at + 1;
                break;
            }
        }
        kept.push_str(&rest[..start]);
        kept.push_str(&blank(&rest[start..end]));
        rest = &rest[end..];
    }
    kept + rest
}

fn without_comments_and_quotes(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' | 'b' | 'c' if !after_word => prefixed(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push_str(&blank(&rest[..length]));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a text in quotes, with escapes.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a text with a prefix such as `b"` or `r#"`; 0 when this is a name.
fn prefixed(text: &str) -> usize {
    let letters = text.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(text.len());
    let (prefix, body) = text.split_at(letters);
    let hashes = body.find(|c: char| c != '#').unwrap_or(body.len());
    if letters > 2 || !body[hashes..].starts_with('"') {
        return 0;
    }
    if !prefix.contains('r') {
        return if hashes == 0 { letters + quoted(body) } else { 0 };
    }
    let end = format!("\"{}", &body[..hashes]);
    let start = letters + hashes + 1;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// The length of a character in quotes; 0 when this is a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escaped, _))) => text[escaped + 1..].find('\'').map_or(0, |at| escaped + at + 2),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[test]
fn comments_and_quotes_are_told_from_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"a\\\"b\") g", "f(      ) g"),
        ("r#\"a\"b\"# + br\"x\" + b\"y\" + bar", "         +       +      + bar"),
        ("'\"' + '\\'' + '\\u{7d}' + &'a b", "    +      +          + &'a b"),
        ("x.r\"", "x.  "),
    ] {
        assert_eq!(without_comments_and_quotes(text), code, "{text}");
    }
}
