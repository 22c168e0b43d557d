//! The rules version: one hash of every setting that can change what becomes of a row.
//!
//! Two equal versions and equal bytes give equal results, so a file dropped again under an equal version is a duplicate.
//! Thresholds that only raise alerts (`[quality]`) are left out: changing one must not make old files new.
//! An experiment's version is left out too, because the store gives it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::engine::lead::{Field, FieldSet};
use crate::engine::outcomes::OutcomeReading;
use crate::engine::rules::{
    CloneRules, ColumnRules, Constraint, ConstraintRule, Experiment, Limits, OutcomeRules, PacketRules, ReadingRules, Rules, ScoreRules,
    ScoreWeights, Script, Variant,
};

/// The first 16 hexadecimal characters of the SHA-256 of the canonical text.
pub(super) fn of(rules: &Rules) -> String {
    let digest = Sha256::digest(canonical(rules));
    digest[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

/// Every setting on a line of its own, in a fixed order, texts quoted. Each part is taken apart in full, so that a new
/// field does not compile until it is decided whether it belongs here.
fn canonical(rules: &Rules) -> String {
    let Rules { version: _, reading, columns, outcomes, limits, experiments, scripts, packet, outcome, clone, score, quality: _ } = rules;
    let mut lines = vec![String::from("rules 2")];
    put_reading(&mut lines, reading);
    put_columns(&mut lines, columns);
    put_outcomes(&mut lines, outcomes);
    let Limits { record_bytes, columns, field_bytes, rows, file_bytes, expansion_ratio } = limits;
    lines.push(format!("limits {record_bytes} {columns} {field_bytes} {rows} {file_bytes} {expansion_ratio}"));
    for experiment in experiments {
        put_experiment(&mut lines, experiment);
    }
    for Script { id, version, channel, status } in scripts {
        lines.push(format!("script {id:?} {version} {channel:?} {}", status.as_str()));
    }
    let PacketRules { required, offer_ratio, arv_column, repairs_column, fee, terms, bands } = packet;
    let bands: Vec<String> = bands.iter().map(ToString::to_string).collect();
    lines.push(format!("packet {} {offer_ratio} {arv_column:?} {repairs_column:?} {fee} {terms:?} {}", fields(*required), bands.join(",")));
    // Whether outcomes are complete says nothing about the rows of a file.
    let OutcomeRules { prior, horizon_days, min_trials, outcomes_complete: _ } = outcome;
    lines.push(format!("outcome {prior:?} {horizon_days} {min_trials}"));
    let CloneRules { readiness_min, performance_min, decline_max, min_outcomes } = clone;
    lines.push(format!("clone {readiness_min:?} {performance_min:?} {decline_max:?} {min_outcomes}"));
    let ScoreRules { weights: ScoreWeights { outcome, value, quality, clone }, value_low, value_high, tiers, explore } = score;
    lines.push(format!("score {outcome} {value} {quality} {clone} {value_low} {value_high} {tiers:?} {explore:?}"));
    lines.join("\n")
}

fn put_reading(lines: &mut Vec<String>, reading: &ReadingRules) {
    let ReadingRules { encoding, delimiter, quote, escape, comment, header, sheet, repair_mojibake } = reading;
    lines.push(format!("reading {encoding:?} {delimiter:?} {quote:?} {escape:?} {comment:?} {header:?} {sheet:?} {repair_mojibake}"));
}

fn put_columns(lines: &mut Vec<String>, columns: &ColumnRules) {
    let ColumnRules { required, aliases, joined: _, defaults, constraints, email, phone_country, decimal_mark, ranges } = columns;
    lines.push(format!("columns {} {email:?} {phone_country:?} {decimal_mark:?} {ranges:?}", fields(*required)));
    lines.extend(aliases.iter().map(|(field, names)| format!("alias {field} {names:?}")));
    lines.extend(defaults.iter().map(|(field, text)| format!("default {field} {text:?}")));
    for Constraint { column, rule } in constraints {
        lines.push(match rule {
            ConstraintRule::OneOf(values) => format!("rule {column:?} one_of {values:?}"),
            ConstraintRule::Matches(regex) => format!("rule {column:?} matches {:?}", regex.as_str()),
            ConstraintRule::Min(bound) => format!("rule {column:?} min {bound}"),
            ConstraintRule::Max(bound) => format!("rule {column:?} max {bound}"),
            ConstraintRule::MaxLength(length) => format!("rule {column:?} max_length {length}"),
        });
    }
}

/// Without a setting of one's own there is no line: files taken before outcomes were read keep their version.
fn put_outcomes(lines: &mut Vec<String>, outcomes: &OutcomeReading) {
    let OutcomeReading { aliases, words, dates, kind: _ } = outcomes;
    let aliases = aliases.iter().filter(|(_, names)| !names.is_empty());
    lines.extend(aliases.map(|(part, names)| format!("alias of outcomes {} {names:?}", part.name())));
    lines.extend(words.iter().map(|(word, verdict)| format!("outcome word {word:?} {}", verdict.as_str())));
    lines.extend(dates.map(|order| format!("outcome dates {order:?}")));
}

fn put_experiment(lines: &mut Vec<String>, experiment: &Experiment) {
    // The thresholds follow from the weights.
    let Experiment { id, version: _, salt, variants, thresholds: _, filter } = experiment;
    let filter = filter.as_ref().map(|filter| (&filter.column, &filter.one_of));
    lines.push(format!("experiment {id:?} {salt:?} {filter:?}"));
    for Variant { id, weight, script } in variants {
        lines.push(format!("variant {id:?} {weight} {script:?}"));
    }
}

fn fields(set: FieldSet) -> String {
    set.iter().map(Field::name).collect::<Vec<_>>().join(",")
}
