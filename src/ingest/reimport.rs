//! A rejects file on its way back: which job it came from, and what its return resolves.

use uuid::Uuid;

use crate::engine::amount::DecimalMark;
use crate::engine::chunk::Parents;
use crate::engine::lead::Field;
use crate::engine::outcomes::dates::DateOrder;
use crate::engine::outcomes::{Part, PlanKind};
use crate::engine::plan::{self, Head, Plan};
use crate::engine::record::Cells;
use crate::engine::records::Records;
use crate::engine::rules::Rules;
use crate::journal::Report;
use crate::journal::report::{Column, Kind, Rows};
use crate::render::receipt::{self, Facts};
use crate::store::jobs::Earlier;
use crate::store::{Result, Store};

/// What is known about a returning rejects file; empty for any other.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// The job that its first row names.
    pub parent: Option<Earlier>,
    /// The jobs whose rows it may hold.
    pub parents: Parents,
    /// How the parent was read.
    pub as_before: AsBefore,
    open_before: u64,
    /// Digests of every set of rows that was given back in this loop.
    given: Vec<u64>,
}

/// What was decided about the parent from all of its rows, and cannot be seen in the few that come back: which columns are
/// fields where only the cells told, and what `1,234` means.
#[derive(Debug, Default)]
pub(super) struct AsBefore {
    /// The headers of each field's columns as they come back.
    fields: Vec<(Field, Vec<String>)>,
    decimal_mark: Option<DecimalMark>,
    /// What kind of rows they were, and the headers of the columns of outcomes.
    kind: Option<PlanKind>,
    parts: Vec<(Part, String)>,
    dates: Option<DateOrder>,
}

/// What columns are called of a file without a header.
const NO_NAME: &str = "column_";

impl AsBefore {
    /// Finds the parent's columns among those that come back (without our three), by name, else by place.
    fn find(store: &Store, parent: Uuid, header: &[String]) -> Result<Self> {
        let Some((facts, report)) = store.told_of(parent)? else { return Ok(Self::default()) };
        let facts: Facts = serde_json::from_str(&facts).unwrap_or_default();
        let report = serde_json::from_str::<Report>(&report).ok();
        let kind = report.as_ref().map(|report| if report.kind == Kind::Outcomes { PlanKind::Outcomes } else { PlanKind::Leads });
        let columns = report.map(|report| report.columns).unwrap_or_default();
        let is_one = |name: &&String| header.iter().filter(|other| other == name).count() == 1;
        let as_returned = |(at, column): (usize, &Column)| {
            let in_place = header.get(at).filter(|_| header.len() == columns.len());
            header.iter().find(|name| **name == column.name).or(in_place).filter(is_one).cloned()
        };
        let names_of = |field: Field| {
            let of_field = columns.iter().enumerate().filter(|(_, column)| column.maps_to.as_deref() == Some(field.name()));
            of_field.map(as_returned).collect::<Option<Vec<String>>>().filter(|names| !names.is_empty())
        };
        let fields = Field::ALL.into_iter().filter_map(|field| Some((field, names_of(field)?))).collect();
        let part = |(at, name): &(usize, String)| Some((Part::from_name(name)?, as_returned((*at, columns.get(*at)?))?));
        let parts = facts.outcome_columns.iter().filter_map(part).collect();
        let dates = facts.month_first.map(|is_first| if is_first { DateOrder::MonthFirst } else { DateOrder::DayFirst });
        let decimal_mark = facts.decimal_comma.map(|is_comma| if is_comma { DecimalMark::Comma } else { DecimalMark::Point });
        Ok(Self { fields, decimal_mark, kind, parts, dates })
    }

    /// The rules of the parent's source, with its columns as aliases before all others.
    pub fn rules(&self, of_source: &Rules) -> Rules {
        let mut rules = of_source.clone();
        for (field, names) in &self.fields {
            if let [name] = &names[..] {
                rules.columns.aliases.entry(*field).or_default().insert(0, name.clone());
            } else if names.iter().all(|name| name.starts_with(NO_NAME)) {
                rules.columns.joined.insert(*field, names.clone());
            } // else the names tell, also which comes first
        }
        rules.outcomes.kind = self.kind;
        for (part, name) in &self.parts {
            rules.outcomes.aliases.entry(*part).or_default().insert(0, name.clone());
        }
        rules
    }

