//! A lead for programs: one JSON line, or one line of CSV, with what the six stages found.
//!
//! Written by hand into a byte vector, because a file of leads has a line for every row: no tree of values in between,
//! no float for an amount. An absent optional is `null` in JSON and an empty cell in CSV; every key is always there.
//! The row number stands first, so that a worker can render all that follows it ([`json_lines`], [`csv_lines`]) and the
//! committer, who alone knows it, the number. What the stages find is much the same from lead to lead, so that its text is
//! made once and copied.

use std::fmt::{self, Display};
use std::io::{self, Write};

use super::Provenance;
use super::words::{self, Band, Lacking, Points, Reason, Tell};
use crate::engine::chunk::{Context, Rendering};
use crate::engine::decimal::Decimal;
use crate::engine::lead::Lead;
use crate::engine::learned::Basis;
use crate::engine::rejects;
use crate::engine::rules::ScriptStatus;
use crate::engine::stages::Staged;
use crate::engine::stages::ab_test::AbTest;
use crate::engine::stages::clone_readiness::{CloneReadiness, Scope};
use crate::engine::stages::deal_packet::{self, NoOffer};
use crate::engine::stages::outcome::{Method, Outcome};
use crate::engine::stages::script_promotion::ScriptPromotion;

/// Appends the line of a lead, newline included.
pub fn write_lead(out: &mut Vec<u8>, row: u64, lead: &Lead<'_>, staged: &Staged<'_>, from: &Provenance<'_>) {
    out.extend_from_slice(b"{\"row\":");
    digits(out, row);
    JsonLines::of(*from, 0).write(out, lead, staged);
}

/// Writes what follows `{"row":N` in the lines of leads, newlines included: a [`Render`](crate::engine::chunk::Render).
#[must_use]
pub fn json_lines<'a>(context: &'a Context<'a>) -> Box<dyn Rendering<'a> + 'a> {
    Box::new(JsonLines::of(Provenance::of(context), REMEMBERED))
}

/// Writes what stands before [`json_lines`] or [`csv_lines`] in a line of a file of leads.
///
/// # Errors
/// What the writer says.
pub fn write_row_number(out: &mut impl Write, is_csv: bool, row: u64) -> io::Result<()> {
    let mut line = Vec::with_capacity(32);
    line.extend_from_slice(if is_csv { b"" } else { b"{\"row\":" });
    digits(&mut line, row);
    out.write_all(&line)
}

/// The header line of a CSV of leads, newline included. An extra column that is called like one of ours gets a number.
#[must_use]
pub fn csv_header(extra_names: &[String]) -> Vec<u8> {
    let mut taken: Vec<String> = CSV_COLUMNS.map(str::to_owned).to_vec();
    for name in extra_names {
        let distinct = (2u64..).map(|number| format!("{name} ({number})"));
        let free = std::iter::once(name.clone()).chain(distinct).find(|name| !taken.contains(name));
        taken.push(free.unwrap_or_default());
    }
    let mut line = Vec::new();
    for (at, name) in taken.iter().enumerate() {
        csv_cell(&mut line, at, name);
    }
    line.push(b'\n');
    line
}

/// Appends the CSV line of a lead, newline included, with the extra columns of the header in the header's order.
pub fn write_csv(out: &mut Vec<u8>, row: u64, lead: &Lead<'_>, staged: &Staged<'_>, ingested_at: &str, extra_names: &[String]) {
    digits(out, row);
    csv_fields(out, lead, staged, ingested_at);
    if lead.extra.names == extra_names {
        csv_extras(out, lead);
    } else {
        for name in extra_names {
            csv_cell(out, 1, lead.extra.get(name).unwrap_or_default());
        }
    }
    out.push(b'\n');
}

/// Writes what follows the row numbers in the CSV lines of leads: a [`Render`](crate::engine::chunk::Render).
#[must_use]
pub fn csv_lines<'a>(context: &'a Context<'a>) -> Box<dyn Rendering<'a> + 'a> {
    Box::new(CsvLines { ingested_at: context.ingested_at })
}

struct CsvLines<'a> {
    ingested_at: &'a str,
}

impl<'a> Rendering<'a> for CsvLines<'a> {
    fn lead(&mut self, lead: &Lead<'_>, staged: &Staged<'a>, out: &mut Vec<u8>) {
        csv_fields(out, lead, staged, self.ingested_at);
        csv_extras(out, lead);
        out.push(b'\n');
    }
}

/// The columns of ours in a CSV of leads; the extra columns follow.
const CSV_COLUMNS: [&str; 13] =
    ["row", "lead_id", "name", "email", "value", "currency", "location", "phone", "phone_e164", "source", "ingested_at", "score", "tier"];

