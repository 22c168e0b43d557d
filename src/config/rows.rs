//! From the tree to [`Rules`]: everything that a row is held against, for the installation and for one source.
//!
//! A source is read from its own tables laid over the global ones, by the same code.

use std::collections::BTreeMap;

use regex::Regex;

use crate::engine::amount::{AmountRules, DecimalMark, read_amount};
use crate::engine::decimal::Decimal;
use crate::engine::headers::normalise;
use crate::engine::lead::Field;
use crate::engine::outcomes::dates::DateOrder;
use crate::engine::outcomes::{OutcomeReading, Part, Verdict, word_key};
use crate::engine::rules::{
    CloneRules, ColumnRules, Constraint, ConstraintRule, EmailRule, Experiment, Filter, Limits, OutcomeRules, PacketRules, QualityRules,
    Ranges, Rules, ScoreRules, ScoreWeights, Script, ScriptStatus, Variant,
};

use super::Model;
use super::raw::{Node, listed, quoted};
use super::section::{Findings, Section, read_decimal, texts_of};

/// The tables that a source may override.
pub(super) const ROW_TABLES: [&str; 9] = ["reading", "columns", "outcomes", "limits", "quality", "packet", "score", "model", "clone"];

/// What the experiments and scripts of the installation are, shared by all sources.
#[derive(Debug, Clone)]
pub(super) struct Trials {
    pub experiments: Vec<Experiment>,
    pub scripts: Vec<Script>,
}

/// Reads the tables of [`ROW_TABLES`]. `noted` for the installation, whose settings are shown one by one.
pub(super) fn read_rules(findings: &Findings, top: &Node, trials: &Trials, noted: bool) -> (Rules, Model) {
    let default = Rules::default();
    let open = |name: &'static str, keys: &[&'static str]| {
        let node = top.table().and_then(|table| table.get(name));
        Section::open(findings, node, name, keys, noted)
    };
    let all_columns = open("columns", &["required", "aliases", "defaults", "rules", "email", "phone_country", "decimal", "ranges"]);
    let reading = super::reading::read(&open("reading", &super::reading::KEYS), &default.reading);
    let columns = columns(findings, &all_columns, &default.columns);
    let outcomes = outcomes(findings, &all_columns, &open("outcomes", &["won", "lost", "open", "dates"]));
    let limits =
        limits(&open("limits", &["record_bytes", "columns", "field_bytes", "rows", "file_bytes", "expansion_ratio"]), default.limits);
    let quality = quality(&open("quality", &["score_min", "duplicate_tolerance", "missing_fields_max", "warning_share"]), default.quality);
    let packet = packet(&open("packet", &["required", "offer_ratio", "arv", "repairs", "fee", "terms", "bands"]), default.packet);
    let past = open(
        "model",
        &[
            "prior",
            "horizon_days",
            "min_trials",
            "features",
            "known_on_arrival",
            "outcomes_complete",
            "date",
            "baseline",
            "mature_share",
            "coverage_min",
            "latest",
            "leak_auc",
        ],
    );
    let (outcome, model) = (outcome(&past, default.outcome), model(&past));
    let clone = clone(&open("clone", &["readiness_min", "performance_min", "decline_max", "min_outcomes"]), default.clone);
    let score = score(findings, &open("score", &["value_low", "value_high", "tiers", "explore", "weights"]), noted, default.score);
    let Trials { experiments, scripts } = trials.clone();
    let mut rules =
        Rules { version: String::new(), reading, columns, outcomes, limits, experiments, scripts, packet, outcome, clone, score, quality };
    rules.version = super::version::of(&rules);
    (rules, model)
}

fn columns(findings: &Findings, section: &Section<'_>, default: &ColumnRules) -> ColumnRules {
    let required = section.fields("required", default.required);
    if !required.contains(Field::Email) {
        section.mistake("required", "must hold \"email\"", "add it: the address is what tells one person from another");
    }
    let (aliases, defaults) = (aliases(findings, section), defaults(findings, section));
    let constraints = constraints(findings, section);
    ColumnRules {
        required,
        aliases,
        joined: BTreeMap::new(),
        defaults,
        constraints,
        email: section.choice("email", &[("standard", EmailRule::Standard), ("minimal", EmailRule::Minimal)], default.email),
        phone_country: phone_country(section),
        decimal_mark: section.choice(
            "decimal",
            &[("auto", DecimalMark::Unknown), ("point", DecimalMark::Point), ("comma", DecimalMark::Comma)],
            default.decimal_mark,
        ),
        ranges: section.choice(
            "ranges",
            &[("low", Ranges::Low), ("mid", Ranges::Mid), ("high", Ranges::High), ("reject", Ranges::Reject)],
            default.ranges,
        ),
    }
}

