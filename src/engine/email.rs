//! E-mail addresses: whether a mail system would accept one, what people write around it, and the form by which we know
//! a person.
//!
//! Source of the rules: RFC 5321 and 5322 (local part, lengths), RFC 6531 (Unicode in it), RFC 5891 to 5893 (domain, by way
//! of UTS 46). A dot is required in the domain and an IP address refused, because a lead from `user@localhost` cannot be
//! written to; so are the domains that RFC 6761 and its followers keep out of the public DNS. It never asks a network
//! whether the mailbox exists, and it never corrects: a slip is only told.

mod providers;

use std::borrow::Cow;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

pub use self::providers::{is_free_mail, meant_domain};
use super::cells::{means_missing, nfc, trim};
use super::rules::EmailRule;

/// What was found in an e-mail cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// The first valid address: lower case, NFC, without quotes that it does not need.
    pub address: Cow<'a, str>,
    /// The other valid ones, separated by `, `; mostly empty.
    pub others: Cow<'a, str>,
    /// Whether it was taken out of something: `mailto:`, `Name <a@b.c>`, quotes, a trailing comma.
    pub unwrapped: bool,
}

/// The address in a cell, if there is one. Expects a trimmed cell; borrows where nothing had to change.
///
/// What is valid as a whole is never taken apart. A second address needs a second `@`, so that `john doe@example.com` stays
/// the fault that it is.
#[must_use]
pub fn read_address(cell: &str, rule: EmailRule) -> Option<Address<'_>> {
    let alone = |address| Address { address, others: Cow::Borrowed(""), unwrapped: false };
    if is_plain(cell.as_bytes()) {
        return Some(alone(Cow::Borrowed(cell)));
    }
    if cell.len() > CELL_BYTES_MAX {
        return None;
    }
    if let Some(address) = normal_form(cell) {
        return Some(alone(address));
    }
    let found = if cell.contains('@') { taken_out(cell) } else { None };
    let minimal = || cell.contains('@') && cell.contains('.') && !cell.contains(char::is_whitespace);
    found.or_else(|| (rule == EmailRule::Minimal && minimal()).then(|| alone(lower(cell))))
}

/// The form by which a person is known: the address with its domain in IDNA ASCII.
#[must_use]
pub fn identity(address: &str) -> Cow<'_, str> {
    if address.is_ascii() {
        return Cow::Borrowed(address);
    }
    match address.rsplit_once('@').and_then(|(local, domain)| Some((local, idna::domain_to_ascii(domain).ok()?))) {
        Some((local, domain)) => Cow::Owned(format!("{local}@{domain}")),
        None => Cow::Borrowed(address),
    }
}

/// Longer cells hold a text, not addresses.
const CELL_BYTES_MAX: usize = 4096;
/// Octets of a local part (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// Octets of a domain in its ASCII form (RFC 1035, 2.3.4, without the root).
const DOMAIN_MAX: usize = 253;
/// Octets of an address (RFC 3696, erratum 1690).
const ADDRESS_MAX: usize = 254;

/// The overwhelming case, settled by one look at each byte: an address of small ASCII letters, digits and the signs of an
/// atom, with a domain without `--`. Whatever it takes, [`normal_form`] takes unchanged; what it does not take is not
/// therefore wrong.
fn is_plain(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| *byte == b'@').filter(|at| (1..=LOCAL_MAX).contains(at)) else { return false };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let mut before = b'.';
    for byte in local {
        if !(PLAIN_ATOM[usize::from(*byte)] || (*byte == b'.' && before != b'.')) {
            return false;
        }
        before = *byte;
    }
    if before == b'.' || text.len() > ADDRESS_MAX {
        return false;
    }
    let (mut before, mut start) = (b'.', 0);
    for (at, byte) in domain.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if !matches!(before, b'.' | b'-') => {}
            b'.' if !matches!(before, b'.' | b'-') && at - start <= LABEL_MAX => start = at + 1,
            _ => return false,
        }
        before = *byte;
    }
    let last = &domain[start..];
    start > 0 && before.is_ascii_lowercase() && last.len() <= LABEL_MAX && !SPECIAL_USE.iter().any(|special| special.as_bytes() == last)
}

