//! Every name that a drop leads to: where its original ends, and its receipt, error, rejects and leads beside it.
//!
//! Pure: it makes candidates and never asks whether one is free; `spool.rs` does. Names are bytes, because a drop may be
//! called anything; text appears only at the edge ([`Place`] for the store, [`display_name`] for people).

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// One of the two folders in which a drop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Folder {
    /// What gave at least one lead, and duplicates.
    Processed,
    /// What gave nothing, and the rows to be fixed.
    Failed,
}

impl Folder {
    /// The folder's name in texts and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Failed => "failed",
        }
    }
}

/// A final place in the archive, independent of where the archive's folders lie.
///
/// Its text (`processed/zillow/list.csv`) is what the store and the records keep: `%`, control characters, marks that
/// reorder text and bytes that are not UTF-8 are percent-escaped, so that [`FromStr`] gives back the very same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which folder.
    pub folder: Folder,
    /// The path inside it: plain components only.
    pub rel: PathBuf,
}

impl Place {
    /// The last component: the file's own name.
    #[must_use]
    pub fn name(&self) -> &Path {
        self.rel.file_name().map_or(Path::new(""), Path::new)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder.as_str(), path_text(&self.rel))
    }
}

/// A text that is not the text of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a place in the archive: expected processed/… or failed/… with plain names")]
pub struct PlaceError(String);

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let parsed = [Folder::Processed, Folder::Failed].into_iter().find_map(|folder| {
            let rel = path_from_text(text.strip_prefix(folder.as_str())?.strip_prefix('/')?)?;
            Some(Self { folder, rel })
        });
        parsed.ok_or_else(|| PlaceError(text.to_owned()))
    }
}

/// The reversible text of a relative path: as [`Place`], without the folder.
#[must_use]
pub fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '%' || is_unsafe_to_show(character) {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().for_each(|byte| push_percent(&mut text, byte));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_percent(&mut text, byte));
    }
    text
}

/// Reads [`path_text`] back; none for a text that is no relative path of plain names.
#[must_use]
pub fn path_from_text(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?; // not a digit pair: no escape of ours
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    let whole = path.components().collect::<PathBuf>().as_os_str() == path.as_os_str();
    (plain && whole && path.file_name().is_some() && !path.as_os_str().as_bytes().contains(&0)).then_some(path)
}

/// The form of the optional leads file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadsFormat {
    /// JSON lines.
    Jsonl,
    /// Comma-separated.
    Csv,
}

/// Which final names a job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "a list of independent wishes, not a state")]
pub struct Wants {
    /// Where the original goes; none where it stays with its owner.
    pub original: Option<Folder>,
    /// `processed/<stem>.receipt.txt`
    pub receipt: bool,
    /// `failed/<name>.error.txt`
    pub error: bool,
    /// `failed/<stem>.rejects.csv`
    pub rejects: bool,
    /// `processed/<stem>.leads.jsonl` or `.csv`
    pub leads: Option<LeadsFormat>,
    /// `processed/<stem>.dry-run.txt`
    pub dry_run_note: bool,
}

/// The final names of one job: those it wanted, all with the same suffix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// The original.
    pub original: Option<Place>,
    /// The receipt.
    pub receipt: Option<Place>,
    /// The error note.
    pub error: Option<Place>,
    /// The rejects file.
    pub rejects: Option<Place>,
    /// The leads file.
    pub leads: Option<Place>,
    /// The note of a dry run.
    pub dry_run_note: Option<Place>,
}

impl Names {
    /// The names that go with an original that has its own already, or that stays where it is (`rel` then is what it is
    /// called in the inbox).
    #[must_use]
    pub fn beside(rel: &Path, wants: Wants) -> Self {
        let (sub, name) = (rel.parent().unwrap_or(Path::new("")), rel.file_name().unwrap_or(rel.as_os_str()));
        let family = Family::of(name);
        let place = |folder, name: OsString| Place { folder, rel: sub.join(name) };
        Self {
            original: wants.original.map(|folder| Place { folder, rel: rel.to_path_buf() }),
            receipt: wants.receipt.then(|| place(Folder::Processed, family.receipt(1))),
            error: wants.error.then(|| place(Folder::Failed, family.error(1))),
            rejects: wants.rejects.then(|| place(Folder::Failed, family.rejects(1))),
            leads: wants.leads.map(|format| place(Folder::Processed, family.leads(1, format))),
            dry_run_note: wants.dry_run_note.then(|| place(Folder::Processed, family.dry_run_note(1))),
        }
    }