/// Texts kept of each kind.
const REMEMBERED: usize = 16;

/// What was written for one result, to be written again for the same one.
struct Remembered<K> {
    texts: Vec<(K, Vec<u8>)>,
    room: usize,
}

impl<K: PartialEq> Remembered<K> {
    fn with_room(room: usize) -> Self {
        Self { texts: Vec::new(), room }
    }

    /// Appends the text for a result, which must depend on nothing else.
    fn write(&mut self, out: &mut Vec<u8>, result: K, text: impl FnOnce(&mut Vec<u8>)) {
        if let Some((_, known)) = self.texts.iter().find(|(known, _)| *known == result) {
            return out.extend_from_slice(known);
        }
        let start = out.len();
        text(out);
        if self.texts.len() < self.room {
            self.texts.push((result, out[start..].to_vec()));
        }
    }
}

/// Writes the lines of leads that have their provenance in common.
struct JsonLines<'a> {
    from: Provenance<'a>,
    scripts: Remembered<ScriptPromotion<'a>>,
    outcomes: Remembered<Outcome>,
    readiness: Remembered<CloneReadiness>,
    bands: Remembered<usize>,
    unknown: Remembered<(&'static str, u16, u16, Option<Reason>)>,
    quality: Remembered<(u16, u16, u64, Lacking)>,
}

impl<'a> Rendering<'a> for JsonLines<'a> {
    fn lead(&mut self, lead: &Lead<'_>, staged: &Staged<'a>, out: &mut Vec<u8>) {
        self.write(out, lead, staged);
    }
}

impl<'a> JsonLines<'a> {
    fn of(from: Provenance<'a>, room: usize) -> Self {
        Self {
            from,
            scripts: Remembered::with_room(room),
            outcomes: Remembered::with_room(room),
            readiness: Remembered::with_room(room),
            bands: Remembered::with_room(room),
            unknown: Remembered::with_room(room),
            quality: Remembered::with_room(room),
        }
    }

    fn write(&mut self, out: &mut Vec<u8>, lead: &Lead<'_>, staged: &Staged<'a>) {
        let from = self.from;
        let mut line = Object { out, empty: false };
        line.optional(key!("job_id"), from.job_id); // none where a file is only looked at
        line.uuid(key!("lead_id"), lead.lead_id);
        line.optional(key!("name"), lead.name);
        line.optional(key!("email"), lead.email);
        line.number(key!("value"), lead.value);
        line.optional(key!("currency"), lead.currency);
        line.optional(key!("location"), lead.location);
        line.optional(key!("phone"), lead.phone);
        line.optional(key!("phone_e164"), lead.phone_e164);
        line.optional(key!("source"), lead.source);
        line.text(key!("ingested_at"), from.ingested_at);
        line.object(key!("extra"), |extra| lead.extra.iter().for_each(|(name, cell)| extra.cell(name, cell)));
        line.object(key!("stages"), |stages| {
            stages.object(key!("ab_test"), |stage| ab_test(stage, &staged.ab_test));
            stages.key(key!("script_promotion"));
            let found = staged.script_promotion;
            self.scripts.write(stages.out, found, |out| object(out, |stage| script_promotion(stage, &found)));
            stages.object(key!("deal_packet"), |stage| deal_packet(stage, lead, staged, &from, &mut self.bands));
            stages.key(key!("outcome"));
            let found = staged.outcome;
            self.outcomes.write(stages.out, found, |out| object(out, |stage| outcome(stage, &found, from.model)));
            stages.key(key!("clone_readiness"));
            let found = staged.clone_readiness;
            self.readiness.write(stages.out, found, |out| object(out, |stage| clone_readiness(stage, &found)));
            stages.object(key!("lead_score"), |stage| {
                lead_score(stage, staged);
                stage.list(key!("reasons"), |list| self.reasons(list, lead, staged));
                stage.text(key!("basis"), if staged.outcome.probability.is_some() { staged.outcome.basis } else { Basis::Rule }.as_str());
            });
        });
        line.number(key!("score"), Some(Points(staged.lead_score.hundredths)));
        line.text(key!("tier"), staged.lead_score.tier.as_str());
        line.object(key!("versions"), |versions| {
            versions.text(key!("rules"), from.rules);
            versions.number(key!("learned"), Some(from.learned));
        });
        line.end();
        out.push(b'\n');
    }

