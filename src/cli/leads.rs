//! `valhalla leads`: query and export. Streams: memory does not depend on how many there are.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::{Exit, Global, Outcome, Trouble};
use crate::clock;
use crate::config::Config;
use crate::engine::learned::Learned;
use crate::engine::rules::Rules;
use crate::engine::stages::{Course, Staged, lead_score::Tier};
use crate::render::{Provenance, console, lead_json};
use crate::store::Store;
use crate::store::read::{LeadQuery, StoredLead};

/// Leads, to look at or to export.
#[derive(Debug, Args)]
#[command(after_help = "Without --limit all leads that match are given.

Examples:
  valhalla leads --tier A                          the best leads, best first
  valhalla leads --since 2026-11-01 --format csv > november.csv
  valhalla leads --format jsonl | jq .score")]
pub(super) struct Leads {
    /// Only this tier
    #[arg(long, value_enum, ignore_case = true)]
    tier: Option<TierName>,
    /// Only leads taken in at or after this date or time (2026-11-01, 2026-11-01T08:00:00Z)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only leads of this source
    #[arg(long)]
    source: Option<String>,
    /// Only leads last taken from this job
    #[arg(long)]
    job: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u64>,
    /// How they are written
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For spreadsheets
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum TierName {
    A,
    B,
    C,
    D,
}

/// Snapshots kept in memory while leads are shown.
const SNAPSHOTS_KEPT: usize = 16;

/// Leads in a table before it is printed, so that columns line up and memory stays bounded.
const TABLE_PART: usize = 1000;

impl Leads {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let query = self.query(&store, global.json)?;
        let mut out = BufWriter::new(io::stdout().lock());
        match (global.json, self.format) {
            (true, None) => as_array(&config, &store, &query, &mut out)?,
            (_, Some(Format::Jsonl)) => as_lines(&config, &store, &query, &mut out)?,
            (_, Some(Format::Csv)) => as_csv(&config, &store, &query, &mut out)?,
            (_, None | Some(Format::Table)) => as_table(&store, &query, &mut out)?,
        }
        out.flush()?;
        Ok(Exit::Done)
    }

    fn query(&self, store: &Store, as_json: bool) -> Result<LeadQuery, Trouble> {
        let since_ms = self.since.as_deref().map(|since| {
            clock::parse_ms(since)
                .ok_or_else(|| Trouble::usage(format!("--since {since}: not a date; write 2026-11-01 or 2026-11-01T08:00:00Z")))
        });
        let job_id = self.job.as_deref().map(|job| match super::find_job(store, job) {
            Ok(Some(found)) => Ok(found.job_id),
            Ok(None) => Err(Trouble::usage(format!("--job {job}: no such job; `valhalla reports` lists them"))),
            Err(error) => Err(error.into()),
        });
        Ok(LeadQuery {
            tier: self.tier.map(|tier| tier as u8),
            since_ms: since_ms.transpose()?,
            source: self.source.clone(),
            job_id: job_id.transpose()?,
            limit: self.limit,
            best_first: !as_json && matches!(self.format, None | Some(Format::Table)),
        })
    }
}

/// Stages stored leads again, each under the rules it was taken in with.
pub(super) struct Restaging<'s> {
    config: &'s Arc<Config>,
    store: &'s Store,
    rules: HashMap<(String, String), Arc<Rules>>,
    learned: HashMap<u64, Arc<Learned>>,
}

impl<'s> Restaging<'s> {
    pub(super) fn new(config: &'s Arc<Config>, store: &'s Store) -> Self {
        Self { config, store, rules: HashMap::new(), learned: HashMap::new() }
    }

    /// Calls `show` with the lead's stage results and where it came from.
    pub(super) fn with<T>(&mut self, stored: &StoredLead, show: impl FnOnce(&Staged<'_>, &Provenance<'_>) -> T) -> Result<T, Trouble> {
        let rules = self.rules_of(stored)?;
        let lead = stored.lead();
        let learned = self.learned_of(stored)?;
        let staged = Course::of(&rules, &learned).run_stored(&lead, &stored.arms);
        let (job_id, ingested_at) = (stored.job_id.to_string(), clock::rfc3339(stored.ingested_at_ms));
        let from = Provenance {
            job_id: &job_id,
            ingested_at: &ingested_at,
            rules: &rules.version,
            learned: learned.version,
            model: learned.model.as_ref().map_or("", |model| &model.id),
            packet: &rules.packet,
        };
        Ok(show(&staged, &from))
    }