    /// All the places, the original last: the order of the moves.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        [&self.receipt, &self.error, &self.rejects, &self.leads, &self.dry_run_note, &self.original].into_iter().flatten()
    }
}

/// A drop's name taken apart, so that every derived name can be made from it for any suffix.
///
/// The first of its name has suffix 1, which is not written: `list.csv`, `list-2.csv`, `list-3.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    stem: OsString,
    extension: Option<OsString>,
    /// For a rejects file that came back: what it belongs to, and which round it was.
    returned: Option<(OsString, u64)>,
}

impl Family {
    /// Takes a file name apart, shortening it where a derived name would become too long.
    #[must_use]
    pub fn of(name: &OsStr) -> Self {
        let path = Path::new(name);
        let extension = path.extension().filter(|extension| extension.len() <= EXTENSION_BYTES_MAX).map(OsStr::to_os_string);
        let whole_stem = if extension.is_some() { path.file_stem().unwrap_or(name) } else { name };
        let extension_bytes = extension.as_ref().map_or(0, |extension| extension.len() + 1);
        let longest_tail = SUFFIX_BYTES_MAX + (extension_bytes + ".error.txt".len()).max(".rejects.csv".len());
        let returned = extension.as_deref().filter(|extension| extension.eq_ignore_ascii_case("csv")).and_then(|_| {
            let (base, round) = returned_rejects(whole_stem.as_bytes())?;
            let base = shortened(base, NAME_BYTES_MAX - ".rejects.csv".len() - SUFFIX_BYTES_MAX);
            Some((base.to_os_string(), round))
        });
        let stem = shortened(whole_stem, NAME_BYTES_MAX - longest_tail).to_os_string();
        Self { stem, extension, returned }
    }

    /// `list.csv`, `list-2.csv`
    #[must_use]
    pub fn original(&self, suffix: u64) -> OsString {
        let mut name = self.numbered(suffix);
        if let Some(extension) = &self.extension {
            name.push(".");
            name.push(extension);
        }
        name
    }

    /// `list-2.csv.error.txt`
    #[must_use]
    pub fn error(&self, suffix: u64) -> OsString {
        joined(self.original(suffix), ".error.txt")
    }

    /// `list-2.receipt.txt`
    #[must_use]
    pub fn receipt(&self, suffix: u64) -> OsString {
        joined(self.numbered(suffix), ".receipt.txt")
    }

    /// `list-2.dry-run.txt`
    #[must_use]
    pub fn dry_run_note(&self, suffix: u64) -> OsString {
        joined(self.numbered(suffix), ".dry-run.txt")
    }

    /// `list-2.leads.jsonl`
    #[must_use]
    pub fn leads(&self, suffix: u64, format: LeadsFormat) -> OsString {
        let tail = match format {
            LeadsFormat::Jsonl => ".leads.jsonl",
            LeadsFormat::Csv => ".leads.csv",
        };
        joined(self.numbered(suffix), tail)
    }

    /// `list-2.rejects.csv`.
    ///
    /// What is still bad in a rejects file that came back counts on from its round instead: `list.rejects.csv` is followed
    /// by `list.rejects-2.csv` for the number 1, `list.rejects-3.csv` for the number 2.
    #[must_use]
    pub fn rejects(&self, number: u64) -> OsString {
        match &self.returned {
            Some((base, round)) => joined(base.clone(), &format!(".rejects-{}.csv", round.saturating_add(number))),
            None => joined(self.numbered(number), ".rejects.csv"),
        }
    }

