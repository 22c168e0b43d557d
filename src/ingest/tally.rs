//! What the committer counts while it takes a file in, and the report that comes of it.

use std::collections::BTreeMap;

use crate::engine::chunk::IssueCounts;
use crate::engine::dialect::Dialect;
use crate::engine::findings::{self, Finding, safe_column};
use crate::engine::headers::FieldFrom;
use crate::engine::lead::{Field, IssueCode, Lead, RowIssue, StageMark};
use crate::engine::learned::Learned;
use crate::engine::notes::{NoteCode, Notes};
use crate::engine::outcomes::{PlanKind, Verdict};
use crate::engine::plan::Plan;
use crate::engine::quality::{self, Counts, RowTally, ValueSummary};
use crate::engine::rules::Rules;
use crate::engine::stages::{Unknown, insufficient};
use crate::journal::report::{self, Column, Digits, IssueRef, Issues, Outcomes, Quality, Rows, StageSummary, Stages, Systematic, Tiers};
use crate::render::receipt::{Facts, Problem};
use crate::risk::data_quality::FileFigures;
use crate::store::leads::Taken;
use crate::store::outcomes::Noted;

/// Issues, problems and duplicate rows that are listed one by one.
pub(super) const LISTED: usize = 20;

/// The sheets of a workbook that were not read.
pub(super) fn left_aside(note: &str) -> Systematic {
    let advice = format!("Of this workbook {note}. If another one holds the leads, set sheet under [reading], best for this source only");
    Systematic { column: None, code: "sheets_left_aside".to_owned(), share: 1.0, rows: Vec::new(), advice }
}

/// Counts over one file, in its order.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Data records so far.
    pub rows: u64,
    /// Physical lines so far, the header's included.
    pub lines: u64,
    /// Rejected so far.
    pub rejected: u64,
    /// Sum of the digests of the rejected rows.
    pub rejects_digest: u64,
    /// Counts over the valid rows.
    pub checked: RowTally,
    /// All issues.
    pub issues: IssueCounts,
    /// The first ones.
    pub first_issues: Vec<RowIssue>,
    /// What people should know about rows that were taken, and lines that were skipped.
    pub notes: Notes,
    /// Lines behind the table that were not read.
    pub lines_beyond: u64,
    /// For the receipt.
    pub facts: Facts,
    duplicates: u64,
    tiers: [u64; 4],
    score_hundredths: u64,
    packets_ready: u64,
    in_experiment: u64,
    with_script: u64,
    promoted: u64,
    probabilities: Mean,
    learned: u64,
    script_scores: Mean,
    readiness: Mean,
    values: ValueSummary,
    /// Leads without a location, a phone, a source of their own, a value.
    missing: [u64; 4],
    outcomes: Outcomes,
}

impl Tally {
    /// Begins behind the header.
    pub fn new(plan: &Plan) -> Self {
        Self { lines: plan.layout.data_line, notes: Notes::keeping(LISTED), ..Self::default() }
    }

    /// Counts one valid row with what became of it.
    pub fn add(&mut self, lead: &Lead<'_>, taken: Taken, mark: StageMark) {
        match taken {
            Taken::New => self.facts.new += 1,
            Taken::Known { changed: 0 } => self.facts.known_unchanged += 1,
            Taken::Known { changed } => {
                self.facts.known_changed += 1;
                self.facts.changed_cells += u64::from(changed);
            }
            Taken::Duplicate => {
                self.duplicates += 1;
                if self.facts.duplicate_rows.len() < LISTED {
                    self.facts.duplicate_rows.push(lead.row);
                }
                return;
            }
        }
        self.tiers[usize::from(mark.tier).min(3)] += 1;
        self.score_hundredths += u64::from(mark.score);
        self.packets_ready += u64::from(mark.packet_ready);
        self.in_experiment += u64::from(mark.in_experiment);
        self.with_script += u64::from(mark.has_script);
        self.promoted += u64::from(mark.promote);
        self.probabilities.add(mark.probability_ppm);
        self.learned += u64::from(mark.is_learned);
        self.script_scores.add(mark.script_score_ppm);
        self.readiness.add(mark.readiness_ppm);
        if let Some(value) = lead.value {
            self.values.add(value, lead.row);
        }
        let is_missing = [lead.location.is_empty(), lead.phone.is_empty(), !lead.source_given, lead.value.is_none()];
        self.missing.iter_mut().zip(is_missing).for_each(|(count, is_missing)| *count += u64::from(is_missing));
    }

