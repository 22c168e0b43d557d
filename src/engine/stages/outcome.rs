//! Stage 4, outcome evaluation: how likely this lead converts, and on what that rests.
//!
//! The active model where there is one; else the rate of the lead's segment, drawn towards everyone's as long as it is small;
//! without outcomes of both kinds the configured prior, and without that nothing: a probability is never invented.

use super::Unknown;
use crate::engine::features::{Places, Traits};
use crate::engine::lead::Lead;
use crate::engine::learned::{Basis, Learned};
use crate::engine::rules::Rules;

/// The evaluation of one lead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Probability of a sale, 0 to 1.
    pub probability: Option<f64>,
    /// What it rests on.
    pub basis: Basis,
    /// How it was found; `None` with the probability.
    pub method: Option<Method>,
    /// Share of resolved leads that converted; `None` until both kinds of outcomes are known.
    pub base_rate: Option<f64>,
    /// Probability over the base rate; `None` while there is no base rate.
    pub lift: Option<f64>,
    /// Probability times value, in the value's own currency: not a commission.
    pub expected_value: Option<f64>,
    /// Why something of this is unknown.
    pub reason: Option<Unknown>,
}

/// How a probability was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Configured.
    Prior,
    /// The rate of the lead's source and value band.
    Segment,
    /// By the active model.
    Model,
}

impl Method {
    /// The word as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["prior", "segment", "model"][self as usize]
    }
}

impl Outcome {
    /// The probability in millionths, `u32::MAX` when unknown.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a probability
    pub fn probability_ppm(&self) -> u32 {
        self.probability.map_or(u32::MAX, |p| (p * 1e6).round_ties_even() as u32)
    }
}

/// Evaluates one lead; `places` are those of the model's columns in the lead's file, where they have been looked up.
#[must_use]
pub fn evaluate(lead: &Lead<'_>, band: Option<usize>, rules: &Rules, learned: &Learned, places: Option<&Places>) -> Outcome {
    let base_rate = learned.base_rate().filter(|_| learned.has_both());
    let segment_rate = learned.segment_rate(lead.source, band.and_then(|band| u8::try_from(band).ok()));
    let (probability, method) = match (&learned.model, segment_rate) {
        (Some(model), _) => {
            let traits = places.map_or_else(|| Traits::of(lead, &model.columns), |places| Traits::at(lead, places));
            (Some(model.probability(&traits)), Method::Model)
        }
        (None, Some(rate)) => (Some(rate), Method::Segment),
        (None, None) => (rules.outcome.prior, Method::Prior),
    };
    Outcome {
        probability,
        basis: if method == Method::Prior { Basis::Prior } else { Basis::Learned },
        method: probability.map(|_| method),
        base_rate,
        lift: probability.zip(base_rate).map(|(p, base)| p / base),
        expected_value: probability.zip(lead.value).map(|(p, value)| p * value.to_f64()),
        reason: (method == Method::Prior).then(|| too_few(rules, learned, probability.is_some())),
    }
}

