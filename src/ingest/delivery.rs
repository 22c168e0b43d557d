//! What is left to do for a job once it is committed, in the form in which the store keeps it: which file is renamed
//! where, and the texts that go with them. Everything here can be made again from the job's row.

use serde::{Deserialize, Serialize};

use crate::config::{LeadsFile, Receipts};
use crate::engine::file_error::FileError;
use crate::inbox::{Folder, LeadsFormat, Move, Names, Output, Place, Source, Wants};
use crate::journal::Report;
use crate::journal::report::{Fate, Kind};
use crate::render::receipt::{self, Facts};

/// One rename, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MoveText {
    from: String,
    to: String,
}

/// Where each thing that a job leaves goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Moves(pub Vec<Move>);

impl Moves {
    /// The moves that these names ask for.
    pub fn to(names: &Names) -> Self {
        let steps = [
            (Source::Output(Output::Receipt), &names.receipt),
            (Source::Output(Output::Error), &names.error),
            (Source::Output(Output::Rejects), &names.rejects),
            (Source::Output(Output::Leads), &names.leads),
            (Source::Output(Output::DryRunNote), &names.dry_run_note),
            (Source::Original, &names.original),
        ];
        Self(steps.into_iter().filter_map(|(from, to)| Some(Move { from, to: to.clone()? })).collect())
    }

    /// Where an output goes.
    pub fn place_of(&self, output: Output) -> Option<&Place> {
        self.0.iter().find(|step| step.from == Source::Output(output)).map(|step| &step.to)
    }

    /// What would have to be chosen anew if a name were taken meanwhile.
    pub fn wants(&self) -> Wants {
        let has = |from| self.0.iter().any(|step| step.from == from);
        let leads = self.0.iter().find(|step| step.from == Source::Output(Output::Leads));
        let is_csv = leads.is_some_and(|step| step.to.rel.extension().is_some_and(|extension| extension == "csv"));
        Wants {
            original: self.0.iter().find(|step| step.from == Source::Original).map(|step| step.to.folder),
            receipt: has(Source::Output(Output::Receipt)),
            error: has(Source::Output(Output::Error)),
            rejects: has(Source::Output(Output::Rejects)),
            leads: leads.map(|_| if is_csv { LeadsFormat::Csv } else { LeadsFormat::Jsonl }),
            dry_run_note: has(Source::Output(Output::DryRunNote)),
        }
    }

    /// The derived texts, which are not fsynced because they can be made again: what, and its content.
    pub fn texts(&self, report: &Report, facts: &Facts) -> Vec<(Output, String)> {
        let text = |step: &Move| match step.from {
            Source::Output(Output::Receipt) => Some((Output::Receipt, receipt::receipt(report, facts))),
            Source::Output(Output::Error) => Some((Output::Error, receipt::error_text(report, facts))),
            Source::Output(Output::DryRunNote) => Some((Output::DryRunNote, receipt::dry_run_note(report, facts))),
            _ => None,
        };
        self.0.iter().filter_map(text).collect()
    }

    /// As the store keeps them.
    pub fn to_json(&self) -> String {
        let steps: Vec<MoveText> =
            self.0.iter().map(|step| MoveText { from: source_name(step.from).to_owned(), to: step.to.to_string() }).collect();
        serde_json::to_string(&steps).expect("texts are JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Self {
        let steps: Vec<MoveText> = serde_json::from_str(text).unwrap_or_default();
        Self(steps.into_iter().filter_map(|step| Some(Move { from: source_of(&step.from)?, to: step.to.parse().ok()? })).collect())
    }
}

const SOURCES: [(&str, Source); 6] = [
    ("original", Source::Original),
    ("rejects", Source::Output(Output::Rejects)),
    ("leads", Source::Output(Output::Leads)),
    ("receipt", Source::Output(Output::Receipt)),
    ("error", Source::Output(Output::Error)),
    ("dry_run_note", Source::Output(Output::DryRunNote)),
];

fn source_name(source: Source) -> &'static str {
    SOURCES.iter().find(|(_, known)| *known == source).map_or("original", |(name, _)| name)
}

fn source_of(name: &str) -> Option<Source> {
    SOURCES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}

/// Where a job's original went, from its moves as the store keeps them; `None` when it stayed with its owner.
#[must_use]
pub fn archived_place(moves: &str) -> Option<Place> {
    Moves::from_json(moves).0.into_iter().find(|step| step.from == Source::Original).map(|step| step.to)
}

/// What a job's fate asks to be written and moved.
pub(super) fn wants(report: &Report, stays: bool, has_rejects: bool, output: crate::config::Output) -> Wants {
    if report.dry_run {
        return Wants { dry_run_note: true, ..Wants::default() };
    }
    let failed = report.fate == Fate::Failed;
    let leads = match output.leads {
        LeadsFile::None => None,
        LeadsFile::Jsonl => Some(LeadsFormat::Jsonl),
        LeadsFile::Csv => Some(LeadsFormat::Csv),
    };
    let problem = report.fate != Fate::Processed || report.rows.rejected > 0;
    Wants {
        original: (!stays).then_some(if failed { Folder::Failed } else { Folder::Processed }),
        receipt: !failed && (problem || output.receipts == Receipts::Always),
        error: failed,
        rejects: has_rejects,
        leads: leads.filter(|_| report.fate == Fate::Processed && report.kind == Kind::Leads),
        dry_run_note: false,
    }
}

/// The sentence for a file in which no row was acceptable.
pub(super) fn nothing_acceptable(rows: u64) -> FileError {
    if rows == 0 {
        return FileError::new("header_only", "it has a header and no rows", "Check the filter of the export and drop it again");
    }
    FileError::new(
        "no_acceptable_row",
        format!("none of its {rows} rows could be taken"),
        "The reasons stand beside each row in the rejects file: correct the rows there and drop that file",
    )
}
