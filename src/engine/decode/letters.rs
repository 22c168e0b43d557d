//! How probable the words of an encoding of one byte a letter are: the share of each letter in its language, what stands
//! beside it, capitals where capitals belong, no signs inside words.
//!
//! It knows no words, only letters and their neighbours, so that names nobody has heard of are judged like the others.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use encoding_rs::Encoding;

use super::languages::Language;
use super::legacy::plain_cost;

/// What each byte of an encoding means.
pub(super) struct Alphabet {
    glyphs: Vec<Glyph>,
}

#[derive(Clone, Copy)]
struct Glyph {
    c: char,
    /// The small letter, or a space where it is none.
    small: char,
    script: Script,
    case: Case,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// No letter at all.
    None,
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    None,
    Small,
    Capital,
}

impl Alphabet {
    /// The alphabet of an encoding of one byte a character.
    pub(super) fn of(charset: &'static Encoding) -> Self {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        Self { glyphs: charset.decode_without_bom_handling(&bytes).0.chars().map(Glyph::of).collect() }
    }

    /// The probability of the form of the words: their capitals, signs and scripts. No language is needed for that.
    pub(super) fn form_score(&self, sample: &[u8]) -> f64 {
        words(sample).map(|word| self.word_form_score(word)).sum()
    }

    /// The probability of the letters of the words, when each word is in one of the languages and their mixture is the
    /// most fitting one.
    pub(super) fn letters_score(&self, sample: &[u8], languages: &[&'static Language], models: &mut Models) -> f64 {
        for language in languages {
            models.learn(language);
        }
        let models: Vec<&Model> = languages.iter().map(|language| models.of(language)).collect();
        let scores: Vec<Vec<f64>> = words(sample)
            .filter(|word| !word.is_ascii())
            .map(|word| {
                let letters: Vec<char> = word.iter().map(|byte| self.glyph(*byte).small).collect();
                models.iter().map(|model| model.word_score(&letters)).collect()
            })
            .collect();
        let usual: Vec<f64> = languages.iter().map(|language| language.usual).collect();
        mixture_score(&scores, &usual)
    }

    fn word_form_score(&self, word: &[u8]) -> f64 {
        if word.is_ascii() {
            return word.iter().map(|byte| plain_cost(char::from(*byte))).sum();
        }
        let mut score = 0.0;
        let (mut two_before, mut before): (Option<Glyph>, Option<Glyph>) = (None, None);
        for (at, &byte) in word.iter().enumerate() {
            let glyph = self.glyph(byte);
            let after = word.get(at + 1).map(|byte| self.glyph(*byte));
            if byte.is_ascii() {
                score += plain_cost(glyph.c);
            } else if !glyph.is_letter() {
                score += sign_cost(glyph.c, before, after);
            } else if before.is_none() && glyph.script != Script::Latin && !after.is_some_and(Glyph::is_letter) {
                score += LONE_LETTER;
            }
            score += case_cost(glyph, before, two_before);
            if before.is_some_and(|before| before.is_letter() && glyph.is_letter() && before.script != glyph.script) {
                score += MIXED_SCRIPTS;
            }
            (two_before, before) = (before, Some(glyph));
        }
        score
    }

    fn glyph(&self, byte: u8) -> Glyph {
        self.glyphs[usize::from(byte)]
    }
}

/// Letters of two scripts side by side.
const MIXED_SCRIPTS: f64 = -6.0;
/// A word of one letter is more likely an accented one among Latin words.
const LONE_LETTER: f64 = -2.5;

/// Runs of ASCII letters and digits and of everything beyond ASCII, each with the one byte that ends it.
fn words(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    sample.split_inclusive(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
}

impl Glyph {
    fn of(c: char) -> Self {
        let script = script(c);
        let case = match c {
            _ if c.is_uppercase() => Case::Capital,
            _ if c.is_lowercase() => Case::Small,
            _ => Case::None,
        };
        Self { c, small: if script == Script::None { ' ' } else { small(c) }, script, case }
    }

    fn is_letter(self) -> bool {
        self.script != Script::None
    }
}

fn script(c: char) -> Script {
    match c {
        'ª' | 'º' | 'ƒ' | 'ˆ' => Script::None,
        '\u{e30}'..='\u{e4e}' => Script::Thai,
        _ if !c.is_alphabetic() => Script::None,
        'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' => Script::Latin,
        '\u{370}'..='\u{3ff}' => Script::Greek,
        '\u{400}'..='\u{4ff}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' => Script::Arabic,
        '\u{e00}'..='\u{e7f}' => Script::Thai,
        _ => Script::Other,
    }
}

/// Names begin with a capital or are all capitals; a small letter before a capital is an exception (`McDonald`).
fn case_cost(glyph: Glyph, before: Option<Glyph>, two_before: Option<Glyph>) -> f64 {
    let case = |glyph: Option<Glyph>| glyph.filter(|glyph| glyph.is_letter()).map(|glyph| glyph.case);
    match (case(two_before), case(before), glyph.case) {
        (_, None, Case::Capital) => -0.3,
        (_, None, Case::Small) => -1.2,
        (_, Some(Case::Small), Case::Capital) => -4.5,
        (Some(Case::Capital), Some(Case::Capital), Case::Small) => -4.0,
        (None, Some(Case::Capital), Case::Capital) => -1.0,
        _ => 0.0,
    }
}

/// What a sign costs between its neighbours.
fn sign_cost(c: char, before: Option<Glyph>, after: Option<Glyph>) -> f64 {
    let is_word = |glyph: Option<Glyph>| glyph.is_some_and(Glyph::is_letter);
    let fits = match c {
        '’' | 'ʼ' => {
            return match (is_word(before), is_word(after)) {
                (true, true) => -3.5,
                (true, false) => -5.0,
                (false, _) => -7.0,
            };
        }
        '–' | '—' | '\u{a0}' => return if is_word(before) == is_word(after) { -5.0 } else { -6.0 },
        '“' | '‘' | '„' | '«' | '‚' | '‹' => !is_word(before),
        '”' | '»' | '…' | '›' | '®' | '©' | '™' | '²' | '³' => !is_word(after),
        '€' | '£' | '¥' | '§' | '•' | '№' | '½' | '¼' | '¾' => !is_word(before) && !is_word(after),
        '°' | 'º' | 'ª' => before.is_none_or(|before| matches!(before.c, '0'..='9' | 'n' | 'N' | '.')) && !is_word(after),
        '¿' | '¡' => !is_word(before) && is_word(after),
        '·' => is_word(before) && is_word(after),
        '´' | '`' | '¨' | '×' | 'µ' | '±' => return -9.0,
        '\u{80}'..='\u{9f}' => return -13.0,
        char::REPLACEMENT_CHARACTER | '\u{e000}'..='\u{f8ff}' => return -14.0,
        _ => return -11.0,
    };
    if fits { -5.5 } else { -10.0 }
}

/// The probability of all words under the best mixture of languages (a few rounds of expectation and maximisation).
fn mixture_score(words: &[Vec<f64>], usual: &[f64]) -> f64 {
    const ROUNDS: usize = 6;
    /// So many words are thought to have been seen beforehand, in the languages as usual as they are.
    const BEFOREHAND: f64 = 3.0;
    let normal = |weights: &[f64]| -> Vec<f64> {
        let all: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / all).collect()
    };
    let usual = normal(usual);
    let mut shares = usual.clone();
    let mut total = 0.0;
    for _ in 0..ROUNDS {
        let mut weights: Vec<f64> = usual.iter().map(|share| BEFOREHAND * share).collect();
        total = 0.0;
        for word in words {
            let best = word.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts: Vec<f64> = word.iter().zip(&shares).map(|(score, share)| share * (score - best).exp()).collect();
            let sum: f64 = parts.iter().sum();
            total += best + sum.ln();
            weights.iter_mut().zip(&parts).for_each(|(weight, part)| *weight += part / sum);
        }
        shares = normal(&weights);
    }
    total
}

/// What is known of the languages asked for so far.
#[derive(Default)]
pub(super) struct Models {
    by_words: HashMap<&'static str, Model>,
}

impl Models {
    fn learn(&mut self, language: &'static Language) {
        self.by_words.entry(language.words).or_insert_with(|| Model::new(language));
    }

