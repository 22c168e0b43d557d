//! A row as read → a lead, or everything that is wrong with it. The only constructor of a lead.
//!
//! All issues of a row are found, not only the first. A row that breaks a rule is data, not an error; of a row that is
//! taken it is noted what was repaired, guessed or doubtful about it. Wording of the issues as in the original system, so
//! that people and scripts that knew it find the same sentences.

mod outcome;

use std::borrow::Cow;

use super::amount::{self, Amount, AmountRules};
use super::cells::{self, standard_source, trim};
use super::decimal::{Decimal, NotAnAmount};
use super::email::{self, Address};
use super::headers::FieldFrom;
use super::lead::{self, Field, IssueCode, LeadBatch, Parts, RowIssue};
use super::mojibake;
use super::notes::{NoteCode, Notes};
use super::phone::{self, Phone};
use super::plan::{Plan, Target};
use super::record::{Cells, Texts};
use super::rules::{ConstraintRule, Rules};
pub use outcome::{check_outcome, outcome_beside};

/// One data record as the parser gave it.
#[derive(Debug, Clone, Copy)]
pub struct RawRow<'a> {
    /// Data records count from 1 within the chunk.
    pub row: u64,
    /// Lines count from 1 within the chunk.
    pub line: u64,
    /// The cells; for a returning rejects file, already without our three columns.
    pub record: &'a Cells,
}

/// Issues of single cells told for one row; a row that has so many is not read cell by cell.
const CELL_ISSUES_MAX: usize = 50;

/// Checks and cleans one row: a lead appended to `batch` with its notes, or its issues appended to `issues`.
///
/// Returns whether the row was accepted.
pub fn check(raw: &RawRow<'_>, plan: &Plan, rules: &Rules, issues: &mut Vec<RowIssue>, notes: &mut Notes, batch: &mut LeadBatch) -> bool {
    let cells = raw.record.texts();
    let mut row = Row { raw, cells, plan, rules, issues, found: 0 };
    row.check_shape();
    if raw.record.len() > rules.limits.columns {
        return false; // this is no row of a list: what stands in its cells is not looked at
    }
    let text = |field| row_text(cells, plan, rules, field);
    let (name, address, value) = (text(Field::Name), text(Field::Email), text(Field::Value));
    let (location, phone, source) = (text(Field::Location), text(Field::Phone), text(Field::Source));
    let texts = [&name, &address, &value, &location, &phone, &source];

    let is_missing = |field: &Field| texts[*field as usize].is_empty() && !is_filled(raw.record, cells, plan, *field);
    for field in rules.columns.required.iter().filter(is_missing) {
        row.issue(IssueCode::MissingField, plan.mapping.column_of(field), format!("Missing fields in lead data: ['{field}']"));
    }
    let found = row.address(&address);
    let amount = row.amount(&value, &name);
    for (target, at) in &plan.constraints {
        row.constrain(*target, *at, &texts, amount);
    }
    if row.found > 0 {
        return false;
    }

    let found = found.unwrap_or(Address { address: Cow::Borrowed(""), others: Cow::Borrowed(""), unwrapped: false });
    let number = phone::read_phone(&phone, rules.columns.phone_country.as_deref());
    Remarks { row: &row, notes }.add_all(&texts, &found, amount, &number);

    let source = standard_source(&source);
    let source_given = !source.is_empty();
    let parts = Parts {
        row: raw.row,
        line: raw.line,
        lead_id: lead::lead_id_of(&email::identity(&found.address)),
        value: amount.map(|amount| amount.value),
        source_given,
        phone_reads: number.reads(),
    };
    let source = if source_given { &*source } else { &plan.default_source };
    let currency = amount.map_or("", |amount| amount.currency);
    batch.push(parts, [&name, &found.address, currency, &location, &phone, number.e164(), source], |packed| {
        for at in &plan.mapping.extra {
            lead::pack_cell(packed, &repaired(cells.get(*at).unwrap_or(""), rules));
        }
        if plan.mapping.other_emails.is_some() && !found.others.is_empty() {
            lead::pack_cell(packed, &found.others);
        }
    });
    true
}

/// Whether a field's cells hold anything at all, be it bytes that are not text, which has been said by then.
fn is_filled(record: &Cells, cells: Texts<'_>, plan: &Plan, field: Field) -> bool {
    let is_unreadable = |at: &usize| *at < record.len() && cells.get(*at).is_none();
    columns_of(plan, field).iter().any(is_unreadable)
}

