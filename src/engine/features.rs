//! The outcome model and what it looks at of a lead: how cells become numbers, and numbers a probability.
//!
//! A model is fitted by `learning/`; here it is only applied, in the same arithmetic on every machine (a pinned `libm`, no
//! fused multiply-add, sums in a fixed order).

use serde::{Deserialize, Serialize};

use super::email;
use super::lead::{Field, FieldHeader, Lead, Place};
use super::rules::cell_of;

/// What a model may look at of one lead. Borrowed, so that a lead in hand and one read from the store look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits<'a> {
    /// log10 of the value; none without one.
    pub value_log10: Option<f64>,
    /// In standard form.
    pub source: &'a str,
    /// As in the lead, trimmed.
    pub location: &'a str,
    /// Whether there is a phone that reads as a number.
    pub has_phone: bool,
    /// Whether the e-mail is at a provider where anyone can get one.
    pub is_free_mail: bool,
    /// The cells of the configured columns, trimmed, in the order of [`Model::columns`]; empty where there is none.
    pub columns: Vec<&'a str>,
}

impl<'a> Traits<'a> {
    /// Of a lead, with the cells of these columns.
    #[must_use]
    pub fn of(lead: &Lead<'a>, columns: &[String]) -> Self {
        Self {
            value_log10: lead.value.map(super::decimal::Decimal::log10),
            source: lead.source,
            location: lead.location.trim(),
            has_phone: lead.phone_reads,
            is_free_mail: email::is_free_mail(lead.email),
            columns: columns.iter().map(|column| cell_of(lead, column).trim()).collect(),
        }
    }

    /// Of a lead of a file whose columns have been looked up.
    #[must_use]
    pub fn at(lead: &Lead<'a>, places: &Places) -> Self {
        Self { columns: places.cells(lead), ..Self::of(lead, &[]) }
    }
}

/// Where the configured columns stand in the leads of one file: looked up once, so that no lead is searched by names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Of each column that is a field: the column's place in the list, and the field.
    fields: Vec<(usize, Field)>,
    /// Of each column that is extra: the extra column's place, and the column's, in the order of the extra columns.
    extra: Vec<(usize, usize)>,
    /// How many columns are configured.
    count: usize,
}

impl Places {
    /// Looks the columns up.
    #[must_use]
    pub fn of(columns: &[String], extra_names: &[String], headers: &[FieldHeader]) -> Self {
        let mut places = Self { count: columns.len(), ..Self::default() };
        for (at, column) in columns.iter().enumerate() {
            match Place::of(column, extra_names, headers) {
                Place::Field(field) => places.fields.push((at, field)),
                Place::Extra(extra) => places.extra.push((extra, at)),
                Place::Nowhere => {}
            }
        }
        places.extra.sort_unstable();
        places
    }

    /// The cells of the columns, trimmed; empty where there is none.
    fn cells<'a>(&self, lead: &Lead<'a>) -> Vec<&'a str> {
        let mut cells = vec![""; self.count];
        for (at, field) in &self.fields {
            cells[*at] = lead.text(*field).trim();
        }
        let mut wanted = self.extra.iter().peekable();
        if wanted.peek().is_none() {
            return cells;
        }
        for (extra, (_, cell)) in lead.extra.iter().enumerate() {
            while let Some((_, at)) = wanted.next_if(|(next, _)| *next == extra) {
                cells[*at] = cell.trim();
            }
            if wanted.peek().is_none() {
                break;
            }
        }
        cells
    }
}

/// Which history a model was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// All of it.
    AllHistory,
    /// The latest leads.
    Latest,
    /// The weights of the active model, its intercept fitted again on the latest out-of-sample predictions.
    Intercept,
}

/// A fitted logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Told from its content: eight hexadecimal digits.
    pub id: String,
    /// What it was fitted on.
    pub recipe: Recipe,
    /// The configured columns that it looks at, by their headers as written.
    pub columns: Vec<String>,
    /// Log odds of a lead whose every feature is zero.
    pub intercept: f64,
    /// How each input becomes log odds, in a fixed order.
    pub terms: Vec<Term>,
    /// Leads it was fitted on.
    pub leads: u64,
    /// Those that converted.
    pub conversions: u64,
}

/// One input of a model with its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// What is looked at.
    pub input: Input,
    /// How it counts.
    pub effect: Effect,
}

/// What a term looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// log10 of the value.
    Value,
    /// The source.
    Source,
    /// The location.
    Location,
    /// Whether there is a phone.
    Phone,
    /// Whether the e-mail is at a free provider.
    FreeMail,
    /// A configured column: its place in [`Model::columns`].
    Column(usize),
}

/// How an input counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// `weight · (x − mean) / deviation`; `missing` instead where there is no number.
    Number {
        /// Mean over the leads of the fit that had one.
        mean: f64,
        /// Standard deviation over them.
        deviation: f64,
        /// Log odds for one deviation.
        weight: f64,
        /// Log odds of having none; zero where all had one.
        missing: f64,
    },
    /// The weight of its level; a level that is not listed has that of `other`.
    Level {
        /// Sorted by name, each with its log odds.
        levels: Vec<(String, f64)>,
        /// Log odds of the rare and unknown ones.
        other: f64,
    },
    /// The weight where it holds.
    Flag {
        /// Log odds.
        weight: f64,
    },
}

