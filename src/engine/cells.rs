//! Cells as text: what counts as empty, what is cleaned away, what a source is called. Used wherever a cell is looked at.
//!
//! Cleaning is for the six fields. A column that we do not know keeps every byte of its cells.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::lead::Field;
use super::record::Cells;

/// Whether every cell is empty: such a record is skipped and counts nowhere.
#[must_use]
pub fn is_blank(record: &Cells) -> bool {
    // The first cell that begins with a printable sign settles it, and that is mostly the very first.
    !record.iter().any(|cell| cell.first().is_some_and(u8::is_ascii_graphic)) && is_blank_throughout(record)
}

fn is_blank_throughout(record: &Cells) -> bool {
    record.iter().all(|cell| cell.is_empty() || std::str::from_utf8(cell).is_ok_and(|text| trim(text).is_empty()))
}

/// A cell without white space, byte order mark and zero-width characters around it.
#[must_use]
pub fn trim(cell: &str) -> &str {
    let bytes = cell.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(b'!'..=b'~'), Some(b'!'..=b'~')) => cell,
        _ => cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}')),
    }
}

/// A cell as text on one line: trimmed, each run of white space one space, without control and zero-width characters,
/// in Unicode NFC (UAX #15).
#[must_use]
pub fn clean(cell: &str) -> Cow<'_, str> {
    let cell = trim(cell);
    if is_clean_ascii(cell.as_bytes()) || is_clean_text(cell) {
        return Cow::Borrowed(cell);
    }
    let swept =
        if cell.chars().any(|c| c != ' ' && is_swept(c)) || cell.contains("  ") { Cow::Owned(sweep(cell)) } else { Cow::Borrowed(cell) };
    if swept.is_ascii() {
        return swept;
    }
    match nfc(&swept) {
        Cow::Borrowed(_) => swept,
        Cow::Owned(composed) => Cow::Owned(composed),
    }
}

/// A text in Unicode normalisation form C.
#[must_use]
pub fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A source in its standard form: cleaned, lower case, inner white space as `_`.
#[must_use]
pub fn standard_source(cell: &str) -> Cow<'_, str> {
    let cell = clean(cell);
    if cell.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()) {
        return cell;
    }
    Cow::Owned(cell.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase())
}

/// Whether a trimmed cell says that there is nothing to say: `N/A`, `-`, `NULL`, `#N/A`, `unknown` …
#[must_use]
pub fn means_missing(text: &str) -> bool {
    if !may_mean_missing(text) {
        return false;
    }
    is_only_marks(text) || listed(MISSING, &MISSING_PLACES, text) || is_bracketed_nothing(text)
}

/// Whether a field's trimmed cell is as good as empty.
///
/// A name may be `Na`, `Nil` or `Null`, so there only the spelling of a program counts. What a spreadsheet could not
/// calculate is missing too, except as a value: that it is no number should be told.
#[must_use]
pub fn is_missing(field: Field, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    if !may_mean_missing(text) {
        return false;
    }
    match field {
        Field::Name => (means_missing(text) && !is_given_name(text)) || is_spreadsheet_error(text),
        Field::Value => means_missing(text),
        Field::Email | Field::Location | Field::Phone | Field::Source => means_missing(text) || is_spreadsheet_error(text),
    }
}

/// Whether the cell is the error of a formula: `#REF!`, `#VALUE!`, `#DIV/0!`, `#NAME?` …, or `####` of a narrow column.
#[must_use]
pub fn is_spreadsheet_error(text: &str) -> bool {
    text.starts_with('#')
        && (listed(SPREADSHEET_ERRORS, &SPREADSHEET_ERROR_PLACES, text) || (text.len() >= 3 && text.bytes().all(|b| b == b'#')))
}

/// What programs and people write for nothing, in lower case. Sorted.
const MISSING: &[&str] = &[
    "#n/a",
    "#n/v",
    "#na",
    "\\n",
    "blank",
    "empty",
    "k. a.",
    "k.a.",
    "missing",
    "n.a",
    "n.a.",
    "n.d.",
    "n/a",
    "n/c",
    "n/d",
    "n/v",
    "na",
    "nan",
    "nat",
    "nil",
    "none",
    "not applicable",
    "not available",
    "not given",
    "not provided",
    "not specified",
    "null",
    "s/d",
    "undefined",
    "unknown",
];

