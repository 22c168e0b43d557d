//! What became of leads, as files tell it: which columns say so, what their words mean, and one such row.
//!
//! A file may be a list of outcomes, one person a row, or a list of leads with a column that also says how it went. Which
//! it is, is decided once, in the plan. Reading an outcome never takes a column away from a lead: in a list of leads the
//! column stays under `extra` as before. Rows are checked by `check/outcome.rs`; joining them to leads is the store's
//! business, and what they mean for rates is `learning`'s.

pub mod dates;
mod recognition;
mod words;

use std::collections::BTreeMap;

use uuid::Uuid;

use self::dates::DateOrder;
use super::amount::DecimalMark;
use super::decimal::Decimal;
pub use recognition::{Recognised, names_outcome, recognise};

/// What became of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It came to nothing.
    Lost,
    /// It became what was hoped for.
    Won,
    /// Not decided; corrects an earlier verdict.
    Open,
}

impl Verdict {
    /// All three, in the order of [`code`](Self::code).
    pub const ALL: [Verdict; 3] = [Self::Lost, Self::Won, Self::Open];

    /// The word as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["lost", "won", "open"][self as usize]
    }

    /// As it is stored: 0 lost, 1 won, 2 open.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// From what is stored.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// What kind of rows a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanKind {
    /// Leads, perhaps with their outcomes.
    #[default]
    Leads,
    /// Outcomes of leads.
    Outcomes,
}

/// One thing that a column can say about an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// How it went.
    Outcome,
    /// When.
    Date,
    /// What it brought.
    Revenue,
    /// What it cost.
    Cost,
    /// The script that was really used.
    Script,
    /// The variant that was really used.
    Variant,
    /// The channel that was really used.
    Channel,
    /// Whose it is, by our own id.
    LeadId,
}

impl Part {
    /// All of them, in the order they are told to people.
    pub const ALL: [Part; 8] =
        [Self::Outcome, Self::Date, Self::Revenue, Self::Cost, Self::Script, Self::Variant, Self::Channel, Self::LeadId];

    /// The name used in configuration and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["outcome", "outcome_date", "revenue", "cost", "script", "variant", "channel", "lead_id"][self as usize]
    }

    /// The part of this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// What is configured about reading outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutcomeReading {
    /// Names of columns, tried before the built-in ones. As typed; compared normalised.
    pub aliases: BTreeMap<Part, Vec<String>>,
    /// Words beside the built-in ones, as typed; compared normalised.
    pub words: BTreeMap<String, Verdict>,
    /// How `5/1/2024` is read; where nothing is set, the file's own dates decide.
    pub dates: Option<DateOrder>,
    /// What kind of file it is. Not configured: known of rows that come back to us.
    pub kind: Option<PlanKind>,
}

impl OutcomeReading {
    /// What a cell says; `None` for a word that is not known. An empty cell, or a word for nothing, is open.
    #[must_use]
    pub fn verdict(&self, cell: &str) -> Option<Verdict> {
        words::verdict(cell, &self.words)
    }
}

/// The form in which words are compared: without case, accents, spaces and punctuation.
#[must_use]
pub fn word_key(word: &str) -> String {
    super::headers::normalise(word)
}

/// Where in a file outcomes stand, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeColumns {
    /// The column of each part, in the order of [`Part::ALL`].
    pub at: [Option<usize>; 8],
    /// How `5/1/2024` is read.
    pub dates: DateOrder,
    /// The decimal mark of revenue and cost.
    pub decimal_mark: DecimalMark,
}

impl OutcomeColumns {
    /// The column of a part.
    #[must_use]
    pub fn column(&self, part: Part) -> Option<usize> {
        self.at[part as usize]
    }
}

/// One outcome as a row tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Data record, counted from 1 within its chunk.
    pub row: u64,
    /// Physical line, counted like `row`.
    pub line: u64,
    /// Whose it is: a `lead_id`, known or not.
    pub person: Uuid,
    /// How it went.
    pub verdict: Verdict,
    /// When, milliseconds since 1970, where the row says so.
    pub at_ms: Option<i64>,
    /// What it brought.
    pub revenue: Option<Decimal>,
    /// What it cost.
    pub cost: Option<Decimal>,
    /// The script that was really used.
    pub script: Option<Box<str>>,
    /// The variant that was really used.
    pub variant: Option<Box<str>>,
    /// The channel that was really used.
    pub channel: Option<Box<str>>,
}

impl OutcomeRow {
    /// Whether two rows say the same of the same person, wherever they stand.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        let Self { row: _, line: _, person, verdict, at_ms, revenue, cost, script, variant, channel } = self;
        let texts = (script, variant, channel) == (&other.script, &other.variant, &other.channel);
        let facts = (*person, *verdict, *at_ms) == (other.person, other.verdict, other.at_ms);
        facts && (*revenue, *cost) == (other.revenue, other.cost) && texts
    }
}

#[cfg(test)]
mod tests;
