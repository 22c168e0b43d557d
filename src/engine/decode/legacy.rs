//! Which of the older encodings a file is in, judged by how plausible its words are in each.
//!
//! A list of leads is mostly ASCII with a handful of names, towns and streets that are not, far less text than detectors
//! made for web pages count on. So the few words are collected, read in every encoding, and each reading is given the
//! probability of its letters in the languages that the encoding is used for ([`super::letters`]) or of its characters
//! ([`super::ideographs`]). The reading that explains all the words best wins. Everything is a natural logarithm of a
//! probability, so it adds up.
//!
//! It does not tell apart encodings that read the given bytes alike: the more usual name is told.

use std::collections::HashSet;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, IBM866, ISO_8859_2, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_13, ISO_8859_15,
    KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255,
    WINDOWS_1256, WINDOWS_1257, X_MAC_CYRILLIC,
};

use super::ideographs::{self, Ideographs};
use super::languages::{
    ALBANIAN, ARABIC, BULGARIAN, CATALAN, CROATIAN, CZECH, DANISH, DUTCH, ESTONIAN, FRENCH, GERMAN, GREEK, HEBREW, HUNGARIAN, ICELANDIC,
    ITALIAN, LATVIAN, LITHUANIAN, Language, POLISH, PORTUGUESE, ROMANIAN, RUSSIAN, SERBIAN, SLOVAK, SPANISH, SWEDISH, THAI, TURKISH,
    UKRAINIAN,
};
use super::letters::{Alphabet, Models};

/// The best reading, and how sure it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The encoding.
    pub charset: &'static Encoding,
    /// From 0.5 (as good as the next) to 1.
    pub confidence: f64,
    /// The mean logarithm of the probability of a byte beyond ASCII. Text of any language is above [`IMPLAUSIBLE`].
    pub plausibility: f64,
}

/// What is less probable than this is no text in any encoding that we know.
pub(super) const IMPLAUSIBLE: f64 = -9.5;
/// What is less probable than this is hardly text.
pub(super) const DOUBTFUL: f64 = -5.5;

/// The most plausible reading of the parts of `head` that are not ASCII.
pub(super) fn best(head: &[u8]) -> Reading {
    let sample = sample(head);
    let mut models = Models::default();
    // A few words rule most encodings out, so that only the likely ones read them all.
    let first_look = &sample[..end_of_line(&sample, FIRST_LOOK_BYTES)];
    let mut likely = rank(CANDIDATES.iter(), first_look, &mut models);
    if first_look.len() < sample.len() {
        likely = rank(likely.iter().map(|attempt| attempt.candidate), &sample, &mut models);
    }
    let first = &likely[0];
    let text = first.candidate.read(&sample);
    let margin = likely.iter().find(|other| other.candidate.read(&sample) != text).map_or(HOPELESS, |other| first.score - other.score);
    let plain: f64 = sample.iter().filter(|byte| byte.is_ascii()).map(|byte| plain_cost(char::from(*byte))).sum();
    Reading {
        charset: first.candidate.charset,
        confidence: 1.0 / (1.0 + (-margin / 2.0).exp()),
        plausibility: (first.score - first.candidate.prior - plain) / beyond_ascii(&sample),
    }
}

/// The candidates that come near the best one, and that one first; of equals the more usual.
fn rank(candidates: impl Iterator<Item = &'static Candidate>, sample: &[u8], models: &mut Models) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = candidates.map(|candidate| Attempt::by_form(candidate, sample)).collect();
    attempts.sort_by(|a, b| b.score.total_cmp(&a.score));
    let at_best = BEST_CASE * beyond_ascii(sample);
    let mut best = f64::NEG_INFINITY;
    attempts.retain_mut(|attempt| {
        if attempt.alphabet.is_some() && attempt.score - at_best < best - HOPELESS {
            return false;
        }
        attempt.add_letters(sample, models);
        best = best.max(attempt.score);
        true
    });
    attempts.retain(|attempt| attempt.score >= best - HOPELESS);
    let place = |attempt: &Attempt| CANDIDATES.iter().position(|candidate| candidate.charset == attempt.candidate.charset);
    attempts.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b))));
    attempts
}

#[allow(clippy::cast_precision_loss)] // a sample has far fewer bytes than an f64 can count
fn beyond_ascii(sample: &[u8]) -> f64 {
    sample.iter().filter(|byte| !byte.is_ascii()).count().max(1) as f64
}

/// The end of the last line that ends within so many bytes, or of the first one.
fn end_of_line(sample: &[u8], bytes: usize) -> usize {
    let within = memchr::memrchr(b'\n', &sample[..bytes.min(sample.len())]);
    within.or_else(|| memchr::memchr(b'\n', sample)).map_or(sample.len(), |at| at + 1)
}

/// What an ASCII character costs in any reading: it matters only where a reading takes it for half of another character.
pub(super) fn plain_cost(c: char) -> f64 {
    if c.is_ascii_alphabetic() { -3.0 } else { -2.5 }
}

/// A reading that is so much worse at its best than another is not looked at any further.
const HOPELESS: f64 = 20.0;
/// No list has letters that cost less.
const BEST_CASE: f64 = 1.0;

/// An encoding that a list may be in.
struct Candidate {
    charset: &'static Encoding,
    writing: Writing,
    /// How usual it is beside the others.
    prior: f64,
}

/// What an encoding was made for.
#[derive(Clone, Copy)]
enum Writing {
    /// One byte, one letter; with the languages that it was made for.
    Letters(&'static [&'static Language]),
    /// Several bytes, one character.
    Characters(Ideographs),
}

impl Candidate {
    const fn new(charset: &'static Encoding, writing: Writing, prior: f64) -> Self {
        Self { charset, writing, prior }
    }

