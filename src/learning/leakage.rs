//! Columns that give the outcome away: known only afterwards, so that a model that saw them would be right about the past and
//! useless on arrival (Kaufman, Rosset & Perlich 2012).
//!
//! Two looks. By name: what is filled in after contact in every system we know of. By content: a single column that tells
//! won from lost nearly by itself is too good to have been known before. A person can vouch for a name; nothing but a higher
//! threshold vouches for content.

use serde::{Deserialize, Serialize};

use super::encoding::{Cells, Source, Table, is_numeric};
use super::metrics::{auc, count};
use crate::engine::outcomes::names_outcome;

/// Parts that the levels of a column are told from one another in.
const FOLDS: usize = 5;

/// A column that a model may not look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// As it is called in the settings; a known field by its own name.
    pub column: String,
    /// Why.
    pub why: RefusedWhy,
}

/// Why a column is refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedWhy {
    /// Its name says that it is filled after contact.
    Name,
    /// It tells won from lost by itself: area under the curve.
    Auc(f64),
    /// Whether it is filled does.
    MissingAuc(f64),
    /// It is the outcome.
    IsOutcome,
}

/// What a column's name alone is refused for.
#[must_use]
pub fn by_name(column: &str, known_on_arrival: &[String], outcome_columns: &[String]) -> Option<RefusedWhy> {
    let name = words(column);
    if names_outcome(column) || outcome_columns.iter().any(|other| words(other) == name) {
        return Some(RefusedWhy::IsOutcome);
    }
    let is_vouched_for = known_on_arrival.iter().any(|other| words(other) == name);
    (!is_vouched_for && sounds_late(&name)).then_some(RefusedWhy::Name)
}

/// What an input's content is refused for, from an area under the curve of `limit` on, in either direction.
#[must_use]
pub fn by_content(source: &Source<'_>, outcomes: &[bool], limit: f64) -> Option<RefusedWhy> {
    let (column, missing) = match &source.cells {
        Cells::Flags(flags) => (area(flags.iter().map(|flag| f64::from(u8::from(*flag))), outcomes), None),
        Cells::Numbers(numbers) => {
            (area_of_numbers(numbers.iter().copied(), outcomes), area_of_filled(numbers.iter().map(Option::is_some), outcomes))
        }
        Cells::Texts { codes, texts, numbers } => {
            let levels = area_of_levels(codes, texts.len(), outcomes);
            let as_number = is_numeric(codes, texts, numbers)
                .then(|| area_of_numbers(codes.iter().map(|code| numbers[*code as usize]), outcomes))
                .flatten();
            (
                levels.into_iter().chain(as_number).reduce(f64::max),
                area_of_filled(codes.iter().map(|code| !texts[*code as usize].is_empty()), outcomes),
            )
        }
    };
    // Where both tell, the simpler reason is the truer one: the column is filled for those who bought.
    match (missing.filter(|area| *area >= limit), column.filter(|area| *area >= limit)) {
        (Some(area), _) => Some(RefusedWhy::MissingAuc(area)),
        (None, Some(area)) => Some(RefusedWhy::Auc(area)),
        (None, None) => None,
    }
}

/// All inputs that are refused for their content.
#[must_use]
pub fn all_by_content(table: &Table<'_>, limit: f64) -> Vec<Refused> {
    let refused =
        |source: &Source<'_>| by_content(source, &table.outcomes, limit).map(|why| Refused { column: source.name.to_owned(), why });
    table.inputs.iter().filter_map(refused).collect()
}

