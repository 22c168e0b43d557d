//! What is worth saying once about a whole file: how it was read where that is not obvious, and each cause that rows share,
//! with its share, a few example rows and what to do. Never ten thousand lines that say the same.

use super::chunk::IssueCounts;
use super::drift::AS_BEFORE;
use super::lead::IssueCode;
use super::notes::{NoteCode, Notes};
use super::plan::Plan;

/// One thing to say about a file. Columns by their safe names, no cell's content: it may stand in a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The column it is about; none for the file or its rows as a whole.
    pub column: Option<String>,
    /// The cause, for programs.
    pub code: &'static str,
    /// Rows it concerns; 0 where it concerns the file.
    pub count: u64,
    /// Their share of all rows, 0 to 1; 1 where it concerns the file.
    pub share: f64,
    /// The first few of them.
    pub rows: Vec<u64>,
    /// What it is and what to do, in sentences.
    pub advice: String,
}

impl Finding {
    fn of_file(code: &'static str, advice: impl Into<String>) -> Self {
        Self { column: None, code, count: 0, share: 1.0, rows: Vec::new(), advice: advice.into() }
    }
}

/// Rows with one cause from which on it is called systematic.
const SYSTEMATIC_ROWS: u64 = 3;
/// Below this confidence a decision is worth looking at.
const SURE: f64 = 0.6;

/// Everything worth saying once, the file's own first.
#[must_use]
pub fn of(plan: &Plan, issues: &IssueCounts, notes: &Notes, rows: u64, lines_beyond: u64) -> Vec<Finding> {
    let mut found = of_plan(plan);
    if lines_beyond > 0 {
        let advice = format!(
            "{lines_beyond} lines behind the table were not read: another table, or remarks. If they hold leads, put them into a file of their own"
        );
        found.push(Finding::of_file("beyond_table", advice));
    }
    found.extend(of_rows(plan, issues, notes, rows));
    found
}

/// What the plan itself is worth saying.
#[must_use]
pub fn of_plan(plan: &Plan) -> Vec<Finding> {
    let layout = &plan.layout;
    let mut found = Vec::new();
    if layout.encoding_confidence < SURE {
        let advice = format!(
            "The encoding is probably {}, but that is a guess: look whether accented letters are right. If not, save the file as CSV UTF-8, or set encoding under [reading]",
            layout.encoding.as_str()
        );
        found.push(Finding::of_file("encoding_unsure", advice));
    }
    if layout.dialect().confidence < SURE {
        let advice =
            "Which sign separates the cells is not certain: look whether the columns are right. If not, set delimiter under [reading]";
        found.push(Finding::of_file("delimiter_unsure", advice));
    }
    if layout.preamble_lines > 0 {
        let (lines, verb) = if layout.preamble_lines == 1 { ("line", "was") } else { ("lines", "were") };
        found.push(Finding::of_file("preamble_skipped", format!("{} {lines} above the header {verb} skipped", layout.preamble_lines)));
    }
    if !layout.has_header() {
        let told_apart = match plan.mapping.columns.first() {
            Some(column) if column.why == AS_BEFORE => "those of the last file of this source were taken",
            _ => "columns were told apart by what they hold",
        };
        let advice = format!("The file has no line with column names; {told_apart}. Better put the names above them");
        found.push(Finding::of_file("no_header", advice));
    }
    if layout.header_lines > 1 {
        found.push(Finding::of_file("header_of_lines", format!("The header takes {} lines; they were joined", layout.header_lines)));
    }
    found.extend(plan.mapping.warnings.iter().map(|warning| Finding {
        column: warning.columns.first().cloned(),
        ..Finding::of_file(warning.doubt.as_str(), warning.sentence.clone())
    }));
    found
}

/// The causes that rows share.
#[allow(clippy::cast_precision_loss)] // counts
fn of_rows(plan: &Plan, issues: &IssueCounts, notes: &Notes, rows: u64) -> Vec<Finding> {
    let share = |count: u64| if rows == 0 { 0.0 } else { (count as f64 / rows as f64).min(1.0) };
    let of_issue = issues.pairs.iter().filter(|pair| pair.count >= SYSTEMATIC_ROWS).map(|pair| Finding {
        column: safe_column(plan, &pair.column),
        code: pair.code.as_str(),
        count: pair.count,
        share: share(pair.count),
        rows: pair.rows.clone(),
        advice: advice_on(pair.code, share(pair.count)),
    });
    let of_note = notes.counts.iter().map(|pair| Finding {
        column: safe_column(plan, &pair.column),
        code: pair.code.as_str(),
        count: pair.count,
        share: share(pair.count),
        // A line that is no row has no row number.
        rows: if pair.code.is_skipped() { Vec::new() } else { pair.rows.clone() },
        advice: advice_of_note(pair.code).to_owned(),
    });
    let mut found: Vec<Finding> = of_issue.chain(of_note).collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.count));
    found
}

/// A column by its safe name; none for the row as a whole.
#[must_use]
pub fn safe_column(plan: &Plan, column: &str) -> Option<String> {
    if column.is_empty() {
        return None;
    }
    let known = plan.mapping.columns.iter().find(|known| known.name == column);
    Some(known.map_or_else(|| column.to_owned(), |known| known.safe_name.clone()))
}

