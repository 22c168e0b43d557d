//! A whole file through the engine: planned, cut, checked, staged, and its bad rows given back.

use std::collections::BTreeSet;

use valhalla_ingest::engine::chunk::{self, ChunkOutcome, Context, Parents};
use valhalla_ingest::engine::decode::Decoder;
use valhalla_ingest::engine::drift::{self, KnownLayout};
use valhalla_ingest::engine::learned::Learned;
use valhalla_ingest::engine::plan::{self, Head, Plan};
use valhalla_ingest::engine::rules::Rules;
use valhalla_ingest::engine::{findings, split};

use super::cutting::{Cutting, Part};
use super::{headers, rejects, rules, settings};

/// The job whose rows are given back.
pub const JOB: &str = "018f4e0e-0000-7000-8000-000000000001";

/// Settings: the rules, bytes of a chunk.
pub fn chunk(data: &[u8]) {
    let ([kind, chunk_bytes], bytes) = settings(data);
    let rules = rules(kind);
    let Ok(plan) = plan::decide(Head::whole(bytes), &rules, "csv", None) else { return };
    let text = text_of(bytes, &plan);
    holds_together(&plan, &text);
    let whole = read(&text, &plan, &rules, text.len() + 1);
    whole.is_conserved(&plan, &rules, &text);
    for chunk_bytes in [1, 1 + usize::from(chunk_bytes)] {
        let cut = read(&text, &plan, &rules, chunk_bytes);
        assert!(cut == whole, "in chunks of {chunk_bytes}: {}", cut.difference(&whole));
    }
    rejects::come_back(&text, &plan, &rules);
}

/// The text of a file, as the plan says.
pub fn text_of(bytes: &[u8], plan: &Plan) -> Vec<u8> {
    let mut text = Vec::new();
    Decoder::new(plan.layout.encoding).decode(bytes, true, &mut text);
    text
}

fn holds_together(plan: &Plan, text: &[u8]) {
    let layout = &plan.layout;
    assert!(layout.data_start <= text.len(), "{layout:?}");
    assert_eq!(layout.data_line, split::count_lines(&text[..layout.data_start]), "{layout:?}");
    assert!((0.0..=1.0).contains(&layout.confidence()), "{layout:?}");
    headers::holds_together(&plan.mapping, &plan.header);
    if let Some(known) = KnownLayout::of(plan) {
        assert_eq!(drift::drift(&known, plan), [], "a file is like itself");
    }
    let _ = findings::of_plan(plan);
}

/// What came of a whole file.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    pub rows: u64,
    pub lines: u64,
    pub leads: u64,
    /// Rows given back: row, hash of the cells, and the line that is written but for the row.
    pub rejects: Vec<(u64, u64, Vec<u8>)>,
    lead_rows: Vec<u64>,
    issue_rows: Vec<u64>,
    issues: u64,
    lines_beyond: u64,
    /// Everything that can be told about single rows, in words.
    told: Vec<String>,
}

/// Reads a text from its first data record on, in chunks of this size.
pub fn read(text: &[u8], plan: &Plan, rules: &Rules, chunk_bytes: usize) -> Outcome {
    let learned = Learned::none();
    let parents = Parents::Any;
    let context =
        Context { plan, rules, learned: &learned, job_id: JOB, ingested_at: "", parents: &parents, issues_kept: usize::MAX, render: None };
    let cutting = Cutting { table: &plan.layout.table, limit: rules.limits.record_bytes, chunk_bytes };
    let mut all = Outcome::default();
    for part in cutting.parts(text, plan.layout.data_start) {
        let outcome = chunk::run(&part.chunk(text), &context);
        assert!(!matches!(part, Part::Beyond(_)) || outcome.rows == 0);
        all.add(&outcome, plan);
    }
    all.told.sort();
    all
}