    /// Whether the drop is a rejects file that came back, whose next round is numbered independently of its suffix.
    #[must_use]
    pub fn is_returned(&self) -> bool {
        self.returned.is_some()
    }

    fn numbered(&self, suffix: u64) -> OsString {
        match suffix {
            0 | 1 => self.stem.clone(),
            _ => joined(self.stem.clone(), &format!("-{suffix}")),
        }
    }
}

/// A path safe to show in a log or on a terminal: whatever could forge a line, move the cursor or reorder the text is
/// written as an escape, and so is the backslash of the escapes, so that no two paths are shown alike. Not meant to be read
/// back; [`path_text`] is.
#[must_use]
pub fn display_name(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' || is_unsafe_to_show(character) {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}"); // writing to a String cannot fail
        }
    }
    shown
}

/// The longest file name that the usual file systems take.
const NAME_BYTES_MAX: usize = 255;
/// `-9999999`: room for ten million drops of one name.
const SUFFIX_BYTES_MAX: usize = 8;
/// What follows the last dot of a longer tail is no extension but part of the name.
const EXTENSION_BYTES_MAX: usize = 16;

/// `list.rejects` → (`list`, 1), `list.rejects-2` → (`list`, 2).
fn returned_rejects(stem: &[u8]) -> Option<(&OsStr, u64)> {
    let at = stem.windows(REJECTS_MARK.len()).rposition(|window| window.eq_ignore_ascii_case(REJECTS_MARK))?;
    let round = match &stem[at + REJECTS_MARK.len()..] {
        [] => 1,
        [b'-', digits @ ..] if digits.len() <= 7 && digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).ok()?.parse().ok()? // no digits at all: not a round of ours
        }
        _ => return None,
    };
    (at > 0).then(|| (OsStr::from_bytes(&stem[..at]), round))
}

const REJECTS_MARK: &[u8] = b".rejects";

/// The longest beginning that fits and does not end inside a character.
fn shortened(stem: &OsStr, bytes_max: usize) -> &OsStr {
    let bytes = stem.as_bytes();
    if bytes.len() <= bytes_max {
        return stem;
    }
    let is_inside = |at: usize| bytes[at] & 0b1100_0000 == 0b1000_0000;
    // At most three steps back: more continuation bytes in a row are not UTF-8 and may be cut anywhere.
    let cut = (bytes_max - 3..=bytes_max).rev().find(|&at| !is_inside(at)).unwrap_or(bytes_max);
    OsStr::from_bytes(&bytes[..cut])
}

fn joined(mut name: OsString, tail: &str) -> OsString {
    name.push(tail);
    name
}

fn push_percent(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}"); // writing to a String cannot fail
}