fn aliases(findings: &Findings, section: &Section<'_>) -> BTreeMap<Field, Vec<String>> {
    let mut taken: BTreeMap<String, Field> = BTreeMap::new();
    let mut aliases = BTreeMap::new();
    for (name, node) in section.entries("aliases").into_iter().flatten() {
        if Part::from_name(name).is_some() {
            continue; // read with the outcomes
        }
        let Some(field) = findings.field_or(name, node, &Part::ALL.map(Part::name)) else { continue };
        let Some(names) = alias_names(findings, name, node) else { continue };
        for alias in &names {
            if let Some(other) = taken.insert(normalise(alias), field).filter(|other| *other != field) {
                findings.mistake(node, format!("'{alias}' is also an alias of '{other}'"), "take it out of one of the two");
            }
        }
        aliases.insert(field, names);
    }
    section.note_as_typed("aliases");
    aliases
}

/// The names under one alias.
fn alias_names(findings: &Findings, name: &str, node: &Node) -> Option<Vec<String>> {
    let names = texts_of(node.items());
    if names.is_none() {
        findings.mistake(node, "must be a list of column names", format!("write for example {name} = [\"E-Mail Privat\"]"));
    }
    names
}

/// How outcomes are read: the names of their columns stand among the other aliases.
fn outcomes(findings: &Findings, columns: &Section<'_>, section: &Section<'_>) -> OutcomeReading {
    let mut reading = OutcomeReading::default();
    let mut taken: BTreeMap<String, Part> = BTreeMap::new();
    for (name, node) in columns.entries("aliases").into_iter().flatten() {
        let Some(part) = Part::from_name(name) else { continue };
        let Some(names) = alias_names(findings, name, node) else { continue };
        for alias in &names {
            if let Some(other) = taken.insert(normalise(alias), part).filter(|other| *other != part) {
                findings.mistake(node, format!("'{alias}' is also an alias of '{}'", other.name()), "take it out of one of the two");
            }
        }
        reading.aliases.insert(part, names);
    }
    for (key, verdict, example) in
        [("won", Verdict::Won, "Abgeschlossen"), ("lost", Verdict::Lost, "Kein Bedarf"), ("open", Verdict::Open, "Wiedervorlage")]
    {
        for word in section.texts(key, example) {
            if let Some(other) = reading.words.insert(word_key(&word), verdict).filter(|other| *other != verdict) {
                section.mistake(key, format!("'{word}' is also listed under '{}'", other.as_str()), "take it out of one of the two");
            }
        }
    }
    let orders = [("auto", None), ("day_first", Some(DateOrder::DayFirst)), ("month_first", Some(DateOrder::MonthFirst))];
    reading.dates = section.choice("dates", &orders, None);
    reading
}

fn defaults(findings: &Findings, section: &Section<'_>) -> BTreeMap<Field, String> {
    let mut defaults = BTreeMap::new();
    for (name, node) in section.entries("defaults").into_iter().flatten() {
        let Some(field) = findings.field(name, node) else { continue };
        let typed = node.scalar().map(str::trim).filter(|text| !text.is_empty());
        let usable =
            |text: &str| field != Field::Value || read_amount(text, AmountRules::default()).is_ok_and(|amount| amount.value.is_positive());
        match typed {
            _ if field == Field::Email => {
                findings.mistake(node, "an address cannot have a default", "remove it: all rows without one would become the same person");
            }
            Some(text) if usable(text) => drop(defaults.insert(field, text.to_owned())),
            Some(text) => findings.mistake(node, format!("must be an amount above zero, not '{text}'"), "write for example value = \"1\""),
            None => findings.mistake(node, format!("must be a text, not {}", node.describe()), "write it in quotes, or remove it"),
        }
    }
    section.note_as_typed("defaults");
    defaults
}

/// The constraints of all columns, by column, then in a fixed order.
fn constraints(findings: &Findings, section: &Section<'_>) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    for (column, node) in section.entries("rules").into_iter().flatten() {
        let asked = Section::open(findings, Some(node), "columns.rules", &["one_of", "matches", "min", "max", "max_length"], false);
        constraints.extend(rules_of_column(&asked).into_iter().map(|rule| Constraint { column: column.clone(), rule }));
    }
    section.note_as_typed("rules");
    constraints
}

