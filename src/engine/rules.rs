//! What the configuration asks of a row and of the stages, resolved and ready to use.
//!
//! Built by `config.rs` (once per source), read by everything in the engine. Plain data: nothing here reads a file or
//! decides anything. Two files read with equal [`Rules::version`] and equal bytes give equal results.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::amount::DecimalMark;
use super::cells::standard_source;
use super::decimal::Decimal;
use super::lead::{Field, FieldSet, Lead, Place};
use super::outcomes::OutcomeReading;

/// Everything one source's rows are held against.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Hash of every setting that affects rows, in hexadecimal; named by each job.
    pub version: String,
    /// How a file's bytes are read, where nobody wants it detected.
    pub reading: ReadingRules,
    /// Columns: what is required, called how, and held to what.
    pub columns: ColumnRules,
    /// How outcomes are read.
    pub outcomes: OutcomeReading,
    /// Bounds enforced before a row is parsed.
    pub limits: Limits,
    /// Stage 1.
    pub experiments: Vec<Experiment>,
    /// Stage 2.
    pub scripts: Vec<Script>,
    /// Stage 3.
    pub packet: PacketRules,
    /// Stage 4.
    pub outcome: OutcomeRules,
    /// Stage 5.
    pub clone: CloneRules,
    /// Stage 6.
    pub score: ScoreRules,
    /// The quality score of a file.
    pub quality: QualityRules,
}

/// What is known about a source's files beforehand. Everything left open is detected from the content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadingRules {
    /// The name of the encoding, as the Encoding Standard labels it (`windows-1252`, `utf-16le`, `shift_jis` …).
    pub encoding: Option<String>,
    /// Between cells.
    pub delimiter: Option<u8>,
    /// Around cells.
    pub quote: Option<QuoteRule>,
    /// Before a quote that belongs to the cell; nothing where such quotes are doubled.
    pub escape: Option<QuoteRule>,
    /// Starts a line that is no record; nothing where every line is one.
    pub comment: Option<QuoteRule>,
    /// Where the header is.
    pub header: HeaderRule,
    /// The sheet of a workbook; its first one when absent.
    pub sheet: Option<String>,
    /// Whether cells damaged by a wrong encoding on an earlier way are repaired, not only reported.
    pub repair_mojibake: bool,
}

/// A sign of a source's files that may have no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteRule {
    /// This one has it.
    Quote(u8),
    /// None has.
    Nothing,
}

/// Where the header of a source's files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderRule {
    /// Found from the content.
    #[default]
    Detected,
    /// There is none: columns are `column_1`, `column_2` … and mapped by what they hold.
    Absent,
    /// In this physical line, from 1.
    Line(u64),
}

/// What a range such as `200k-300k` is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ranges {
    /// Its lower end.
    #[default]
    Low,
    /// The middle, exactly.
    Mid,
    /// Its upper end.
    High,
    /// It is no amount.
    Reject,
}

/// What a source's columns are called and must hold.
#[derive(Debug, Clone)]
pub struct ColumnRules {
    /// Fields whose column must exist and whose cell must not be empty.
    pub required: FieldSet,
    /// Configured names for fields, tried before the built-in aliases. As typed; compared normalised.
    pub aliases: BTreeMap<Field, Vec<String>>,
    /// Columns that a field is joined from whatever they are called, by their headers as written. Not configured: known of
    /// rows that come back to us, from the file that they were in.
    pub joined: BTreeMap<Field, Vec<String>>,
    /// What an empty or missing cell of a field becomes.
    pub defaults: BTreeMap<Field, String>,
    /// Constraints by column: a field's name or a header as written; compared normalised.
    pub constraints: Vec<Constraint>,
    /// How strictly an address is read.
    pub email: EmailRule,
    /// Country calling code for phones that do not name their country, e.g. `"1"`.
    pub phone_country: Option<String>,
    /// The decimal mark, whatever the column shows; where it is unknown, the column decides.
    pub decimal_mark: DecimalMark,
    /// What a range of amounts is read as.
    pub ranges: Ranges,
}