/// Octets of a label of a domain (RFC 1035, 2.3.4).
const LABEL_MAX: usize = 63;

/// [`ATOM`] without capitals.
static PLAIN_ATOM: [bool; 256] = {
    let (mut table, mut at) = (ATOM, b'A');
    while at <= b'Z' {
        table[at as usize] = false;
        at += 1;
    }
    table
};

/// The valid address that the whole text is.
fn normal_form(text: &str) -> Option<Cow<'_, str>> {
    let at = memchr::memrchr(b'@', text.as_bytes())?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if text.len() > ADDRESS_MAX {
        return None;
    }
    if text.is_ascii() && !local.starts_with('"') && !has_a_label(domain.as_bytes()) {
        return (is_dot_atom(local) && is_ascii_domain(domain.as_bytes())).then(|| lower(text));
    }
    let local = local_part(local)?;
    let (domain, ascii_length) = domain_part(domain)?;
    let fits = local.len() + 1 + domain.len().max(ascii_length) <= ADDRESS_MAX;
    fits.then(|| Cow::Owned(format!("{local}@{domain}")))
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// Atoms of ASCII with single dots between them.
fn is_dot_atom(local: &str) -> bool {
    let mut after_dot = true;
    let fits = local.len() <= LOCAL_MAX
        && local.bytes().all(|b| {
            let is_dot = b == b'.';
            let fits = if is_dot { !after_dot } else { ATOM[usize::from(b)] };
            after_dot = is_dot;
            fits
        });
    fits && !after_dot
}

/// `atext` of RFC 5322 by byte.
const ATOM: [bool; 256] = {
    let atext = b"!#$%&'*+-/=?^_`{|}~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (mut table, mut at) = ([false; 256], 0);
    while at < atext.len() {
        table[atext[at] as usize] = true;
        at += 1;
    }
    table
};

/// The local part in its normal form: lower case, NFC, quoted only where it must be.
fn local_part(local: &str) -> Option<String> {
    let (content, is_quoted) = match local.strip_prefix('"') {
        Some(rest) => (unescaped(rest.strip_suffix('"')?)?, true),
        None => (local.to_owned(), false),
    };
    let holds = |text: &str| if is_quoted { is_quotable(text) } else { is_international_atom(text) };
    if !holds(&content) {
        return None;
    }
    let normal = nfc(&content.to_lowercase()).into_owned();
    let normal = match is_international_atom(&normal) {
        true => normal,
        false if is_quoted && is_quotable(&normal) => quoted(&normal),
        false => return None,
    };
    (normal.len() <= LOCAL_MAX).then_some(normal)
}

/// Dot-separated atoms with letters and signs of any script (RFC 6531).
fn is_international_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(|c| if c.is_ascii() { ATOM[c as usize] } else { is_safe(c) }))
        && begins_well(text)
}

fn is_quotable(text: &str) -> bool {
    !text.is_empty() && begins_well(text) && text.chars().all(|c| if c.is_ascii() { matches!(c, ' '..='~') } else { is_safe(c) })
}

/// A mark at the front would combine with whatever stands before it.
fn begins_well(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii() || !is_mark(c))
}

/// The content of a quoted string; `None` where a quote or a backslash stands alone.
fn unescaped(quoted: &str) -> Option<String> {
    let mut content = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => content.push(chars.next()?),
            '"' => return None,
            c => content.push(c),
        }
    }
    Some(content)
}

