//! One header → what it says that its column holds, without a look at any other column or cell.
//!
//! A header is looked up as it is, then without what people put around a name: bracketed hints, fillers (`your`, `del`),
//! numbers, `primary`, and the person or place that it belongs to (`Lead Email`, `Mailing City`). What is dropped is kept in
//! mind: `Agent Email` is an e-mail, but not the lead's.

use super::super::lead::Field;
use super::dictionary::{self, Class, Dictionary, Role, has_word};

/// Bytes of a header that is looked at; a longer one is a text, not a name.
const HEADER_BYTES: usize = 300;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// What the column holds.
    pub(super) role: Role,
    /// Whether the name alone settles it.
    pub(super) is_sure: bool,
    /// Whether it is to be taken only where nothing else is there: it may be somebody else's.
    pub(super) is_last_resort: bool,
    /// How it compares with other columns of its role; the least is preferred, equals are equally good.
    pub(super) rank: Rank,
    /// The person or place it belongs to, e.g. `buyer` or `mailing`; empty for most.
    pub(super) group: String,
    /// Whether it is only nearly spelled like a known name.
    pub(super) is_slip: bool,
}

/// Preference among columns of one role: what counts first stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Rank {
    /// Configured alias, the field's own name, a known name, nearly a known name.
    pub(super) evidence: Evidence,
    /// `Email 2` comes behind every first address.
    pub(super) is_second: bool,
    /// The tier of the name in the dictionary, or the place of a configured alias in its list.
    pub(super) tier: u8,
    /// The number in the header; 0 without one.
    pub(super) number: u16,
    /// Words that had to be dropped.
    pub(super) dropped: u8,
}

/// Why a column is believed to hold a field, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Evidence {
    /// The configuration says so.
    Configured,
    /// It is called like the field.
    Named,
    /// It is called like the field in other systems.
    #[default]
    Known,
    /// Such a name is a part of it, as in a question of a form.
    Contained,
    /// It is nearly called so.
    Spelled,
}

impl Reading {
    /// What nothing more is known of.
    pub(super) fn of(role: Role) -> Self {
        Self { role, is_sure: false, is_last_resort: false, rank: Rank::default(), group: String::new(), is_slip: false }
    }
}

/// Reads one header. `in_register` tells that the file is a register of properties, where the owner is the lead.
pub(super) fn read(header: &str, dictionary: &Dictionary, in_register: bool) -> Reading {
    if header.len() > HEADER_BYTES {
        return Reading::of(Role::Unknown);
    }
    let mut words = words(header);
    let found = look_up(&mut words, dictionary);
    let Some((term, dropped)) = found else {
        return unknown(&words, dictionary);
    };
    let is_theirs = dropped.iter().any(|word| dictionary.is(Class::Others, word) && !(in_register && is_owner(word)));
    let numbers = dropped.iter().filter_map(|word| word.parse::<u16>().ok()); // words that are no number are no number
    let number = numbers.chain(dropped.iter().filter(|word| dictionary.is(Class::Secondary, word)).map(|_| 2)).max().unwrap_or(0);
    let field = match term.role {
        Role::Field(field) => Some(field),
        _ => None,
    };
    let evidence =
        if field.is_some_and(|field| dropped.is_empty() && field.name() == words.concat()) { Evidence::Named } else { Evidence::Known };
    let group: Vec<&str> =
        dropped.iter().filter(|word| dictionary.is(Class::Owner, word) && *word != "address").map(String::as_str).collect();
    let mut reading = Reading {
        role: term.role,
        is_sure: term.is_sure,
        is_last_resort: false,
        rank: Rank { evidence, is_second: number >= 2, tier: term.tier, number, dropped: u8::try_from(dropped.len()).unwrap_or(u8::MAX) },
        group: group.join(" "),
        is_slip: false,
    };
    settle_whose(&mut reading, is_theirs, in_register);
    reading
}

/// Whose it is: the lead's, somebody else's, or perhaps the lead's.
fn settle_whose(reading: &mut Reading, is_theirs: bool, in_register: bool) {
    match reading.role {
        Role::Owner if in_register => {
            reading.role = Role::Field(Field::Name);
            reading.rank.tier += 2;
        }
        Role::Owner => {
            reading.is_last_resort = true;
            reading.role = if reading.rank.tier == 0 && !is_theirs { Role::Field(Field::Name) } else { Role::Other };
        }
        Role::Field(Field::Email) if is_theirs => reading.is_last_resort = true,
        Role::Street | Role::Unit | Role::City | Role::State | Role::Zip | Role::Country => {}
        _ if is_theirs => *reading = Reading::of(Role::Other),
        _ => {}
    }
}