    fn of(&self, language: &'static Language) -> &Model {
        &self.by_words[language.words]
    }
}

/// A language's letters and what stands beside them.
struct Model {
    letters: HashMap<char, Letter, BuildHasherDefault<LetterHasher>>,
    /// How often the second stands before the first in the words, and how often after it. A word's edge is a space.
    before: Pairs,
    after: Pairs,
    /// Latin letters stand among ASCII ones, those of other scripts among their like.
    is_latin: bool,
}

type Pairs = HashMap<(char, char), f64, BuildHasherDefault<LetterHasher>>;

/// A letter of a language.
#[derive(Default, Clone, Copy)]
struct Letter {
    /// Its share of the letters beyond ASCII; none where it is an ASCII one or foreign.
    share: Option<f64>,
    /// How often it stands in the words.
    count: f64,
}

/// Letters are few and nobody chooses them to collide.
#[derive(Default)]
struct LetterHasher(u64);

impl Hasher for LetterHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, letter: u32) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(letter)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// Of a hundred letters of a word that has one beyond ASCII, so many are.
const BEYOND_ASCII: f64 = 0.12;
/// The share of a letter that the language does not have: foreign names are everywhere.
const FOREIGN: f64 = 0.001;
/// As many sightings is the general rule worth, beside those in the language's words.
const RULE_WORTH: f64 = 5.0;