    /// One sentence for each part of the score, see [`words::reasons`].
    fn reasons(&mut self, list: &mut List<'_>, lead: &Lead<'_>, staged: &Staged<'a>) {
        let lacking = words::lacking(lead, staged);
        for part in &staged.lead_score.contributions {
            let out = list.next();
            let tell = |out: &mut Vec<u8>| words::reason(part, lacking, staged, &mut |sentence| phrase(out, sentence));
            match (part.input, part.part) {
                (None, _) => {
                    let why = words::why_unknown(part, staged);
                    self.unknown.write(out, (part.part, part.hundredths, part.weight, why), tell);
                }
                (Some(input), "quality") => self.quality.write(out, (part.hundredths, part.weight, input.to_bits(), lacking), tell),
                _ => tell(out),
            }
        }
        list.sentences(|tell| words::explored(staged, tell));
    }
}

fn ab_test(stage: &mut Object<'_>, found: &AbTest<'_>) {
    stage.list(key!("assignments"), |list| {
        for given in &found.arms {
            list.object(|arm| {
                arm.text(key!("experiment"), &given.experiment.id);
                arm.number(key!("version"), Some(given.version));
                arm.text(key!("variant"), &given.variant_id);
            });
        }
    });
    stage.optional(key!("reason"), found.reason.unwrap_or_default());
    stage.text(key!("basis"), Basis::Rule.as_str());
}

fn script_promotion(stage: &mut Object<'_>, found: &ScriptPromotion<'_>) {
    stage.optional(key!("script"), found.script.map_or("", |script| &script.id));
    stage.number(key!("version"), found.script.map(|script| script.version));
    stage.optional(key!("channel"), found.script.map_or("", |script| &script.channel));
    stage.optional(key!("status"), found.status.map_or("", ScriptStatus::as_str));
    stage.share(key!("score"), found.score);
    stage.text(key!("basis"), if found.is_learned { Basis::Learned } else { Basis::Rule }.as_str());
    stage.phrase(key!("reason"), found.reason);
}

fn deal_packet(stage: &mut Object<'_>, lead: &Lead<'_>, staged: &Staged<'_>, from: &Provenance<'_>, bands: &mut Remembered<usize>) {
    let packet = &staged.deal_packet;
    stage.uuid(key!("packet_id"), deal_packet::packet_id(lead.lead_id));
    stage.text(key!("status"), if packet.is_ready() { "ready" } else { "pending" });
    stage.list(key!("channels"), |list| {
        for channel in words::channels(lead) {
            list.object(|one| {
                one.text(key!("channel"), channel.kind);
                one.text(key!("address"), channel.address);
            });
        }
    });
    stage.number(key!("value"), lead.value);
    stage.key(key!("band"));
    match packet.band {
        Some(index) => bands.write(stage.out, index, |out| phrase(out, format_args!("{}", Band { bounds: &from.packet.bands, index }))),
        None => null(stage.out),
    }
    stage.number(key!("offer"), packet.offer.ok());
    stage.optional(key!("offer_reason"), packet.offer.err().map_or("", NoOffer::reason));
    stage.optional(key!("terms"), &from.packet.terms);
    stage.optional(key!("script"), staged.script_promotion.script.map_or("", |script| &script.id));
    stage.number(key!("script_version"), staged.script_promotion.script.map(|script| script.version));
    stage.optional(key!("script_channel"), staged.script_promotion.script.map_or("", |script| &script.channel));
    stage.list(key!("missing"), |list| packet.missing.iter().for_each(|field| list.text(field.name())));
    stage.list(key!("next_actions"), |list| list.sentences(|tell| words::next_actions(lead, staged, tell)));
    stage.list(key!("risks"), |list| packet.risks.iter().for_each(|risk| list.text(risk.text())));
    stage.text(key!("basis"), Basis::Rule.as_str());
}

fn outcome(stage: &mut Object<'_>, found: &Outcome, model: &str) {
    stage.share(key!("probability"), found.probability);
    stage.text(key!("basis"), found.basis.as_str());
    stage.optional(key!("method"), found.method.map_or("", Method::as_str));
    stage.optional(key!("model"), if found.method == Some(Method::Model) { model } else { "" });
    stage.share(key!("base_rate"), found.base_rate);
    stage.share(key!("lift"), found.lift);
    stage.number(key!("expected_value"), found.expected_value.filter(|value| value.is_finite()).map(Cents));
    stage.phrase(key!("reason"), found.reason);
}