/// A name that is not known: something about a field, nearly a known name, or anything.
fn unknown(words: &[String], dictionary: &Dictionary) -> Reading {
    if words.iter().any(|word| dictionary.is(Class::About, word)) {
        return Reading::of(Role::Other);
    }
    let whole = words.concat();
    let own: String =
        words.iter().filter(|word| !is_dispensable(word, dictionary) && !dictionary.is(Class::Owner, word)).map(String::as_str).collect();
    let of_whole = dictionary.spelled_like(&whole);
    let is_all_words = words.iter().all(|word| word.len() > 2);
    if let Some(term) = contained(words, dictionary).filter(|_| of_whole.is_none() || !is_all_words) {
        return Reading { rank: Rank { evidence: Evidence::Contained, tier: term.tier, ..Rank::default() }, ..Reading::of(term.role) };
    }
    let of_own = || if own == whole { None } else { dictionary.spelled_like(&own) };
    let Some((term, name, slips)) = of_whole.or_else(of_own) else {
        return Reading::of(Role::Unknown);
    };
    let is_others = words.iter().any(|word| dictionary.is(Class::Others, word));
    if matches!(term.role, Role::Other | Role::Owner) || is_others {
        return Reading::of(Role::Other);
    }
    // A wrong first letter in a short word, or two slips in six letters, make another word as often as a slip.
    let is_bold =
        (name.len() <= 5 && name.as_bytes().first() != own.as_bytes().first() && name.as_bytes().first() != whole.as_bytes().first())
            || (name.len() <= 6 && slips == 2);
    let is_source = term.role == Role::Field(Field::Source); // any word can be a source, so the cells cannot confirm it
    Reading {
        is_sure: (term.is_sure || is_source) && !is_bold,
        is_slip: true,
        rank: Rank { evidence: Evidence::Spelled, tier: term.tier, ..Rank::default() },
        ..Reading::of(term.role)
    }
}

/// The one field that a longer header speaks of: `What is the budget for your new home?`.
fn contained(words: &[String], dictionary: &Dictionary) -> Option<dictionary::Term> {
    const WORDS: usize = 16;
    let is_foreign = |word: &String| {
        let is_common = has_word("to property text person number no", word);
        !is_common && (dictionary.is(Class::Others, word) || dictionary.get(word).is_some_and(|term| term.role == Role::Other))
    };
    if !(2..=WORDS).contains(&words.len()) || words.iter().any(is_foreign) {
        return None;
    }
    let speaks_of_it = |term: &dictionary::Term| {
        term.is_sure
            && match term.role {
                Role::Field(Field::Email | Field::Phone) => true,
                Role::Field(Field::Value) => term.tier > 0, // `value` is said of too many things
                Role::Field(Field::Location) => term.tier == dictionary::WHOLE_PLACE,
                _ => false,
            }
    };
    let phrases = (1..=3).flat_map(|length| words.windows(length)).map(<[String]>::concat).filter(|phrase| phrase.len() >= 5);
    let mut found = phrases.filter_map(|phrase| dictionary.get(&phrase)).filter(speaks_of_it);
    let first = found.next()?;
    found.all(|term| term.role == first.role).then_some(first)
}

/// Looks the words up, dropping more and more of what surrounds a name. Leaves in `words` what was found, or the name proper.
fn look_up(words: &mut Vec<String>, dictionary: &Dictionary) -> Option<(dictionary::Term, Vec<String>)> {
    let mut dropped = Vec::new();
    if let Some(term) = dictionary.get(&words.concat()) {
        return Some((term, dropped));
    }
    let kinds: [fn(&str, &Dictionary) -> bool; 3] =
        [|word, dictionary| dictionary.is(Class::Filler, word), |word, _| is_number(word), is_dispensable];
    for is_droppable in kinds {
        let (out, kept): (Vec<String>, Vec<String>) = words.drain(..).partition(|word| is_droppable(word, dictionary));
        if kept.is_empty() {
            *words = out;
            return None;
        }
        *words = kept;
        dropped.extend(out.into_iter().filter(|word| !dictionary.is(Class::Filler, word)));
        if let Some(term) = dictionary.get(&words.concat()) {
            return Some((term, dropped));
        }
    }
    for from_front in [true, false] {
        let (mut rest, mut peeled) = (words.clone(), dropped.clone());
        while rest.len() > 1 {
            let at = if from_front { 0 } else { rest.len() - 1 };
            if !dictionary.is(Class::Owner, &rest[at]) && !dictionary.is(Class::Others, &rest[at]) {
                break;
            }
            peeled.push(rest.remove(at));
            if let Some(term) = dictionary.get(&rest.concat()) {
                *words = rest;
                return Some((term, peeled));
            }
        }
    }
    None
}

fn is_dispensable(word: &str, dictionary: &Dictionary) -> bool {
    is_number(word) || [Class::Filler, Class::Preferred, Class::Secondary].iter().any(|class| dictionary.is(*class, word))
}

fn is_owner(word: &str) -> bool {
    word == "owner" || word == "owners"
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit())
}

