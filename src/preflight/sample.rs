//! A list of leads that the configuration in force has to take, with faults planted in it that it has to find.
//!
//! Made from the rules: their names for columns, what is required, what the cells of a column must be. Where no cell can be
//! thought of that satisfies a rule, the sample says so: whoever uses it then knows less, and must not call that a fault.
//! Nothing is written here.

use std::collections::BTreeSet;

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::engine::amount::{AmountRules, read_amount};
use crate::engine::decimal::Decimal;
use crate::engine::headers::normalise;
use crate::engine::lead::Field;
use crate::engine::rules::{ConstraintRule, HeaderRule, QuoteRule, Rules};

/// Acceptable rows, each of another person.
const GOOD: usize = 8;
/// A cell in the place of an address. No spreadsheet runs it, so it comes back in the rejects file as it is.
const NO_ADDRESS: &str = "no address";
/// A cell in the place of an amount.
const NO_AMOUNT: &str = "no amount";
/// Texts that a pattern may ask for without saying so in a way that shows in it.
const USUAL: [&str; 6] = ["preflight", "100", "A", "2024-05-13", "Yes", "12345"];
/// A pattern is tried with up to so many repetitions of what it repeats.
const REPETITIONS: u32 = 12;

/// The list, and what must come of it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What is dropped.
    pub bytes: Vec<u8>,
    /// Rows that are new leads.
    pub new: u64,
    /// Rows of a person who stands further up.
    pub repeated: u64,
    /// Codes that the planted faults must be found as, one row each.
    pub faults: Vec<&'static str>,
    /// Each planted cell, with the one that corrects it.
    pub corrections: Vec<(&'static str, String)>,
    /// The addresses of the new leads, in lower case.
    pub people: BTreeSet<String>,
    /// Why the list may be refused without anything being wrong.
    pub doubts: Vec<String>,
}

impl Sample {
    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.new + self.repeated + self.faults.len() as u64
    }
}

/// One column of the list.
struct Column<'r> {
    header: String,
    field: Option<Field>,
    rules: Vec<&'r ConstraintRule>,
}

/// A list for the files of one source.
#[must_use]
pub fn build(rules: &Rules) -> Sample {
    let mut doubts = Vec::new();
    let columns = columns(rules);
    let bad_rows = 1 + usize::from(rules.columns.required.contains(Field::Value));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut people = BTreeSet::new();
    for person in 0..GOOD + bad_rows {
        let row = columns.iter().map(|column| {
            cell(column, rules, person, &people).unwrap_or_else(|| {
                doubts.push(format!("no cell could be thought of that column '{}' would take", column.header));
                String::new()
            })
        });
        let row: Vec<String> = row.collect();
        let at = columns.iter().position(|column| column.field == Some(Field::Email)).unwrap_or_default();
        people.insert(row[at].to_lowercase());
        rows.push(row);
    }
    doubts.sort();
    doubts.dedup();
    let (mut faults, mut corrections) = (Vec::new(), Vec::new());
    for (row, (field, planted, code)) in
        rows[GOOD..].iter_mut().zip([(Field::Email, NO_ADDRESS, "invalid_email"), (Field::Value, NO_AMOUNT, "value_not_numeric")])
    {
        let Some(at) = columns.iter().position(|column| column.field == Some(field)) else { continue };
        let right = std::mem::replace(&mut row[at], planted.to_owned());
        if field == Field::Email {
            people.remove(&right.to_lowercase());
        } else if let Some(email) = columns.iter().position(|column| column.field == Some(Field::Email)) {
            people.remove(&row[email].to_lowercase());
        }
        corrections.push((planted, right));
        faults.push(code);
    }
    let first = rows[0].clone();
    rows.push(first);
    let bytes = written(rules, &columns, &rows, &mut doubts);
    Sample { bytes, new: GOOD as u64, repeated: 1, faults, corrections, people, doubts }
}

/// The usual columns, and every other one that a rule is about.
fn columns(rules: &Rules) -> Vec<Column<'_>> {
    let constraints = &rules.columns.constraints;
    let mut taken = BTreeSet::new();
    let mut columns = Vec::new();
    for field in Field::ALL {
        if field == Field::Source && !rules.columns.required.contains(field) {
            continue; // the folder says it
        }
        let header = rules.columns.aliases.get(&field).and_then(|names| names.first()).map_or(field.name(), String::as_str).to_owned();
        let names = [normalise(&header), normalise(field.name())];
        let about = constraints.iter().filter(|constraint| names.contains(&normalise(&constraint.column)));
        let asked = about.map(|constraint| &constraint.rule).collect();
        taken.extend(names);
        columns.push(Column { header, field: Some(field), rules: asked });
    }
    for constraint in constraints {
        if taken.insert(normalise(&constraint.column)) {
            let of_it = |other: &&crate::engine::rules::Constraint| normalise(&other.column) == normalise(&constraint.column);
            let asked = constraints.iter().filter(of_it).map(|constraint| &constraint.rule).collect();
            columns.push(Column { header: constraint.column.clone(), field: None, rules: asked });
        }
    }
    columns
}

