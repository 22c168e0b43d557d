//! Text that was UTF-8, was read as something else on its way, and was saved like that: `JosÃ©` for `José`.
//!
//! Word by word the damage is undone by taking the same way back: into the bytes of the encoding it was read in, which
//! must then be UTF-8. Few words of any language can pass for that, and of those that can (`MANHÃ…`) the ones that make
//! sense as they stand are left alone. What was lost on the way (`Ã` with its second half cut off) is not guessed.

use std::borrow::Cow;

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252};

/// The text as it was before it was misread, or `None` where nothing shows that it was.
///
/// Damage on damage (`JosÃƒÂ©`) is undone as well. An ASCII cell is answered at once.
#[must_use]
pub fn repaired(cell: &str) -> Option<String> {
    /// So often a text is misread at most.
    const LAYERS: usize = 3;
    if !may_be_damaged(cell) {
        return None;
    }
    let mut text = repaired_once(cell)?;
    for _ in 1..LAYERS {
        match repaired_once(&text) {
            Some(deeper) => text = deeper,
            None => break,
        }
    }
    Some(text)
}

/// What was one character beyond ASCII has become two or more in a row: a glance that settles ASCII and nearly all
/// accented words, because what is looked for begins with two of them.
fn may_be_damaged(cell: &str) -> bool {
    cell.as_bytes().windows(2).any(|pair| pair[0] >= 0x80 && pair[1] >= 0xc0)
}

/// The encodings that text is misread in, the likeliest first.
const MISREAD_AS: [&Encoding; 4] = [WINDOWS_1252, WINDOWS_1250, WINDOWS_1251, MACINTOSH];

fn repaired_once(text: &str) -> Option<String> {
    MISREAD_AS.into_iter().find_map(|charset| {
        text.split(' ').any(|word| repaired_word(word, charset, SURE_LETTERS).is_some()).then(|| {
            let words = text.split(' ').map(|word| repaired_word(word, charset, 1).map_or(Cow::Borrowed(word), Cow::Owned));
            words.collect::<Vec<_>>().join(" ")
        })
    })
}

/// A single letter of another script than the Latin one is nothing to go by, unless another word of the cell shows the way.
const SURE_LETTERS: usize = 2;

fn repaired_word(word: &str, charset: &'static Encoding, least_letters: usize) -> Option<String> {
    if !begins_like_damage(word, charset) {
        return None;
    }
    let repaired = String::from_utf8(bytes_of(word, charset)?).ok()?;
    (is_sound(&repaired, least_letters) && !makes_sense(word, &repaired, charset)).then_some(repaired)
}

/// The first character beyond ASCII must be what begins a character in UTF-8, and another one must follow it: so
/// ordinary accented words cost no more than this look.
fn begins_like_damage(word: &str, charset: &'static Encoding) -> bool {
    let Some(at) = word.find(|c: char| !c.is_ascii()) else { return false };
    let mut chars = word[at..].chars();
    let (Some(first), Some(second)) = (chars.next(), chars.next()) else { return false };
    !second.is_ascii()
        && match charset {
            _ if charset == WINDOWS_1252 => matches!(first, 'Â'..='ô'),
            _ if charset == WINDOWS_1250 => matches!(first, 'Â' | 'Ă' | 'Ä' | 'Ĺ' | 'Î' | 'Ď' | 'Đ' | 'Ń' | 'Ć' | 'Č' | 'á' | 'â' | 'đ'),
            _ if charset == WINDOWS_1251 => {
                matches!(first, 'В' | 'Г' | 'Д' | 'Е' | 'Ж' | 'И' | 'О' | 'П' | 'Р' | 'С' | 'б' | 'в' | 'р') && !matches!(second, 'А'..='я')
            }
            _ => matches!(first, '¬' | '√' | 'ƒ' | '≈' | '∆' | '»' | '·' | '‚' | '–' | '—' | 'Œ' | 'œ'),
        }
}

/// The bytes of a word in an encoding. Windows-1252 and ISO-8859-1 in one: both are called "Latin" and mixed up.
fn bytes_of(word: &str, charset: &'static Encoding) -> Option<Vec<u8>> {
    if charset != WINDOWS_1252 {
        let (bytes, _, is_lossy) = charset.encode(word);
        return (!is_lossy).then(|| Cow::into_owned(bytes));
    }
    let mut bytes = Vec::with_capacity(word.len());
    let mut buffer = [0; 4];
    for c in word.chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => match charset.encode(c.encode_utf8(&mut buffer)) {
                (byte, _, false) => bytes.extend_from_slice(&byte),
                _ => return None,
            },
        }
    }
    Some(bytes)
}

/// What a repaired word is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Asian,
    /// Signs that people write.
    Sign,
}