/// The words of a header in lower case and without accents; bracketed hints are left out where something else is there.
///
/// The hint stays where it names another person: `Email (agent)` is not the lead's.
pub(super) fn words(header: &str) -> Vec<String> {
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    let (mut depth, mut word, mut before) = (0usize, String::new(), ' ');
    let mut close = |word: &mut String, depth: usize| {
        if !word.is_empty() {
            if depth == 0 { &mut outside } else { &mut inside }.push(std::mem::take(word));
        }
    };
    for c in header.chars() {
        let is_hump = before.is_lowercase() && c.is_uppercase();
        let is_digit_edge = before.is_alphanumeric() && before.is_ascii_digit() != c.is_ascii_digit();
        if is_hump || is_digit_edge || !c.is_alphanumeric() && !is_mark(c) && c != '№' {
            close(&mut word, depth);
        }
        match c {
            // `lead[email]` is a path, not a hint.
            '[' | '{' if before.is_alphanumeric() && depth == 0 => {}
            '(' | '[' | '{' | '（' => depth += 1,
            ')' | ']' | '}' | '）' => depth = depth.saturating_sub(1),
            _ => fold(c, &mut word),
        }
        if !is_mark(c) {
            before = c;
        }
    }
    close(&mut word, depth);
    if outside.is_empty() {
        return inside;
    }
    outside.extend(inside.into_iter().filter(|word| has_word(dictionary::OTHERS, word) || is_kind(word)));
    outside
}

/// Hints in brackets that tell one column from another: `Phone (mobile)`.
fn is_kind(word: &str) -> bool {
    has_word("mobile cell home work office primary secondary other", word) || has_word(dictionary::ABOUT, word)
}

fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Latin letters U+00C0 to U+017F without their marks; blank where a letter becomes two, or is none.
const PLAIN: &str = "aaaaaa ceeeeiiiidnooooo ouuuuy  aaaaaa ceeeeiiiidnooooo ouuuuy yaaaaaaccccccccddddeeeeeeeeeegggggggg\
    hhhhiiiiiiiiii  jjkkkllllllllllnnnnnnnnnoooooo  rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/// Appends a character in lower case, without accent, full width as half width; nothing for what is no letter or digit.
pub(super) fn fold(c: char, out: &mut String) {
    if c.is_ascii() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
        return;
    }
    let at = (c as usize).wrapping_sub(0xc0);
    match c {
        'ß' | 'ẞ' => out.push_str("ss"),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        'º' => out.push('o'),
        'ª' => out.push('a'),
        '№' => out.push_str("no"),
        'þ' | 'Þ' => out.push_str("th"),
        'ĳ' | 'Ĳ' => out.push_str("ij"),
        'Ș' | 'ș' => out.push('s'),
        'Ț' | 'ț' => out.push('t'),
        '\u{ff01}'..='\u{ff5e}' => fold(char::from_u32(c as u32 - 0xfee0).unwrap_or(' '), out),
        _ if is_mark(c) || c == '×' || c == '÷' => {}
        _ => match PLAIN.as_bytes().get(at).filter(|plain| **plain != b' ') {
            Some(plain) => out.push(char::from(*plain)),
            None => out.extend(c.to_lowercase().filter(|c| c.is_alphanumeric() && !is_mark(*c))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_header() {
        for (header, expected) in [
            ("E-Mail-Adresse", "e mail adresse"),
            ("Prénom", "prenom"),
            ("Pre\u{301}nom", "prenom"),
            ("Teléfono", "telefono"),
            ("STRASSE/Straße", "strasse strasse"),
            ("Budget ($)", "budget"),
            ("(required)", "required"),
            ("Phone (mobile)", "phone mobile"),
            ("Email [agent]", "email agent"),
            ("lead[email]", "lead email"),
            ("fullName", "full name"),
            ("Contact Phone1", "contact phone 1"),
            ("Ｅｍａｉｌ", "email"),
            ("Œuvre Łódź Şişli Žižek ĐÐ", "oeuvre lodz sisli zizek dd"),
            ("Nº № 1ª", "no no 1 a"),
            ("Имя", "имя"),
            ("", ""),
        ] {
            assert_eq!(words(header).join(" "), expected, "{header}");
        }
    }

    #[test]
    fn the_table_of_plain_letters_is_complete() {
        assert_eq!(PLAIN.len(), 0x180 - 0xc0);
        for (c, expected) in [
            ('À', "a"),
            ('ÿ', "y"),
            ('ñ', "n"),
            ('Ā', "a"),
            ('Ž', "z"),
            ('ő', "o"),
            ('Ű', "u"),
            ('ł', "l"),
            ('ſ', "s"),
            ('ř', "r"),
            ('ť', "t"),
        ] {
            let mut out = String::new();
            fold(c, &mut out);
            assert_eq!(out, expected, "{c}");
        }
    }

    #[test]
    fn whose_it_is() {
        let dictionary = Dictionary::shared();
        let role = |header: &str| {
            let reading = read(header, dictionary, false);
            (reading.role, reading.is_last_resort, reading.group)
        };
        let email = Role::Field(Field::Email);
        assert_eq!(role("Lead Email"), (email, false, String::new()));
        assert_eq!(role("Agent Email"), (email, true, String::new()));
        assert_eq!(role("Agent Name").0, Role::Other);
        assert_eq!(role("Spouse First Name").0, Role::Other);
        assert_eq!(role("Mailing City"), (Role::City, false, "mailing".to_owned()));
        assert_eq!(role("Email Opt Out").0, Role::Other);
        assert_eq!(read("OWNER 1", dictionary, true).role, Role::Field(Field::Name));
        assert_eq!(read("Owner", dictionary, false).role, Role::Other);
    }
}