/// Errors of Excel, `LibreOffice` and Google Sheets, in lower case. Sorted.
const SPREADSHEET_ERRORS: &[&str] = &[
    "#blocked!",
    "#busy!",
    "#calc!",
    "#connect!",
    "#div/0!",
    "#error!",
    "#field!",
    "#getting_data",
    "#n/a",
    "#name?",
    "#null!",
    "#num!",
    "#ref!",
    "#spill!",
    "#unknown!",
    "#value!",
];

/// The longest of both lists has 14 bytes; brackets may come around it.
const MISSING_BYTES_MAX: usize = 16;

/// A glance that settles nearly every cell: none of what is meant begins otherwise.
fn may_mean_missing(text: &str) -> bool {
    let Some(first) = text.as_bytes().first() else { return false };
    text.len() <= MISSING_BYTES_MAX && FIRST_BYTES[usize::from(first.to_ascii_lowercase())]
}

/// First bytes of the words in both lists, of brackets and of marks; those beyond ASCII begin with 0xe2.
static FIRST_BYTES: [bool; 256] = {
    let (firsts, mut table, mut at) = (b"#\\bekmnsu([<-?._*/\xe2", [false; 256], 0);
    while at < firsts.len() {
        table[firsts[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a sorted list in lower case has a text, whose first byte says where it would stand.
fn listed(list: &[&str], places: &[(u8, u8); 256], text: &str) -> bool {
    let Some(first) = text.as_bytes().first() else { return false };
    let (start, end) = places[usize::from(first.to_ascii_lowercase())];
    list[usize::from(start)..usize::from(end)].iter().any(|word| word.eq_ignore_ascii_case(text))
}

static MISSING_PLACES: [(u8, u8); 256] = places(MISSING);
static SPREADSHEET_ERROR_PLACES: [(u8, u8); 256] = places(SPREADSHEET_ERRORS);

/// For each first byte, where the words of a sorted list that begin so start and end.
#[allow(clippy::cast_possible_truncation)] // the lists have fewer than 255 words, or this does not compile
pub(super) const fn places(sorted: &[&str]) -> [(u8, u8); 256] {
    assert!(sorted.len() < 255);
    let (mut places, mut at) = ([(0, 0); 256], 0);
    while at < sorted.len() {
        let first = sorted[at].as_bytes()[0] as usize;
        if places[first].1 == 0 {
            places[first].0 = at as u8;
        }
        places[first].1 = at as u8 + 1;
        at += 1;
    }
    places
}

/// `-`, `--`, `—`, `?`, `...`, `_`: marks that stand where something should.
fn is_only_marks(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '?' | '.' | '_' | '*' | '/'))
}

/// `(blank)`, `<null>`, `[none]`.
fn is_bracketed_nothing(text: &str) -> bool {
    let inner = [('(', ')'), ('<', '>'), ('[', ']')].into_iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    inner.is_some_and(|inner| inner.is_empty() || listed(MISSING, &MISSING_PLACES, inner))
}

/// `Na`, `Nil`, `Null`: written like a name.
fn is_given_name(text: &str) -> bool {
    matches!(text, "Na" | "Nan" | "Nat" | "Nil" | "Null")
}

/// Printable, with single spaces inside.
fn is_clean_ascii(bytes: &[u8]) -> bool {
    let mut after_space = false;
    bytes.iter().all(|b| {
        let is_space = *b == b' ';
        let fits = matches!(b, b' '..=b'~') && !(is_space && after_space);
        after_space = is_space;
        fits
    })
}

/// Printable letters and signs that are NFC by themselves, without marks that could combine with them: Latin, Cyrillic,
/// kana and Chinese characters.
fn is_clean_text(text: &str) -> bool {
    let mut after_space = false;
    text.chars().all(|c| {
        let fits = match c {
            ' ' => !after_space,
            '!'..='~'
            | '\u{a1}'..='\u{ac}'
            | '\u{ae}'..='\u{2ff}'
            | '\u{400}'..='\u{481}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{4e00}'..='\u{9fff}' => true,
            _ => false,
        };
        after_space = c == ' ';
        fits
    })
}

/// What does not stay as it is: white space, control characters, marks without width.
fn is_swept(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_joiner(c) || is_without_width(c)
}

fn is_without_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    )
}