/// The columns that a field is read from.
fn columns_of(plan: &Plan, field: Field) -> &[usize] {
    match plan.mapping.from(field) {
        FieldFrom::Nowhere => &[],
        FieldFrom::Column(at) => std::slice::from_ref(at),
        FieldFrom::Joined(parts, _) => parts,
    }
}

/// The cleaned text of a field, joined from its columns or replaced by its default.
fn row_text<'a>(cells: Texts<'a>, plan: &Plan, rules: &'a Rules, field: Field) -> Cow<'a, str> {
    let text = match plan.mapping.from(field) {
        FieldFrom::Nowhere => Cow::Borrowed(""),
        FieldFrom::Column(at) => field_text(cells.get(*at).unwrap_or(""), cells.has_nul(), rules, field),
        FieldFrom::Joined(parts, separator) => {
            let texts = parts.iter().filter_map(|at| cells.get(*at)).map(|cell| match field {
                // Half a name that is not known is kept as it was typed; a whole one is missing.
                Field::Name if trim(cell).eq_ignore_ascii_case("unknown") => Cow::Borrowed(trim(cell)),
                _ => field_text(cell, cells.has_nul(), rules, field),
            });
            Cow::Owned(texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(separator))
        }
    };
    if !text.is_empty() || rules.columns.defaults.is_empty() {
        return text;
    }
    rules.columns.defaults.get(&field).map_or(text, |default| Cow::Borrowed(default.as_str()))
}

/// A field's cell: `""` when it means that there is nothing. Only names and places are cleaned inside: the line breaks of
/// the others separate addresses and numbers, and a phone is kept as typed.
fn field_text<'a>(cell: &'a str, has_nul: bool, rules: &Rules, field: Field) -> Cow<'a, str> {
    let text = trim(cell);
    if cells::is_missing(field, text) {
        return Cow::Borrowed("");
    }
    match field {
        Field::Name | Field::Location => match repaired(text, rules) {
            Cow::Borrowed(text) => cells::clean(text),
            Cow::Owned(text) => Cow::Owned(cells::clean(&text).into_owned()),
        },
        Field::Source => repaired(text, rules),
        Field::Email | Field::Value | Field::Phone if has_nul => without_nuls(text),
        Field::Email | Field::Value | Field::Phone => Cow::Borrowed(text),
    }
}

/// A cell without the zero bytes that programs pad texts with.
fn without_nuls(text: &str) -> Cow<'_, str> {
    if !text.as_bytes().contains(&0) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(trim(&text.replace('\0', "")).to_owned())
}

