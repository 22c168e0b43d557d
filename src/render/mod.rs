//! Facts → text: everything that is written for people or for other programs about leads and jobs.
//!
//! Exporters return text or bytes; nothing here opens a file, reads a clock or asks the store. [`lead_json`] is a lead
//! for programs (JSON lines and CSV), [`packet`] the same lead on a page for people; [`receipt`] tells what became of a
//! drop; [`console`] is what `ingest` prints, and the tables of the other commands; [`model`] shows the outcome model. [`words`] holds what they share:
//! the sentences made from a lead's facts, amounts with their separators, and text made safe to show.

pub mod console;
pub mod experiments;
pub mod lead_json;
pub mod model;
pub mod packet;
pub mod receipt;
pub mod words;

use crate::engine::chunk;
use crate::engine::rules::PacketRules;

/// What is said about a lead besides the lead: where it came from, and what its results were made with.
#[derive(Debug, Clone, Copy)]
pub struct Provenance<'a> {
    /// The job of the row.
    pub job_id: &'a str,
    /// When that job began, RFC 3339 in UTC.
    pub ingested_at: &'a str,
    /// Version of the rules the lead was staged under.
    pub rules: &'a str,
    /// Version of the snapshot it was staged with.
    pub learned: u64,
    /// The model of that snapshot; empty where none is active.
    pub model: &'a str,
    /// The rules whose bands and terms are printed.
    pub packet: &'a PacketRules,
}

impl<'a> Provenance<'a> {
    /// What every lead of a running job has in common.
    #[must_use]
    pub fn of(context: &chunk::Context<'a>) -> Self {
        Self {
            job_id: context.job_id,
            ingested_at: context.ingested_at,
            rules: &context.rules.version,
            learned: context.learned.version,
            model: context.learned.model.as_ref().map_or("", |model| &model.id),
            packet: &context.rules.packet,
        }
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    //! One lead with everything, and one with as little as possible, for the tests of this folder.

    use super::Provenance;
    use crate::engine::lead::{Extra, Lead, lead_id_of, pack_cell};
    use crate::engine::learned::Learned;
    use crate::engine::rules::{Experiment, Rules, Script, ScriptStatus, Variant};
    use crate::engine::stages::{self, Staged};

    pub(crate) const JOB: &str = "01980000-0000-7000-8000-000000000001";
    pub(crate) const AT: &str = "2025-05-03T14:02:00.000Z";

    pub(crate) struct Texts {
        pub(crate) names: Vec<String>,
        pub(crate) packed: Vec<u8>,
        pub(crate) rules: Rules,
    }

    /// Extra columns and rules; `configured` ones have an experiment, a script, an offer, terms and a prior.
    pub(crate) fn texts(extra: &[(&str, &str)], configured: bool) -> Texts {
        let mut packed = Vec::new();
        for (_, cell) in extra {
            pack_cell(&mut packed, cell);
        }
        let mut rules = Rules::default();
        if configured {
            let variants = vec![Variant { id: "control".into(), weight: "1".parse().expect("1"), script: Some("hello".into()) }];
            let thresholds = Experiment::thresholds(&variants);
            let experiment = Experiment { id: "first-contact".into(), version: 1, salt: "x".into(), variants, thresholds, filter: None };
            rules.experiments = vec![experiment];
            rules.scripts = vec![Script { id: "hello".into(), version: 2, channel: "email".into(), status: ScriptStatus::Testing }];
            rules.packet.arv_column = Some("ARV".into());
            rules.packet.terms = "cash, 30 days".into();
            rules.outcome.prior = Some(0.05);
        }
        Texts { names: extra.iter().map(|(name, _)| (*name).to_owned()).collect(), packed, rules }
    }

    pub(crate) fn full(texts: &Texts) -> Lead<'_> {
        Lead {
            row: 7,
            line: 8,
            lead_id: lead_id_of("john@example.com"),
            name: "John \"JD\" Doe",
            email: "john@example.com",
            value: Some("500000.50".parse().expect("an amount")),
            currency: "$",
            location: "Houston TX",
            phone: "+1 713 555 0123",
            phone_e164: "+17135550123",
            phone_reads: true,
            source: "trade_show",
            source_given: true,
            extra: Extra { names: &texts.names, packed: &texts.packed },
            headers: &[],
        }
    }

    pub(crate) fn bare(texts: &Texts) -> Lead<'_> {
        Lead {
            row: 1,
            line: 2,
            lead_id: lead_id_of("ann@gmial.com"),
            name: "Ann",
            email: "ann@gmial.com",
            value: None,
            currency: "",
            location: "",
            phone: "",
            phone_e164: "",
            phone_reads: false,
            source: "csv",
            source_given: false,
            extra: Extra { names: &texts.names, packed: &texts.packed },
            headers: &[],
        }
    }

    pub(crate) fn staged<'r>(lead: &Lead<'_>, rules: &'r Rules) -> Staged<'r> {
        stages::run(lead, &[], rules, &Learned::none())
    }

    pub(crate) fn provenance(texts: &Texts) -> Provenance<'_> {
        Provenance { job_id: JOB, ingested_at: AT, rules: &texts.rules.version, learned: 0, model: "", packet: &texts.rules.packet }
    }
}