/// A cell that the column takes; another address for each person.
fn cell(column: &Column<'_>, rules: &Rules, person: usize, taken: &BTreeSet<String>) -> Option<String> {
    let mut candidates: Vec<String> = match column.field {
        Some(Field::Name) => vec![format!("Sample Person {person}"), "Ann Lee".into()],
        Some(Field::Email) => vec![format!("preflight-{person}@example.com"), format!("{person}@x.example")],
        Some(Field::Value) => ["500000", "100000", "1000", "100", "1"].map(String::from).into(),
        Some(Field::Location) => vec!["Toronto".into(), "Ottawa".into()],
        Some(Field::Phone) => vec![format!("+1416555010{person}"), format!("416-555-010{person}"), format!("416555010{person}")],
        Some(Field::Source) => vec!["preflight".into()],
        None => USUAL.map(String::from).into(),
    };
    for rule in &column.rules {
        match rule {
            ConstraintRule::OneOf(values) => candidates.extend(values.iter().cloned()),
            ConstraintRule::Matches(pattern) => candidates.extend((0..REPETITIONS).filter_map(|times| spelled(pattern, times))),
            ConstraintRule::Min(number) | ConstraintRule::Max(number) => candidates.push(number.to_string()),
            ConstraintRule::MaxLength(most) => {
                let shorter: Vec<String> = candidates.iter().map(|text| text.chars().take(*most).collect()).collect();
                candidates.extend(shorter);
            }
        }
    }
    let amounts = AmountRules { mark: rules.columns.decimal_mark, ranges: rules.columns.ranges };
    let number = |text: &str| read_amount(text, amounts).ok().map(|amount| amount.value);
    candidates.into_iter().find(|text| {
        let is_sound = match column.field {
            Some(Field::Email) => is_address(text) && !taken.contains(&text.to_lowercase()),
            Some(Field::Value) => number(text).is_some_and(Decimal::is_positive),
            _ => !text.trim().is_empty(),
        };
        is_sound && column.rules.iter().all(|rule| holds(rule, text, &number))
    })
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.split('.').count() > 1 && domain.split('.').all(|part| !part.is_empty()) && !text.contains(' ')
    })
}

fn holds(rule: &ConstraintRule, text: &str, number: &impl Fn(&str) -> Option<Decimal>) -> bool {
    match rule {
        ConstraintRule::OneOf(values) => values.iter().any(|value| value.to_lowercase() == text.to_lowercase()),
        ConstraintRule::Matches(pattern) => pattern.is_match(text),
        ConstraintRule::Min(least) => number(text).is_some_and(|number| number >= *least),
        ConstraintRule::Max(most) => number(text).is_some_and(|number| number <= *most),
        ConstraintRule::MaxLength(most) => text.chars().count() <= *most,
    }
}

/// A text of the pattern's language, where what may be repeated is repeated so often.
fn spelled(pattern: &Regex, times: u32) -> Option<String> {
    let hir = regex_syntax::parse(pattern.as_str()).ok()?;
    let mut text = String::new();
    spell(&hir, times, &mut text);
    pattern.is_match(&text).then_some(text)
}

fn spell(hir: &Hir, times: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(sign_of(class)),
        HirKind::Repetition(repeated) => {
            let often = times.clamp(repeated.min, repeated.max.unwrap_or(u32::MAX).max(repeated.min)).min(repeated.min.max(REPETITIONS));
            for _ in 0..often {
                spell(&repeated.sub, times, text);
            }
        }
        HirKind::Capture(capture) => spell(&capture.sub, times, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| spell(part, times, text)),
        HirKind::Alternation(ways) => spell(&ways[times as usize % ways.len()], times, text),
    }
}

/// Of the signs that the class allows a plain one, where it has one.
fn sign_of(class: &Class) -> Option<char> {
    let allows = |sign: char| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&sign)),
        Class::Bytes(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&(sign as u8))),
    };
    let first = match class {
        Class::Unicode(class) => class.iter().next().map(regex_syntax::hir::ClassUnicodeRange::start),
        Class::Bytes(class) => class.iter().next().map(|range| char::from(range.start())),
    };
    "a5A".chars().chain('b'..='z').chain('0'..='9').chain('B'..='Z').find(|sign| allows(*sign)).or(first)
}

