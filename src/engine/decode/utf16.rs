//! UTF-16 without a byte order mark, known by where its zero bytes stand.
//!
//! Whatever the language, the separators, line ends, digits and addresses of a list are ASCII, and in UTF-16 each of them
//! has a zero byte on the same side. It does not look for UTF-16 without separators.

use encoding_rs::{UTF_16BE, UTF_16LE};

use super::{Detected, Encoding};

/// Units that are looked at: enough to be sure.
const UNITS: usize = 32 * 1024;

/// What the two-byte units of a file look like in one byte order.
#[derive(Default)]
struct Census {
    units: usize,
    /// ASCII, of which the separators of lists.
    ascii: usize,
    separators: usize,
    /// Characters that text is made of.
    text: usize,
    /// Half a pair, no character, or a control character.
    broken: usize,
}

/// UTF-16 of either byte order, or `None`.
pub(super) fn detect(head: &[u8], whole: bool) -> Option<Detected> {
    let head = &head[..head.len().min(2 * UNITS)];
    if is_bytewise(head) {
        return None;
    }
    let mut found: Vec<(f64, Encoding)> = [(UTF_16LE, u16::from_le_bytes as fn([u8; 2]) -> u16), (UTF_16BE, u16::from_be_bytes)]
        .into_iter()
        .filter_map(|(charset, unit)| {
            let census = census(head, unit);
            census.is_text(whole).then(|| (census.share_of_text(), Encoding::unmarked(charset)))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.first().map(|(confidence, encoding)| Detected { encoding: *encoding, confidence: *confidence })
}

/// Whether this is text of one byte a character, with or without stray zero bytes.
///
/// Two-byte text has either a zero byte with each second character or, where most characters are not ASCII, their many
/// high bytes, which are control characters or beyond ASCII.
fn is_bytewise(head: &[u8]) -> bool {
    let zeros = memchr::memchr_iter(0, head).count();
    let odd = head.iter().filter(|byte| !byte.is_ascii() || (byte.is_ascii_control() && !byte.is_ascii_whitespace())).count() - zeros;
    zeros == 0 || (zeros * 5 < head.len() && odd * 10 < head.len())
}

fn census(head: &[u8], unit: fn([u8; 2]) -> u16) -> Census {
    let mut census = Census::default();
    let units = head.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    for decoded in char::decode_utf16(units) {
        census.units += 1;
        match decoded {
            Ok(c) if is_separator(u16::try_from(u32::from(c)).unwrap_or(0)) => {
                census.separators += 1;
                census.ascii += 1;
                census.text += 1;
            }
            Ok(' '..='~') => {
                census.ascii += 1;
                census.text += 1;
            }
            Ok(c) if is_text(c) => census.text += 1,
            Ok(c) if c.is_control() || matches!(u32::from(c) & 0xfffe, 0xfffe) => census.broken += 1,
            Ok(_) => {}
            Err(_) => census.broken += 1,
        }
    }
    census
}

impl Census {
    fn is_text(&self, whole: bool) -> bool {
        // A head that is cut, and the odd byte at its end, may break a unit.
        let forgiven = usize::from(!whole) + self.units / 200;
        self.separators > 0 && self.broken <= forgiven && self.ascii * 40 >= self.units && self.text * 100 >= self.units * 95
    }

    #[allow(clippy::cast_precision_loss)] // counts within a MiB
    fn share_of_text(&self) -> f64 {
        self.text as f64 / self.units.max(1) as f64
    }
}

fn is_separator(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| matches!(byte, b'\n' | b'\r' | b'\t' | b',' | b';' | b'|'))
}

/// The blocks that names and addresses of living languages are written in.
fn is_text(c: char) -> bool {
    matches!(u32::from(c),
        0xa0..=0x24f | 0x2b0..=0x58f | 0x590..=0x6ff | 0x900..=0xdff | 0xe00..=0xe7f | 0x10a0..=0x10ff | 0x1200..=0x137f
        | 0x1780..=0x17ff | 0x1e00..=0x1fff | 0x2010..=0x203f | 0x20a0..=0x20cf | 0x2100..=0x214f | 0x2460..=0x24ff
        | 0x3000..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfb50..=0xfdff
        | 0xfe30..=0xfe4f | 0xfe70..=0xfefe | 0xff01..=0xffef | 0x1f000..=0x1faff | 0x20000..=0x2ffff)
        || c == '\u{feff}'
}