fn quoted(content: &str) -> String {
    format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Letters, marks, numbers, punctuation and symbols; no spaces, controls, formats, private or unassigned characters.
fn is_safe(c: char) -> bool {
    use GeneralCategory as Is;
    !matches!(
        category(c),
        Is::Control
            | Is::Format
            | Is::Surrogate
            | Is::PrivateUse
            | Is::Unassigned
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
    )
}

fn is_mark(c: char) -> bool {
    matches!(category(c), GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether a domain has labels that are only ASCII to the DNS.
fn has_a_label(domain: &[u8]) -> bool {
    memchr::memmem::find(domain, b"--").is_some()
}

/// The domain in its normal form, in Unicode, and the length of its ASCII form.
fn domain_part(domain: &str) -> Option<(String, usize)> {
    let is_sound = |c: char| if c.is_ascii() { is_domain_sign(c) } else { is_safe(c) };
    if domain.is_empty() || !domain.chars().all(is_sound) || !begins_well(domain) {
        return None;
    }
    let uts46 = Uts46::new();
    let ascii = uts46.to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Ignore).ok()?;
    if !is_ascii_domain(ascii.as_bytes()) {
        return None;
    }
    let (unicode, read) = uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    (read.is_ok() && unicode.chars().all(|c| c.is_ascii() || is_in_labels(c))).then(|| (unicode.into_owned(), ascii.len()))
}

fn is_domain_sign(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '.'
}

/// What IDNA 2008 lets into labels (RFC 5892): letters, marks and digits of all scripts, and a few by name.
fn is_in_labels(c: char) -> bool {
    use GeneralCategory as Is;
    matches!(
        category(c),
        Is::LowercaseLetter | Is::OtherLetter | Is::ModifierLetter | Is::NonspacingMark | Is::SpacingMark | Is::DecimalNumber
    ) || matches!(
        c,
        '\u{b7}'
            | '\u{375}'
            | '\u{5f3}'
            | '\u{5f4}'
            | '\u{6fd}'
            | '\u{6fe}'
            | '\u{f0b}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{3007}'
            | '\u{30fb}'
    )
}

/// At least two labels of letters, digits and inner hyphens; the last one ends in a letter and is in the public DNS.
fn is_ascii_domain(domain: &[u8]) -> bool {
    let (mut labels, mut start) = (0, 0);
    let mut is_label = |label: &[u8]| {
        let ends_well = label.first() != Some(&b'-') && label.last() != Some(&b'-');
        labels += 1;
        (1..=LABEL_MAX).contains(&label.len()) && ends_well
    };
    for (at, byte) in domain.iter().enumerate() {
        match byte {
            b'.' => {
                if !is_label(&domain[start..at]) {
                    return false;
                }
                start = at + 1;
            }
            b if b.is_ascii_alphanumeric() || *b == b'-' => {}
            _ => return false,
        }
    }
    is_label(&domain[start..])
        && labels >= 2
        && domain.len() <= DOMAIN_MAX
        && domain.last().is_some_and(u8::is_ascii_alphabetic)
        && !SPECIAL_USE.iter().any(|special| domain[start..].eq_ignore_ascii_case(special.as_bytes()))
}

/// Top-level domains without mail: RFC 3172, 6761, 6762 and 7686.
const SPECIAL_USE: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];

/// The addresses in a cell that holds more than one of them, or something around one.
fn taken_out(cell: &str) -> Option<Address<'static>> {
    let inner = without_wrapping(cell);
    let mut parts = Vec::new();
    take_apart(&inner, SEPARATORS, &mut parts);
    let used = parts.iter().position(|part| part.is_valid)?;
    let address = parts.remove(used);
    let mut others: Vec<String> = Vec::new();
    for other in parts {
        if other.text != address.text && !others.contains(&other.text) && others.len() < OTHERS_MAX {
            others.push(other.text);
        }
    }
    Some(Address { address: address.text.into(), others: others.join(", ").into(), unwrapped: address.unwrapped || inner != cell })
}

/// One of several things in a cell.
struct Part {
    text: String,
    is_valid: bool,
    unwrapped: bool,
}

/// Other addresses kept; a cell with more is a mailing list.
const OTHERS_MAX: usize = 100;

/// What stands between addresses, the surest first: a comma may be part of a name, a slash of an address, and white space
/// separates only what are all addresses.
const SEPARATORS: &[&[char]] = &[&[';', '|', '\n', '\r', '\t'], &[','], &['/'], &[' ', '\u{a0}']];

