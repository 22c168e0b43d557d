//! What the bytes of a file are: text in an encoding that we name, or something else that we name too. And the way from
//! that encoding to UTF-8.
//!
//! Found from the content alone: a byte order mark, UTF-8 that is valid (or nearly: a few damaged rows do not change what
//! the others are), UTF-16 by its zero bytes, the older encodings by how plausible their words are (`legacy`). It guesses
//! no encoding that the Encoding Standard does not have, such as the DOS code pages of Western Europe, and it unpacks
//! nothing.

mod ideographs;
mod languages;
mod legacy;
mod letters;
mod utf16;

use std::fmt;

use encoding_rs::{DecoderResult, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use super::file_error::FileError;

/// An encoding, and whether a byte order mark stands before the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    charset: &'static encoding_rs::Encoding,
    mark_len: usize,
}

impl Encoding {
    /// UTF-8 without a byte order mark.
    pub const UTF_8: Self = Self::unmarked(UTF_8);

    /// The name as it stands in reports, which is that of the Encoding Standard.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self.charset.name() {
            "UTF-8" if self.mark_len > 0 => "UTF-8 with BOM",
            "UTF-16LE" if self.mark_len > 0 => "UTF-16LE with BOM",
            "UTF-16BE" if self.mark_len > 0 => "UTF-16BE with BOM",
            name => name,
        }
    }

    /// Bytes of the byte order mark before the text.
    #[must_use]
    pub fn mark_len(self) -> usize {
        self.mark_len
    }

    /// Whether the text can be read as it is, without a [`Decoder`].
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.charset == UTF_8
    }

    const fn unmarked(charset: &'static encoding_rs::Encoding) -> Self {
        Self { charset, mark_len: 0 }
    }

    /// Whether its signs are pairs of bytes, and then whether the greater one comes first.
    #[must_use]
    pub fn utf16_is_big_endian(self) -> Option<bool> {
        self.is_utf16().then(|| self.charset == UTF_16BE)
    }

    fn is_utf16(self) -> bool {
        self.charset == UTF_16LE || self.charset == UTF_16BE
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoding({})", self.as_str())
    }
}

/// What the bytes were found to be, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detected {
    /// The encoding.
    pub encoding: Encoding,
    /// From 0 (a guess) to 1 (certain).
    pub confidence: f64,
}

/// The encoding of a name as people write it: the labels of the Encoding Standard and a few more, in any case.
#[must_use]
pub fn named(label: &str) -> Option<Encoding> {
    let label = label.trim().to_ascii_lowercase();
    let compact: String = label.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    let label = SPELLINGS.iter().find(|(spelling, _)| *spelling == compact).map_or(label.as_str(), |(_, label)| label);
    let charset = [label, &label.replace([' ', '_'], "-"), &compact]
        .into_iter()
        .find_map(|label| encoding_rs::Encoding::for_label(label.as_bytes()))?;
    (charset != REPLACEMENT && charset != X_USER_DEFINED).then_some(Encoding::unmarked(charset))
}