/// Control characters, and the invisible ones that reorder or hide text.
fn is_unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(bytes: &[u8]) -> OsString {
        OsString::from_vec(bytes.to_vec())
    }

    #[test]
    fn derived_names_share_the_suffix() {
        // name, suffix, original, receipt, error, rejects
        let table = [
            ("list.csv", 1, "list.csv", "list.receipt.txt", "list.csv.error.txt", "list.rejects.csv"),
            ("list.csv", 2, "list-2.csv", "list-2.receipt.txt", "list-2.csv.error.txt", "list-2.rejects.csv"),
            ("list", 3, "list-3", "list-3.receipt.txt", "list-3.error.txt", "list-3.rejects.csv"),
            ("a.b.CSV", 2, "a.b-2.CSV", "a.b-2.receipt.txt", "a.b-2.CSV.error.txt", "a.b-2.rejects.csv"),
            ("list.rejects.csv", 1, "list.rejects.csv", "list.rejects.receipt.txt", "list.rejects.csv.error.txt", "list.rejects-2.csv"),
            (
                "list-2.rejects-7.csv",
                2,
                "list-2.rejects-7-2.csv",
                "list-2.rejects-7-2.receipt.txt",
                "list-2.rejects-7-2.csv.error.txt",
                "list-2.rejects-9.csv",
            ),
            ("x.rejects-.csv", 1, "x.rejects-.csv", "x.rejects-.receipt.txt", "x.rejects-.csv.error.txt", "x.rejects-.rejects.csv"),
        ];
        for (name, suffix, original, receipt, error, rejects) in table {
            let family = Family::of(OsStr::new(name));
            assert_eq!(family.original(suffix), original, "{name}");
            assert_eq!(family.receipt(suffix), receipt, "{name}");
            assert_eq!(family.error(suffix), error, "{name}");
            assert_eq!(family.rejects(suffix), rejects, "{name}");
        }
        assert_eq!(Family::of(OsStr::new("list.csv")).leads(2, LeadsFormat::Jsonl), "list-2.leads.jsonl");
        assert_eq!(Family::of(OsStr::new("list.csv")).dry_run_note(1), "list.dry-run.txt");
    }

    #[test]
    fn every_derived_name_fits_and_no_character_is_cut() {
        let names = [
            os(&[b"a".repeat(251).as_slice(), b".csv"].concat()),
            os(&["é".repeat(125).as_bytes(), b"x.csv"].concat()),
            os(&["a", &"漢".repeat(84)].concat().into_bytes()),
            os(&[b"b".repeat(235).as_slice(), b".numbersabcdefghi"].concat()),
            os(&[b"a.".as_slice(), &b"z".repeat(250)].concat()),
            os(&[b"r".repeat(242).as_slice(), b".rejects.csv"].concat()),
            os(&[0x80; 255]),
            os(&[0xff; 255]),
        ];
        for name in names {
            let family = Family::of(&name);
            let suffix = 9_999_999;
            let derived = [
                family.original(suffix),
                family.receipt(suffix),
                family.error(suffix),
                family.rejects(suffix - 1),
                family.leads(suffix, LeadsFormat::Jsonl),
                family.dry_run_note(suffix),
            ];
            for made in derived {
                assert!(made.len() <= NAME_BYTES_MAX, "{}: {} bytes", display_name(Path::new(&made)), made.len());
                assert!(name.to_str().is_none() || made.to_str().is_some(), "a character was cut in {}", display_name(Path::new(&made)));
            }
            assert!(family.original(1).len() > 200, "no more is cut than needed");
        }
    }

    #[test]
    fn a_place_survives_its_text() {
        let table: [(&[u8], &str); 7] = [
            (b"list.csv", "processed/list.csv"),
            (b"zillow/list.csv", "processed/zillow/list.csv"),
            (b"50%.csv", "processed/50%25.csv"),
            (b"a\nb\x1b[31m.csv", "processed/a%0Ab%1B[31m.csv"),
            (b"caf\xe9.csv", "processed/caf%E9.csv"),
            ("Zürich \"x\".csv".as_bytes(), "processed/Zürich \"x\".csv"),
            ("a\u{202e}vsc.exe".as_bytes(), "processed/a%E2%80%AEvsc.exe"),
        ];
        for (rel, text) in table {
            let place = Place { folder: Folder::Processed, rel: PathBuf::from(os(rel)) };
            assert_eq!(place.to_string(), text);
            assert_eq!(text.parse(), Ok(place));
        }
    }

    #[test]
    fn a_text_that_leads_elsewhere_is_no_place() {
        for text in [
            "",
            "processed",
            "processed/",
            "inbox/x.csv",
            "processed/../x",
            "processed//etc/x",
            "failed/./x",
            "failed/%2E%2E/x",
            "failed/%00",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
        for text in ["failed/%", "failed/%4", "failed/%zz", "failed/a//b", "failed/a/"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_shown_name_cannot_forge_a_log_line() {
        let table: [(&[u8], &str); 6] = [
            (b"plain.csv", "plain.csv"),
            (b"a\\nb.csv", "a\\\\nb.csv"),
            (b"\\xff.csv", "\\\\xff.csv"),
            (b"a\nERROR b\r.csv", "a\\nERROR b\\r.csv"),
            (b"\x1b[2J\xff.csv", "\\u{1b}[2J\\xff.csv"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
        ];
        for (bytes, shown) in table {
            assert_eq!(display_name(Path::new(OsStr::from_bytes(bytes))), shown);
        }
    }
}