/// Whether a repaired word is one that people write: letters of one script, enough of them, and usual signs.
fn is_sound(word: &str, least_letters: usize) -> bool {
    let mut script = None;
    let mut beyond = 0;
    for c in word.chars().filter(|c| !c.is_ascii() || c.is_ascii_alphabetic()) {
        let Some(kind) = kind(c) else { return false };
        if kind == Kind::Sign {
            continue;
        }
        beyond += usize::from(!c.is_ascii());
        if *script.get_or_insert(kind) != kind {
            return false;
        }
    }
    match script {
        Some(Kind::Greek | Kind::Cyrillic | Kind::Hebrew | Kind::Arabic) => beyond >= least_letters,
        _ => true,
    }
}

fn kind(c: char) -> Option<Kind> {
    Some(match c {
        'A'..='Z'
        | 'a'..='z'
        | 'À'..='Ö'
        | 'Ø'..='ö'
        | 'ø'..='\u{17f}'
        | '\u{218}'..='\u{21b}'
        | 'Ơ'
        | 'ơ'
        | 'Ư'
        | 'ư'
        | '\u{1e00}'..='\u{1eff}' => Kind::Latin,
        '\u{386}'..='\u{3ce}' => Kind::Greek,
        'Ђ'..='Џ' | 'А'..='џ' | 'Ґ' | 'ґ' | 'Ё' => Kind::Cyrillic,
        '\u{5d0}'..='\u{5ea}' => Kind::Hebrew,
        '\u{620}'..='\u{652}' | 'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' => Kind::Arabic,
        '\u{e01}'..='\u{e5b}' | '\u{3005}' | '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => Kind::Asian,
        // Usual signs; zero-width characters, arrows, symbols, full-width forms, emoji.
        '×'
        | '÷'
        | '\u{a0}'..='¿'
        | '–'
        | '—'
        | '‘'..='„'
        | '†'
        | '•'
        | '…'
        | '‰'
        | '‹'
        | '›'
        | '€'
        | '№'
        | '™'
        | '\u{200b}'..='\u{200f}'
        | '\u{2060}'
        | '\u{feff}'
        | '\u{fe0f}'
        | '\u{2190}'..='\u{21ff}'
        | '\u{2600}'..='\u{27bf}'
        | '\u{3000}'..='\u{3015}'
        | '\u{ff01}'..='\u{ff5e}'
        | '\u{1f000}'..='\u{1faff}' => Kind::Sign,
        _ => return None,
    })
}

/// Whether the word as it stands is one that people write, although it could be repaired.
fn makes_sense(word: &str, repaired: &str, charset: &'static Encoding) -> bool {
    match charset {
        _ if charset == WINDOWS_1250 => is_in_one_case(word) || ends_in_punctuation(word),
        // Two Cyrillic letters are no Latin one.
        _ if charset == WINDOWS_1251 => {
            word.chars().all(|c| kind(c) == Some(Kind::Cyrillic)) && !repaired.chars().any(|c| kind(c) == Some(Kind::Cyrillic))
        }
        _ if charset == WINDOWS_1252 => ends_in_punctuation(word),
        _ => false,
    }
}

/// `ĂŞ` in a word of capitals is Romanian; `Ă` after a small letter, and a sign inside the word, are in no language.
fn is_in_one_case(word: &str) -> bool {
    word.chars().all(|c| c.is_uppercase() || !c.is_alphanumeric() && c.is_ascii())
}