fn rules_of_column(asked: &Section<'_>) -> Vec<ConstraintRule> {
    let amount = |key| asked.parsed(key, "a plain number with at most 6 decimals", 1000, read_decimal);
    let (min, max) = (amount("min"), amount("max"));
    if let (Some(low), Some(high)) = (min, max)
        && low > high
    {
        // Of the two, the one that a source typed is the one to look at.
        let key = if asked.node("min").is_some_and(|node| node.path.starts_with("source.")) { "min" } else { "max" };
        asked.mistake(key, format!("min {low} is above max {high}: no row could pass"), "swap them, or remove one");
    }
    let length = asked.parsed("max_length", "a whole number above 0", 80, |node| node.number()?.parse().ok().filter(|length| *length > 0));
    let one_of = values(asked);
    [
        one_of.map(ConstraintRule::OneOf),
        pattern(asked).map(ConstraintRule::Matches),
        min.map(ConstraintRule::Min),
        max.map(ConstraintRule::Max),
        length.map(ConstraintRule::MaxLength),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The pattern, anchored at both ends so that it has to match the whole cell.
fn pattern(asked: &Section<'_>) -> Option<Regex> {
    let typed = asked.parsed("matches", "a regular expression in quotes", "'[A-Z]{2} \\d+'", |node| node.text())?;
    match Regex::new(typed).and_then(|_| Regex::new(&format!(r"\A(?:{typed})\z"))) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            asked.mistake(
                "matches",
                format!("not a regular expression: {reason}"),
                "correct the pattern; single quotes keep backslashes as they are",
            );
            None
        }
    }
}

fn phone_country(section: &Section<'_>) -> Option<String> {
    let digits = |node: &Node| {
        let digits = node.scalar()?.trim().trim_start_matches('+').to_owned();
        let valid = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        valid.then_some(digits)
    };
    let country = section.parsed("phone_country", "a country calling code of one to three digits", "\"1\"", digits);
    section.note("phone_country", country.as_deref().map(quoted));
    country
}

fn limits(section: &Section<'_>, default: Limits) -> Limits {
    let bytes = |key, default: usize| {
        let read = section.bytes(key, 1..=1 << 30, u64::try_from(default).expect("a default below 2^30"));
        usize::try_from(read).expect("at most 2^30")
    };
    Limits {
        record_bytes: bytes("record_bytes", default.record_bytes),
        columns: usize::try_from(section.whole("columns", 1..=100_000, default.columns as u64)).expect("at most 100 000"),
        field_bytes: bytes("field_bytes", default.field_bytes),
        rows: section.whole("rows", 1..=1_000_000_000_000, default.rows),
        file_bytes: section.bytes("file_bytes", 1..=1 << 50, default.file_bytes),
        expansion_ratio: section.whole("expansion_ratio", 1..=1_000_000, default.expansion_ratio),
    }
}

fn packet(section: &Section<'_>, default: PacketRules) -> PacketRules {
    let zero = whole(0);
    let offer_ratio = section.decimal("offer_ratio", zero, default.offer_ratio);
    if !offer_ratio.is_positive() || offer_ratio.micros() > whole(1).micros() {
        section.mistake("offer_ratio", format!("must be above 0 and at most 1, not {offer_ratio}"), "write 70 % as 0.70");
    }
    PacketRules {
        required: section.fields("required", default.required),
        offer_ratio,
        arv_column: section.text("arv", "After Repair Value"),
        repairs_column: section.text("repairs", "Repair Estimate"),
        fee: section.decimal("fee", zero, default.fee),
        terms: terms(section, default.terms),
        bands: bands(section, default.bands),
    }
}

fn terms(section: &Section<'_>, default: String) -> String {
    let terms = section.parsed("terms", "a text in quotes", "\"Cash, 14 days\"", |node| node.text().map(str::to_owned)).unwrap_or(default);
    section.note("terms", Some(quoted(&terms)));
    terms
}