    /// Settles what a plan cannot see in the few rows that came back.
    pub fn settle(&self, plan: &mut Plan) {
        plan.decimal_mark = self.decimal_mark.filter(|_| plan.kind == PlanKind::Leads).unwrap_or(plan.decimal_mark);
        if let Some(outcome) = &mut plan.outcome {
            outcome.dates = self.dates.unwrap_or(outcome.dates);
            outcome.decimal_mark = self.decimal_mark.filter(|_| plan.kind == PlanKind::Outcomes).unwrap_or(outcome.decimal_mark);
        }
    }
}

/// Keeps with a job how its columns, numbers and dates were read.
pub(super) fn keep_habits(plan: &Plan, facts: &mut Facts) {
    facts.decimal_comma = decimal_comma(plan.decimal_mark);
    let Some(outcome) = &plan.outcome else { return };
    if plan.kind == PlanKind::Outcomes {
        facts.decimal_comma = decimal_comma(outcome.decimal_mark);
    }
    facts.month_first = outcome.column(Part::Date).map(|_| outcome.dates == DateOrder::MonthFirst);
    let columns = Part::ALL.into_iter().filter_map(|part| Some((outcome.column(part)?, part.name().to_owned())));
    facts.outcome_columns = columns.collect();
}

/// How a decimal mark is kept with a job.
fn decimal_comma(mark: DecimalMark) -> Option<bool> {
    match mark {
        DecimalMark::Unknown => None,
        DecimalMark::Point => Some(false),
        DecimalMark::Comma => Some(true),
    }
}

impl Returned {
    /// Finds the job that the first linked row names.
    ///
    /// Looks at the layout only: which columns are required and how they are named is for the parent's source to say.
    pub fn find(store: &Store, head: Head<'_>, rules: &Rules) -> Result<Self> {
        let Ok((layout, text)) = plan::read_layout(head, rules) else { return Ok(Self::default()) };
        let Some(columns) = plan::returned_columns(&layout.header) else { return Ok(Self::default()) };
        let known = store.jobs_with_rejects()?;
        let mut records = Records::new(&text[layout.data_start..], &layout.table, rules.limits.record_bytes);
        let mut record = Cells::new();
        let mut named = None;
        while named.is_none() && records.next(&mut record).is_some() {
            let cell = record.get(columns + 2).and_then(|cell| std::str::from_utf8(cell).ok());
            named = cell.and_then(|cell| Uuid::parse_str(cell.trim()).ok()).filter(|job| known.contains(job));
        }
        let parent = named.map(|job| store.job(job)).transpose()?.flatten();
        let open_before = match &parent {
            Some(parent) => parent.rejected.saturating_sub(store.resolved(parent.seq)?),
            None => 0,
        };
        let given = match &parent {
            Some(parent) => store.rejects_given(parent.job_id)?,
            None => Vec::new(),
        };
        let as_before = match &parent {
            Some(parent) => AsBefore::find(store, parent.job_id, &layout.header[..columns])?,
            None => AsBefore::default(),
        };
        Ok(Self { parent, parents: Parents::Known(known), as_before, open_before, given })
    }

    /// Whether all rows came back exactly as we had given them, in the first round or a later one.
    pub fn is_unchanged(&self, rows: Rows, rejects_digest: u64) -> bool {
        rows.total > 0 && rows.rejected == rows.total && self.given.contains(&rejects_digest)
    }

    /// What the receipt says about the loop.
    pub fn told(&self, store: &Store, unchanged: bool) -> Result<Option<receipt::Returned>> {
        let Some(parent) = &self.parent else { return Ok(None) };
        let open = parent.rejected.saturating_sub(store.resolved(parent.seq)?);
        Ok(Some(receipt::Returned {
            parent_file: parent.file.clone(),
            parent_job: parent.job_id.to_string(),
            resolved_now: self.open_before.saturating_sub(open),
            resolved_total: parent.rejected - open,
            open,
            unchanged,
        }))
    }
}