/// Why outcomes say nothing yet.
fn too_few(rules: &Rules, learned: &Learned, has_prior: bool) -> Unknown {
    let (have, need) = (learned.resolved, rules.outcome.min_trials);
    match (learned.only_kind(), has_prior) {
        (None, true) => Unknown::Outcomes { have, need },
        (None, false) => Unknown::OutcomesAndPrior { have, need },
        (Some(kind), true) => Unknown::Only(kind),
        (Some(kind), false) => Unknown::OnlyAndPrior(kind),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::decimal::Decimal;
    use crate::engine::features::{Effect, Input, Model, Recipe, Term, logistic};
    use crate::engine::lead::{Extra, Field, FieldHeader, lead_id_of, pack_cell};
    use crate::engine::learned::{Segment, Segments};

    fn segment(resolved: u64, converted: u64) -> Segment {
        Segment { resolved, converted, ..Segment::default() }
    }

    fn lead<'a>(source: &'a str, value: Option<&str>) -> Lead<'a> {
        Lead {
            row: 1,
            line: 1,
            lead_id: lead_id_of("a@b.co"),
            name: "A",
            email: "a@b.co",
            value: value.map(|value| value.parse().expect("an amount")),
            currency: "",
            location: "Toronto",
            phone: "",
            phone_e164: "",
            phone_reads: false,
            source,
            source_given: true,
            extra: Extra { names: &[], packed: &[] },
            headers: &[],
        }
    }

    fn learned(all: (u64, u64)) -> Learned {
        let segments = Segments {
            all: segment(all.0, all.1),
            sources: vec![("zillow".into(), segment(60, 30))],
            bands: vec![("zillow".into(), 0, segment(20, 10))],
        };
        Learned { resolved: all.0, converted: all.1, segments, ..Learned::none() }
    }

    #[test]
    fn segments_are_drawn_towards_everyone() {
        let found = |source, value, band| evaluate(&lead(source, value), band, &Rules::default(), &learned((100, 40)), None);
        for (source, value, band, expected) in [
            ("zillow", Some("1000"), Some(0), (8.0 + 10.0) / 40.0),
            ("zillow", Some("1000000"), Some(3), 0.4),
            ("zillow", None, None, (8.0 + 30.0) / 80.0),
            ("mls", Some("1000"), Some(0), 0.4),
        ] {
            let outcome = found(source, value, band);
            assert!(outcome.probability.is_some_and(|p| (p - expected).abs() < 1e-12), "{source} {value:?}: {outcome:?}");
            assert_eq!((outcome.basis, outcome.method, outcome.reason), (Basis::Learned, Some(Method::Segment), None));
            assert!(outcome.lift.is_some_and(|lift| (lift - expected / 0.4).abs() < 1e-12));
        }
    }

    #[test]
    fn without_outcomes_of_both_kinds_there_is_the_prior_or_nothing() {
        let said = |all, prior| {
            let mut rules = Rules::default();
            rules.outcome.prior = prior;
            let found = evaluate(&lead("zillow", None), None, &rules, &learned(all), None);
            (found.probability, found.method, found.lift, found.reason.map(|why| why.to_string()))
        };
        for (all, prior, method, reason) in [
            ((0, 0), Some(0.05), Some(Method::Prior), "insufficient outcomes: 0 of 30"),
            ((40, 40), Some(0.05), Some(Method::Prior), "insufficient outcomes: only wins"),
            ((40, 0), Some(0.05), Some(Method::Prior), "insufficient outcomes: only losses"),
            ((40, 0), None, None, "insufficient outcomes: only losses, and no prior is configured ([model] prior)"),
        ] {
            assert_eq!(said(all, prior), (prior, method, None, Some(reason.to_owned())), "{all:?}");
        }
    }

    #[test]
    fn an_active_model_decides_wherever_its_columns_stand() {
        let flag = |input| Term { input, effect: Effect::Level { levels: vec![("Toronto".into(), 1.0), ("yes".into(), 0.5)], other: 0.0 } };
        let columns = vec!["City".to_owned(), "Agent".to_owned(), "nowhere".to_owned()];
        let terms = vec![flag(Input::Column(0)), flag(Input::Column(1)), flag(Input::Column(2))];
        let model = Model { id: "00c0ffee".into(), recipe: Recipe::AllHistory, columns, intercept: -2.0, terms, leads: 9, conversions: 3 };
        let learned = Learned { model: Some(Arc::new(model.clone())), ..learned((100, 40)) };
        let mut packed = Vec::new();
        for cell in ["x", " yes "] {
            pack_cell(&mut packed, cell);
        }
        let names = ["Beds", "Agent"].map(str::to_owned);
        let headers = [FieldHeader { field: Field::Location, header: "City".into() }];
        let lead = Lead { extra: Extra { names: &names, packed: &packed }, headers: &headers, ..lead("zillow", Some("1000")) };
        let places = Places::of(&model.columns, &names, &headers);
        for places in [None, Some(&places)] {
            let found = evaluate(&lead, Some(0), &Rules::default(), &learned, places);
            assert_eq!((found.probability, found.method), (Some(logistic(-0.5)), Some(Method::Model)));
            assert!(
                found.expected_value.is_some_and(|value| (value - logistic(-0.5) * Decimal::to_f64(lead.value.expect("one"))).abs() < 1e-9)
            );
        }
    }
}