impl Model {
    /// Log odds of a conversion.
    #[must_use]
    pub fn log_odds(&self, traits: &Traits<'_>) -> f64 {
        self.terms.iter().fold(self.intercept, |sum, term| sum + term.log_odds(traits))
    }

    /// Probability of a conversion, 0 to 1, both excluded.
    #[must_use]
    pub fn probability(&self, traits: &Traits<'_>) -> f64 {
        probability_of(self.log_odds(traits))
    }
}

impl Term {
    /// What this input adds to the log odds.
    #[must_use]
    pub fn log_odds(&self, traits: &Traits<'_>) -> f64 {
        match self.input {
            Input::Value => self.of_number(traits.value_log10),
            Input::Phone => self.of_flag(traits.has_phone),
            Input::FreeMail => self.of_flag(traits.is_free_mail),
            Input::Source => self.of_text(traits.source),
            Input::Location => self.of_text(traits.location),
            Input::Column(at) => self.of_text(traits.columns.get(at).copied().unwrap_or("")),
        }
    }

    /// What a cell adds.
    #[must_use]
    pub fn of_text(&self, text: &str) -> f64 {
        match &self.effect {
            Effect::Number { .. } => self.of_number(number_of(text)),
            Effect::Level { levels, other } => {
                levels.binary_search_by(|(name, _)| name.as_str().cmp(text)).map_or(*other, |at| levels[at].1)
            }
            Effect::Flag { .. } => self.of_flag(!text.is_empty()),
        }
    }

    /// What a number adds, or having none.
    #[must_use]
    pub fn of_number(&self, number: Option<f64>) -> f64 {
        match (&self.effect, number) {
            (Effect::Number { mean, deviation, weight, .. }, Some(x)) => weight * ((x - mean) / deviation),
            (Effect::Number { missing, .. }, None) => *missing,
            (Effect::Level { other, .. }, _) => *other,
            (Effect::Flag { .. }, _) => self.of_flag(number.is_some()),
        }
    }

    /// What a flag adds.
    #[must_use]
    pub fn of_flag(&self, holds: bool) -> f64 {
        match &self.effect {
            Effect::Flag { weight } if holds => *weight,
            _ => 0.0,
        }
    }
}

/// A plain number as cells hold it: `12`, `-3.5`, `1e3`; none for anything else, and for what is beyond 10^15: such columns
/// hold identifiers, and squares of it would leave what a float can hold.
#[must_use]
pub fn number_of(cell: &str) -> Option<f64> {
    let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    if !is_number {
        return None;
    }
    cell.parse().ok().filter(|number: &f64| number.abs() <= 1e15) // what does not parse is no number
}

/// The probability of log odds, held between 10^−13 and its opposite: no cell, however odd, makes a model certain.
#[must_use]
pub fn probability_of(log_odds: f64) -> f64 {
    logistic(log_odds.clamp(-30.0, 30.0))
}

/// 1/(1 + e^−z), without overflow on either side.
#[must_use]
pub fn logistic(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + libm::exp(-z))
    } else {
        let e = libm::exp(z);
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits<'a>(columns: &[&'a str]) -> Traits<'a> {
        let columns = columns.to_vec();
        Traits { value_log10: Some(5.0), source: "zillow", location: "Toronto", has_phone: true, is_free_mail: false, columns }
    }

    #[test]
    fn each_input_adds_its_own() {
        let number = Effect::Number { mean: 4.0, deviation: 0.5, weight: 0.25, missing: -1.0 };
        let level = Effect::Level { levels: vec![("mls".into(), 0.5), ("zillow".into(), 0.75)], other: -0.125 };
        let cases = [
            (Input::Value, number.clone(), 0.5),
            (Input::Source, level.clone(), 0.75),
            (Input::Location, level, -0.125),
            (Input::Phone, Effect::Flag { weight: 2.0 }, 2.0),
            (Input::FreeMail, Effect::Flag { weight: 2.0 }, 0.0),
            (Input::Column(0), number.clone(), 1.0),
            (Input::Column(1), number, -1.0),
        ];
        for (input, effect, expected) in cases {
            let found = Term { input, effect }.log_odds(&traits(&["6", "n/a"]));
            assert!((found - expected).abs() < 1e-12, "{input:?}: {found}");
        }
    }

    #[test]
    fn a_number_is_plain_and_finite() {
        for (cell, number) in [
            ("12", Some(12.0)),
            ("-3.5", Some(-3.5)),
            ("1e3", Some(1000.0)),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("1e999", None),
            ("12345678901234567890", None),
            ("3 km", None),
        ] {
            assert_eq!(number_of(cell), number, "{cell}");
        }
    }

    #[test]
    fn probabilities_stay_inside() {
        assert!((logistic(0.0) - 0.5).abs() < 1e-15);
        assert!(logistic(800.0) <= 1.0 && logistic(-800.0) >= 0.0);
        assert!((logistic(3.0) + logistic(-3.0) - 1.0).abs() < 1e-15);
    }
}