/// What to do about rejected rows of one cause.
fn advice_on(code: IssueCode, share: f64) -> String {
    let remedy = match code {
        IssueCode::MissingField => {
            "The cell is empty: fill it in. Where that cannot be, other fields than the e-mail can have a default or be optional, under [columns]"
        }
        IssueCode::InvalidEmail => "Correct the addresses; perhaps another column holds them",
        IssueCode::ValueNotNumeric => "Write one number in the cell, e.g. 500000",
        IssueCode::ValueNotPositive => "Write an amount above zero, or leave the cell empty where no value is required",
        IssueCode::ValueOutOfRange => "Write an amount of at most 18 digits and 6 decimals",
        IssueCode::TooManyFields => "Put cells that hold the delimiter into quotes",
        IssueCode::TooFewFields => "The line is torn or split: join it with the next one, or fill in the missing cells",
        IssueCode::FieldTooLong => "Shorten the cell, or raise the limit under [limits]",
        IssueCode::InvalidEncoding => "Save the file as CSV UTF-8",
        IssueCode::InvalidOutcome => "Write won, lost or open, or add your own word to a list under [outcomes]",
        IssueCode::InvalidDate => "Write the date as 2024-05-01, or set dates under [outcomes]",
        IssueCode::InvalidLeadId => "Write the lead_id as `valhalla leads` shows it, or the e-mail instead",
        IssueCode::OneOf | IssueCode::Matches | IssueCode::Min | IssueCode::Max | IssueCode::MaxLength => {
            "The cell breaks a rule that is configured for this column under [columns]"
        }
        IssueCode::Forgotten => {
            "These people were erased on request. Should one of them have agreed anew, run `valhalla forget --allow EMAIL` and drop the file again"
        }
    };
    if share > 0.5 {
        return format!("Most rows share this fault: correct it where the file is exported, rather than row by row. {remedy}");
    }
    remedy.to_owned()
}

/// What to do about something in rows that were taken, or lines that were skipped.
fn advice_of_note(code: NoteCode) -> &'static str {
    match code {
        NoteCode::QuoteRepaired => "A quote is missing or too many. The rows were read all the same: look whether their cells are right",
        NoteCode::DelimiterRepaired => {
            "These rows separate their cells otherwise than the file, by another sign or with a space behind it. They were read all the same"
        }
        NoteCode::HeaderRepeated => "The header stands in the file again: it was skipped there",
        NoteCode::FooterSkipped => "Totals and closing remarks are no leads: these lines were skipped",
        NoteCode::CommentSkipped => "Lines that begin with a comment sign were skipped",
        NoteCode::NulRemoved => "Zero bytes were taken out of the cells",
        NoteCode::Mojibake => {
            "Letters were damaged before the file came here (as in 'JosÃ©'): export it again as UTF-8, or set repair_mojibake under [reading]"
        }
        NoteCode::EmailSlip => "The domain of the address looks mistyped (as gmial.com for gmail.com): ask, or correct it at the source",
        NoteCode::EmailsSeveral => "Several addresses in one cell: the first one is used, the others are kept beside the lead",
        NoteCode::EmailUnwrapped => "The address was taken out of what stood around it (as in 'mailto:' or 'Name <address>')",
        NoteCode::PhoneDamaged => "A spreadsheet has turned phones into numbers (as 4.15E+09): export the column again as text",
        NoteCode::PhoneUnreadable => "These phones cannot be read as numbers; they are kept as typed",
        NoteCode::ValueAmbiguous => {
            "One separator before three digits can mean thousands or decimals; thousands was taken. Set decimal under [columns] if that is wrong"
        }
        NoteCode::ValueRange => "The value is a range; which end counts is set by ranges under [columns]",
        NoteCode::ValueInWords => "The amount was taken out of the words around it",
        NoteCode::OutcomeUnknown => {
            "These words for how it went are not known: the leads were taken without an outcome. Add the words under [outcomes]"
        }
        NoteCode::OutcomeDateUnknown => {
            "These dates of outcomes cannot be read or lie ahead: the outcomes count from the day the file came. Write dates as 2024-05-01"
        }
        NoteCode::OutcomeAmountUnknown => "What these outcomes brought or cost is no number: they were taken without it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{self, Head};
    use crate::engine::rules::Rules;

    /// What is said about a file as a whole, as `code: advice`.
    fn of_text(text: &str) -> Vec<String> {
        let plan = plan::decide(Head::whole(text.as_bytes()), &Rules::default(), "csv", None).expect("a plan");
        let found = of(&plan, &IssueCounts::default(), &Notes::keeping(0), 1, 0);
        found.into_iter().map(|finding| format!("{}: {}", finding.code, finding.advice)).collect()
    }

    #[test]
    fn lines_above_the_header_are_told_as_many_as_they_are() {
        let rows = "name,email,value\nAnn,a@b.co,1\nBo,b@b.co,2\nCy,c@b.co,3\n";
        for (above, said) in [
            ("", &[][..]),
            ("Leads of May\n\n", &["preamble_skipped: 1 line above the header was skipped"]),
            ("Leads of May\nNorth\n\n", &["preamble_skipped: 2 lines above the header were skipped"]),
        ] {
            assert_eq!(of_text(&format!("{above}{rows}")), said, "{above:?}");
        }
    }

    #[test]
    fn every_cause_of_a_rejection_has_its_remedy() {
        assert!(advice_on(IssueCode::InvalidEmail, 0.1).starts_with("Correct the addresses"));
        assert!(advice_on(IssueCode::InvalidEncoding, 0.5).starts_with("Save the file"));
        let most = advice_on(IssueCode::TooManyFields, 0.51);
        assert!(most.starts_with("Most rows share this fault") && most.ends_with("into quotes"), "{most}");
    }
}