    /// What the file is like beside others of its source; see [`data_quality`](crate::risk::data_quality).
    pub fn figures(&self, plan: &Plan) -> FileFigures {
        let fields = [Field::Location, Field::Phone, Field::Source, Field::Value].into_iter().zip(self.missing);
        let missing = fields.filter(|(field, _)| *plan.mapping.from(*field) != FieldFrom::Nowhere);
        let histogram = &self.values.histogram;
        let (width, bins) = histogram.coarse(FileFigures::BIN_FINEST, FileFigures::BINS_MAX);
        FileFigures {
            rows: self.rows,
            rejected: self.rejected,
            taken: self.accepted(),
            missing: missing.map(|(field, count)| (field.to_string(), count)).collect(),
            values: histogram.count(),
            outliers: histogram.outliers(),
            width,
            bins,
        }
    }

    /// The rows whose values stand out most.
    pub fn outlier_rows(&self) -> Vec<u64> {
        self.values.outlier_rows()
    }

    /// Counts one row of a list of outcomes with what it was.
    pub fn add_row_of_outcomes(&mut self, row: u64, noted: Noted) {
        match noted {
            Noted::New => self.facts.new += 1,
            Noted::Further => self.facts.known_changed += 1,
            Noted::Repeated => {
                self.duplicates += 1;
                if self.facts.duplicate_rows.len() < LISTED {
                    self.facts.duplicate_rows.push(row);
                }
            }
        }
    }

    /// Counts an outcome that was taken.
    pub fn add_outcome(&mut self, verdict: Verdict, is_waiting: bool) {
        match verdict {
            Verdict::Won => self.outcomes.won += 1,
            Verdict::Lost => self.outcomes.lost += 1,
            Verdict::Open => self.outcomes.open += 1,
        }
        self.outcomes.waiting += u64::from(is_waiting);
    }

    /// The outcomes, for the report.
    pub fn outcomes(&self) -> Outcomes {
        let of_code = |code| self.issues.pairs.iter().filter(|pair| pair.code == code).map(|pair| pair.count).sum::<u64>();
        Outcomes { not_understood: of_code(IssueCode::InvalidOutcome) + self.notes.total(NoteCode::OutcomeUnknown), ..self.outcomes }
    }

    /// Keeps the first issues, their rows moved to where the chunk stands in the file.
    pub fn list_issues(&mut self, issues: Vec<RowIssue>) {
        for issue in issues.into_iter().take(LISTED.saturating_sub(self.first_issues.len())) {
            let issue = RowIssue { row: issue.row + self.rows, line: issue.line + self.lines, ..issue };
            self.facts.problems.push(Problem { row: issue.row, line: issue.line, message: issue.message.clone() });
            self.first_issues.push(issue);
        }
    }

    /// Every row, by what became of it.
    pub fn rows(&self) -> Rows {
        Rows {
            total: self.rows,
            accepted_new: self.facts.new,
            accepted_updated: self.facts.known_changed + self.facts.known_unchanged,
            duplicates_in_file: self.duplicates,
            rejected: self.rejected,
        }
    }

    fn accepted(&self) -> u64 {
        self.facts.new + self.facts.known_changed + self.facts.known_unchanged
    }

    /// Issues by code and by column, with the first ones. Columns by their safe names.
    pub fn issues_told(&self, plan: &Plan) -> Issues {
        let mut told = Issues::default();
        for pair in &self.issues.pairs {
            *told.by_code.entry(pair.code.as_str().to_owned()).or_default() += pair.count;
            if let Some(column) = safe_column(plan, &pair.column) {
                *told.by_column.entry(column).or_default() += pair.count;
            }
        }
        told.first = self
            .first_issues
            .iter()
            .map(|issue| IssueRef {
                row: issue.row,
                line: issue.line,
                column: safe_column(plan, &issue.column),
                code: issue.code.as_str().to_owned(),
            })
            .collect();
        told.truncated = told.by_code.values().sum::<u64>() > told.first.len() as u64;
        told
    }

