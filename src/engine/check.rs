//! A row as read → a lead, or everything that is wrong with it. The only constructor of a lead.
//!
//! All issues of a row are found, not only the first. A row that breaks a rule is data, not an error.
//! Wording as in the original system, so that people and scripts that knew it find the same sentences.

use std::borrow::Cow;

use csv::ByteRecord;

use super::cells::{standard_source, trim};
use super::decimal::{self, Amount, Decimal, NotAnAmount};
use super::email;
use super::headers::FieldFrom;
use super::lead::{self, Field, IssueCode, LeadBatch, Parts, RowIssue};
use super::phone::{self, Phone};
use super::plan::{Plan, Target};
use super::rules::{ConstraintRule, Rules};

/// One data record as the parser gave it.
#[derive(Debug, Clone, Copy)]
pub struct RawRow<'a> {
    /// Data records count from 1 within the chunk.
    pub row: u64,
    /// Lines count from 1 within the chunk.
    pub line: u64,
    /// The cells; for a returning rejects file, already without our three columns.
    pub record: &'a ByteRecord,
}

/// Issues of single cells told for one row; a row that has so many is not read cell by cell.
const CELL_ISSUES_MAX: usize = 50;

/// Checks and cleans one row: a lead appended to `batch`, or its issues appended to `issues`.
///
/// Returns whether the row was accepted.
pub fn check(raw: &RawRow<'_>, plan: &Plan, rules: &Rules, issues: &mut Vec<RowIssue>, batch: &mut LeadBatch) -> bool {
    let mut row = Row { raw, plan, rules, issues, found: 0 };
    row.check_shape();
    if raw.record.len() > rules.limits.columns {
        return false; // this is no row of a list: what stands in its cells is not looked at
    }
    let text = |field| row_text(raw.record, plan, rules, field);
    let (name, address, value) = (text(Field::Name), text(Field::Email), text(Field::Value));
    let (location, phone, source) = (text(Field::Location), text(Field::Phone), text(Field::Source));
    let texts = [&name, &address, &value, &location, &phone, &source];

    let is_missing = |field: &Field| texts[*field as usize].is_empty() && !is_filled(raw.record, plan, *field);
    for field in rules.columns.required.iter().filter(is_missing) {
        row.issue(IssueCode::MissingField, plan.mapping.column_of(field), format!("Missing fields in lead data: ['{field}']"));
    }
    let address = row.address(&address);
    let amount = row.amount(&value, &name);
    for (target, at) in &plan.constraints {
        row.constrain(*target, *at, &texts, amount);
    }
    if row.found > 0 {
        return false;
    }

    let address = address.unwrap_or(Cow::Borrowed(""));
    let (phone_e164, phone_reads) = match phone::read_phone(&phone, rules.columns.phone_country.as_deref()) {
        Phone::E164(number) => (number, true),
        Phone::National => (String::new(), true),
        Phone::Unreadable => (String::new(), false),
    };
    let source = standard_source(&source);
    let source_given = !source.is_empty();
    let parts = Parts {
        row: raw.row,
        line: raw.line,
        lead_id: lead::lead_id_of(&email::identity(&address)),
        value: amount.map(|amount| amount.value),
        source_given,
        phone_reads,
    };
    let source = if source_given { &*source } else { &plan.default_source };
    let currency = amount.map_or("", |amount| amount.currency);
    batch.push(parts, [&name, &address, currency, &location, &phone, &phone_e164, source], |packed| {
        for at in &plan.mapping.extra {
            lead::pack_cell(packed, cell(raw.record, *at).unwrap_or(""));
        }
    });
    true
}

/// Whether a field's cells hold anything at all, be it bytes that are not text, which has been said by then.
fn is_filled(record: &ByteRecord, plan: &Plan, field: Field) -> bool {
    let is_unreadable = |at: &usize| record.get(*at).is_some_and(|cell| std::str::from_utf8(cell).is_err());
    match plan.mapping.from(field) {
        FieldFrom::Nowhere => false,
        FieldFrom::Column(at) => is_unreadable(at),
        FieldFrom::Joined(parts, _) => parts.iter().any(is_unreadable),
    }
}

/// A cell as text; `None` where it is absent or not text.
fn cell(record: &ByteRecord, at: usize) -> Option<&str> {
    std::str::from_utf8(record.get(at)?).ok()
}

/// The cleaned text of a field, joined from its columns or replaced by its default.
fn row_text<'a>(record: &'a ByteRecord, plan: &Plan, rules: &'a Rules, field: Field) -> Cow<'a, str> {
    let text = match plan.mapping.from(field) {
        FieldFrom::Nowhere => Cow::Borrowed(""),
        FieldFrom::Column(at) => Cow::Borrowed(trim(cell(record, *at).unwrap_or(""))),
        FieldFrom::Joined(parts, separator) => {
            let cells = parts.iter().filter_map(|at| cell(record, *at)).map(trim).filter(|text| !text.is_empty());
            Cow::Owned(cells.collect::<Vec<_>>().join(separator))
        }
    };
    if !text.is_empty() || rules.columns.defaults.is_empty() {
        return text;
    }
    rules.columns.defaults.get(&field).map_or(text, |default| Cow::Borrowed(default.as_str()))
}

