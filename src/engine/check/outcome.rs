//! A row of outcomes → one outcome, or everything that is wrong with it; and the outcome that a lead's row tells beside it.
//!
//! Beside a lead nothing about the outcome ever rejects the row: what is not understood is noted and left out.

use uuid::Uuid;

use super::{RawRow, Row, is_filled, row_text};
use crate::engine::amount::{self, AmountRules};
use crate::engine::cells::{self, trim};
use crate::engine::decimal::{Decimal, NotAnAmount};
use crate::engine::email;
use crate::engine::headers::FieldFrom;
use crate::engine::lead::{Field, IssueCode, RowIssue, lead_id_of};
use crate::engine::notes::{NoteCode, Notes};
use crate::engine::outcomes::dates::read_date;
use crate::engine::outcomes::{OutcomeColumns, OutcomeRow, Part, Verdict};
use crate::engine::plan::Plan;
use crate::engine::rules::Rules;

/// Checks one row of a list of outcomes: the outcome, or its issues appended to `issues`.
pub fn check_outcome(raw: &RawRow<'_>, plan: &Plan, rules: &Rules, issues: &mut Vec<RowIssue>) -> Option<OutcomeRow> {
    let columns = plan.outcome.as_ref()?;
    let mut row = Row { raw, cells: raw.record.texts(), plan, rules, issues, found: 0 };
    row.check_shape();
    if raw.record.len() > rules.limits.columns {
        return None; // this is no row of a list: what stands in its cells is not looked at
    }
    let person = row.person(columns);
    let verdict = row.verdict(columns);
    let at_ms = row.date(columns);
    let (revenue, cost) = (row.amount_of(columns, Part::Revenue), row.amount_of(columns, Part::Cost));
    if row.found > 0 {
        return None;
    }
    let text = |part| boxed(row.part(columns, part));
    Some(OutcomeRow {
        row: raw.row,
        line: raw.line,
        person: person?,
        verdict: verdict?,
        at_ms,
        revenue,
        cost,
        script: text(Part::Script),
        variant: text(Part::Variant),
        channel: text(Part::Channel),
    })
}

/// The outcome that an accepted lead's row tells of this person; `None` where it tells none, or none that is understood.
pub fn outcome_beside(raw: &RawRow<'_>, plan: &Plan, rules: &Rules, person: Uuid, notes: &mut Notes) -> Option<OutcomeRow> {
    let columns = plan.outcome.as_ref()?;
    let mut unheard = Vec::new(); // issues are for rows that are rejected
    let mut row = Row { raw, cells: raw.record.texts(), plan, rules, issues: &mut unheard, found: 0 };
    if row.part(columns, Part::Outcome).is_empty() {
        return None;
    }
    let verdict = row.verdict(columns);
    let at_ms = row.date(columns);
    let (revenue, cost) = (row.amount_of(columns, Part::Revenue), row.amount_of(columns, Part::Cost));
    let text = |part| boxed(row.part(columns, part));
    let (script, variant, channel) = (text(Part::Script), text(Part::Variant), text(Part::Channel));
    for RowIssue { column, code, message, .. } in unheard {
        let code = match code {
            IssueCode::InvalidOutcome => NoteCode::OutcomeUnknown,
            IssueCode::InvalidDate => NoteCode::OutcomeDateUnknown,
            _ => NoteCode::OutcomeAmountUnknown,
        };
        notes.add((raw.row, raw.line), &column, code, || message);
    }
    Some(OutcomeRow { row: raw.row, line: raw.line, person, verdict: verdict?, at_ms, revenue, cost, script, variant, channel })
}

impl Row<'_, '_> {
    /// A part's cell, trimmed; `""` where there is none, or a word for nothing.
    fn part(&self, columns: &OutcomeColumns, part: Part) -> &str {
        let cell = columns.column(part).and_then(|at| self.cells.get(at)).map_or("", trim);
        if cells::means_missing(cell) || cells::is_spreadsheet_error(cell) { "" } else { cell }
    }

    fn part_column(&self, columns: &OutcomeColumns, part: Part) -> String {
        columns.column(part).map_or_else(|| part.name().to_owned(), |at| self.column_name(at))
    }

    /// Whose outcome it is: by the e-mail, from which our id follows, else by the id itself.
    fn person(&mut self, columns: &OutcomeColumns) -> Option<Uuid> {
        let address = row_text(self.cells, self.plan, self.rules, Field::Email);
        if !address.is_empty() {
            return self.address(&address).map(|found| lead_id_of(&email::identity(&found.address)));
        }
        let given = self.part(columns, Part::LeadId).to_owned();
        if !given.is_empty() {
            let person = Uuid::parse_str(&given).ok();
            if person.is_none() {
                let message = format!("Invalid lead_id: {given} (it is a UUID, as `valhalla leads` shows it)");
                self.issue(IssueCode::InvalidLeadId, self.part_column(columns, Part::LeadId), message);
            }
            return person;
        }
        if !is_filled(self.raw.record, self.cells, self.plan, Field::Email) {
            let has_ids = *self.plan.mapping.from(Field::Email) == FieldFrom::Nowhere;
            let (column, field) = if has_ids {
                (self.part_column(columns, Part::LeadId), Part::LeadId.name())
            } else {
                (self.plan.mapping.column_of(Field::Email), Field::Email.name())
            };
            self.issue(IssueCode::MissingField, column, format!("Missing fields in outcome data: ['{field}']"));
        }
        None
    }

    fn verdict(&mut self, columns: &OutcomeColumns) -> Option<Verdict> {
        let cell = self.part(columns, Part::Outcome).to_owned();
        let verdict = self.rules.outcomes.verdict(&cell);
        if verdict.is_none() {
            let message = format!(
                "Outcome not known: {cell} (known are won, lost, open, yes, no, closed won and the like; add a word of your own under [outcomes])"
            );
            self.issue(IssueCode::InvalidOutcome, self.part_column(columns, Part::Outcome), message);
        }
        verdict
    }

    fn date(&mut self, columns: &OutcomeColumns) -> Option<i64> {
        let cell = self.part(columns, Part::Date).to_owned();
        let read = read_date(&cell, columns.dates);
        if read.is_none() && !cell.is_empty() {
            let message = format!("Date not understood: {cell} (write it as 2024-05-01)");
            self.issue(IssueCode::InvalidDate, self.part_column(columns, Part::Date), message);
        }
        read
    }

    fn amount_of(&mut self, columns: &OutcomeColumns, part: Part) -> Option<Decimal> {
        let cell = self.part(columns, part).to_owned();
        if cell.is_empty() {
            return None;
        }
        let rules = AmountRules { mark: columns.decimal_mark, ranges: self.rules.columns.ranges };
        let name = part.name();
        let (code, message) = match amount::read_amount(&cell, rules) {
            Ok(amount) => return Some(amount.value),
            Err(NotAnAmount::NotNumeric) => (IssueCode::ValueNotNumeric, format!("{name} must be numeric: {cell}")),
            Err(NotAnAmount::OutOfRange) => {
                (IssueCode::ValueOutOfRange, format!("{name} out of range: {cell} (at most 18 digits and 6 decimals)"))
            }
        };
        self.issue(code, self.part_column(columns, part), message);
        None
    }
}

fn boxed(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| cells::clean(text).into())
}