fn clone_readiness(stage: &mut Object<'_>, found: &CloneReadiness) {
    stage.text(key!("recommendation"), if found.promote { "PROMOTE" } else { "BLOCK" });
    stage.optional(key!("segment"), found.segment.map_or("", Scope::as_str));
    stage.number(key!("outcomes"), found.segment.map(|_| found.outcomes));
    stage.share(key!("accuracy"), found.accuracy);
    stage.share(key!("confidence"), found.confidence);
    stage.share(key!("consistency"), found.consistency);
    stage.share(key!("robustness"), Some(found.robustness));
    stage.share(key!("overall"), found.overall);
    stage.list(key!("gates"), |list| {
        for gate in &found.gates {
            list.object(|one| {
                one.text(key!("gate"), gate.name);
                one.flag(key!("passed"), gate.passed);
                one.share(key!("figure"), gate.figure);
                one.share(key!("limit"), Some(gate.limit));
                one.phrase(key!("reason"), Some(gate.reason));
            });
        }
    });
    stage.text(key!("basis"), if found.segment.is_some() { Basis::Learned } else { Basis::Rule }.as_str());
}

/// The score, but for the sentences about it.
fn lead_score(stage: &mut Object<'_>, staged: &Staged<'_>) {
    let score = &staged.lead_score;
    stage.number(key!("score"), Some(Points(score.hundredths)));
    stage.text(key!("tier"), score.tier.as_str());
    stage.object(key!("contributions"), |parts| {
        for part in &score.contributions {
            parts.named_object(part.part, |one| {
                one.number(key!("points"), Some(Points(part.hundredths)));
                one.number(key!("weight"), Some(Points(part.weight)));
                one.share(key!("input"), part.input);
            });
        }
    });
    stage.list(key!("unknown"), |list| {
        score.contributions.iter().filter(|part| part.input.is_none()).for_each(|part| list.text(part.part));
    });
    stage.flag(key!("explore"), score.explore);
}

/// The fields after the row number, each with the comma before it.
fn csv_fields(out: &mut Vec<u8>, lead: &Lead<'_>, staged: &Staged<'_>, ingested_at: &str) {
    let mut id = uuid::Uuid::encode_buffer();
    csv_cell(out, 1, lead.lead_id.hyphenated().encode_lower(&mut id));
    csv_cell(out, 1, lead.name);
    csv_cell(out, 1, lead.email);
    out.push(b',');
    if let Some(value) = lead.value {
        value.write(out);
    }
    for text in [lead.currency, lead.location, lead.phone, lead.phone_e164, lead.source, ingested_at] {
        csv_cell(out, 1, text);
    }
    out.push(b',');
    Points(staged.lead_score.hundredths).write(out);
    csv_cell(out, 1, staged.lead_score.tier.as_str());
}

/// One cell for each of the lead's own extra columns, also where its last ones are missing.
fn csv_extras(out: &mut Vec<u8>, lead: &Lead<'_>) {
    let mut cells = lead.extra.iter();
    for _ in lead.extra.names {
        csv_cell(out, 1, cells.next().map_or("", |(_, cell)| cell));
    }
}

/// A cell made safe for spreadsheets; `at` is its place in the line, 0 for the first.
fn csv_cell(out: &mut Vec<u8>, at: usize, cell: &str) {
    if at > 0 {
        out.push(b',');
    }
    rejects::write_cell(out, cell, b',');
}