/// Splits no further than it has to: a part that is valid stays whole.
fn take_apart(text: &str, separators: &[&[char]], parts: &mut Vec<Part>) {
    let text = trim(text);
    let inner = without_wrapping(text);
    if let Some(address) = normal_form(&inner) {
        return parts.push(Part { text: address.into_owned(), is_valid: true, unwrapped: inner != text });
    }
    let pieces = |separators: &[char]| text.split(separators).map(trim).filter(|piece| !piece.is_empty()).collect::<Vec<_>>();
    for (at, signs) in separators.iter().enumerate() {
        let pieces = pieces(signs);
        let (with_at, without): (Vec<&str>, Vec<&str>) = pieces.iter().partition(|piece| piece.contains('@'));
        let may_be_dropped = |piece: &&str| means_missing(piece) || (with_at.len() > 1 && is_conjunction(piece));
        let may_split = match signs {
            [' ' | '/', ..] => without.iter().all(may_be_dropped),
            _ => with_at.len() > 1 || without.iter().all(|piece| means_missing(piece)),
        };
        if pieces.len() > 1 && may_split {
            return with_at.iter().for_each(|piece| take_apart(piece, &separators[at + 1..], parts));
        }
    }
    if text.contains('@') {
        parts.push(Part { text: text.to_owned(), is_valid: false, unwrapped: false });
    }
}

fn is_conjunction(word: &str) -> bool {
    ["or", "and", "&", "+", "oder", "und", "ou", "et", "o", "y", "e"].contains(&word)
}

/// A text without what people and programs write around an address.
fn without_wrapping(text: &str) -> Cow<'_, str> {
    let mut inner = Cow::Borrowed(text);
    for _ in 0..WRAPPINGS_MAX {
        let Some(less) = unwrapped_once(&inner) else { break };
        inner = Cow::Owned(less);
    }
    inner
}

/// Layers taken off: `"<mailto:a@b.c>",` has four.
const WRAPPINGS_MAX: usize = 5;

fn unwrapped_once(text: &str) -> Option<String> {
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
    if trimmed.len() < text.len() {
        return Some(trimmed.to_owned());
    }
    if let Some(link) = without_prefix(text, "mailto:") {
        let address = link.split('?').next().unwrap_or_default();
        return Some(percent_decoded(address));
    }
    if let Some(inner) = LABELS.iter().find_map(|label| without_prefix(text, label)) {
        return Some(inner.trim_start().to_owned());
    }
    if let Some((name, inner)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        let is_closed = !name.contains(['<', '>']) && !inner.contains('>');
        return is_closed.then(|| inner.to_owned());
    }
    let inside = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
    QUOTES.iter().find_map(inside).map(str::to_owned)
}

/// What stands before an address in a cell that says what it is, in lower case.
const LABELS: &[&str] = &["e-mail:", "email:", "mail:", "correo:", "courriel:"];

/// Quotes of our languages, and brackets.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{ab}', '\u{bb}'),
    ('(', ')'),
    ('[', ']'),
];

/// `prefix` is in lower case.
fn without_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let is_there = text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    is_there.then(|| &text[prefix.len()..])
}