/// One row being checked: where its issues are gathered.
struct Row<'a, 'b> {
    raw: &'a RawRow<'b>,
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
        for (at, cell) in self.raw.record.iter().enumerate() {
            if self.found >= CELL_ISSUES_MAX {
                return;
            }
            if cell.len() > self.rules.limits.field_bytes {
                let message = format!("Field too long: {} bytes, at most {} are allowed", cell.len(), self.rules.limits.field_bytes);
                self.issue(IssueCode::FieldTooLong, self.column_name(at), message);
            }
            if !cell.is_ascii() && std::str::from_utf8(cell).is_err() {
                let message = "Invalid characters: this cell is not UTF-8 text (save the file as CSV UTF-8)".to_owned();
                self.issue(IssueCode::InvalidEncoding, self.column_name(at), message);
            }
        }
    }

    fn column_name(&self, at: usize) -> String {
        self.plan.mapping.columns.get(at).map_or_else(|| format!("column_{}", at + 1), |column| column.name.clone())
    }

    fn address<'t>(&mut self, text: &'t str) -> Option<Cow<'t, str>> {
        if text.is_empty() {
            return None;
        }
        let address = email::read_address(text, self.rules.columns.email);
        if address.is_none() {
            self.issue(IssueCode::InvalidEmail, self.plan.mapping.column_of(Field::Email), format!("Invalid email format: {text}"));
        }
        address
    }

    fn amount<'t>(&mut self, text: &'t str, name: &str) -> Option<Amount<'t>> {
        if text.is_empty() {
            return None;
        }
        let column = |row: &Self| row.plan.mapping.column_of(Field::Value);
        match decimal::read_amount(text, self.plan.decimal_mark) {
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
            Target::Column(at) => (trim(cell(self.raw.record, at).unwrap_or("")), self.column_name(at)),
        };
        let is_said = target == Target::Field(Field::Value) && amount.is_none();
        if text.is_empty() || is_said {
            return; // what is wrong with a value is told once
        }
        let number = || match target {
            Target::Field(Field::Value) => amount.map(|amount| amount.value),
            _ => decimal::read_amount(text, self.plan.decimal_mark).ok().map(|amount| amount.value),
        };
        if let Some((code, asked)) = broken(&self.rules.columns.constraints[at].rule, text, number) {
            let message = format!("Invalid {column}: {text} ({asked})");
            self.issue(code, column, message);
        }
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
    use crate::engine::plan;
    use crate::engine::rules::Constraint;

    /// Reads one row under a header; the lead as text, or its issues as `code@column: message`.
    fn read(header: &str, row: &str, rules: &Rules) -> String {
        let text = format!("{header}\n{row}\n");
        let plan = plan::decide(text.as_bytes(), true, rules, "csv").expect("a plan");
        let record =
            crate::engine::dialect::reader(row.as_bytes(), &plan.layout.dialect).byte_records().next().expect("a row").expect("readable");
        let (mut issues, mut batch) = (Vec::new(), LeadBatch::default());
        if check(&RawRow { row: 1, line: 2, record: &record }, &plan, rules, &mut issues, &mut batch) {
            let lead = batch.lead(0, &plan.mapping.extra_names);
            let value = lead.value.map_or("-".into(), |value| value.to_string());
            let extra: Vec<String> = lead.extra.iter().map(|(name, cell)| format!("{name}={cell}")).collect();
            return format!("{}|{}|{value}|{}|{}|{}|{}", lead.name, lead.email, lead.location, lead.phone, lead.source, extra.join(","));
        }
        issues.iter().map(|i| format!("{}@{}: {}", i.code.as_str(), i.column, i.message)).collect::<Vec<_>>().join("; ")
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
        let plan = plan::decide(b"name,email,value\n", true, &Rules::default(), "csv").expect("a plan");
        let record = ByteRecord::from(vec![&b"A\xff"[..], b"a@b.co", b"5"]);
        let (mut issues, mut batch) = (Vec::new(), LeadBatch::default());
        assert!(!check(&RawRow { row: 1, line: 2, record: &record }, &plan, &Rules::default(), &mut issues, &mut batch));
        let told: Vec<_> = issues.iter().map(|issue| (issue.code, issue.column.as_str())).collect();
        assert_eq!(told, [(IssueCode::InvalidEncoding, "name")], "a cell that cannot be read is not missing");
    }
}