/// The list in the dialect that the rules ask for.
fn written(rules: &Rules, columns: &[Column<'_>], rows: &[Vec<String>], doubts: &mut Vec<String>) -> Vec<u8> {
    let reading = &rules.reading;
    let delimiter = char::from(reading.delimiter.unwrap_or(b','));
    let quote = match reading.quote {
        Some(QuoteRule::Quote(sign)) => Some(char::from(sign)),
        Some(QuoteRule::Nothing) => None,
        None => Some('"'),
    };
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells
            .map(|cell| match quote {
                _ if !cell.contains([delimiter, '"', '\n', '\r']) && quote.is_none_or(|quote| !cell.contains(quote)) => cell.to_owned(),
                Some(quote) if reading.escape.is_none() => {
                    format!("{quote}{}{quote}", cell.replace(quote, &format!("{quote}{quote}")))
                }
                _ => {
                    doubts.push("a cell needs quotes, and the files of this source have none that could be told".to_owned());
                    cell.to_owned()
                }
            })
            .collect();
        cells.join(&delimiter.to_string()) + "\n"
    };
    let mut text = String::new();
    match reading.header {
        HeaderRule::Line(number) => (1..number).for_each(|_| text.push_str("Sample of a preflight\n")),
        HeaderRule::Detected | HeaderRule::Absent => {}
    }
    if reading.header != HeaderRule::Absent {
        text += &line(&mut columns.iter().map(|column| column.header.as_str()));
    }
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    if reading.header == HeaderRule::Absent {
        doubts.push("columns without a header are told apart by what they hold ([reading] header)".to_owned());
    }
    if reading.sheet.is_some() {
        doubts.push("the files of this source are workbooks ([reading] sheet), the sample is text".to_owned());
    }
    encoded(&text, reading.encoding.as_deref(), doubts)
}

fn encoded(text: &str, label: Option<&str>, doubts: &mut Vec<String>) -> Vec<u8> {
    let label = label.unwrap_or("utf-8").to_lowercase();
    match label.as_str() {
        "utf-16be" | "unicodefffe" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-16" | "utf-16le" | "unicode" | "ucs-2" | "iso-10646-ucs-2" | "csunicode" | "unicodefeff" => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        _ => {
            if !text.is_ascii() && !label.starts_with("utf") {
                doubts.push(format!("names in the configuration are not plain letters, and the sample is not written in {label}"));
            }
            text.as_bytes().to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::Constraint;

    #[test]
    fn patterns_are_spelled() {
        for pattern in [r"\A(?:[A-Z]{2} \d+)\z", r"\A(?:.*@acme\.com)\z", r"\A(?:(?:hot|cold)-\d{4}(?:-x)?)\z", r"\A(?:\p{Lu}\w{3,})\z"] {
            let pattern = Regex::new(pattern).expect("a pattern");
            assert!((0..REPETITIONS).any(|times| spelled(&pattern, times).is_some()), "{pattern}");
        }
    }

    #[test]
    fn rules_of_all_kinds_are_kept_and_what_cannot_be_is_told() {
        let constraint = |column: &str, rule| Constraint { column: column.into(), rule };
        let pattern = |text: &str| ConstraintRule::Matches(Regex::new(&format!(r"\A(?:{text})\z")).expect("a pattern"));
        let mut rules = Rules::default();
        rules.columns.aliases.insert(Field::Email, vec!["Mail Privat".into()]);
        rules.columns.constraints = vec![
            constraint("Mail Privat", pattern(r"[^@]+@acme\.com")),
            constraint("value", ConstraintRule::Max("99".parse().expect("a number"))),
            constraint("Lot", pattern(r"L-\d{3,4}")),
            constraint("Stage", ConstraintRule::OneOf(vec!["Hot".into()])),
        ];
        let sample = build(&rules);
        let text = String::from_utf8(sample.bytes.clone()).expect("text");
        assert_eq!(sample.doubts, Vec::<String>::new(), "{text}");
        assert!(text.starts_with("name,Mail Privat,value,location,phone,Lot,Stage\n"), "{text}");
        assert!(sample.people.iter().all(|email| email.ends_with("@acme.com")), "{text}");
        assert_eq!((sample.people.len() as u64, sample.total()), (sample.new, text.lines().count() as u64 - 1));
        rules.columns.constraints = vec![constraint("Lot", pattern(r"a\bb"))];
        assert_eq!(build(&rules).doubts, ["no cell could be thought of that column 'Lot' would take"]);
    }
}
