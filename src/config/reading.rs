//! `[reading]`: what is known beforehand about how a source's files are written.
//!
//! Everything is `"auto"` unless said otherwise: found from the content, file by file. A setting says how all files of
//! the source are to be read, also those that look different.

use std::fmt::Display;

use crate::engine::decode;
use crate::engine::rules::{HeaderRule, QuoteRule, ReadingRules};

use super::mistake::nearest;
use super::raw::{Node, quoted};
use super::section::Section;

/// The keys of the section.
pub(super) const KEYS: [&str; 8] = ["encoding", "delimiter", "quote", "escape", "comment", "header", "sheet", "repair_mojibake"];

const AUTO: &str = "auto";

/// Names that a mistyped one is compared with.
const ENCODINGS: [&str; 24] = [
    "utf-8",
    "windows-1252",
    "utf-16le",
    "utf-16be",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "macintosh",
    "koi8-r",
    "ibm866",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "gbk",
    "big5",
];

/// No header stands further down: what is above it has to fit the part of a file that is looked at to learn its layout.
const HEADER_LINE_MAX: u64 = 1000;

/// Reads the section.
pub(super) fn read(section: &Section<'_>, default: &ReadingRules) -> ReadingRules {
    let quotes = [("\"", Some(QuoteRule::Quote(b'"'))), ("'", Some(QuoteRule::Quote(b'\''))), ("none", Some(QuoteRule::Nothing))];
    let reading = ReadingRules {
        encoding: encoding(section),
        delimiter: delimiter(section),
        quote: word(section, "quote", "\"\\\"\", \"'\" or \"none\"", &quotes),
        escape: sign(section, "escape", "doubled", "\\"),
        comment: sign(section, "comment", "none", "#"),
        header: header(section),
        sheet: section.text("sheet", "Leads"),
        repair_mojibake: section.flag("repair_mojibake", default.repair_mojibake),
    };
    let delimits = reading.delimiter.map(QuoteRule::Quote);
    if delimits.is_some() && (delimits == reading.comment || delimits == reading.escape) {
        let twice = if delimits == reading.comment { "comment" } else { "escape" };
        section.mistake("delimiter", format!("is the same character as {twice}"), "one character cannot mean both: change one of them");
    }
    reading
}

/// The encoding by its name in the Encoding Standard, whichever of its labels was typed.
fn encoding(section: &Section<'_>) -> Option<String> {
    let text = |node: &'_ Node| node.text().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let typed = section.parsed("encoding", "the name of an encoding in quotes, or \"auto\"", "\"windows-1252\"", text);
    let typed = typed.filter(|name| !name.eq_ignore_ascii_case(AUTO));
    let encoding = typed.as_deref().and_then(decode::named).map(|encoding| encoding.as_str().to_owned());
    if let (Some(name), None) = (&typed, &encoding) {
        let meant = nearest(name, ENCODINGS)
            .map_or_else(|| format!("write for example {}", quoted(ENCODINGS[1])), |near| format!("did you mean '{near}'?"));
        section.mistake("encoding", format!("there is no encoding '{name}'"), meant);
    }
    section.note("encoding", Some(quoted(encoding.as_deref().unwrap_or(AUTO))));
    encoding
}

/// One ASCII character that is no letter, digit, quote or line end; a tab may be typed as a word.
fn delimiter(section: &Section<'_>) -> Option<u8> {
    let plain = |byte: u8| matches!(byte, b'\t' | b' ' | 1 | 0x1c..=0x1f) || (byte.is_ascii_punctuation() && byte != b'"' && byte != b'\'');
    let parse = |node: &Node| match node.scalar()? {
        word if word.eq_ignore_ascii_case("tab") => Some(Some(b'\t')),
        word if word.eq_ignore_ascii_case(AUTO) => Some(None),
        text => <[u8; 1]>::try_from(text.as_bytes()).ok().filter(|[byte]| plain(*byte)).map(|[byte]| Some(byte)),
    };
    let expected = "one ASCII character that is no letter, digit or quote, \"tab\" or \"auto\"";
    let delimiter = section.parsed("delimiter", expected, "\";\"", parse).flatten();
    let shown = match delimiter {
        None => quoted(AUTO),
        Some(b'\t') => quoted("tab"),
        Some(byte) => quoted(&char::from(byte).to_string()),
    };
    section.note("delimiter", Some(shown));
    delimiter
}

/// One ASCII sign with a meaning, or the word that says that none has it.
fn sign(section: &Section<'_>, key: &str, none: &'static str, example: &str) -> Option<QuoteRule> {
    let parse = |node: &Node| match node.scalar()?.trim() {
        word if word.eq_ignore_ascii_case(AUTO) => Some(None),
        word if word.eq_ignore_ascii_case(none) => Some(Some(QuoteRule::Nothing)),
        text => {
            let [byte] = <[u8; 1]>::try_from(text.as_bytes()).ok()?;
            (byte.is_ascii_punctuation() && byte != b'"').then_some(Some(QuoteRule::Quote(byte)))
        }
    };
    let read = section.parsed(key, &format!("one ASCII punctuation sign, \"{none}\" or \"auto\""), quoted(example), parse).flatten();
    let shown = match read {
        None => quoted(AUTO),
        Some(QuoteRule::Nothing) => quoted(none),
        Some(QuoteRule::Quote(byte)) => quoted(&char::from(byte).to_string()),
    };
    section.note(key, Some(shown));
    read
}

fn header(section: &Section<'_>) -> HeaderRule {
    let parse = |node: &Node| match node.scalar()? {
        word if word.eq_ignore_ascii_case(AUTO) => Some(HeaderRule::Detected),
        word if word.eq_ignore_ascii_case("none") => Some(HeaderRule::Absent),
        _ => node.number()?.parse().ok().filter(|line| (1..=HEADER_LINE_MAX).contains(line)).map(HeaderRule::Line),
    };
    let expected = format!("\"auto\", \"none\" or the number of a line from 1 to {HEADER_LINE_MAX}");
    let header = section.parsed("header", &expected, 3, parse).unwrap_or_default();
    let shown: &dyn Display = match &header {
        HeaderRule::Detected => &"\"auto\"",
        HeaderRule::Absent => &"\"none\"",
        HeaderRule::Line(line) => line,
    };
    section.note("header", Some(shown.to_string()));
    header
}

/// One of a few words, or `"auto"`; what was typed is what is shown.
fn word<T: Copy>(section: &Section<'_>, key: &str, expected: &str, words: &[(&'static str, Option<T>)]) -> Option<T> {
    let parse = |node: &Node| {
        let typed = node.scalar()?.trim().to_lowercase();
        words.iter().copied().chain([(AUTO, None)]).find(|(word, _)| *word == typed)
    };
    let example = quoted(words[0].0);
    let (shown, value) = section.parsed(key, &format!("{expected}, or \"auto\""), example, parse).unwrap_or((AUTO, None));
    section.note(key, Some(quoted(shown)));
    value
}