fn bands(section: &Section<'_>, default: Vec<Decimal>) -> Vec<Decimal> {
    let example = listed(default.iter().map(ToString::to_string));
    let ascending = |node: &Node| {
        let bands: Option<Vec<Decimal>> = node.items().iter().map(read_decimal).collect();
        bands.filter(|bands| bands.first().is_none_or(|first| first.is_positive()) && bands.is_sorted_by(|a, b| a < b))
    };
    let bands = section.parsed("bands", "a list of rising amounts above zero", example, ascending).unwrap_or(default);
    section.note("bands", Some(listed(bands.iter().map(ToString::to_string))));
    bands
}

fn outcome(section: &Section<'_>, default: OutcomeRules) -> OutcomeRules {
    // At 0 or 1 the odds that the score is built on do not exist.
    let share = |node: &Node| node.number()?.parse().ok().filter(|prior: &f64| *prior > 0.0 && *prior < 1.0);
    let prior = section.parsed("prior", "a probability above 0 and below 1", 0.05, share);
    section.note("prior", prior.map(|prior| format!("{prior:?}")));
    OutcomeRules {
        prior: prior.or(default.prior),
        horizon_days: section.count("horizon_days", 1..=3650, default.horizon_days),
        min_trials: section.count("min_trials", 1..=1_000_000, default.min_trials),
        outcomes_complete: section.flag("outcomes_complete", default.outcomes_complete),
    }
}

fn clone(section: &Section<'_>, default: CloneRules) -> CloneRules {
    CloneRules {
        readiness_min: section.real("readiness_min", 0.0..=1.0, default.readiness_min),
        performance_min: section.real("performance_min", 0.0..=1.0, default.performance_min),
        decline_max: section.real("decline_max", 0.0..=1.0, default.decline_max),
        min_outcomes: section.count("min_outcomes", 1..=1_000_000, default.min_outcomes),
    }
}

fn score(findings: &Findings, section: &Section<'_>, noted: bool, default: ScoreRules) -> ScoreRules {
    let least = Decimal::new(1, 2).expect("a hundredth");
    let (value_low, value_high) =
        (section.decimal("value_low", least, default.value_low), section.decimal("value_high", least, default.value_high));
    if value_low.micros() >= value_high.micros() {
        let key = if section.node("value_high").is_some() { "value_high" } else { "value_low" };
        section.mistake(
            key,
            format!("value_low {value_low} is not below value_high {value_high}"),
            "the score rises from the one to the other: swap or change them",
        );
    }
    let (tiers, explore) = (tiers(section, default.tiers), section.real("explore", 0.0..=1.0, default.explore));
    ScoreRules { weights: weights(findings, section, noted, default.weights), value_low, value_high, tiers, explore }
}

fn weights(findings: &Findings, score: &Section<'_>, noted: bool, default: ScoreWeights) -> ScoreWeights {
    let section = Section::open(findings, score.node("weights"), "score.weights", &["outcome", "value", "quality", "clone"], noted);
    let points = |key, default: u16| {
        let read = section.parsed(key, "points from 0 to 100 with at most 2 decimals", points_text(default), points_of).unwrap_or(default);
        section.note(key, Some(points_text(read)));
        read
    };
    let weights = ScoreWeights {
        outcome: points("outcome", default.outcome),
        value: points("value", default.value),
        quality: points("quality", default.quality),
        clone: points("clone", default.clone),
    };
    let sum = weights.outcome + weights.value + weights.quality + weights.clone;
    if sum != 10_000 {
        let parts = [weights.outcome, weights.value, weights.quality, weights.clone].map(points_text).join(" + ");
        let message = format!("the four weights must sum to 100, not {} ({parts})", points_text(sum));
        score.mistake("weights", message, "set all four: outcome, value, quality, clone");
    }
    weights
}

fn tiers(section: &Section<'_>, default: [u16; 3]) -> [u16; 3] {
    let falling = |node: &Node| {
        let bounds: Option<Vec<u16>> = node.items().iter().map(points_of).collect();
        <[u16; 3]>::try_from(bounds?).ok().filter(|[a, b, c]| a > b && b > c)
    };
    let tiers = section.parsed("tiers", "three falling scores from 100 to 0, for A, B and C", "[75, 50, 25]", falling).unwrap_or(default);
    section.note("tiers", Some(listed(tiers.iter().map(|bound| points_text(*bound)))));
    tiers
}

/// Points from 0 to 100 in hundredths.
fn points_of(node: &Node) -> Option<u16> {
    let micros = read_decimal(node)?.micros();
    u16::try_from(micros / 10_000).ok().filter(|hundredths| micros % 10_000 == 0 && *hundredths <= 10_000)
}