/// A cell without the damage of an earlier wrong encoding, where the configuration wants it repaired.
fn repaired<'a>(text: &'a str, rules: &Rules) -> Cow<'a, str> {
    if !rules.reading.repair_mojibake || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    mojibake::repaired(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// One row being checked: where its issues are gathered.
struct Row<'a, 'b> {
    raw: &'a RawRow<'b>,
    cells: Texts<'b>,
    plan: &'a Plan,
    rules: &'a Rules,
    issues: &'a mut Vec<RowIssue>,
    found: usize,
}

impl Row<'_, '_> {
    fn issue(&mut self, code: IssueCode, column: impl Into<String>, message: String) {
        self.found += 1;
        self.issues.push(RowIssue { row: self.raw.row, line: self.raw.line, column: column.into(), code, message });
    }

    /// Width, cell lengths and encoding.
    fn check_shape(&mut self) {
        let (width, expected) = (self.raw.record.len(), self.plan.mapping.columns.len());
        if width > expected && self.raw.record.iter().skip(expected).any(|cell| !cell.trim_ascii().is_empty()) {
            let message = format!("Too many fields: {width} cells for {expected} columns (is there a comma in a cell without quotes?)");
            self.issue(IssueCode::TooManyFields, "", message);
        }
        if width < expected && self.plan.habitual_width != Some(width) {
            let message = format!("Too few fields: {width} cells for {expected} columns (is the line torn or split?)");
            self.issue(IssueCode::TooFewFields, "", message);
        }
        if width > self.rules.limits.columns {
            if width <= expected || self.found == 0 {
                let message = format!("Too many fields: {width} cells, at most {} columns are allowed", self.rules.limits.columns);
                self.issue(IssueCode::TooManyFields, "", message);
            }
            return;
        }
        if self.cells.is_ascii() && self.raw.record.as_slice().len() <= self.rules.limits.field_bytes {
            return; // so is each of them
        }
        for (at, cell) in self.raw.record.iter().enumerate() {
            if self.found >= CELL_ISSUES_MAX {
                return;
            }
            if cell.len() > self.rules.limits.field_bytes {
                let message = format!("Field too long: {} bytes, at most {} are allowed", cell.len(), self.rules.limits.field_bytes);
                self.issue(IssueCode::FieldTooLong, self.column_name(at), message);
            }
            if self.cells.get(at).is_none() {
                let message = "Invalid characters: this cell is not UTF-8 text (save the file as CSV UTF-8)".to_owned();
                self.issue(IssueCode::InvalidEncoding, self.column_name(at), message);
            }
        }
    }

    fn column_name(&self, at: usize) -> String {
        self.plan.mapping.columns.get(at).map_or_else(|| format!("column_{}", at + 1), |column| column.name.clone())
    }

    fn address<'t>(&mut self, text: &'t str) -> Option<Address<'t>> {
        if text.is_empty() {
            return None;
        }
        let found = email::read_address(text, self.rules.columns.email);
        if found.is_none() {
            self.issue(IssueCode::InvalidEmail, self.plan.mapping.column_of(Field::Email), format!("Invalid email format: {text}"));
        }
        found
    }

    fn amount_rules(&self) -> AmountRules {
        AmountRules { mark: self.plan.decimal_mark, ranges: self.rules.columns.ranges }
    }

    fn amount<'t>(&mut self, text: &'t str, name: &str) -> Option<Amount<'t>> {
        if text.is_empty() {
            return None;
        }
        let column = |row: &Self| row.plan.mapping.column_of(Field::Value);
        match amount::read_amount(text, self.amount_rules()) {
            Ok(amount) if amount.value.is_positive() => return Some(amount),
            Ok(_) => self.issue(IssueCode::ValueNotPositive, column(self), format!("Invalid lead value: {text} for lead: {name}")),
            Err(NotAnAmount::NotNumeric) => self.issue(IssueCode::ValueNotNumeric, column(self), format!("Value must be numeric: {text}")),
            Err(NotAnAmount::OutOfRange) => {
                let message = format!("Value out of range: {text} (at most 18 digits and 6 decimals)");
                self.issue(IssueCode::ValueOutOfRange, column(self), message);
            }
        }
        None
    }

    /// Holds one configured constraint against its cell; an empty cell passes.
    fn constrain(&mut self, target: Target, at: usize, texts: &[&Cow<'_, str>; 6], amount: Option<Amount<'_>>) {
        let (text, column) = match target {
            Target::Field(field) => (&**texts[field as usize], self.plan.mapping.column_of(field)),
            Target::Column(at) => (trim(self.cells.get(at).unwrap_or("")), self.column_name(at)),
        };
        let is_said = target == Target::Field(Field::Value) && amount.is_none();
        if text.is_empty() || is_said {
            return; // what is wrong with a value is told once
        }
        let number = || match target {
            Target::Field(Field::Value) => amount.map(|amount| amount.value),
            _ => amount::read_amount(text, self.amount_rules()).ok().map(|amount| amount.value),
        };
        if let Some((code, asked)) = broken(&self.rules.columns.constraints[at].rule, text, number) {
            let message = format!("Invalid {column}: {text} ({asked})");
            self.issue(code, column, message);
        }
    }
}

/// What should be known about a row that is taken.
struct Remarks<'a, 'b> {
    row: &'a Row<'a, 'b>,
    notes: &'a mut Notes,
}

