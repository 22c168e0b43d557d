//! What people should know about rows that were taken all the same: repairs, guesses, slips. A note never rejects.
//!
//! Counted by column and cause, with the first rows of each as examples, so that ten thousand alike are told once. Only
//! the first few keep a sentence of their own: it may quote a cell, so it is shown to whoever dropped the file and never
//! written to a log or journal.

/// Why a row is worth a word. The text is part of the file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteCode {
    /// A quote was missing, stray or never closed, and the row could be read all the same.
    QuoteRepaired,
    /// The row separates its cells by another sign than the file does.
    DelimiterRepaired,
    /// A line that is the header again: skipped.
    HeaderRepeated,
    /// A total or a closing remark instead of a lead: skipped.
    FooterSkipped,
    /// A comment line: skipped.
    CommentSkipped,
    /// Zero bytes were taken out of a cell.
    NulRemoved,
    /// The cell was damaged by a wrong encoding on an earlier way (`JosÃ©`).
    Mojibake,
    /// The domain of the address is a known slip.
    EmailSlip,
    /// Several addresses in one cell: the first one is used, the others are kept.
    EmailsSeveral,
    /// The address was taken out of what stood around it (`mailto:`, `Name <a@b.c>`).
    EmailUnwrapped,
    /// A spreadsheet has turned the phone into a number (`4.15E+09`), or its leading zero is gone.
    PhoneDamaged,
    /// The phone cannot be read as one.
    PhoneUnreadable,
    /// A separator that can mean thousands as well as decimals.
    ValueAmbiguous,
    /// A range: one end, or the middle, was taken.
    ValueRange,
    /// Words stood around the amount.
    ValueInWords,
    /// A word for how it went that is not known: the lead is taken without an outcome.
    OutcomeUnknown,
    /// The date of an outcome cannot be read, or lies ahead: the outcome is taken without it.
    OutcomeDateUnknown,
    /// What an outcome brought or cost is no number: the outcome is taken without it.
    OutcomeAmountUnknown,
}

impl NoteCode {
    /// The code as it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QuoteRepaired => "quote_repaired",
            Self::DelimiterRepaired => "delimiter_repaired",
            Self::HeaderRepeated => "header_repeated",
            Self::FooterSkipped => "footer_skipped",
            Self::CommentSkipped => "comment_skipped",
            Self::NulRemoved => "nul_removed",
            Self::Mojibake => "mojibake",
            Self::EmailSlip => "email_slip",
            Self::EmailsSeveral => "emails_several",
            Self::EmailUnwrapped => "email_unwrapped",
            Self::PhoneDamaged => "phone_damaged",
            Self::PhoneUnreadable => "phone_unreadable",
            Self::ValueAmbiguous => "value_ambiguous",
            Self::ValueRange => "value_range",
            Self::ValueInWords => "value_in_words",
            Self::OutcomeUnknown => "outcome_not_understood",
            Self::OutcomeDateUnknown => "outcome_date_not_understood",
            Self::OutcomeAmountUnknown => "outcome_amount_not_understood",
        }
    }

    /// Whether it is about a line that was skipped, because it is no row.
    #[must_use]
    pub fn is_skipped(self) -> bool {
        matches!(self, Self::HeaderRepeated | Self::FooterSkipped | Self::CommentSkipped)
    }

    /// What happened, as a sentence without a full stop.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::QuoteRepaired => "a quote is missing or too many; the row was read all the same",
            Self::DelimiterRepaired => {
                "the cells of this row are separated otherwise than in the rest of the file, by another sign or with a space behind it; it was read all the same"
            }
            Self::HeaderRepeated => "this line is the header again and was skipped",
            Self::FooterSkipped => "this line is a total or a closing remark and was skipped",
            Self::CommentSkipped => "this line is a comment and was skipped",
            Self::NulRemoved => "zero bytes were taken out of the cell",
            Self::Mojibake => "the cell was damaged by a wrong encoding before it came here, as in 'JosÃ©'",
            Self::EmailSlip => "the domain of the address looks mistyped",
            Self::EmailsSeveral => "there are several addresses in the cell; the first one is used",
            Self::EmailUnwrapped => "the address was taken out of what stood around it",
            Self::PhoneDamaged => "a spreadsheet has damaged the phone number",
            Self::PhoneUnreadable => "the phone cannot be read as a number",
            Self::ValueAmbiguous => "the separator in the number can mean thousands or decimals; thousands was taken",
            Self::ValueRange => "the value is a range",
            Self::ValueInWords => "the number was taken out of the words around it",
            Self::OutcomeUnknown => "the word for how it went is not known; the lead was taken without an outcome",
            Self::OutcomeDateUnknown => "the date of the outcome cannot be read or lies ahead; the outcome was taken without it",
            Self::OutcomeAmountUnknown => "the amount of the outcome is no number; the outcome was taken without it",
        }
    }
}