impl Model {
    fn new(language: &Language) -> Self {
        let shares: Vec<(char, f64)> = letters_and_shares(language.letters).collect();
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        let is_latin = shares.first().is_some_and(|(letter, _)| script(*letter) == Script::Latin);
        let letters = shares.into_iter().map(|(letter, share)| (letter, Letter { share: Some(share / total), count: 0.0 })).collect();
        let mut model = Self { letters, before: Pairs::default(), after: Pairs::default(), is_latin };
        for word in language.words.split([' ', '-']) {
            let mut previous = ' ';
            let mut rest = word.chars().map(small).peekable();
            while let Some(letter) = rest.next() {
                model.letters.entry(letter).or_default().count += 1.0;
                *model.after.entry((letter, rest.peek().copied().unwrap_or(' '))).or_default() += 1.0;
                if is_latin && !letter.is_ascii() {
                    *model.before.entry((letter, previous)).or_default() += 1.0;
                }
                previous = letter;
            }
        }
        model
    }

    /// The probability of the letters beyond ASCII of a word, given in small letters and spaces.
    fn word_score(&self, word: &[char]) -> f64 {
        let mut score = 0.0;
        for (at, &letter) in word.iter().enumerate() {
            if letter.is_ascii() {
                continue;
            }
            let previous = at.checked_sub(1).map_or(' ', |at| word[at]);
            let next = word.get(at + 1).copied().unwrap_or(' ');
            score += if self.is_latin { self.latin_score(letter, previous, next) } else { self.chained_score(letter, previous) };
        }
        score
    }

    fn latin_score(&self, c: char, previous: char, next: char) -> f64 {
        let letter = self.letters.get(&c).copied().unwrap_or_default();
        let beside = |seen: &Pairs, other: char| {
            let seen = seen.get(&(c, other)).copied().unwrap_or(0.0) / usual_neighbour(other);
            (seen + RULE_WORTH * affinity(c, other)) / (letter.count + RULE_WORTH)
        };
        (BEYOND_ASCII * letter.share.unwrap_or(FOREIGN) * beside(&self.before, previous) * beside(&self.after, next)).ln()
    }

    /// The probability of a letter after another.
    fn chained_score(&self, c: char, previous: char) -> f64 {
        let share = self.letters.get(&c).and_then(|letter| letter.share).unwrap_or(FOREIGN / 10.0);
        let worth = 4.0 * RULE_WORTH;
        let count = self.letters.get(&previous).map_or(0.0, |letter| letter.count);
        let seen = self.after.get(&(previous, c)).copied().unwrap_or(0.0);
        ((seen + worth * share) / (count + worth)).ln()
    }
}

/// `"ü36 ä26"` letter by letter.
fn letters_and_shares(letters: &str) -> impl Iterator<Item = (char, f64)> {
    letters.split(' ').filter_map(|entry| {
        let letter = entry.chars().next()?;
        Some((letter, entry[letter.len_utf8()..].parse().ok()?))
    })
}

/// The small letter where there is exactly one (the Turkish `İ` stays).
fn small(c: char) -> char {
    let mut small = c.to_lowercase();
    match (small.next(), small.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The probability of a neighbour (a small letter, or a space for the edge of the word) whatever the letter.
fn usual_neighbour(c: char) -> f64 {
    match c {
        ' ' => 0.17,
        _ if !c.is_ascii() => 0.005,
        _ if is_vowel(c) => 0.07,
        _ => 0.02,
    }
}

/// Vowels stand among consonants and consonants among vowels: how much more often than anything else.
fn affinity(letter: char, other: char) -> f64 {
    match (is_vowel(letter), other) {
        (_, ' ') => 0.9,
        (true, other) if is_vowel(other) => 0.25,
        (true, _) => 1.5,
        (false, other) if is_vowel(other) => 1.5,
        (false, _) => 0.6,
    }
}

fn is_vowel(c: char) -> bool {
    matches!(
        c,
        'a' | 'e'
            | 'i'
            | 'o'
            | 'u'
            | 'y'
            | 'à'
            | 'á'
            | 'â'
            | 'ã'
            | 'ä'
            | 'å'
            | 'æ'
            | 'è'
            | 'é'
            | 'ê'
            | 'ë'
            | 'ì'
            | 'í'
            | 'î'
            | 'ï'
            | 'ò'
            | 'ó'
            | 'ô'
            | 'õ'
            | 'ö'
            | 'ø'
            | 'ù'
            | 'ú'
            | 'û'
            | 'ü'
            | 'ý'
            | 'ÿ'
            | 'ā'
            | 'ă'
            | 'ą'
            | 'ē'
            | 'ė'
            | 'ę'
            | 'ě'
            | 'ī'
            | 'į'
            | 'ı'
            | 'ō'
            | 'ő'
            | 'œ'
            | 'ū'
            | 'ů'
            | 'ű'
            | 'ų'
    )
}