impl Remarks<'_, '_> {
    fn add_all(&mut self, texts: &[&Cow<'_, str>; 6], found: &Address<'_>, amount: Option<Amount<'_>>, number: &Phone) {
        self.add_address(texts[Field::Email as usize], found);
        if let Some((amount, code)) = amount.and_then(|amount| Some((amount, amount.note?))) {
            self.add_amount(texts[Field::Value as usize], amount, code);
        }
        if !texts[Field::Phone as usize].is_empty() {
            self.add_phone(texts[Field::Phone as usize], number);
        }
        if !self.row.cells.is_ascii() {
            self.add_mojibake();
        }
        if self.row.cells.has_nul() {
            self.add_nuls();
        }
    }

    fn add_address(&mut self, text: &str, Address { address, others, unwrapped }: &Address<'_>) {
        if let Some(meant) = email::meant_domain(address) {
            let local = address.rsplit_once('@').map_or("", |(local, _)| local);
            self.add(Field::Email, NoteCode::EmailSlip, || format!("{address} is taken as it is: was {local}@{meant} meant?"));
        }
        if !others.is_empty() {
            self.add(Field::Email, NoteCode::EmailsSeveral, || {
                format!("Several addresses in one cell: {address} is used, kept are {others}")
            });
        } else if *unwrapped {
            self.add(Field::Email, NoteCode::EmailUnwrapped, || format!("{address} was taken out of: {text}"));
        }
    }

    fn add_amount(&mut self, text: &str, amount: Amount<'_>, code: NoteCode) {
        let value = amount.value;
        self.add(Field::Value, code, || match code {
            NoteCode::ValueAmbiguous => format!("{text} is read as {value}: its separator can mean thousands as well as decimals"),
            NoteCode::ValueRange => format!("{text} is a range, read as {value}"),
            _ => format!("{text} is read as {value}"),
        });
    }

    fn add_phone(&mut self, text: &str, number: &Phone) {
        match number {
            Phone::Damaged { reads: false, .. } => self.add(Field::Phone, NoteCode::PhoneDamaged, || {
                format!("{text}: a spreadsheet has cut the digits off (make the column text and export it again)")
            }),
            Phone::Damaged { e164, .. } => self.add(Field::Phone, NoteCode::PhoneDamaged, || {
                let read = if e164.is_empty() { String::new() } else { format!(", read as {e164}") };
                format!("{text}: a spreadsheet has made it a number{read} (make the column text and export it again)")
            }),
            Phone::Unreadable => {
                self.add(Field::Phone, NoteCode::PhoneUnreadable, || {
                    format!("{text} cannot be read as a phone number, and is kept as typed")
                });
            }
            Phone::E164(_) | Phone::National => {}
        }
    }

    /// Only fields are cleaned; other columns keep every byte.
    fn add_nuls(&mut self) {
        let Row { raw, plan, .. } = self.row;
        for at in Field::ALL.iter().flat_map(|field| columns_of(plan, *field)) {
            if raw.record.get(*at).is_some_and(|cell| cell.contains(&0)) {
                let column = self.row.column_name(*at);
                self.notes.add((raw.row, raw.line), &column, NoteCode::NulRemoved, || format!("Zero bytes were taken out of {column}"));
            }
        }
    }

    /// Text fields and the columns that we do not know.
    fn add_mojibake(&mut self) {
        let Row { raw, cells, plan, rules, .. } = self.row;
        let fields = [Field::Name, Field::Location, Field::Source].map(|field| columns_of(plan, field));
        for at in fields.into_iter().flatten().chain(&plan.mapping.extra) {
            let Some(text) = cells.get(*at).filter(|text| !text.is_ascii()) else { continue };
            let Some(repaired) = mojibake::repaired(text) else { continue };
            let done = if rules.reading.repair_mojibake { "repaired to" } else { "probably" };
            self.notes.add((raw.row, raw.line), &self.row.column_name(*at), NoteCode::Mojibake, || {
                format!("{text}: damaged by a wrong encoding, {done} {repaired}")
            });
        }
    }

    fn add(&mut self, field: Field, code: NoteCode, message: impl FnOnce() -> String) {
        let Row { raw, plan, .. } = self.row;
        self.notes.add((raw.row, raw.line), &plan.mapping.column_of(field), code, message);
    }
}

/// What is asked, when the cell does not give it. A cell that is no number at all breaks `min` and `max`, except the
/// value, which has said so already.
fn broken(rule: &ConstraintRule, text: &str, number: impl Fn() -> Option<Decimal>) -> Option<(IssueCode, String)> {
    match rule {
        ConstraintRule::OneOf(values) => {
            let listed = values.iter().any(|value| value.to_lowercase() == text.to_lowercase());
            (!listed).then(|| (IssueCode::OneOf, format!("must be one of: {}", values.join(", "))))
        }
        ConstraintRule::Matches(pattern) => {
            let whole = pattern.find(text).is_some_and(|found| found.len() == text.len());
            // The configuration anchors what was typed; people are shown what they typed.
            let typed = pattern.as_str();
            let typed = typed.strip_prefix("\\A(?:").and_then(|rest| rest.strip_suffix(")\\z")).unwrap_or(typed);
            (!whole).then(|| (IssueCode::Matches, format!("must match {typed}")))
        }
        ConstraintRule::Min(least) => {
            number().is_none_or(|number| number.micros() < least.micros()).then(|| (IssueCode::Min, format!("must be at least {least}")))
        }
        ConstraintRule::Max(most) => {
            number().is_none_or(|number| number.micros() > most.micros()).then(|| (IssueCode::Max, format!("must be at most {most}")))
        }
        ConstraintRule::MaxLength(most) => {
            (text.chars().count() > *most).then(|| (IssueCode::MaxLength, format!("must have at most {most} characters")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{self, Head};
    use crate::engine::rules::{self, Constraint};
    use proptest::prelude::*;

    /// What became of a row.
    struct Checked {
        issues: Vec<RowIssue>,
        notes: Notes,
        batch: LeadBatch,
        plan: Plan,
    }

    fn check_cells(header: &str, cells: Vec<&[u8]>, rules: &Rules) -> Checked {
        let plan = plan::decide(Head::whole(format!("{header}\n").as_bytes()), rules, "csv", None).expect("a plan");
        let record = Cells::from(cells);
        let mut checked = Checked { issues: Vec::new(), notes: Notes::keeping(10), batch: LeadBatch::default(), plan };
        let Checked { issues, notes, batch, plan } = &mut checked;
        let accepted = check(&RawRow { row: 1, line: 2, record: &record }, plan, rules, issues, notes, batch);
        assert_eq!((accepted, issues.is_empty()), (batch.len() == 1, batch.len() == 1));
        checked
    }

    /// Reads one row under a header; the lead as text, or its issues as `code@column: message`.
    fn read(header: &str, row: &str, rules: &Rules) -> String {
        let Checked { issues, batch, plan, .. } = check_cells(header, row.split(',').map(str::as_bytes).collect(), rules);
        if batch.is_empty() {
            return issues.iter().map(|i| format!("{}@{}: {}", i.code.as_str(), i.column, i.message)).collect::<Vec<_>>().join("; ");
        }
        let lead = batch.lead(0, &plan.mapping.extra_names);
        let value = lead.value.map_or("-".into(), |value| value.to_string());
        let extra: Vec<String> = lead.extra.iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        format!("{}|{}|{value}|{}|{}|{}|{}", lead.name, lead.email, lead.location, lead.phone, lead.source, extra.join(","))
    }

    /// The notes on a row of the six fields and a column more, as `code@column: message`.
    fn notes_on(cells: [&str; 7], rules: &Rules) -> Vec<String> {
        let checked = check_cells("name,email,value,location,phone,source,notes", cells.map(str::as_bytes).to_vec(), rules);
        assert_eq!(checked.issues, [], "{cells:?}");
        checked.notes.first.iter().map(|note| format!("{}@{}: {}", note.code.as_str(), note.column, note.message)).collect()
    }

    fn check_row(row: &str, expected: &str) {
        assert_eq!(read("name,email,value,phone,source,notes", row, &Rules::default()), expected, "{row}");
    }

    #[test]
    fn rows() {
        check_row(
            " Ann \u{200b},ANN@Example.com,500000.50,713-555-0123,Trade Show, as is ",
            "Ann|ann@example.com|500000.50||713-555-0123|trade_show|notes= as is ",
        );
        check_row("Ann,ann@example.com,5,,,", "Ann|ann@example.com|5|||csv|notes=");
        check_row("Ann,ann@example.com,5,,,,,", "Ann|ann@example.com|5|||csv|notes=");
        check_row(
            ",john.example.com,abc,,,",
            "missing_field@name: Missing fields in lead data: ['name']; invalid_email@email: Invalid email format: john.example.com; value_not_numeric@value: Value must be numeric: abc",
        );
        check_row("John Doe,a@b.co,-5,,,", "value_not_positive@value: Invalid lead value: -5 for lead: John Doe");
        check_row("John Doe,a@b.co,0,,,", "value_not_positive@value: Invalid lead value: 0 for lead: John Doe");
        check_row(
            "J,a@b.co,1234567890123456789,,,",
            "value_out_of_range@value: Value out of range: 1234567890123456789 (at most 18 digits and 6 decimals)",
        );
        check_row(
            "J,a@b.co,5,,,,x",
            "too_many_fields@: Too many fields: 7 cells for 6 columns (is there a comma in a cell without quotes?)",
        );
        check_row(
            "J,a@b.co",
            "too_few_fields@: Too few fields: 2 cells for 6 columns (is the line torn or split?); missing_field@value: Missing fields in lead data: ['value']",
        );
    }

    #[test]
    fn a_value_can_be_optional_or_have_a_default() {
        let mut rules = Rules::default();
        rules.columns.required.remove(Field::Value);
        assert_eq!(read("name,email", "A,a@b.co", &rules), "A|a@b.co|-|||csv|");
        assert_eq!(
            read("name,email,value", "A,a@b.co,x", &rules),
            "value_not_numeric@value: Value must be numeric: x",
            "given, so it must be right"
        );
        rules.columns.required.insert(Field::Value);
        rules.columns.defaults.insert(Field::Value, "1000".into());
        assert_eq!(read("name,email", "A,a@b.co", &rules), "A|a@b.co|1000|||csv|");
    }

    #[test]
    fn configured_constraints() {
        let mut rules = Rules::default();
        let constraint = |column: &str, rule| Constraint { column: column.into(), rule };
        rules.columns.constraints = vec![
            constraint("notes", ConstraintRule::OneOf(vec!["Hot".into(), "cold".into()])),
            constraint("name", ConstraintRule::MaxLength(3)),
            constraint("value", ConstraintRule::Min("10".parse().expect("10"))),
            constraint("value", ConstraintRule::Max("20".parse().expect("20"))),
            constraint("Lead ID", ConstraintRule::Matches("L[0-9]+".parse().expect("pattern"))),
        ];
        let header = "name,email,value,notes,lead_id";
        assert_eq!(read(header, "Ann,a@b.co,15,HOT,L1", &rules), "Ann|a@b.co|15|||csv|notes=HOT,lead_id=L1");
        assert_eq!(read(header, "Ann,a@b.co,15,,", &rules), "Ann|a@b.co|15|||csv|notes=,lead_id=");
        let broken = read(header, "Anna,a@b.co,5,warm,xL1", &rules);
        for code in ["one_of@notes", "max_length@name", "min@value: Invalid value: 5 (must be at least 10)", "matches@lead_id"] {
            assert!(broken.contains(code), "{code} in {broken}");
        }
        assert!(read(header, "Ann,a@b.co,21,,", &rules).starts_with("max@value"));
    }

    #[test]
    fn bytes_that_are_not_text_cost_the_row() {
        let checked = check_cells("name,email,value", vec![b"A\xff", b"a@b.co", b"5"], &Rules::default());
        let told: Vec<_> = checked.issues.iter().map(|issue| (issue.code, issue.column.as_str())).collect();
        assert_eq!(told, [(IssueCode::InvalidEncoding, "name")], "a cell that cannot be read is not missing");
    }

    #[test]
    fn zero_bytes_are_taken_out_of_fields_and_told() {
        let cells: Vec<&[u8]> = vec![b"A\0da", b"a@b.co\0", b"\x005\0", b"555\0", b"x\0"];
        let checked = check_cells("name,email,value,phone,notes", cells, &Rules::default());
        let lead = checked.batch.lead(0, &checked.plan.mapping.extra_names);
        assert_eq!((lead.name, lead.email, lead.phone), ("Ada", "a@b.co", "555"));
        assert_eq!(lead.extra.iter().collect::<Vec<_>>(), [("notes", "x\0")]);
        let told: Vec<&str> = checked.notes.counts.iter().filter(|n| n.code == NoteCode::NulRemoved).map(|n| n.column.as_str()).collect();
        assert_eq!(told, ["name", "email", "value", "phone"]);
        assert_eq!(
            read("name,email,value", "A,\0,5", &Rules::default()),
            "missing_field@email: Missing fields in lead data: ['email']",
            "nothing but zero bytes is nothing"
        );
    }

    #[test]
    fn text_is_cleaned_and_other_columns_are_kept() {
        assert_eq!(
            read("name,email,value,location,notes", "Kim\n \u{a0}Larsen,a@b.co,5,New   York,a  b\u{200b}", &Rules::default()),
            "Kim Larsen|a@b.co|5|New York||csv|notes=a  b\u{200b}"
        );
        assert_eq!(read("name,email,value,phone", "A,a@b.co,5, 1\u{a0}\u{a0}2 ", &Rules::default()), "A|a@b.co|5||1\u{a0}\u{a0}2|csv|");
    }

    #[test]
    fn words_for_nothing_are_missing_and_formula_errors_no_value() {
        for nothing in ["N/A", "-", "NULL", "n.a."] {
            assert_eq!(
                read("name,email,value,location,phone", &format!("A,a@b.co,{nothing},X,1"), &Rules::default()),
                "missing_field@value: Missing fields in lead data: ['value']"
            );
            assert_eq!(
                read("name,email,value,location,phone", &format!("A,a@b.co,5,{nothing},{nothing}"), &Rules::default()),
                "A|a@b.co|5|||csv|"
            );
        }
        for no_number in ["#REF!", "call me"] {
            let told = format!("value_not_numeric@value: Value must be numeric: {no_number}");
            assert_eq!(read("name,email,value", &format!("A,a@b.co,{no_number}"), &Rules::default()), told);
        }
        assert_eq!(read("name,email,value", "Null,a@b.co,5", &Rules::default()), "Null|a@b.co|5|||csv|", "somebody is called so");
        assert_eq!(
            read("name,email,value", "#REF!,a@b.co,5", &Rules::default()),
            "missing_field@name: Missing fields in lead data: ['name']"
        );
    }

    #[test]
    fn other_addresses_are_kept() {
        let checked = check_cells("name,email,value,notes", vec![b"A", b"a@b.co; B@c.de", b"5", b"x"], &Rules::default());
        let lead = checked.batch.lead(0, &checked.plan.mapping.extra_names);
        assert_eq!(lead.email, "a@b.co");
        let others = &checked.plan.mapping.extra_names[checked.plan.mapping.other_emails.expect("a place for them")];
        assert_eq!(lead.extra.iter().collect::<Vec<_>>(), [("notes", "x"), (others.as_str(), "b@c.de")]);
    }

    #[test]
    fn notes_on_accepted_rows() {
        let rules = Rules::default();
        assert_eq!(notes_on(["A", "a@b.co", "5", "", "+44 20 7946 0018", "", ""], &rules), [""; 0]);
        let phone = |cell| notes_on(["A", "a@b.co", "5", "", cell, "", ""], &rules).concat();
        assert!(phone("4.15E+09").starts_with("phone_damaged@phone: 4.15E+09: a spreadsheet has cut the digits off"));
        assert!(phone("7135550123.0").starts_with("phone_damaged@phone: 7135550123.0: a spreadsheet has made it a number (make"));
        assert_eq!(phone("call me"), "phone_unreadable@phone: call me cannot be read as a phone number, and is kept as typed");
        assert_eq!(phone("N/A"), "");
        let email = |cell| notes_on(["A", cell, "5", "", "", "", ""], &rules).concat();
        assert_eq!(email("ann@gmial.com"), "email_slip@email: ann@gmial.com is taken as it is: was ann@gmail.com meant?");
        assert_eq!(email("Ann <a@b.co>"), "email_unwrapped@email: a@b.co was taken out of: Ann <a@b.co>");
        assert_eq!(email("a@b.co, c@d.co"), "emails_several@email: Several addresses in one cell: a@b.co is used, kept are c@d.co");
        let value = |cell| notes_on(["A", "a@b.co", cell, "", "", "", ""], &rules).concat();
        assert!(value("200k-300k").starts_with("value_range@value: 200k-300k is a range, read as 200"));
    }

    #[test]
    fn mojibake_is_told_and_repaired_only_when_configured() {
        let mut rules = Rules::default();
        let row = ["JosÃ© Ã‘iguez", "a@b.co", "5", "", "", "", "MÃ¼nchen"];
        let told = |rules: &Rules| notes_on(row, rules).join("; ");
        assert_eq!(
            told(&rules),
            "mojibake@name: JosÃ© Ã‘iguez: damaged by a wrong encoding, probably José Ñiguez; mojibake@notes: MÃ¼nchen: damaged by a wrong encoding, probably München"
        );
        let read = |rules: &Rules| {
            let checked = check_cells("name,email,value,location,phone,source,notes", row.map(str::as_bytes).to_vec(), rules);
            let lead = checked.batch.lead(0, &checked.plan.mapping.extra_names);
            format!("{} {}", lead.name, lead.extra.get("notes").unwrap_or_default())
        };
        assert_eq!(read(&rules), "JosÃ© Ã‘iguez MÃ¼nchen");
        rules.reading.repair_mojibake = true;
        assert_eq!(read(&rules), "José Ñiguez München");
        assert!(told(&rules).contains("repaired to München"));
    }

    proptest! {
        #[test]
        fn any_row_is_a_lead_or_has_issues(row in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..9)) {
            let checked = check_cells("name,email,value,location,phone,source,notes", row.iter().map(Vec::as_slice).collect(), &Rules::default());
            prop_assert!(checked.batch.is_empty() != checked.issues.is_empty());
        }
    }

    #[test]
    fn as_many_cells_as_are_allowed_are_read_and_more_are_told_once() {
        let mut rules = Rules::default();
        rules.limits.columns = 3;
        assert_eq!(read("name,email,value", "Ann,a@b.co,5", &rules), "Ann|a@b.co|5|||csv|");
        assert_eq!(
            read("name,email,value", "Ann,a@b.co,5,x", &rules),
            "too_many_fields@: Too many fields: 4 cells for 3 columns (is there a comma in a cell without quotes?)"
        );
        assert_eq!(
            read("name,email,value", "Ann,a@b.co,5,", &rules),
            "too_many_fields@: Too many fields: 4 cells, at most 3 columns are allowed"
        );
    }

    #[test]
    fn a_filter_admits_by_a_field_or_by_a_column_of_the_file() {
        let checked = check_cells(
            "name,email,value,source,Team",
            ["Ann", "a@b.co", "5", "Web", " North "].map(str::as_bytes).to_vec(),
            &Rules::default(),
        );
        let lead = checked.batch.lead(0, &checked.plan.mapping.extra_names);
        let filter = |column: &str, one_of: &str| rules::Filter { column: column.into(), one_of: vec!["x".into(), one_of.into()] };
        for (column, one_of, admits) in [
            ("source", "WEB", true),
            ("Team", "north", true),
            ("Team", "south", false),
            ("team of sale", "north", false),
            ("name", "ann", true),
            ("value", "5", false),
        ] {
            assert_eq!(filter(column, one_of).admits(&lead), admits, "{column} = {one_of}");
        }
    }

    #[test]
    fn a_batch_knows_what_memory_it_holds() {
        let checked = check_cells("name,email,value", vec![b"Ann", b"a@b.co", b"5"], &Rules::default());
        assert!(checked.batch.bytes() > size_of::<uuid::Uuid>() + "Anna@b.co".len(), "texts, and what stands beside them");
        assert_eq!(LeadBatch::default().bytes(), 0);
    }

    #[test]
    fn a_lead_keeps_the_arm_it_was_given_though_the_experiment_changed() {
        use crate::engine::stages::ab_test::{Arm, assign};
        let variant = |id: &str| rules::Variant { id: id.into(), weight: "1".parse().expect("a weight"), script: None };
        let variants = vec![variant("a"), variant("b"), variant("c")];
        let thresholds = rules::Experiment::thresholds(&variants);
        let experiment = rules::Experiment { id: "x".into(), version: 2, salt: "x".into(), thresholds, variants, filter: None };
        let all = Rules { experiments: vec![experiment], ..Rules::default() };
        let checked = check_cells("name,email,value", vec![b"Ann", b"a@b.co", b"5"], &all);
        let lead = checked.batch.lead(0, &checked.plan.mapping.extra_names);
        for (id, is_configured) in [("a", true), ("b", true), ("c", true), ("gone", false)] {
            let kept = Arm { experiment: "x".into(), version: 1, variant: id.into() };
            let given = assign(&lead, &[kept], &all);
            let arm = &given.arms[0];
            assert_eq!((arm.version, arm.variant_id.as_str()), (1, id));
            assert_eq!(arm.variant.map(|variant| variant.id.as_str()), is_configured.then_some(id));
        }
        assert_eq!(assign(&lead, &[], &all).arms[0].version, 2);
    }
}