impl Outcome {
    fn add(&mut self, outcome: &ChunkOutcome, plan: &Plan) {
        let (rows, lines) = (self.rows, self.lines);
        assert_eq!(outcome.rows, outcome.leads.len() as u64 + outcome.rejects.len() as u64, "rows of a chunk");
        assert_eq!(outcome.issue_counts.pairs.iter().map(|pair| pair.count).sum::<u64>(), outcome.issues.len() as u64);
        for at in 0..outcome.leads.len() {
            let lead = outcome.leads.lead(at, &plan.mapping.extra_names);
            let texts = [lead.name, lead.email, lead.currency, lead.location, lead.phone, lead.phone_e164, lead.source];
            let extra: Vec<(&str, &str)> = lead.extra.iter().collect();
            let (row, line, mark) = (rows + lead.row, lines + lead.line, outcome.leads.mark(at));
            assert!(mark.score <= 10_000 && mark.tier <= 3, "{mark:?}");
            self.told.push(format!("{row} {line} {} {texts:?} {:?} {extra:?} {mark:?}", lead.lead_id, lead.value));
            self.lead_rows.push(row);
        }
        let issues = outcome.issues.iter();
        self.told.extend(issues.map(|i| format!("{} {} {} {} {}", rows + i.row, lines + i.line, i.column, i.code.as_str(), i.message)));
        self.issue_rows.extend(outcome.issues.iter().map(|issue| rows + issue.row));
        let notes = outcome.notes.counts.iter();
        let count = |note: &valhalla_ingest::engine::notes::NoteCount| format!("note {} {}", note.column, note.code.as_str());
        self.told.extend(notes.flat_map(|note| std::iter::repeat_n(count(note), usize::try_from(note.count).unwrap_or(0))));
        for (reject, head, tail) in outcome.rejects.iter() {
            let row = match reject.origin {
                rejects::Origin::Here(row) => rows + row,
                rejects::Origin::Earlier(earlier) => earlier.row,
            };
            self.rejects.push((row, reject.cells_hash, [head, row.to_string().as_bytes(), tail].concat()));
        }
        self.issues += outcome.issues.len() as u64;
        self.leads += outcome.leads.len() as u64;
        self.lines_beyond += outcome.lines_beyond;
        self.rows += outcome.rows;
        self.lines += outcome.lines;
    }

    /// Every row is a lead or is given back, with a reason; every line is counted.
    fn is_conserved(&self, plan: &Plan, rules: &Rules, text: &[u8]) {
        assert_eq!(self.rows, self.leads + self.rejects.len() as u64);
        let issue_rows: BTreeSet<u64> = self.issue_rows.iter().copied().collect();
        let lead_rows: BTreeSet<u64> = self.lead_rows.iter().copied().collect();
        assert_eq!(lead_rows.len() as u64, self.leads, "no row is two leads");
        assert!(issue_rows.is_disjoint(&lead_rows), "a row is a lead and is given back");
        assert_eq!(issue_rows.union(&lead_rows).copied().collect::<Vec<_>>(), (1..=self.rows).collect::<Vec<_>>(), "rows are told once");
        let cutting = Cutting { table: &plan.layout.table, limit: rules.limits.record_bytes, chunk_bytes: text.len() + 1 };
        let is_beyond = matches!(cutting.parts(text, plan.layout.data_start).last(), Some(Part::Beyond(_)));
        let open_end = u64::from(is_beyond && !text.ends_with(b"\n") && !text.ends_with(b"\r"));
        assert_eq!(self.lines, split::count_lines(&text[plan.layout.data_start..]) + open_end, "lines");
        let rows = cutting.rows(text, plan.layout.data_start).iter().filter(|row| row.is_data()).count() as u64;
        assert!(plan.reimport || rows == self.rows, "{rows} records are {} rows", self.rows);
    }

    fn difference(&self, other: &Self) -> String {
        let told = self.told.iter().zip(&other.told).find(|(one, other)| one != other);
        let counts = |outcome: &Self| (outcome.rows, outcome.lines, outcome.leads, outcome.issues, outcome.told.len());
        format!("{:?} and {:?}, {told:?}", counts(self), counts(other))
    }
}