/// One note on one row, with its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNote {
    /// Data records count from 1; inside a chunk, from the chunk's first. For a skipped line, the row before it.
    pub row: u64,
    /// The physical line, counted like `row`.
    pub line: u64,
    /// The header as written; empty when the row as a whole is meant.
    pub column: String,
    /// The cause.
    pub code: NoteCode,
    /// A sentence for people; may quote the cell.
    pub message: String,
}

/// How often one cause was met in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteCount {
    /// Column as written, empty for the row as a whole.
    pub column: String,
    /// The cause.
    pub code: NoteCode,
    /// How often.
    pub count: u64,
    /// The first few rows.
    pub rows: Vec<u64>,
}

/// The notes of a chunk or a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// By column and cause. Few distinct pairs, so a list serves better than a map.
    pub counts: Vec<NoteCount>,
    /// The first ones with their sentences.
    pub first: Vec<RowNote>,
    kept: usize,
}

/// Example rows kept for each pair.
const EXAMPLE_ROWS: usize = 5;
/// Distinct pairs that are told apart.
const PAIRS: usize = 4096;

impl Notes {
    /// None yet; at most `kept` of those to come keep their sentence.
    #[must_use]
    pub fn keeping(kept: usize) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Adds a note; the sentence is only made when it is kept.
    pub fn add(&mut self, (row, line): (u64, u64), column: &str, code: NoteCode, message: impl FnOnce() -> String) {
        self.count(column, code, 1, std::iter::once(row));
        if self.first.len() < self.kept {
            self.first.push(RowNote { row, line, column: column.to_owned(), code, message: message() });
        }
    }

    /// Adds a later chunk's notes, whose rows and lines follow others.
    pub fn merge(&mut self, other: Self, rows_before: u64, lines_before: u64) {
        for pair in &other.counts {
            self.count(&pair.column, pair.code, pair.count, pair.rows.iter().map(|row| row + rows_before));
        }
        let room = self.kept.saturating_sub(self.first.len());
        let moved = |note: RowNote| RowNote { row: note.row + rows_before, line: note.line + lines_before, ..note };
        self.first.extend(other.first.into_iter().take(room).map(moved));
    }

    /// How often a cause was met, in whatever column.
    #[must_use]
    pub fn total(&self, code: NoteCode) -> u64 {
        self.counts.iter().filter(|pair| pair.code == code).map(|pair| pair.count).sum()
    }

    fn count(&mut self, column: &str, code: NoteCode, count: u64, rows: impl Iterator<Item = u64>) {
        let column = if self.counts.len() < PAIRS { column } else { "" };
        let found = self.counts.iter().position(|pair| pair.code == code && pair.column == column);
        let at = found.unwrap_or_else(|| {
            self.counts.push(NoteCount { column: column.to_owned(), code, count: 0, rows: Vec::new() });
            self.counts.len() - 1
        });
        let pair = &mut self.counts[at];
        pair.count += count;
        let room = EXAMPLE_ROWS.saturating_sub(pair.rows.len());
        pair.rows.extend(rows.take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_told_once_for_each_column_and_cause() {
        let mut chunk = Notes::keeping(1);
        for row in 1..=7 {
            chunk.add((row, row + 1), "email", NoteCode::EmailSlip, || format!("row {row}"));
        }
        let mut file = Notes::keeping(10);
        file.merge(chunk.clone(), 100, 200);
        file.merge(chunk, 200, 400);
        assert_eq!(file.counts.len(), 1);
        assert_eq!((file.counts[0].count, file.counts[0].rows.clone()), (14, vec![101, 102, 103, 104, 105]));
        assert_eq!(file.first.iter().map(|note| (note.row, note.line)).collect::<Vec<_>>(), [(101, 202), (201, 402)]);
        assert_eq!(file.total(NoteCode::EmailSlip), 14);
    }
}