/// How strictly an address is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmailRule {
    /// What a mail system accepts: RFC 5321 local part, a domain with a dot, their lengths; IDN allowed.
    #[default]
    Standard,
    /// The original system's rule: an `@` and a `.`.
    Minimal,
}

/// One configured constraint on one column. Empty cells pass: requiring them is `required`'s business.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// A field's name or a header.
    pub column: String,
    /// What is asked.
    pub rule: ConstraintRule,
}

/// What a constraint asks of a cell.
#[derive(Debug, Clone)]
pub enum ConstraintRule {
    /// The trimmed cell is one of these, case ignored.
    OneOf(Vec<String>),
    /// The trimmed cell matches the whole pattern.
    Matches(Regex),
    /// The number is at least this.
    Min(Decimal),
    /// The number is at most this.
    Max(Decimal),
    /// At most this many characters.
    MaxLength(usize),
}

/// Bounds that keep one bad file from taking the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one record.
    pub record_bytes: usize,
    /// Columns of the header.
    pub columns: usize,
    /// Bytes of one cell.
    pub field_bytes: usize,
    /// Data records of one file.
    pub rows: u64,
    /// Bytes of one file, and of what a compressed one holds.
    pub file_bytes: u64,
    /// Bytes that one byte of a compressed file may become.
    pub expansion_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record_bytes: 1 << 20, columns: 1000, field_bytes: 128 << 10, rows: 100_000_000, file_bytes: 64 << 30, expansion_ratio: 200 }
    }
}

/// One A/B test: which variant a lead is given is a pure function of its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Name, e.g. `first-contact`.
    pub id: String,
    /// Rises when the weights or variants change; given by the store, 0 before the store has seen it.
    pub version: u32,
    /// What separates this experiment's assignment from every other's.
    pub salt: String,
    /// Sorted by id.
    pub variants: Vec<Variant>,
    /// Upper bounds of the variants on 0..2^53, in the same order; the last is 2^53.
    pub thresholds: Vec<u64>,
    /// Which leads take part; all when absent.
    pub filter: Option<Filter>,
}

/// One arm of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Name, e.g. `control`.
    pub id: String,
    /// Share, relative to the sum of all weights.
    pub weight: Decimal,
    /// The script that leads of this arm get.
    pub script: Option<String>,
}

/// Leads whose column holds one of the values, case ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// A field's name or a header as written.
    pub column: String,
    /// The values that take part.
    pub one_of: Vec<String>,
}

impl Filter {
    /// Whether the lead takes part.
    #[must_use]
    pub fn admits(&self, lead: &Lead<'_>) -> bool {
        let place = Place::of(&self.column, lead.extra.names, lead.headers);
        let cell = lead.at(place).trim();
        // A lead has its source in standard form: `Trade Show` is `trade_show`.
        let is_source = place == Place::Field(Field::Source);
        self.one_of.iter().any(|value| value.eq_ignore_ascii_case(cell) || (is_source && standard_source(value) == cell))
    }
}

/// A text of a lead by field name, else by header as written, mapped or not; `""` when there is none. A value is not text.
#[must_use]
pub fn cell_of<'a>(lead: &Lead<'a>, column: &str) -> &'a str {
    lead.at(Place::of(column, lead.extra.names, lead.headers))
}

impl Experiment {
    /// Upper bounds ⌊cumulative weight · 2^53⌋ from exact decimals, the last one 2^53.
    #[must_use]
    pub fn thresholds(variants: &[Variant]) -> Vec<u64> {
        let total: i128 = variants.iter().map(|v| v.weight.micros()).sum();
        let mut sum = 0i128;
        let mut bounds: Vec<u64> = variants
            .iter()
            .map(|variant| {
                sum += variant.weight.micros();
                u64::try_from((sum << 53) / total.max(1)).unwrap_or(1 << 53)
            })
            .collect();
        if let Some(last) = bounds.last_mut() {
            *last = 1 << 53;
        }
        bounds
    }

    /// The variant of a lead: `xxh3_64(seed 0, salt ‖ 0x00 ‖ lead_id) >> 11` against the thresholds.
    #[must_use]
    pub fn variant_of(&self, lead_id: Uuid) -> usize {
        let point = assignment_hash(&self.salt, lead_id) >> 11;
        self.thresholds.partition_point(|bound| *bound <= point).min(self.variants.len().saturating_sub(1))
    }
}