/// `%2B` in a link as `+` (RFC 6068); what is no text then stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(cell: &str) -> Option<String> {
        read_address(trim(cell), EmailRule::Standard).map(|found| match &*found.others {
            "" => found.address.into_owned(),
            others => format!("{} + {others}", found.address),
        })
    }

    #[test]
    fn addresses() {
        for (cell, expected) in [
            ("john@example.com", "john@example.com"),
            ("John.Doe+x@Example.COM", "john.doe+x@example.com"),
            ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
            ("a@b.c", "a@b.c"),
            ("\"john doe\"@example.com", "\"john doe\"@example.com"),
            ("\"john.doe\"@example.com", "john.doe@example.com"),
            ("\"john\\.doe\"@example.com", "john.doe@example.com"),
            ("\"john\\\"doe\"@example.com", "\"john\\\"doe\"@example.com"),
            ("\"j@home\"@example.com", "\"j@home\"@example.com"),
            ("jürgen@münchen.de", "jürgen@münchen.de"),
            ("JÜRGEN@MÜNCHEN.DE", "jürgen@münchen.de"),
            ("ju\u{308}rgen@example.com", "jürgen@example.com"),
            ("info@ｅｘａｍｐｌｅ.com", "info@example.com"),
            ("山田@例え.テスト", "山田@例え.テスト"),
            ("info@xn--mnchen-3ya.de", "info@münchen.de"),
        ] {
            assert_eq!(read(cell).as_deref(), Some(expected), "{cell}");
        }
    }

    #[test]
    fn what_no_mail_system_accepts() {
        for cell in [
            "john.example.com",
            "john@localhost",
            "john@example",
            ".john@example.com",
            "john.@example.com",
            "jo..hn@example.com",
            "john@-example.com",
            "john@example-.com",
            "john@exa_mple.com",
            "john@example..com",
            "john@.example.com",
            "john@example.com.",
            "john@1.2.3.4",
            "john@[1.2.3.4]",
            "john@example.c0",
            "john doe@example.com",
            "john,doe@example.com",
            "john@exam ple.com",
            "a@b@example.com",
            "@example.com",
            "john@",
            "",
            "\"\"@example.com",
            "\"john@example.com",
            "jo\"h\"n@example.com",
            "john＠example.com",
            "jo\u{200b}hn@example.com",
            "john@exam\u{ad}ple.com",
            "\u{301}john@example.com",
            "john@\u{301}example.com",
            "john@i❤.com",
            "john@ab--c.com",
            "john@xn--0.com",
            "john@1.\u{5d0}.com",
            "john@printer.local",
            "john@example.test",
            "john@a.onion",
            "<john@example.com",
            "<john@example.com>>",
            "<john@example.com> !",
            "John <john@-example.com>",
        ] {
            assert_eq!(read(cell), None, "{cell}");
        }
    }

    #[test]
    fn lengths_are_octets() {
        let local = |n: usize| format!("{}@example.com", "a".repeat(n));
        assert!(read(&local(64)).is_some() && read(&local(65)).is_none());
        assert!(read(&format!("{}@example.com", "é".repeat(32))).is_some() && read(&format!("{}@example.com", "é".repeat(33))).is_none());
        let label = |n: usize| format!("a@{}.com", "b".repeat(n));
        assert!(read(&label(63)).is_some() && read(&label(64)).is_none());
        let long = |n: usize| format!("a@{}{}.com", format!("{}.", "b".repeat(49)).repeat(4), "c".repeat(n));
        assert!(read(&long(48)).is_some_and(|address| address.len() == 254) && read(&long(49)).is_none());
        let unicode = |n: usize| format!("a@é{}{}.com", format!("{}.", "b".repeat(45)).repeat(4), "c".repeat(n));
        assert!(read(&unicode(48)).is_some() && read(&unicode(60)).is_none(), "the ASCII form is longer than what was typed");
    }

    #[test]
    fn as_people_write_them() {
        for (cell, expected) in [
            ("mailto:x@example.com?subject=Hello", "x@example.com"),
            ("MAILTO:ann%2Bhome@example.com", "ann+home@example.com"),
            ("Ann Lee <Ann@Example.com>", "ann@example.com"),
            ("Dr. A. Lee <ann@example.com>", "ann@example.com"),
            ("\"Lee, Ann\" <ann@example.com>", "ann@example.com"),
            ("Lee, Ann <ann@example.com>", "ann@example.com"),
            ("<ann@example.com>", "ann@example.com"),
            ("\"ann@example.com\"", "ann@example.com"),
            ("'ann@example.com'", "ann@example.com"),
            ("„ann@example.com“", "ann@example.com"),
            ("(ann@example.com)", "ann@example.com"),
            ("\"<mailto:ann@example.com>\",", "ann@example.com"),
            ("ann@example.com,", "ann@example.com"),
            ("ann@example.com;", "ann@example.com"),
            ("E-Mail: ann@example.com", "ann@example.com"),
        ] {
            assert_eq!(read(cell).as_deref(), Some(expected), "{cell}");
            assert!(read_address(cell, EmailRule::Standard).is_some_and(|found| found.unwrapped), "{cell}");
        }
    }

    #[test]
    fn several_in_a_cell() {
        for (cell, expected) in [
            ("a@x.com; b@x.com", "a@x.com + b@x.com"),
            ("a@x.com,b@x.com,a@x.com", "a@x.com + b@x.com"),
            ("a@x.com/b@x.com", "a@x.com + b@x.com"),
            ("a@x.com | B@x.com", "a@x.com + b@x.com"),
            ("a@x.com\nb@x.com\r\nc@x.com", "a@x.com + b@x.com, c@x.com"),
            ("a@x.com b@x.com", "a@x.com + b@x.com"),
            ("a@x.com or b@x.com", "a@x.com + b@x.com"),
            ("a@x; b@x.com", "b@x.com + a@x"),
            ("n/a; b@x.com", "b@x.com"),
            ("Ann <a@x.com>, Bob <b@x.com>", "a@x.com + b@x.com"),
            ("Lee, Ann <a@x.com>; Lee, Bob <b@x.com>", "a@x.com + b@x.com"),
            ("mailto:a@x.com,b@x.com?cc=c@x.com", "a@x.com + b@x.com"),
            ("user/office@x.com", "user/office@x.com"),
        ] {
            assert_eq!(read(cell).as_deref(), Some(expected), "{cell}");
        }
    }

    #[test]
    fn a_plain_address_is_not_copied() {
        let found = read_address("ann.lee+x@example.com", EmailRule::Standard).expect("an address");
        assert!(matches!(found.address, Cow::Borrowed(_)) && !found.unwrapped);
    }

    #[test]
    fn the_original_rule_is_the_documented_minimum() {
        for (cell, accepted) in [("a@b.c", true), ("a@b", false), ("a.b", false), ("john@1.2.3.4", true), ("a b@c.d", false)] {
            assert_eq!(read_address(cell, EmailRule::Minimal).is_some(), accepted, "{cell}");
        }
        let found = read_address("Ann <a@x.com>", EmailRule::Minimal).expect("an address");
        assert_eq!(found.address, "a@x.com");
    }

    #[test]
    fn both_spellings_of_a_domain_are_one_person() {
        assert_eq!(identity("jürgen@münchen.de"), "jürgen@xn--mnchen-3ya.de");
        assert_eq!(identity("a@b.de"), "a@b.de");
    }

    proptest! {
        #[test]
        fn a_plain_address_is_its_own_normal_form(cell in "[a-cA0-2.+_@-]{0,12}@[a-c0B.-]{0,10}(\\.com|\\.local|\\.test|\\.c0m|\\.0|@)?|[ab.]{60,66}@(a{60,66}\\.){1,4}de") {
            if is_plain(cell.as_bytes()) {
                prop_assert_eq!(normal_form(&cell), Some(Cow::Borrowed(cell.as_str())));
            } else if let Some(address) = normal_form(&cell) {
                prop_assert!(address != cell || cell.contains("--") || cell.starts_with('"'), "{} is plain", cell);
            }
        }

        #[test]
        fn any_cell_is_read_without_harm(cell in "\\PC{0,40}|[a-c@.;,<>\"'\\\\ /|%\n\u{301}é東-]{0,40}") {
            for rule in [EmailRule::Standard, EmailRule::Minimal] {
                let _ = read_address(&cell, rule);
            }
        }

        #[test]
        fn the_normal_form_is_its_own(cell in "[a-cA-C.é\"ü\u{308}東 ]{1,12}@[a-cA-Céß東.-]{1,12}\\.(com|DE)") {
            if let Some(found) = read_address(&cell, EmailRule::Standard) {
                let again = read_address(&found.address, EmailRule::Standard).expect("a valid address");
                prop_assert_eq!((&again.address, again.unwrapped), (&found.address, false));
            }
        }

        #[test]
        fn an_address_survives_what_is_written_around_it(local in "[a-z][a-z0-9.]{0,8}[a-z]", domain in "[a-z]{1,9}\\.(com|de|co\\.uk)") {
            let address = format!("{local}@{domain}");
            prop_assume!(!local.contains(".."));
            for cell in [format!("<{address}>"), format!("Ann <{address}>;"), format!("mailto:{address}"), format!("\"{address}\"")] {
                prop_assert_eq!(read(&cell), Some(address.clone()));
            }
        }
    }
}