/// A key with its quotes and colon; ours never need an escape.
#[derive(Clone, Copy)]
struct Key(&'static [u8]);

/// A [`Key`].
macro_rules! key {
    ($name:literal) => {
        Key(concat!("\"", $name, "\":").as_bytes())
    };
}
use key;

/// A JSON object being written; ended by [`end`](Self::end).
struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
    }

    /// A key of ours as [`key!`] makes it.
    #[inline]
    fn key(&mut self, key: Key) {
        self.comma();
        self.out.extend_from_slice(key.0);
    }

    fn text(&mut self, key: Key, value: &str) {
        self.key(key);
        text(self.out, value);
    }

    /// A column of the file under the name it has there.
    fn cell(&mut self, name: &str, cell: &str) {
        self.comma();
        text(self.out, name);
        self.out.push(b':');
        text(self.out, cell);
    }

    /// An empty text is absent, and `null`.
    fn optional(&mut self, key: Key, value: &str) {
        self.key(key);
        if value.is_empty() { null(self.out) } else { text(self.out, value) }
    }

    fn phrase(&mut self, key: Key, value: Option<impl Display>) {
        self.key(key);
        match value {
            Some(value) => phrase(self.out, format_args!("{value}")),
            None => null(self.out),
        }
    }

    /// What displays as a JSON number, digit for digit.
    fn number(&mut self, key: Key, value: Option<impl Figure>) {
        self.key(key);
        match value {
            Some(value) => value.write(self.out),
            None => null(self.out),
        }
    }

    fn share(&mut self, key: Key, value: Option<f64>) {
        self.number(key, value.filter(|share| share.is_finite()).map(Millionths));
    }

    fn flag(&mut self, key: Key, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn uuid(&mut self, key: Key, value: uuid::Uuid) {
        self.text(key, value.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    }

    fn object(&mut self, key: Key, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    /// An object under a name of ours that is only known here.
    fn named_object(&mut self, name: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        text(self.out, name);
        self.out.push(b':');
        object(self.out, fill);
    }

    fn list(&mut self, key: Key, fill: impl FnOnce(&mut List<'_>)) {
        self.key(key);
        self.out.push(b'[');
        fill(&mut List { out: self.out, empty: true });
        self.out.push(b']');
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// A JSON array being written.
struct List<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl List<'_> {
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out
    }

    fn text(&mut self, value: &str) {
        text(self.next(), value);
    }

    fn sentences(&mut self, fill: impl FnOnce(Tell<'_>)) {
        fill(&mut |sentence| phrase(self.next(), sentence));
    }

    fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.next(), fill);
    }
}

fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    let mut object = Object { out, empty: true };
    fill(&mut object);
    object.end();
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// A whole number.
#[allow(clippy::cast_possible_truncation)] // one digit
fn digits(out: &mut Vec<u8>, value: u64) {
    let (mut text, mut at, mut left) = ([0; 20], 20, value);
    loop {
        at -= 1;
        text[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            return out.extend_from_slice(&text[at..]);
        }
    }
}

/// What displays as a JSON number, written without the way of any text: its digits are those of its `Display`.
trait Figure: Display {
    fn write(self, out: &mut Vec<u8>);
}

impl Figure for u64 {
    fn write(self, out: &mut Vec<u8>) {
        digits(out, self);
    }
}

impl Figure for u32 {
    fn write(self, out: &mut Vec<u8>) {
        digits(out, u64::from(self));
    }
}

impl Figure for Decimal {
    fn write(self, out: &mut Vec<u8>) {
        if self.units() < 0 {
            out.push(b'-');
        }
        scaled(out, self.units().unsigned_abs(), usize::from(self.scale()));
    }
}

impl Figure for Points {
    fn write(self, out: &mut Vec<u8>) {
        scaled(out, u64::from(self.0), 2);
    }
}

impl Figure for Millionths {
    fn write(self, out: &mut Vec<u8>) {
        let (mut units, mut decimals) = (self.units(), 6);
        if units < 0 {
            out.push(b'-');
        }
        while decimals > 0 && units % 10 == 0 {
            units /= 10;
            decimals -= 1;
        }
        scaled(out, units.unsigned_abs(), decimals);
    }
}

impl Figure for Cents {
    fn write(self, out: &mut Vec<u8>) {
        write!(out, "{self}").expect("writing to memory cannot fail");
    }
}

/// `units / 10^decimals` with all its decimals.
#[allow(clippy::cast_possible_truncation)] // one digit
fn scaled(out: &mut Vec<u8>, units: u64, decimals: usize) {
    let unit = 10u64.pow(u32::try_from(decimals).unwrap_or_default());
    digits(out, units / unit);
    if decimals > 0 {
        out.push(b'.');
        let (mut rest, start) = (units % unit, out.len());
        out.resize(start + decimals, b'0');
        for digit in out[start..].iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escape(out, value);
    out.push(b'"');
}

fn phrase(out: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    out.push(b'"');
    fmt::Write::write_fmt(&mut Escaping(out), value).expect("writing to memory cannot fail");
    out.push(b'"');
}

/// What is formatted into it is escaped on the way.
struct Escaping<'o>(&'o mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        escape(self.0, part);
        Ok(())
    }
}

/// Appends the inside of a JSON string: quotes, backslashes and control characters escaped, all else as it is.
fn escape(out: &mut Vec<u8>, value: &str) {
    let must_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let mut rest = value.as_bytes();
    // Without a way out of the loop the compiler looks at sixteen bytes at once, and most texts are clean.
    if !rest.iter().fold(false, |dirty, byte| dirty | must_escape(byte)) {
        return out.extend_from_slice(rest);
    }
    while let Some(at) = rest.iter().position(must_escape) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => write!(out, "\\u{byte:04x}").expect("writing to memory cannot fail"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// A share or ratio with up to six decimals, which is what the store keeps of a probability.
struct Millionths(f64);

impl Millionths {
    #[allow(clippy::cast_possible_truncation)] // saturates, far beyond any ratio there is
    fn units(&self) -> i64 {
        (self.0 * 1e6).round_ties_even() as i64
    }
}

impl Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millionths = self.units();
        let (whole, mut rest) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
        write!(f, "{}{whole}", if millionths < 0 { "-" } else { "" })?;
        if rest == 0 {
            return Ok(());
        }
        let mut width = 6;
        while rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        write!(f, ".{rest:0width$}")
    }
}

/// An estimate in money: two decimals.
struct Cents(f64);

impl Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::engine::chunk::{Parents, Render};
    use crate::engine::learned::Learned;
    use crate::engine::plan;
    use crate::engine::rules::Rules;
    use crate::render::fixture::{self, AT, JOB, Texts};

    fn line(lead: &Lead<'_>, texts: &Texts) -> String {
        let mut out = Vec::new();
        write_lead(&mut out, lead.row, lead, &fixture::staged(lead, &texts.rules), &fixture::provenance(texts));
        String::from_utf8(out).expect("text")
    }

    fn csv_lines(lead: &Lead<'_>, texts: &Texts, names: &[String]) -> (String, String) {
        let mut out = Vec::new();
        write_csv(&mut out, lead.row, lead, &fixture::staged(lead, &texts.rules), AT, names);
        (String::from_utf8(csv_header(names)).expect("text"), String::from_utf8(out).expect("text"))
    }

    fn joined(parts: &[&str]) -> String {
        parts.concat() + "\n"
    }

    #[test]
    fn a_configured_lead_to_the_byte() {
        let texts = fixture::texts(&[("ARV", "600,000"), ("Notes", "a\nb\t\"c\" \u{1}\\")], true);
        let expected = joined(&[
            r#"{"row":7,"job_id":"01980000-0000-7000-8000-000000000001","lead_id":"LEAD","#,
            r#""name":"John \"JD\" Doe","email":"john@example.com","value":500000.50,"currency":"$","location":"Houston TX","#,
            r#""phone":"+1 713 555 0123","phone_e164":"+17135550123","source":"trade_show","ingested_at":"2025-05-03T14:02:00.000Z","#,
            r#""extra":{"ARV":"600,000","Notes":"a\nb\t\"c\" \u0001\\"},"stages":{"#,
            r#""ab_test":{"assignments":[{"experiment":"first-contact","version":1,"variant":"control"}],"reason":null,"basis":"rule"},"#,
            r#""script_promotion":{"script":"hello","version":2,"channel":"email","status":"testing","score":null,"basis":"rule","#,
            r#""reason":"insufficient outcomes: 0 of 30"},"#,
            r#""deal_packet":{"packet_id":"PACKET","status":"ready","channels":[{"channel":"phone","address":"+17135550123"},"#,
            r#"{"channel":"email","address":"john@example.com"}],"value":500000.50,"band":"500,000 to 1,000,000","offer":420000.00,"#,
            r#""offer_reason":null,"terms":"cash, 30 days","script":"hello","script_version":2,"script_channel":"email","missing":[],"#,
            r#""next_actions":["Write to john@example.com with script hello version 2","Offer 420,000.00"],"risks":[],"basis":"rule"},"#,
            r#""outcome":{"probability":0.05,"basis":"prior","method":"prior","model":null,"base_rate":null,"lift":null,"expected_value":25000.03,"reason":"insufficient outcomes: 0 of 30"},"#,
            r#""clone_readiness":{"recommendation":"BLOCK","segment":null,"outcomes":null,"accuracy":null,"confidence":null,"consistency":null,"robustness":1,"overall":null,"#,
            r#""gates":[{"gate":"readiness","passed":false,"figure":null,"limit":0.8,"reason":"insufficient outcomes: 0 of 30"},"#,
            r#"{"gate":"performance","passed":false,"figure":null,"limit":0.85,"reason":"insufficient outcomes: 0 of 30"},"#,
            r#"{"gate":"safety","passed":false,"figure":null,"limit":0.95,"reason":"insufficient outcomes: 0 of 30"}],"basis":"rule"},"#,
            r#""lead_score":{"score":63.10,"tier":"B","contributions":{"outcome":{"points":20.00,"weight":40.00,"input":0.5},"#,
            r#""value":{"points":15.60,"weight":25.00,"input":0.624197},"quality":{"points":20.00,"weight":20.00,"input":1},"#,
            r#""clone_readiness":{"points":7.50,"weight":15.00,"input":null}},"unknown":["clone_readiness"],"explore":false,"reasons":["#,
            r#""Chance of a sale 5.0 % (assumed): 20.00 of 40.00 points","#,
            r#""Value at 62 % of the range, on a log scale: 15.60 of 25.00 points","#,
            r#""Row 100 % complete and clean: 20.00 of 20.00 points","#,
            r#""Clone readiness unknown (insufficient outcomes: 0 of 30), which gives half: 7.50 of 15.00 points"],"basis":"prior"}},"#,
            r#""score":63.10,"tier":"B","versions":{"rules":"default","learned":0}}"#,
        ]);
        let lead = fixture::full(&texts);
        let expected =
            expected.replace("LEAD", &lead.lead_id.to_string()).replace("PACKET", &deal_packet::packet_id(lead.lead_id).to_string());
        assert_eq!(line(&lead, &texts), expected);
    }

    #[test]
    fn what_a_lead_does_not_have_is_null_under_the_same_keys() {
        let (bare, full) = (fixture::texts(&[], false), fixture::texts(&[], true));
        let read = |line: String| serde_json::from_str::<Value>(&line).expect("JSON");
        let (poor, rich) = (read(line(&fixture::bare(&bare), &bare)), read(line(&fixture::full(&full), &full)));
        assert_eq!(keys(&poor), keys(&rich));
        for pointer in [
            "/value",
            "/currency",
            "/location",
            "/phone",
            "/phone_e164",
            "/stages/script_promotion/script",
            "/stages/script_promotion/version",
            "/stages/deal_packet/value",
            "/stages/deal_packet/band",
            "/stages/deal_packet/offer",
            "/stages/deal_packet/terms",
            "/stages/outcome/probability",
            "/stages/outcome/expected_value",
        ] {
            assert_eq!(poor.pointer(pointer), Some(&Value::Null), "{pointer}");
        }
        assert_eq!(poor["stages"]["ab_test"]["reason"], "no experiments configured");
        assert_eq!(poor["stages"]["deal_packet"]["missing"], serde_json::json!(["value"]));
        assert_eq!(poor["stages"]["deal_packet"]["risks"], serde_json::json!(["the e-mail domain looks misspelt", "no phone number"]));
        assert_eq!(poor["stages"]["lead_score"]["unknown"], serde_json::json!(["outcome", "value", "clone_readiness"]));
    }

    /// Keys of an object and of the objects directly and indirectly in it, lists left out.
    fn keys(value: &Value) -> Vec<String> {
        let Value::Object(object) = value else { return Vec::new() };
        object.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(keys(value))).collect()
    }

    #[test]
    fn a_worker_and_a_query_write_the_same_line() {
        let texts = fixture::texts(&[("Lot", "=1+1")], true);
        let lead = fixture::full(&texts);
        let learned = Learned::none();
        let mut plan = plan::decide(plan::Head::whole(b"name,email,value,Lot\n"), &texts.rules, "csv", None).expect("a plan");
        plan.mapping.extra_names.clone_from(&texts.names);
        let context = Context {
            plan: &plan,
            rules: &texts.rules,
            learned: &learned,
            job_id: JOB,
            ingested_at: AT,
            parents: &Parents::Any,
            issues_kept: 0,
            render: None,
        };
        let rendered = |render: Render, front: &str| {
            let mut out = front.as_bytes().to_vec();
            let mut rendering = render(&context);
            let start = out.len();
            rendering.lead(&fixture::bare(&texts), &fixture::staged(&fixture::bare(&texts), &texts.rules), &mut out);
            for _ in 0..2 {
                out.truncate(start); // what came before a line must not show in it
                rendering.lead(&lead, &fixture::staged(&lead, &texts.rules), &mut out);
            }
            String::from_utf8(out).expect("text")
        };
        assert_eq!(rendered(json_lines, "{\"row\":7"), line(&lead, &texts));
        assert_eq!(rendered(super::csv_lines, "7"), csv_lines(&lead, &texts, &texts.names).1);
    }

    #[test]
    fn csv_is_flat_safe_and_keeps_its_columns_apart() {
        let texts = fixture::texts(&[("score", "99"), ("Notes", "=SUM(A1)"), ("score (2)", "a,\"b\"")], false);
        let lead = fixture::full(&texts);
        let (header, row) = csv_lines(&lead, &texts, &texts.names);
        assert_eq!(
            header,
            "row,lead_id,name,email,value,currency,location,phone,phone_e164,source,ingested_at,score,tier,score (2),Notes,score (2) (2)\n"
        );
        let expected = format!(
            "7,{},\"John \"\"JD\"\" Doe\",john@example.com,500000.50,$,Houston TX,+1 713 555 0123,+17135550123,trade_show,{AT},63.10,B,99,'=SUM(A1),\"a,\"\"b\"\"\"\n",
            lead.lead_id
        );
        assert_eq!(row, expected);
    }

    #[test]
    fn csv_of_leads_from_different_files_has_one_header() {
        let texts = fixture::texts(&[("b", "2"), ("a", "1")], false);
        let lead = fixture::bare(&texts);
        let names = ["a", "c", "b"].map(str::to_owned);
        let line = csv_lines(&lead, &texts, &names).1;
        assert!(line.ends_with(",40.00,C,1,,2\n"), "{line}");
        let torn = Lead { extra: crate::engine::lead::Extra { packed: &texts.packed[..2], ..lead.extra }, ..lead };
        assert!(csv_lines(&torn, &texts, &texts.names).1.ends_with(",2,\n"), "a missing last cell is an empty one");
    }

    fn written(figure: impl Figure) -> String {
        let mut out = Vec::new();
        figure.write(&mut out);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn figures() {
        for (share, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.05, "0.05"),
            (1.0 / 3.0, "0.333333"),
            (0.000_000_4, "0"),
            (0.1 + 0.2, "0.3"),
            (2.5, "2.5"),
            (-0.25, "-0.25"),
            (1e300, "9223372036854.775807"),
        ] {
            assert_eq!(Millionths(share).to_string(), text);
            assert_eq!(written(Millionths(share)), text);
        }
        let mut out = Vec::new();
        object(&mut out, |one| {
            one.share(key!("nan"), Some(f64::NAN));
            one.share(key!("infinite"), Some(f64::INFINITY));
        });
        assert_eq!(out, br#"{"nan":null,"infinite":null}"#);
    }

    proptest! {
        #[test]
        fn figures_are_written_as_they_display(units in any::<i64>(), scale in 0u8..=6, points in any::<u16>(), share in -2.0f64..2.0) {
            if let Some(amount) = Decimal::new(units % 10i64.pow(u32::from(scale) * 3), scale) {
                prop_assert_eq!(written(amount), amount.to_string());
            }
            prop_assert_eq!(written(Points(points)), Points(points).to_string());
            prop_assert_eq!(written(Millionths(share)), Millionths(share).to_string());
            prop_assert_eq!(written(units.unsigned_abs()), units.unsigned_abs().to_string());
        }

        #[test]
        fn any_text_comes_back_as_it_was(name in any::<String>(), place in "\\PC*", header in any::<String>(), cell in any::<String>(), units in 1i64..1_000_000_000_000_000_000, scale in 0u8..=6) {
            let texts = fixture::texts(&[(&header, &cell)], true);
            let value = crate::engine::decimal::Decimal::new(units, scale);
            let lead = Lead { name: &name, location: &place, phone: &cell, value, ..fixture::full(&texts) };
            let line = line(&lead, &texts);
            prop_assert_eq!(line.matches('\n').count(), 1, "one line");
            let read: Value = serde_json::from_str(&line).expect("JSON");
            let text = |key: &str| read[key].as_str().unwrap_or_default().to_owned();
            prop_assert_eq!((text("name"), text("location"), text("phone")), (name, place, cell.clone()));
            let extra = read["extra"].as_object().expect("an object");
            prop_assert_eq!(extra.iter().next(), Some((&header, &Value::String(cell))));
            let digits = format!("\"value\":{},\"currency\"", value.expect("in range"));
            prop_assert!(line.contains(&digits));
        }

        #[test]
        fn contributions_add_up_to_the_score(units in 1i64..1_000_000_000_000, prior in proptest::option::of(0.0f64..=1.0), low in 1i64..100_000) {
            let mut texts = fixture::texts(&[], false);
            texts.rules = Rules { outcome: crate::engine::rules::OutcomeRules { prior, ..texts.rules.outcome }, ..texts.rules };
            texts.rules.score.value_low = crate::engine::decimal::Decimal::new(low, 0).expect("small");
            let lead = Lead { value: crate::engine::decimal::Decimal::new(units, 2), ..fixture::full(&texts) };
            let line = line(&lead, &texts);
            let read: Value = serde_json::from_str(&line).expect("JSON");
            let hundredths = |points: &Value| {
                let text = points.to_string();
                format!("{:.2}", text.parse::<f64>().expect("a number")).replace('.', "").parse::<u64>().expect("digits")
            };
            let parts = read["stages"]["lead_score"]["contributions"].as_object().expect("an object");
            let sum: u64 = parts.values().map(|part| hundredths(&part["points"])).sum();
            prop_assert_eq!(sum, hundredths(&read["score"]));
            prop_assert_eq!(&read["score"], &read["stages"]["lead_score"]["score"]);
        }
    }
}