    /// What was known when a lead was staged. The store keeps every snapshot that is named.
    fn learned_of(&mut self, stored: &StoredLead) -> Result<Arc<Learned>, Trouble> {
        if let Some(learned) = self.learned.get(&stored.learned) {
            return Ok(Arc::clone(learned));
        }
        let learned = self.store.learned(stored.learned)?.ok_or_else(|| {
            let version = stored.learned;
            Trouble::environment(format!("the snapshot {version} that a lead was staged with is not in the store; run `valhalla rescore`"))
        })?;
        if self.learned.len() >= SNAPSHOTS_KEPT {
            self.learned.clear();
        }
        let learned = Arc::new(learned);
        self.learned.insert(stored.learned, Arc::clone(&learned));
        Ok(learned)
    }

    /// The rules a lead was staged under: today's if they are the same, else those the store keeps.
    fn rules_of(&mut self, stored: &StoredLead) -> Result<Arc<Rules>, Trouble> {
        let key = (stored.rules.clone(), stored.job_source().to_owned());
        if let Some(rules) = self.rules.get(&key) {
            return Ok(Arc::clone(rules));
        }
        let today = self.config.rules_for(Some(&key.1));
        let rules = if today.version == key.0 {
            today
        } else {
            let kept = self.store.rules_settings(&key.0)?.and_then(|settings| Config::read_back(&self.config.root, &settings).ok());
            kept.map(|config| config.rules_for(Some(&key.1))).filter(|rules| rules.version == key.0).unwrap_or(today)
        };
        let mut versioned = (*rules).clone();
        self.store.number_experiments(&mut versioned)?;
        let rules = Arc::new(versioned);
        self.rules.insert(key, Arc::clone(&rules));
        Ok(rules)
    }
}

fn as_lines(config: &Arc<Config>, store: &Store, query: &LeadQuery, out: &mut impl Write) -> Result<(), Trouble> {
    let (mut restaging, mut line) = (Restaging::new(config, store), Vec::new());
    store.leads(query, |stored| {
        line.clear();
        restaging.with(&stored, |staged, from| lead_json::write_lead(&mut line, stored.row, &stored.lead(), staged, from))?;
        Ok(out.write_all(&line)?)
    })
}

fn as_array(config: &Arc<Config>, store: &Store, query: &LeadQuery, out: &mut impl Write) -> Result<(), Trouble> {
    let (mut restaging, mut line, mut separator) = (Restaging::new(config, store), Vec::new(), "[");
    store.leads(query, |stored| {
        line.clear();
        restaging.with(&stored, |staged, from| lead_json::write_lead(&mut line, stored.row, &stored.lead(), staged, from))?;
        out.write_all(separator.as_bytes())?;
        separator = ",";
        Ok::<(), Trouble>(out.write_all(line.trim_ascii_end())?)
    })?;
    Ok(out.write_all(if separator == "[" { b"[]\n" } else { b"]\n" })?)
}

/// One column for every extra name that any lead has: they are gathered first, then the leads are written.
fn as_csv(config: &Arc<Config>, store: &Store, query: &LeadQuery, out: &mut impl Write) -> Result<(), Trouble> {
    let mut names: Vec<String> = Vec::new();
    store.leads(query, |stored| {
        for (name, _) in stored.lead().extra.iter() {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok::<(), Trouble>(())
    })?;
    out.write_all(&lead_json::csv_header(&names))?;
    let (mut restaging, mut line) = (Restaging::new(config, store), Vec::new());
    store.leads(query, |stored| {
        line.clear();
        restaging
            .with(&stored, |staged, from| lead_json::write_csv(&mut line, stored.row, &stored.lead(), staged, from.ingested_at, &names))?;
        Ok(out.write_all(&line)?)
    })
}

fn as_table(store: &Store, query: &LeadQuery, out: &mut impl Write) -> Result<(), Trouble> {
    const HEADERS: [&str; 8] = ["SCORE", "TIER", "NAME", "EMAIL", "VALUE", "LOCATION", "PHONE", "SOURCE"];
    let mut part: Vec<Vec<String>> = Vec::new();
    store.leads(query, |stored| {
        let lead = stored.lead();
        part.push(vec![
            format!("{}.{:02}", stored.score / 100, stored.score % 100),
            Tier::ALL[usize::from(stored.tier).min(3)].as_str().to_owned(),
            lead.name.to_owned(),
            lead.email.to_owned(),
            lead.value.map_or("-".to_owned(), console::money),
            lead.location.to_owned(),
            lead.phone.to_owned(),
            lead.source.to_owned(),
        ]);
        if part.len() >= TABLE_PART {
            out.write_all(console::table(&HEADERS, &std::mem::take(&mut part)).as_bytes())?;
        }
        Ok::<(), Trouble>(())
    })?;
    Ok(out.write_all(console::table(&HEADERS, &part).as_bytes())?)
}