/// The hash that assigns a lead: xxh3-64, seed 0, over the salt, a zero byte and the 16 bytes of the id.
#[must_use]
pub fn assignment_hash(salt: &str, lead_id: Uuid) -> u64 {
    // Salts are short: all of it in one piece spares the state of a hash that is fed piece by piece.
    let mut whole = [0; 64];
    let length = salt.len() + 1 + 16;
    if length <= whole.len() {
        whole[..salt.len()].copy_from_slice(salt.as_bytes());
        whole[salt.len() + 1..length].copy_from_slice(lead_id.as_bytes());
        return xxhash_rust::xxh3::xxh3_64(&whole[..length]);
    }
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(salt.as_bytes());
    hasher.update(&[0]);
    hasher.update(lead_id.as_bytes());
    hasher.digest()
}

/// A versioned sales script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name.
    pub id: String,
    /// Version of its text.
    pub version: u32,
    /// `email`, `phone` …
    pub channel: String,
    /// Where it stands on the ladder.
    pub status: ScriptStatus,
}

/// `experimental → testing → primary`, and `primary → secondary → deprecated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptStatus {
    /// New.
    Experimental,
    /// Has shown promise.
    Testing,
    /// The channel's baseline.
    Primary,
    /// Replaced by a better one.
    Secondary,
    /// Not to be used.
    Deprecated,
}

impl ScriptStatus {
    /// The status as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["experimental", "testing", "primary", "secondary", "deprecated"][self as usize]
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Experimental, Self::Testing, Self::Primary, Self::Secondary, Self::Deprecated].into_iter().find(|s| s.as_str() == name)
    }
}

/// What a deal packet holds and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketRules {
    /// Fields without which a packet stays `pending`.
    pub required: FieldSet,
    /// Share of the after-repair value that is offered.
    pub offer_ratio: Decimal,
    /// Header of the after-repair value; no offer without it.
    pub arv_column: Option<String>,
    /// Header of the repair estimate.
    pub repairs_column: Option<String>,
    /// Taken off every offer.
    pub fee: Decimal,
    /// Terms printed on the packet.
    pub terms: String,
    /// Lower bounds of the value bands, ascending, above the first band.
    pub bands: Vec<Decimal>,
}

/// Stage 4 before there are outcomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutcomeRules {
    /// Probability of a sale assumed without history; `None` says that it is not known.
    pub prior: Option<f64>,
    /// Days after which a silent lead of a complete source counts as not converted.
    pub horizon_days: u32,
    /// Mature leads needed before a comparison counts.
    pub min_trials: u32,
    /// Whether every outcome of this source is reported, so that silence at the horizon is a no.
    pub outcomes_complete: bool,
}

/// Gates of clone readiness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloneRules {
    /// Least overall readiness.
    pub readiness_min: f64,
    /// Least probability that the segment beats the rest.
    pub performance_min: f64,
    /// Probability of a decline at which the safety gate closes.
    pub decline_max: f64,
    /// Mature outcomes a segment needs.
    pub min_outcomes: u32,
}

/// The lead score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRules {
    /// Points for the outcome probability, the value, the quality of the row and clone readiness; they sum to 100.
    pub weights: ScoreWeights,
    /// Value that earns nothing, before a snapshot has quantiles.
    pub value_low: Decimal,
    /// Value that earns everything, before a snapshot has quantiles.
    pub value_high: Decimal,
    /// Least scores of the tiers A, B and C, in hundredths of a point.
    pub tiers: [u16; 3],
    /// Share of leads marked to be worked whatever their tier.
    pub explore: f64,
}

/// Points, in hundredths; the four sum to 10 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreWeights {
    /// Outcome probability.
    pub outcome: u16,
    /// Value.
    pub value: u16,
    /// Quality of the row.
    pub quality: u16,
    /// Clone readiness.
    pub clone: u16,
}