    /// What is worth saying once about the whole file.
    pub fn systematic(&self, plan: &Plan) -> Vec<Systematic> {
        let found = findings::of(plan, &self.issues, &self.notes, self.rows, self.lines_beyond);
        let told = |finding: Finding| Systematic {
            column: finding.column,
            code: finding.code.to_owned(),
            share: finding.share,
            rows: finding.rows,
            advice: finding.advice,
        };
        found.into_iter().map(told).collect()
    }

    /// The quality of the file.
    pub fn quality(&self, plan: &Plan, duplicates_known: bool) -> Quality {
        let optional = [Field::Location, Field::Phone, Field::Source];
        let optional_columns = optional.into_iter().filter(|field| *plan.mapping.from(*field) != FieldFrom::Nowhere).count() as u64;
        let counts = Counts {
            total: self.rows,
            rejected: self.rejected,
            duplicates_in_file: duplicates_known.then_some(self.duplicates),
            optional_columns,
            rows: self.checked,
            values: self.values.histogram.count(),
            outliers: self.values.histogram.outliers(),
        };
        let found = quality::assess(&counts);
        let no_rows = if self.rows == 0 { "the file has no rows" } else { "no row was valid" };
        let reasons = [
            ("score", found.score, no_rows),
            ("validity", found.validity, no_rows),
            ("completeness", found.completeness, if optional_columns == 0 { "the file has no optional column" } else { no_rows }),
            ("uniqueness", found.uniqueness, if duplicates_known { no_rows } else { "leads are not kept, so duplicates are not known" }),
            ("format", found.format, no_rows),
            ("plausibility", found.plausibility, if self.checked.valid > 0 { "no row has a value" } else { no_rows }),
        ];
        let reasons = reasons.into_iter().filter(|(_, figure, _)| figure.is_none()).map(|(key, _, why)| (key.to_owned(), why.to_owned()));
        Quality {
            score: found.score.map(round2),
            validity: found.validity,
            completeness: found.completeness,
            uniqueness: found.uniqueness,
            format: found.format,
            plausibility: found.plausibility,
            outliers: found.outliers,
            reasons: reasons.collect(),
        }
    }

    /// The six stages over all accepted leads.
    #[allow(clippy::cast_precision_loss)] // counts
    pub fn stages(&self, kind: PlanKind, rules: &Rules, learned: &Learned) -> Stages {
        let accepted = self.accepted();
        if accepted == 0 || kind == PlanKind::Outcomes {
            return Stages::default();
        }
        let need = rules.outcome.min_trials;
        let waiting = match learned.only_kind() {
            Some(kind) => Unknown::Only(kind).to_string(),
            None => insufficient(learned.resolved, need),
        };
        let split = |yes: &str, count: u64, no: &str| BTreeMap::from([(yes.to_owned(), count), (no.to_owned(), accepted - count)]);
        let summary =
            |counts, mean: Option<f64>, basis: &str, reason: Option<String>| StageSummary { counts, mean, basis: basis.to_owned(), reason };
        let no_figure = |what: &str| Some(format!("{what} has no figure to average"));
        let mean_probability = self.probabilities.value();
        let basis = match self.learned {
            0 => "prior",
            learned if learned == accepted => "learned",
            _ => "mixed",
        };
        let of_outcomes = |mean: &Option<f64>| if mean.is_some() { "learned" } else { "rule" };
        let (script_score, readiness) = (self.script_scores.value(), self.readiness.value());
        let clone_waits = if learned.has_both() && learned.resolved >= u64::from(rules.clone.min_outcomes) {
            "no lead's segment has all of its figures yet".to_owned()
        } else {
            match learned.only_kind() {
                Some(kind) => Unknown::Only(kind).to_string(),
                None => insufficient(learned.resolved, rules.clone.min_outcomes),
            }
        };
        let no_score = if learned.scripts.is_empty() { waiting.clone() } else { "no lead's script has a score".to_owned() };
        let tiers = ["A", "B", "C", "D"].into_iter().zip(self.tiers).map(|(tier, count)| (tier.to_owned(), count)).collect();
        Stages {
            ab_test: summary(
                split("assigned", self.in_experiment, "unassigned"),
                None,
                "rule",
                if rules.experiments.is_empty() { Some("no experiments configured".to_owned()) } else { no_figure("an assignment") },
            ),
            script_promotion: summary(
                split("with_script", self.with_script, "without_script"),
                script_score,
                of_outcomes(&script_score),
                script_score.is_none().then(|| if rules.scripts.is_empty() { "no scripts configured".to_owned() } else { no_score }),
            ),
            deal_packet: summary(split("ready", self.packets_ready, "pending"), None, "rule", no_figure("a packet")),
            outcome: summary(
                split("evaluated", self.probabilities.count, "unknown"),
                mean_probability,
                basis,
                mean_probability.is_none().then(|| format!("{waiting}, and no prior is configured")),
            ),
            clone_readiness: summary(
                split("PROMOTE", self.promoted, "BLOCK"),
                readiness,
                of_outcomes(&readiness),
                readiness.is_none().then_some(clone_waits),
            ),
            lead_score: summary(tiers, Some(round2(self.score_hundredths as f64 / 100.0 / accepted as f64)), "rule", None),
        }
    }