fn points_text(hundredths: u16) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

fn quality(section: &Section<'_>, default: QualityRules) -> QualityRules {
    const ROWS: u64 = 1_000_000_000_000;
    QualityRules {
        score_min: section.real("score_min", 0.0..=100.0, default.score_min),
        duplicate_tolerance: section.whole("duplicate_tolerance", 0..=ROWS, default.duplicate_tolerance),
        missing_fields_max: section.whole("missing_fields_max", 0..=ROWS, default.missing_fields_max),
        warning_share: section.real("warning_share", 0.0..=1.0, default.warning_share),
    }
}

fn model(section: &Section<'_>) -> Model {
    let share = |node: &Node| node.number()?.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0);
    let baseline = section.parsed("baseline", "a probability above 0 and below 1", 0.05, share);
    section.note("baseline", baseline.map(|baseline| format!("{baseline:?}")));
    Model {
        features: section.texts("features", "Lot Size"),
        known_on_arrival: section.texts("known_on_arrival", "Status"),
        date: section.text("date", "Created"),
        baseline,
        mature_share: section.real("mature_share", 0.5..=1.0, 0.95),
        coverage_min: section.real("coverage_min", 0.0..=1.0, 0.8),
        latest: section.count("latest", 500..=1_000_000, 3000),
        leak_auc: section.real("leak_auc", 0.5..=1.0, 0.95),
    }
}

/// Reads `[[scripts]]` and `[[experiments]]`, sorted by id so that their order in the file says nothing.
pub(super) fn read_trials(findings: &Findings, top: &Section<'_>) -> Trials {
    let mut scripts: Vec<Script> = top.list_of_tables("scripts").iter().filter_map(|node| script(findings, node)).collect();
    scripts.sort_by(|a, b| (&a.id, a.version).cmp(&(&b.id, b.version)));
    let nodes = top.list_of_tables("experiments");
    let mut experiments: Vec<Experiment> = nodes.iter().filter_map(|node| experiment(findings, node, &scripts)).collect();
    experiments.sort_by(|a, b| a.id.cmp(&b.id));
    Trials { experiments, scripts: one_primary_each(findings, top, scripts) }.unique(findings, top)
}

impl Trials {
    /// Tells of ids and salts that are used twice.
    fn unique(self, findings: &Findings, top: &Section<'_>) -> Self {
        let twice = |key: &str, text: String, remedy: &str| {
            if let Some(node) = top.node(key) {
                findings.mistake(node, text, remedy);
            }
        };
        for pair in self.scripts.windows(2).filter(|pair| pair[0].id == pair[1].id && pair[0].version == pair[1].version) {
            twice(
                "scripts",
                format!("script '{}' version {} is there twice", pair[0].id, pair[0].version),
                "give one of them another version",
            );
        }
        for pair in self.experiments.windows(2).filter(|pair| pair[0].id == pair[1].id) {
            twice("experiments", format!("experiment '{}' is there twice", pair[0].id), "rename or remove one");
        }
        let mut salts: BTreeMap<&str, &str> = BTreeMap::new();
        for Experiment { id, salt, .. } in &self.experiments {
            if let Some(other) = salts.insert(salt, id).filter(|other| other != id) {
                let text = format!("experiments '{other}' and '{id}' have the same salt '{salt}'");
                twice("experiments", text, "give one of them another salt, or their groups would be the same people");
            }
        }
        self
    }
}

fn one_primary_each(findings: &Findings, top: &Section<'_>, scripts: Vec<Script>) -> Vec<Script> {
    let mut primaries: BTreeMap<&str, &str> = BTreeMap::new();
    for script in scripts.iter().filter(|script| script.status == ScriptStatus::Primary) {
        if let (Some(other), Some(node)) = (primaries.insert(&script.channel, &script.id), top.node("scripts")) {
            let message = format!("channel '{}' has two primary scripts, '{other}' and '{}'", script.channel, script.id);
            findings.mistake(node, message, "make one of them \"secondary\"");
        }
    }
    scripts
}

fn script(findings: &Findings, node: &Node) -> Option<Script> {
    let section = Section::open(findings, Some(node), "scripts", &["id", "version", "channel", "status"], false);
    let statuses =
        [ScriptStatus::Experimental, ScriptStatus::Testing, ScriptStatus::Primary, ScriptStatus::Secondary, ScriptStatus::Deprecated]
            .map(|status| (status.as_str(), status));
    let (id, channel) = (needed(&section, "id", "warm-hello"), needed(&section, "channel", "email"));
    let version = section.count("version", 1..=u32::MAX, 1);
    let status = section.choice("status", &statuses, ScriptStatus::Experimental);
    Some(Script { id: id?, version, channel: channel?, status })
}