/// Thresholds of a file's quality. Crossing one never changes what is ingested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityRules {
    /// Score below which a warning is raised.
    pub score_min: f64,
    /// Duplicate rows per file that are not worth a word.
    pub duplicate_tolerance: u64,
    /// Rows with missing fields per file that are not worth a word.
    pub missing_fields_max: u64,
    /// Share of the rows above which the last two become a warning.
    pub warning_share: f64,
}

impl Default for Rules {
    /// The documented defaults, as if no configuration existed.
    fn default() -> Self {
        let required: FieldSet = [Field::Name, Field::Email, Field::Value].into_iter().collect();
        let whole = |units| Decimal::new(units, 0).expect("a small number");
        Self {
            version: String::from("default"),
            reading: ReadingRules::default(),
            columns: ColumnRules {
                required,
                aliases: BTreeMap::new(),
                joined: BTreeMap::new(),
                defaults: BTreeMap::new(),
                constraints: Vec::new(),
                email: EmailRule::Standard,
                phone_country: None,
                decimal_mark: DecimalMark::Unknown,
                ranges: Ranges::Low,
            },
            outcomes: OutcomeReading::default(),
            limits: Limits::default(),
            experiments: Vec::new(),
            scripts: Vec::new(),
            packet: PacketRules {
                required,
                offer_ratio: Decimal::new(70, 2).expect("0.70"),
                arv_column: None,
                repairs_column: None,
                fee: whole(0),
                terms: String::new(),
                bands: [250_000, 500_000, 1_000_000].map(whole).to_vec(),
            },
            outcome: OutcomeRules { prior: None, horizon_days: 90, min_trials: 30, outcomes_complete: false },
            clone: CloneRules { readiness_min: 0.80, performance_min: 0.85, decline_max: 0.95, min_outcomes: 30 },
            score: ScoreRules {
                weights: ScoreWeights { outcome: 4000, value: 2500, quality: 2000, clone: 1500 },
                value_low: whole(50_000),
                value_high: whole(2_000_000),
                tiers: [7500, 5000, 2500],
                explore: 0.05,
            },
            quality: QualityRules { score_min: 85.0, duplicate_tolerance: 0, missing_fields_max: 2, warning_share: 0.01 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_check_value_of_the_assignment_hash() {
        let lead = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        assert_eq!(assignment_hash("first-contact", lead), 0x4ffc_8165_5ea4_5495);
        for length in 0..100 {
            let salt = "s".repeat(length);
            let whole = [salt.as_bytes(), &[0], lead.as_bytes()].concat();
            assert_eq!(assignment_hash(&salt, lead), xxhash_rust::xxh3::xxh3_64(&whole), "{length}");
        }
    }

    #[test]
    fn thresholds_are_exact_and_end_at_two_to_the_53() {
        let variant = |id: &str, weight: &str| Variant { id: id.into(), weight: weight.parse().expect("a weight"), script: None };
        let thirds = Experiment::thresholds(&[variant("a", "1"), variant("b", "1"), variant("c", "1")]);
        assert_eq!(thirds, [(1 << 53) / 3, 2 * (1u64 << 53) / 3, 1 << 53]);
        assert_eq!(Experiment::thresholds(&[variant("a", "0.1"), variant("b", "0.9")]), [900_719_925_474_099, 1 << 53]);
    }

    #[test]
    fn a_variant_of_weight_zero_is_never_given() {
        let variant = |id: &str, weight: &str| Variant { id: id.into(), weight: weight.parse().expect("a weight"), script: None };
        let variants = vec![variant("a", "0"), variant("b", "1"), variant("c", "0")];
        let experiment = Experiment {
            id: "x".into(),
            version: 1,
            salt: "x".into(),
            thresholds: Experiment::thresholds(&variants),
            variants,
            filter: None,
        };
        assert!((0..1000u128).all(|n| experiment.variant_of(Uuid::from_u128(n)) == 1));
    }

    #[test]
    fn a_status_is_written_as_it_is_configured() {
        use ScriptStatus::{Deprecated, Experimental, Primary, Secondary, Testing};
        let all = [Experimental, Testing, Primary, Secondary, Deprecated].map(ScriptStatus::as_str);
        assert_eq!(all, ["experimental", "testing", "primary", "secondary", "deprecated"]);
    }
}
