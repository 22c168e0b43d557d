//! How probable the characters of an encoding of East Asia are: the few hundred that names and addresses are made of,
//! then those that the encoding itself puts first because they are usual, then the rare ones.

use std::collections::HashSet;

use encoding_rs::{BIG5, DecoderResult, EUC_JP, EUC_KR, Encoding, SHIFT_JIS};

use super::languages::{HANGUL, HANZI_SIMPLIFIED, HANZI_TRADITIONAL, KANJI};
use super::legacy::plain_cost;

/// Whose characters an encoding has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ideographs {
    /// Of mainland China.
    Simplified,
    /// Of Taiwan and Hong Kong.
    Traditional,
    /// Of Japan, with its kana.
    Japanese,
    /// Of Korea: hangul.
    Korean,
}

/// The probability of the characters of an East Asian encoding.
pub(super) fn score(sample: &[u8], charset: &'static Encoding, kind: Ideographs) -> f64 {
    let usual: HashSet<char> = match kind {
        Ideographs::Simplified => HANZI_SIMPLIFIED,
        Ideographs::Traditional => HANZI_TRADITIONAL,
        Ideographs::Japanese => KANJI,
        Ideographs::Korean => HANGUL,
    }
    .chars()
    .collect();
    let mut score = 0.0;
    let mut before = None;
    each_character(sample, charset, |c, bytes| {
        score += match c {
            Some(c) if c.is_ascii() => plain_cost(c),
            Some(c) => character_cost(c, kind, &usual, is_first_level(bytes, charset)),
            None => INVALID,
        };
        if let (Some(c), Some(before)) = (c, before) {
            score += beside_plain(c, before) + beside_plain(before, c);
        }
        before = c;
    });
    score
}

/// What is not valid in the encoding.
const INVALID: f64 = -14.0;

/// A character among ASCII letters is more likely an accented one of theirs; so is a single half-width kana anywhere.
fn beside_plain(c: char, plain: char) -> f64 {
    match c {
        '\u{ff61}'..='\u{ff9f}' if plain.is_ascii_alphabetic() => -5.0,
        '\u{ff61}'..='\u{ff9f}' if plain.is_ascii() => -1.5,
        _ if !c.is_ascii() && plain.is_ascii_alphabetic() => -2.5,
        _ => 0.0,
    }
}

/// Calls for each character with its bytes; what is not valid is `None`.
fn each_character(sample: &[u8], charset: &'static Encoding, mut see: impl FnMut(Option<char>, &[u8])) {
    let mut decoder = charset.new_decoder_without_bom_handling();
    let mut out = [0_u16; 8];
    let mut start = 0;
    for end in 1..=sample.len() {
        let mut at = end - 1;
        loop {
            let (result, read, written) = decoder.decode_to_utf16_without_replacement(&sample[at..end], &mut out, end == sample.len());
            at += read;
            for decoded in char::decode_utf16(out[..written].iter().copied()) {
                see(decoded.ok(), &sample[start..end]);
                start = end;
            }
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    see(None, &[]);
                    start = at;
                }
            }
        }
    }
}

/// These encodings have the usual characters first, by the first byte, and the rare ones after them.
fn is_first_level(bytes: &[u8], charset: &'static Encoding) -> bool {
    let &[first, second] = bytes else { return false };
    match charset {
        _ if charset == SHIFT_JIS => (0x88..=0x98).contains(&first),
        _ if charset == BIG5 => (0xa4..=0xc6).contains(&first),
        _ if charset == EUC_JP => (0xb0..=0xcf).contains(&first),
        _ if charset == EUC_KR => (0xb0..=0xc8).contains(&first) && second >= 0xa1,
        _ => (0xb0..=0xd7).contains(&first) && second >= 0xa1,
    }
}

fn character_cost(c: char, kind: Ideographs, usual: &HashSet<char>, is_first_level: bool) -> f64 {
    let is_japanese = kind == Ideographs::Japanese;
    match c {
        _ if usual.contains(&c) => -6.0,
        '\u{3041}'..='\u{30ff}' if is_japanese => -5.5,
        '\u{ff66}'..='\u{ff9f}' if is_japanese => -6.0,
        '\u{3041}'..='\u{30ff}' => -11.0,
        '\u{3000}'..='\u{3015}' | '\u{ff01}'..='\u{ff5e}' | '’' | '“' | '”' | '…' | '—' | '·' => -7.5,
        '\u{4e00}'..='\u{9fff}' if kind == Ideographs::Korean => -12.5,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => {
            if is_first_level {
                -9.3
            } else {
                -12.0
            }
        }
        _ => -14.0,
    }
}