fn experiment(findings: &Findings, node: &Node, scripts: &[Script]) -> Option<Experiment> {
    let section = Section::open(findings, Some(node), "experiments", &["id", "salt", "variants", "filter"], false);
    let id = needed(&section, "id", "first-contact");
    let salt = section.text("salt", "first-contact").or_else(|| id.clone());
    let typed = section.list_of_tables("variants");
    let mut variants: Vec<Variant> = typed.iter().filter_map(|node| variant(findings, node, scripts)).collect();
    variants.sort_by(|a, b| a.id.cmp(&b.id));
    if typed.len() < 2 {
        section.mistake(
            "variants",
            "needs at least two variants",
            "write for example variants = [{ id = \"a\", weight = 50 }, { id = \"b\", weight = 50 }]",
        );
    } else if variants.len() == typed.len() && variants.iter().all(|variant| variant.weight.micros() == 0) {
        section.mistake("variants", "all weights are 0", "give at least one of them a weight above 0");
    }
    if let Some(pair) = variants.windows(2).find(|pair| pair[0].id == pair[1].id) {
        section.mistake("variants", format!("variant '{}' is there twice", pair[0].id), "rename or remove one");
    }
    let filter = filter(findings, &section);
    let thresholds = Experiment::thresholds(&variants);
    Some(Experiment { id: id?, version: 0, salt: salt?, variants, thresholds, filter })
}

fn variant(findings: &Findings, node: &Node, scripts: &[Script]) -> Option<Variant> {
    let section = Section::open(findings, Some(node), "experiments.variants", &["id", "weight", "script"], false);
    let id = needed(&section, "id", "control");
    // Bounded so that the sum of all weights, in millionths and times 2^53, stays an exact integer.
    let in_bounds = |node: &Node| read_decimal(node).filter(|weight| (0..=whole(1_000_000).micros()).contains(&weight.micros()));
    let weight = section.parsed("weight", "a plain number from 0 to 1000000 with at most 6 decimals", 50, in_bounds);
    if section.node("weight").is_none() {
        section.mistake("weight", "is missing", "write for example weight = 50");
    }
    let script = section.text("script", "warm-hello");
    if let Some(name) = script.as_deref().filter(|name| scripts.iter().all(|script| script.id != *name)) {
        let known: Vec<&str> = scripts.iter().map(|script| script.id.as_str()).collect();
        let remedy = super::mistake::nearest(name, known)
            .map_or_else(|| format!("describe it under [[scripts]] with id = {}", quoted(name)), |near| format!("did you mean '{near}'?"));
        section.mistake("script", format!("there is no script '{name}'"), remedy);
    }
    Some(Variant { id: id?, weight: weight?, script })
}

fn filter(findings: &Findings, experiment: &Section<'_>) -> Option<Filter> {
    let node = experiment.node("filter")?;
    let section = Section::open(findings, Some(node), "experiments.filter", &["column", "one_of"], false);
    let column = needed(&section, "column", "location");
    if section.node("one_of").is_none() {
        section.mistake("one_of", "is missing", "write for example one_of = [\"Toronto\", \"Ottawa\"]");
    }
    let one_of = values(&section);
    Some(Filter { column: column?, one_of: one_of? })
}

/// The values of `one_of`; numbers count as their text.
fn values(section: &Section<'_>) -> Option<Vec<String>> {
    let scalars = |node: &Node| {
        let values: Option<Vec<String>> = node.items().iter().map(|item| item.scalar().map(|text| text.trim().to_owned())).collect();
        values.filter(|values| !values.is_empty())
    };
    section.parsed("one_of", "a list of at least one value", "[\"Toronto\", \"Ottawa\"]", scalars)
}

/// A text that has to be there.
fn needed(section: &Section<'_>, key: &str, example: &str) -> Option<String> {
    if section.node(key).is_none() {
        section.mistake(key, "is missing", format!("write for example {key} = {}", quoted(example)));
    }
    section.text(key, example)
}

fn whole(units: i64) -> Decimal {
    Decimal::new(units, 0).expect("a small number")
}