/// `MANHÃ…` is Portuguese, `HYVÄ”` Finnish: the only sign of damage is a capital before what may end any sentence.
fn ends_in_punctuation(word: &str) -> bool {
    let mut chars = word.chars().rev();
    let (Some(last), Some(lead), Some(before)) = (chars.next(), chars.next(), chars.next()) else { return false };
    matches!(last, '…' | '”' | '’' | '–' | '—' | '»' | '›' | '™' | '®' | '\u{a0}')
        && matches!(lead, 'Â'..='Å')
        && before.is_uppercase()
        && chars.all(|c| c.is_ascii())
        && before.is_ascii()
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;
    use proptest::prelude::*;

    use super::*;

    /// The text as it looks when its UTF-8 is read in another encoding.
    fn damaged(text: &str, charset: &'static Encoding) -> String {
        charset.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    #[test]
    fn damage_is_undone() {
        for (cell, expected) in [
            ("JosÃ©", "José"),
            ("JosÃ© PÃ©rez", "José Pérez"),
            ("MÃ¼ller", "Müller"),
            ("StraÃŸe 12", "Straße 12"),
            ("SÃ£o Paulo", "São Paulo"),
            ("JOSÃ‰", "JOSÉ"),
            ("JOS\u{c3}\u{89}", "JOSÉ"),
            ("FRANÃ‡OIS", "FRANÇOIS"),
            ("Ã…sa Ã–berg", "Åsa Öberg"),
            ("Ã\u{81}ngel", "Ángel"),
            ("Ã  bientÃ´t", "Ã  bientôt"), // the no-break space was lost: what is left of `à` is not guessed
            ("Ã\u{a0} bientÃ´t", "à bientôt"),
            ("Â£1,200", "£1,200"),
            ("1200 â‚¬", "1200 €"),
            ("Oâ€™Brien", "O’Brien"),
            ("â€œquotedâ€\u{9d}", "“quoted”"),
            ("JosÃƒÂ©", "José"),
            ("Å\u{81}ukasz WÃ³jcik", "Łukasz Wójcik"),
            ("KovaÄ\u{8d}", "Kovač"),
            ("DvoÅ™Ã¡k", "Dvořák"),
            ("Ð˜Ð²Ð°Ð½", "Иван"),
            ("JosĂ©", "José"),
            ("KrakĂłw", "Kraków"),
            ("JosГ©", "José"),
            ("Jos√©", "José"),
            ("M√ºller", "Müller"),
            ("O‚ÄôBrien", "O’Brien"),
            ("José and JosÃ©", "José and José"),
            ("Ð´. 9 ÑÑ‚Ñ€. 89", "Ð´. 9 ÑÑ‚Ñ€. 89"), // a byte was lost in `стр.`, and one letter is too little
            ("Ð´. 9 Ð\u{a1}Ð°Ð´", "д. 9 Сад"),
            ("ðŸ˜€ Ann", "😀 Ann"),
            ("æ\u{9d}Žæ˜Ž", "李明"),
        ] {
            assert_eq!(repaired(cell).as_deref().unwrap_or(cell), expected, "{cell}");
        }
    }

    #[test]
    fn words_as_people_write_them_are_left_alone() {
        for cell in [
            "",
            "Jose",
            "José",
            "SÃO PAULO",
            "Ã",
            "MANHÃ",
            "MANHÃ…",
            "IRMÃ”",
            "MAÇÃ",
            "ÂNGELA",
            "Â",
            "CÂMARA",
            "PÂINE",
            "LĂSAŢI",
            "MĂŞTI",
            "NESTLÉ®",
            "CAFÉ™",
            "CAFÉ…",
            "un café»…",
            "“un café”…",
            "voilà…",
            "HYVÄ…",
            "HYVÄ”",
            "ÄLÄ…",
            "PÅ…",
            "GÖTEBORG…",
            "JÖRG’S",
            "Müller & Söhne",
            "Łódź",
            "ŁÓDŹ",
            "ŽIŽEK",
            "KĹŽE",
            "Škoda…",
            "İSTANBUL",
            "ÇELİK",
            "ÑUÑOA",
            "ESPAÑA…",
            "l’école",
            "Paris–Étoile",
            "mot—à",
            "‚Äpfel‘",
            "“Étoile”",
            "Ærø",
            "ÅÄÖ",
            "Ångström",
            "Иванов",
            "ИВАНОВ",
            "СІРІ",
            "ДІЇ",
            "УКРАЇНА",
            "ВІ",
            "Ёлкин",
            "Љубица",
            "ЊЕГОШ",
            "Ћирић",
            "Ελένη",
            "ΕΛΈΝΗ",
            "דוד",
            "محمد",
            "สมชาย",
            "王小明",
            "田中 さくら",
            "김철수",
            "½ acre",
            "25°C",
            "№ 5",
            "£5",
            "€ 500–600",
            "10 ¢",
            "naïve",
            "Zoë…",
            "Noël…",
            "façade™",
            "À la carte…",
            "ÉCOLE À…",
            "Ñ…",
            "Ð",
            "Þór",
            "Øre…",
        ] {
            assert_eq!(repaired(cell), None, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn the_glance_lets_all_damage_through(cell in "[a-z ÃÂâ€™Å\u{81}©ĂŁÐ³é东]{0,12}") {
            prop_assert!(may_be_damaged(&cell) || repaired_once(&cell).is_none());
        }

        /// Names of one script that are damaged come back, or stay as they are where the damage makes sense.
        #[test]
        fn what_is_repaired_is_what_it_was(name in "[A-Z][a-z]{1,6}[àáâãäåçèéêëìíîïñòóôõöøùúûüßąćęłńśźżčďěňřšťůžđășțğışőű][a-z]{1,5}") {
            for charset in [WINDOWS_1252, WINDOWS_1251, MACINTOSH] {
                let cell = damaged(&name, charset);
                prop_assert_eq!(repaired(&cell), Some(name.clone()), "{}", cell);
            }
            prop_assert_eq!(damaged(&name, UTF_8), name);
        }

        #[test]
        fn any_text_is_borne(cell in "\\PC{0,24}") {
            if let Some(text) = repaired(&cell) {
                prop_assert!(text.chars().count() < cell.chars().count());
            }
        }

        #[test]
        fn words_of_letters_are_left_alone(word in "[A-Za-zÀ-ÖØ-öø-ÿ]{0,12}|[А-яЁёІіЇїЄєҐґ]{0,12}|[Α-Ωα-ωάέήίόύώ]{0,12}") {
            prop_assert_eq!(repaired(&word), None);
        }
    }
}