    fn read<'s>(&self, sample: &'s [u8]) -> std::borrow::Cow<'s, str> {
        self.charset.decode_without_bom_handling(sample).0
    }
}

const WESTERN: Writing = Writing::Letters(&[
    &GERMAN,
    &FRENCH,
    &SPANISH,
    &PORTUGUESE,
    &ITALIAN,
    &DANISH,
    &SWEDISH,
    &ICELANDIC,
    &CATALAN,
    &DUTCH,
    &ALBANIAN,
    &ESTONIAN,
]);
const CENTRAL: Writing = Writing::Letters(&[&POLISH, &CZECH, &SLOVAK, &HUNGARIAN, &ROMANIAN, &CROATIAN, &GERMAN]);
const BALTIC: Writing = Writing::Letters(&[&LITHUANIAN, &LATVIAN, &ESTONIAN, &GERMAN, &POLISH]);
const TURKIC: Writing = Writing::Letters(&[&TURKISH, &GERMAN, &FRENCH]);
const CYRILLIC: Writing = Writing::Letters(&[&RUSSIAN, &UKRAINIAN, &BULGARIAN, &SERBIAN]);

const GREEKS: Writing = Writing::Letters(&[&GREEK]);

/// Of two that read the same bytes alike the first is told, so the usual ones stand first.
const CANDIDATES: &[Candidate] = &[
    Candidate::new(WINDOWS_1252, WESTERN, 0.0),
    Candidate::new(WINDOWS_1250, CENTRAL, -1.0),
    Candidate::new(WINDOWS_1251, CYRILLIC, -1.0),
    Candidate::new(MACINTOSH, WESTERN, -1.5),
    Candidate::new(ISO_8859_15, WESTERN, -2.0),
    Candidate::new(ISO_8859_2, CENTRAL, -1.5),
    Candidate::new(WINDOWS_1254, TURKIC, -1.0),
    Candidate::new(WINDOWS_1257, BALTIC, -1.5),
    Candidate::new(WINDOWS_1253, GREEKS, -1.5),
    Candidate::new(ISO_8859_7, GREEKS, -2.0),
    Candidate::new(WINDOWS_1255, Writing::Letters(&[&HEBREW]), -2.0),
    Candidate::new(WINDOWS_1256, Writing::Letters(&[&ARABIC]), -2.0),
    Candidate::new(WINDOWS_874, Writing::Letters(&[&THAI]), -2.0),
    Candidate::new(KOI8_R, CYRILLIC, -2.0),
    Candidate::new(KOI8_U, CYRILLIC, -2.5),
    Candidate::new(ISO_8859_5, CYRILLIC, -2.5),
    Candidate::new(IBM866, CYRILLIC, -3.0),
    Candidate::new(X_MAC_CYRILLIC, CYRILLIC, -3.0),
    Candidate::new(ISO_8859_13, BALTIC, -2.5),
    Candidate::new(ISO_8859_4, BALTIC, -3.5),
    Candidate::new(ISO_8859_6, Writing::Letters(&[&ARABIC]), -3.0),
    Candidate::new(SHIFT_JIS, Writing::Characters(Ideographs::Japanese), -1.5),
    Candidate::new(GB18030, Writing::Characters(Ideographs::Simplified), -1.5),
    Candidate::new(BIG5, Writing::Characters(Ideographs::Traditional), -1.5),
    Candidate::new(EUC_KR, Writing::Characters(Ideographs::Korean), -1.5),
    Candidate::new(EUC_JP, Writing::Characters(Ideographs::Japanese), -2.5),
];

/// A reading of the sample, and how probable it is as far as that is known.
struct Attempt {
    candidate: &'static Candidate,
    alphabet: Option<Alphabet>,
    score: f64,
}

impl Attempt {
    fn by_form(candidate: &'static Candidate, sample: &[u8]) -> Self {
        let (alphabet, form) = match candidate.writing {
            Writing::Letters(_) => {
                let alphabet = Alphabet::of(candidate.charset);
                let form = alphabet.form_score(sample);
                (Some(alphabet), form)
            }
            Writing::Characters(kind) => (None, ideographs::score(sample, candidate.charset, kind)),
        };
        Self { candidate, alphabet, score: candidate.prior + form }
    }

    fn add_letters(&mut self, sample: &[u8], models: &mut Models) {
        if let (Writing::Letters(languages), Some(alphabet)) = (self.candidate.writing, &self.alphabet) {
            self.score += alphabet.letters_score(sample, languages, models);
        }
    }
}

/// Bytes of the words looked at: enough for every encoding to show, and little to read two dozen times.
const SAMPLE_BYTES: usize = 4 * 1024;

/// Bytes of the words that rule most encodings out.
const FIRST_LOOK_BYTES: usize = 640;

/// The different words with bytes beyond ASCII, one a line.
///
/// A word ends at a byte that is a separator in every encoding: the second byte of a character is never below 0x30, and
/// `-`, `'` and `.` stand inside names.
fn sample(head: &[u8]) -> Vec<u8> {
    let mut seen = HashSet::new();
    let mut sample = Vec::new();
    for word in head.split(|byte| is_separator(*byte)) {
        if word.is_ascii() || !seen.insert(word) {
            continue;
        }
        sample.extend_from_slice(&word[..word.len().min(SAMPLE_BYTES / 8)]);
        sample.push(b'\n');
        if sample.len() > SAMPLE_BYTES {
            break;
        }
    }
    sample
}

fn is_separator(byte: u8) -> bool {
    (byte < b'0' && !matches!(byte, b'-' | b'\'' | b'.')) || matches!(byte, b':'..=b'@')
}