/// They have no width either, but Persian and Indic words and some emoji need them between their letters.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn sweep(cell: &str) -> String {
    let mut swept = String::with_capacity(cell.len());
    let mut chars = cell.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {
                if !swept.is_empty() && !swept.ends_with(' ') {
                    swept.push(' ');
                }
            }
            c if is_joiner(c) => {
                let joins = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !is_swept(c));
                if joins(swept.chars().next_back()) && joins(chars.peek().copied()) {
                    swept.push(c);
                }
            }
            c if c.is_control() || is_without_width(c) => {}
            c => swept.push(c),
        }
    }
    swept.truncate(swept.trim_end().len());
    swept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cleaned_text() {
        for (cell, expected) in [
            ("Ann Smith", "Ann Smith"),
            ("  Ann   Smith ", "Ann Smith"),
            ("Kim\nLarsen", "Kim Larsen"),
            ("Kim\r\n\tLarsen", "Kim Larsen"),
            ("Ann\u{a0}\u{3000}Smith", "Ann Smith"),
            ("An\u{200b}n\u{feff}", "Ann"),
            ("\u{202a}Ann\u{202c}", "Ann"),
            ("An\u{0}n\u{7f}", "Ann"),
            ("Ann \u{200b} Smith", "Ann Smith"),
            ("An\u{200d}n", "Ann"),
            ("Jose\u{301}", "José"),
            ("José", "José"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("", ""),
            (" \u{feff} ", ""),
        ] {
            assert_eq!(clean(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn clean_text_is_not_copied() {
        for cell in ["Ann Smith", "José Ñíguez", " 東京 ", "O'Hara, Tess"] {
            assert!(matches!(clean(cell), Cow::Borrowed(_)), "{cell}");
        }
    }

    #[test]
    fn sources() {
        for (cell, expected) in [(" Trade Show", "trade_show"), ("Messe\u{a0}Köln", "messe_köln"), ("csv", "csv"), ("Web\u{200b}", "web")]
        {
            assert_eq!(standard_source(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn what_is_missing() {
        let all =
            |text: &str| Field::ALL.into_iter().filter(|field| is_missing(*field, text)).map(Field::name).collect::<Vec<_>>().join(" ");
        let every = "name email value location phone source";
        for text in [
            "", "N/A", "n/a", "n.a.", "NA", "NULL", "null", "none", "None", "nil", "-", "--", "—", "?", "(blank)", "<null>", "#N/A",
            "Unknown", "\\N",
        ] {
            assert_eq!(all(text), every, "{text}");
        }
        for text in ["#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#ref!", "#####"] {
            assert_eq!(all(text), "name email location phone source", "{text}");
        }
        for text in ["Na", "Null", "Nil", "Nan"] {
            assert_eq!(all(text), "email value location phone source", "{text}");
        }
        for text in ["call me", "0", "#1", "Nana", "-5", "x", "N", "Nashville", "(800)", "Anna Null", "東京", "A. N."] {
            assert_eq!(all(text), "", "{text}");
        }
        assert!(MISSING.is_sorted() && SPREADSHEET_ERRORS.is_sorted(), "they are searched by their first byte");
        assert!(
            MISSING.iter().chain(SPREADSHEET_ERRORS).all(|word| word.len() + 2 <= MISSING_BYTES_MAX),
            "the glance must let them through"
        );
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(cell in "\\PC{0,20}|[ \t\r\n\u{0}\u{a0}\u{200b}\u{200d}\u{301}aé東👩]{0,20}") {
            let once = clean(&cell).into_owned();
            prop_assert_eq!(clean(&once), once.as_str());
            prop_assert!(!once.chars().any(char::is_control) && !once.contains("  ") && once.trim() == once);
        }

        #[test]
        fn the_short_way_is_the_same(cell in "[ -~¡-¬®-˿Ѐ-ҁぁ-ゖ一-丿\u{301}\u{3099}]{0,8}") {
            prop_assert!(!is_clean_text(&cell) || *nfc(&cell) == *cell);
        }

        #[test]
        fn any_cell_can_be_asked(cell in "\\PC{0,20}") {
            prop_assert!(!is_missing(Field::Value, &cell) || is_missing(Field::Location, &cell));
            prop_assert!(!standard_source(&cell).contains(char::is_whitespace));
        }
    }
}