/// A header as its words: lower case, split at whatever is neither letter nor digit and before a capital within a word.
fn words(header: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut was_small = false;
    for letter in header.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_small) {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        was_small = letter.is_lowercase() || letter.is_numeric();
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// What is filled in once somebody has been in touch: `Duration`, `status_date`, `Stage`, `Tags`, `Last Activity`, `closed_at`,
/// and with who or what it is of before it: `Lead Stage`, `call duration`. `Marital Status` is none of these.
fn sounds_late(words: &[String]) -> bool {
    const LATE: [&str; 5] = ["duration", "status", "stage", "tags", "tag"];
    const OF_A_SALE: [&str; 18] = [
        "lead",
        "leads",
        "deal",
        "opportunity",
        "contact",
        "call",
        "calls",
        "conversation",
        "talk",
        "pipeline",
        "sale",
        "sales",
        "salesforce",
        "crm",
        "account",
        "prospect",
        "lifecycle",
        "funnel",
    ];
    let is = |at: usize, list: &[&str]| words.get(at).is_some_and(|word| list.contains(&word.as_str()));
    let end = words.len().saturating_sub(1);
    is(0, &LATE)
        || (is(end, &LATE) && words[..end].iter().any(|word| OF_A_SALE.contains(&word.as_str())))
        || is(0, &["last", "closed"])
        || (is(0, &["close"]) && is(1, &["date", "at", "on", "time", "reason"]))
}

/// Area under the curve in the direction in which it tells more.
fn area(scores: impl Iterator<Item = f64>, outcomes: &[bool]) -> Option<f64> {
    let pairs: Vec<(f64, bool)> = scores.zip(outcomes.iter().copied()).collect();
    auc(&pairs).map(|area| area.max(1.0 - area))
}

/// Of the rows that have a number; none where too few of either kind do for the figure to mean anything.
fn area_of_numbers(numbers: impl Iterator<Item = Option<f64>>, outcomes: &[bool]) -> Option<f64> {
    const EACH_MIN: usize = 20;
    let pairs: Vec<(f64, bool)> = numbers.zip(outcomes.iter().copied()).filter_map(|(number, won)| number.map(|x| (x, won))).collect();
    let won = pairs.iter().filter(|pair| pair.1).count();
    (won.min(pairs.len() - won) >= EACH_MIN).then(|| auc(&pairs)).flatten().map(|area| area.max(1.0 - area))
}

fn area_of_filled(filled: impl Iterator<Item = bool>, outcomes: &[bool]) -> Option<f64> {
    area(filled.map(|filled| f64::from(u8::from(filled))), outcomes)
}

/// Of the rate of each row's level among the rows of the other folds. Were a row's own outcome in the rate, a column of
/// distinct texts would tell everything of the past and nothing of anything else, and be refused for that.
fn area_of_levels(codes: &[u32], levels: usize, outcomes: &[bool]) -> Option<f64> {
    let mut of_level = vec![(0_u32, 0_u32); levels];
    let mut of_fold = vec![(0_u32, 0_u32); levels * FOLDS];
    for (row, (code, won)) in codes.iter().zip(outcomes).enumerate() {
        for tally in [&mut of_level[*code as usize], &mut of_fold[*code as usize * FOLDS + row % FOLDS]] {
            *tally = (tally.0 + 1, tally.1 + u32::from(*won));
        }
    }
    let rate = count(outcomes.iter().filter(|won| **won).count()) / count(outcomes.len());
    let score = |(row, code): (usize, &u32)| {
        let (all, own) = (of_level[*code as usize], of_fold[*code as usize * FOLDS + row % FOLDS]);
        (f64::from(all.1 - own.1) + rate) / (f64::from(all.0 - own.0) + 1.0)
    };
    area(codes.iter().enumerate().map(score), outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::features::Traits;

    #[test]
    fn names_that_are_filled_after_contact() {
        for (column, is_late) in [
            ("duration", true),
            ("Duration (s)", true),
            ("Call Duration", true),
            ("status", true),
            ("Status", true),
            ("status_date", true),
            ("Lead Status", true),
            ("LeadStage", true),
            ("stage", true),
            ("Deal Stage", true),
            ("Tags", true),
            ("Last Activity", true),
            ("Last Notable Activity", true),
            ("last_contacted", true),
            ("closed_at", true),
            ("Close Date", true),
            ("Marital Status", false),
            ("Lead Source", false),
            ("Lead Origin", false),
            ("TotalVisits", false),
            ("Total Time Spent on Website", false),
            ("Blastoff", false),
            ("stages of life", false),
            ("", false),
        ] {
            assert_eq!(by_name(column, &[], &[]).is_some(), is_late, "{column}");
        }
    }

    #[test]
    fn a_person_vouches_for_a_name_and_never_for_the_outcome() {
        let list = |name: &str| vec![name.to_owned()];
        assert_eq!(by_name("Status", &list("status"), &[]), None);
        assert_eq!(by_name("Last Activity", &list("last_activity"), &[]), None);
        assert_eq!(by_name("Result of it", &list("Result of it"), &list("result_of_it")), Some(RefusedWhy::IsOutcome));
        assert_eq!(by_name("Converted", &list("Converted"), &[]), Some(RefusedWhy::IsOutcome));
    }

    /// What is found of a column whose cells are made from place and outcome; every fourth lead converts.
    fn found(cell: impl Fn(usize, bool) -> String) -> Option<RefusedWhy> {
        let outcomes: Vec<bool> = (0..1000_usize).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) % 4 == 0).collect();
        let texts: Vec<String> = outcomes.iter().enumerate().map(|(at, won)| cell(at, *won)).collect();
        let traits: Vec<Traits<'_>> = texts
            .iter()
            .map(|text| Traits { value_log10: None, source: "", location: "", has_phone: false, is_free_mail: false, columns: vec![text] })
            .collect();
        let leads: Vec<(&Traits<'_>, bool)> = traits.iter().zip(outcomes).collect();
        let columns = ["x".to_owned()];
        let table = Table::of(&leads, &columns, |_| true);
        let refused = all_by_content(&table, 0.95);
        assert!(refused.iter().all(|refused| refused.column == "x"), "{refused:?}");
        refused.first().map(|refused| refused.why)
    }

    #[test]
    fn what_tells_the_outcome_by_itself_is_refused_and_nothing_else() {
        let text = |text: &str| text.to_owned();
        // The outcome in other words, as a level, as a number, upside down, and as being filled at all.
        assert!(matches!(found(|_, won| text(if won { "yes" } else { "no" })), Some(RefusedWhy::Auc(_))));
        assert!(matches!(found(|at, won| format!("{}", at % 50 + if won { 45 } else { 0 })), Some(RefusedWhy::Auc(_))));
        assert!(matches!(found(|at, won| format!("{}", at % 50 + if won { 0 } else { 48 })), Some(RefusedWhy::Auc(_))));
        assert!(matches!(found(|at, won| if won { format!("{at}") } else { String::new() }), Some(RefusedWhy::MissingAuc(_))));
        // A number that means a level.
        assert!(matches!(found(|at, won| text(if won { "2" } else { ["1", "3"][at % 2] })), Some(RefusedWhy::Auc(_))));
        // Texts that occur once each, a middling one, a constant.
        assert_eq!(found(|at, _| format!("person {at}")), None);
        assert_eq!(found(|at, won| text(if won && at % 3 > 0 { "hot" } else { "cold" })), None);
        assert_eq!(found(|_, _| text("Select")), None);
    }
}