    /// Accepted leads by tier.
    pub fn tiers(&self) -> Tiers {
        let [a, b, c, d] = self.tiers;
        Tiers { A: a, B: b, C: c, D: d }
    }

    /// The accepted values.
    pub fn value(&self) -> report::ValueSummary {
        let digits = |value: Option<crate::engine::decimal::Decimal>| value.and_then(|value| Digits::new(&value.to_string()));
        report::ValueSummary {
            sum: self.values.min.and_then(|_| Digits::new(&micros_text(self.values.sum_micros))),
            min: digits(self.values.min),
            p50: digits(self.values.quantile(0.5)),
            p95: digits(self.values.quantile(0.95)),
            max: digits(self.values.max),
        }
    }
}

/// How the columns are read, for the report.
pub(super) fn columns_told(plan: &Plan) -> Vec<Column> {
    let told = plan.mapping.columns.iter().map(|column| Column {
        name: column.safe_name.clone(),
        maps_to: column.read_as(plan.kind).map(str::to_owned),
        why: column.why.clone(),
    });
    told.collect()
}

/// The dialect, for the report.
pub(super) fn dialect_told(plan: &Plan) -> report::Dialect {
    let Dialect { delimiter, quote, .. } = *plan.layout.dialect();
    report::Dialect {
        encoding: Some(plan.layout.encoding.as_str().to_owned()),
        delimiter: Some(char::from(delimiter).to_string()),
        quote: quote.map(|quote| char::from(quote).to_string()),
        header_row: plan.layout.has_header().then_some(plan.layout.header_row),
        confidence: Some(plan.layout.confidence()),
    }
}

/// The mean of shares in millionths, of which some may be unknown.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    ppm: u64,
    count: u64,
}

impl Mean {
    fn add(&mut self, ppm: u32) {
        if ppm != u32::MAX {
            self.ppm += u64::from(ppm);
            self.count += 1;
        }
    }

    #[allow(clippy::cast_precision_loss)] // counts
    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.ppm as f64 / self.count as f64 / 1e6)
    }
}

fn round2(figure: f64) -> f64 {
    (figure * 100.0).round_ties_even() / 100.0
}

/// A sum of millionths with as many decimals as it needs.
fn micros_text(micros: i128) -> String {
    let (whole, fraction) = (micros / 1_000_000, (micros % 1_000_000).unsigned_abs());
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_printed_with_the_digits_they_need() {
        for (micros, text) in [(0, "0"), (5_000_000, "5"), (5_500_000, "5.5"), (1_000_001, "1.000001"), (100_000_000, "100")] {
            assert_eq!(micros_text(micros), text);
        }
    }
}