/// Names that the Encoding Standard does not have, without spaces and hyphens.
const SPELLINGS: &[(&str, &str)] = &[
    ("utf8sig", "utf-8"),
    ("utf8bom", "utf-8"),
    ("utf8withbom", "utf-8"),
    ("utf16withbom", "utf-16le"),
    ("utf16lewithbom", "utf-16le"),
    ("utf16bewithbom", "utf-16be"),
    ("utf16le", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("utf16", "utf-16le"),
    ("ansi", "windows-1252"),
    ("macroman", "macintosh"),
    ("macosroman", "macintosh"),
    ("applemacintosh", "macintosh"),
    ("maccyrillic", "x-mac-cyrillic"),
    ("win1250", "windows-1250"),
    ("win1251", "windows-1251"),
    ("win1252", "windows-1252"),
    ("win1253", "windows-1253"),
    ("win1254", "windows-1254"),
    ("win1257", "windows-1257"),
    ("windows1250", "windows-1250"),
    ("windows1251", "windows-1251"),
    ("windows1252", "windows-1252"),
    ("windows1253", "windows-1253"),
    ("windows1254", "windows-1254"),
    ("windows1255", "windows-1255"),
    ("windows1256", "windows-1256"),
    ("windows1257", "windows-1257"),
    ("windows1258", "windows-1258"),
    ("latin9", "iso-8859-15"),
    ("koi8r", "koi8-r"),
    ("koi8u", "koi8-u"),
    ("cp866", "ibm866"),
    ("cp874", "windows-874"),
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("shiftjis", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("euckr", "euc-kr"),
    ("cp950", "big5"),
    ("big5hkscs", "big5"),
];

/// The first bytes of a file decide what it is.
///
/// `head` is at most the first MiB, cut anywhere unless it is the `whole` file. A byte order mark decides; then
/// `wanted`, which the configuration names; then the content.
///
/// # Errors
/// [`FileError`] naming the kind of file, where it is no text, and how to export a CSV from it.
pub fn detect(head: &[u8], whole: bool, wanted: Option<Encoding>) -> Result<Detected, FileError> {
    if head.is_empty() {
        return Err(FileError::new("zero_bytes", "the file is empty (0 bytes)", "Export it again and drop it once more"));
    }
    refuse_signatures(head)?;
    let detected = match (mark(head), wanted) {
        (Some(marked), wanted) => certain(heed(marked, wanted)),
        (None, Some(wanted)) if wanted.is_utf16() => certain(wanted),
        (None, Some(wanted)) => refuse_binary(head).map(|()| certain(wanted))?,
        (None, None) => by_content(head, whole)?,
    };
    refuse_markup(head, detected.encoding)?;
    Ok(detected)
}

fn certain(encoding: Encoding) -> Detected {
    Detected { encoding, confidence: 1.0 }
}

/// The encoding that a byte order mark tells.
fn mark(head: &[u8]) -> Option<Encoding> {
    encoding_rs::Encoding::for_bom(head).map(|(charset, mark_len)| Encoding { charset, mark_len })
}

/// The mark is passed over whatever is wanted; and nothing else than UTF-16 begins with a mark of UTF-16.
fn heed(marked: Encoding, wanted: Option<Encoding>) -> Encoding {
    match wanted {
        Some(wanted) if !marked.is_utf16() => Encoding { charset: wanted.charset, ..marked },
        _ => marked,
    }
}

fn by_content(head: &[u8], whole: bool) -> Result<Detected, FileError> {
    if let Some(detected) = utf16::detect(head, whole) {
        return Ok(detected);
    }
    refuse_binary(head)?;
    let damage = match std::str::from_utf8(head) {
        Ok(text) => return Ok(seven_bits(text)),
        Err(error) if !whole && error.error_len().is_none() => return Ok(certain(Encoding::UTF_8)),
        Err(error) => Damage::of(head, error.valid_up_to(), whole),
    };
    if damage.is_mostly_valid() {
        return Ok(Detected { encoding: Encoding::UTF_8, confidence: damage.valid_share() });
    }
    let reading = legacy::best(head);
    // Bytes that are no words in any encoding are damage; so they are where half of them are UTF-8 and the rest makes no
    // good words with them.
    let is_damage = damage.broken <= FEW_BROKEN && reading.plausibility < legacy::IMPLAUSIBLE;
    if is_damage
        || damage.is_filler
        || damage.is_within_numbers
        || (damage.valid >= damage.broken && reading.plausibility < legacy::DOUBTFUL)
    {
        return Ok(Detected { encoding: Encoding::UTF_8, confidence: 0.5 });
    }
    Ok(Detected { encoding: Encoding::unmarked(reading.charset), confidence: reading.confidence.min(SURE) })
}

/// What no byte order mark and no valid UTF-8 says is never certain.
const SURE: f64 = 0.99;

/// So few bytes that are no text in any encoding are damage, not another encoding.
const FEW_BROKEN: usize = 8;

/// Plain ASCII is UTF-8, unless escapes in it switch to Japanese.
fn seven_bits(text: &str) -> Detected {
    let switches = ["\x1b$B", "\x1b$@", "\x1b(J"].iter().any(|escape| text.contains(escape));
    if switches && text.is_ascii() && !ISO_2022_JP.decode_without_bom_handling(text.as_bytes()).1 {
        return Detected { encoding: Encoding::unmarked(ISO_2022_JP), confidence: 0.95 };
    }
    certain(Encoding::UTF_8)
}

/// How much of what is not ASCII is valid UTF-8.
struct Damage {
    valid: usize,
    broken: usize,
    /// Nothing but 0xFF, which programs write where they fail; as a letter (`ÿ`, `я`) it never stands without others.
    is_filler: bool,
    /// Every broken byte stands alone between two digits, where no language has a letter.
    is_within_numbers: bool,
}

impl Damage {
    /// Counts in the valid beginning and in a bounded part of what follows it.
    fn of(head: &[u8], valid_up_to: usize, whole: bool) -> Self {
        const LOOKED_AT: usize = 128 * 1024;
        let (valid, rest) = head.split_at(valid_up_to);
        let end = rest.len().min(LOOKED_AT);
        let is_cut = !whole || end < rest.len();
        let mut damage = Self { valid: leads(valid), broken: 0, is_filler: true, is_within_numbers: true };
        let mut before = valid.last().copied();
        let mut chunks = rest[..end].utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            damage.valid += leads(chunk.valid().as_bytes());
            damage.is_filler &= chunk.valid().is_ascii() && chunk.invalid().iter().all(|byte| *byte == 0xff);
            // A character that the end cuts is not broken.
            let is_cut = is_cut && chunks.peek().is_none();
            before = chunk.valid().as_bytes().last().copied().or(before);
            let behind = chunks.peek().and_then(|next| next.valid().as_bytes().first().copied());
            let is_lone = chunk.invalid().len() == 1 && [before, behind].iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_digit()));
            damage.is_within_numbers &= chunk.invalid().is_empty() || is_lone;
            damage.broken += usize::from(!chunk.invalid().is_empty() && !is_cut);
        }
        damage
    }

    /// Sequences that are valid by chance are rare in every other encoding.
    fn is_mostly_valid(&self) -> bool {
        self.valid >= 2 * self.broken
    }

    #[allow(clippy::cast_precision_loss)] // counts within a MiB
    fn valid_share(&self) -> f64 {
        (self.valid + 1) as f64 / (self.valid + self.broken + 1) as f64
    }
}

/// How many characters beyond ASCII there are in valid UTF-8.
fn leads(valid: &[u8]) -> usize {
    valid.iter().filter(|byte| **byte >= 0xc0).count()
}

/// First bytes of files that are not lists, their name, and how to get a list out of them.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image", EXPORT),
    (b"\xff\xd8\xff", "a JPEG image", EXPORT),
    (b"GIF87a", "a GIF image", EXPORT),
    (b"GIF89a", "a GIF image", EXPORT),
    (b"%PDF", "a PDF document", "Ask for the list as CSV, or open it where it was made and export it as CSV"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or in Excel choose File > Save As > CSV UTF-8, and drop the CSV"),
    (b"PK\x05\x06", "an empty ZIP archive", EXPORT),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "In Excel choose File > Save As > CSV UTF-8 and drop that"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and drop the CSV inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it and drop the CSV inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and drop the CSV inside"),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it and drop the CSV inside"),
    (b"\x7fELF", "a program", EXPORT),
    (b"SQLite format 3\0", "a database file", EXPORT),
    (b"{\\rtf", "a rich-text document", EXPORT),
    (b"\xff\xfe\0\0", "text in UTF-32", "Save it as CSV UTF-8 and drop that"),
    (b"\0\0\xfe\xff", "text in UTF-32", "Save it as CSV UTF-8 and drop that"),
];

const EXPORT: &str = "Export the list as CSV and drop that";

/// So few zero bytes in a short list are a slip of whoever wrote it, not a sign that it is no list.
const STRAY_ZEROS: usize = 3;

fn refuse_signatures(head: &[u8]) -> Result<(), FileError> {
    if let Some((_, kind, remedy)) = SIGNATURES.iter().find(|(signature, ..)| head.starts_with(signature)) {
        return Err(FileError::new("not_a_csv", format!("this is {kind}, not a CSV file"), *remedy));
    }
    // A column may well be called "MZ"; a program has zero bytes soon after.
    if head.starts_with(b"MZ") && memchr::memchr(0, &head[..head.len().min(64)]).is_some() {
        return Err(FileError::new("not_a_csv", "this is a program, not a CSV file", EXPORT));
    }
    Ok(())
}

/// Refuses web pages and XML, in any encoding.
fn refuse_markup(head: &[u8], encoding: Encoding) -> Result<(), FileError> {
    /// Room for white space before the first tag.
    const OPENING: usize = 1024;
    let mut text = Vec::new();
    Decoder::new(encoding).decode(&head[..head.len().min(OPENING)], false, &mut text);
    let start = text.trim_ascii_start();
    if [&b"<!doctype"[..], b"<html", b"<?xml"].iter().any(|tag| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
    {
        return Err(FileError::new("not_a_csv", "this is a web page or XML document, not a CSV file", EXPORT));
    }
    Ok(())
}

fn refuse_binary(head: &[u8]) -> Result<(), FileError> {
    let zeros = memchr::memchr_iter(0, head).count();
    if zeros > STRAY_ZEROS && zeros * 100 > head.len() {
        return Err(FileError::new("not_a_csv", "this is a binary file (it is full of zero bytes), not a CSV file", EXPORT));
    }
    // Text of any language has tabs and line ends, and hardly another control character; other data has them all over.
    // The escapes of ISO-2022-JP are text.
    let controls =
        head.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && !matches!(**byte, 0x1b..=0x1f)).count();
    if controls > STRAY_ZEROS && controls * 20 > head.len() {
        return Err(FileError::new("not_a_csv", "this is a binary file (its bytes are no text), not a CSV file", EXPORT));
    }
    Ok(())
}

/// Reads a file's bytes, in pieces of any size, into UTF-8 without the byte order mark.
///
/// What is not valid in the encoding becomes one byte 0xFF, which is never UTF-8, so that its row is rejected by the same
/// rule as a damaged row of UTF-8. UTF-8 itself passes through as it is, damage included.
pub struct Decoder {
    /// Nothing to do but to pass the mark over.
    decoder: Option<encoding_rs::Decoder>,
    /// Bytes of the mark that are still to come.
    mark_left: usize,
}

impl Decoder {
    /// A decoder at the start of a file.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        let decoder = (!encoding.is_utf8()).then(|| encoding.charset.new_decoder_without_bom_handling());
        Self { decoder, mark_left: encoding.mark_len }
    }

    /// Appends the text of `bytes` to `out`; `last` says that no more follow, and after that it must not be called again.
    pub fn decode(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        let mark = self.mark_left.min(bytes.len());
        self.mark_left -= mark;
        let mut rest = &bytes[mark..];
        let Some(decoder) = &mut self.decoder else {
            out.extend_from_slice(rest);
            return;
        };
        let mut end = out.len(); // of the text; behind it is room, which a file of nothing but damage does not clear again and again
        loop {
            // The bound is absent only where it overflows, which a piece in memory cannot make it do.
            let room = decoder.max_utf8_buffer_length_without_replacement(rest.len()).unwrap_or(rest.len());
            out.resize(out.len().max(end + room.min(PIECE) + 1), 0);
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(rest, &mut out[end..], last);
            end += written;
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return out.truncate(end),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    out.resize(out.len().max(end + 1), 0);
                    out[end] = MALFORMED;
                    end += 1;
                }
            }
        }
    }
}

/// What is not valid in the encoding.
const MALFORMED: u8 = 0xff;

/// Room made at once.
const PIECE: usize = 16 * 1024;

#[cfg(test)]
mod tests;
