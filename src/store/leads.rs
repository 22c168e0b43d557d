//! Accepted rows into leads: new, known or a duplicate within the file, each told apart exactly once.
//!
//! Rows are written in the order of the file, as they come; `people.rs` says who each one is. The first
//! acceptable row of a person within a file is taken; later ones change nothing.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{People, Who};
use super::{Group, Result, Store, experiments};
use crate::engine::decimal::Decimal;
use crate::engine::headers::Mapping;
use crate::engine::lead::{self, Extra, Field, FieldHeader, Lead, StageMark, lead_id_of, pack_cell};
use crate::engine::learned::Learned;
use crate::engine::rules::{Experiment, Rules};
use crate::engine::stages::{Course, ab_test::Arm};
use crate::engine::{email, phone};

/// What became of one accepted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A person we did not know.
    New,
    /// A person we knew; so many cells changed.
    Known {
        /// Cells that are not what they were.
        changed: u32,
    },
    /// A person who came earlier in this file: nothing was changed.
    Duplicate,
}

/// Takes the accepted rows of one job in, inside a group.
#[allow(missing_debug_implementations)] // a prepared statement has nothing to show
pub struct LeadWriter<'g> {
    store: &'g Store,
    insert: rusqlite::CachedStatement<'g>,
    job: i64,
    names: Names,
    layout: i64,
    rules: &'g Rules,
    course: Course<'g, 'g>,
    experiment_rows: Vec<i64>,
    exposures: HashMap<(i64, usize), i64>,
    people: People<'g>,
    /// Whether outcomes wait for anybody at all.
    has_waiting: bool,
    /// Outcomes that waited for leads of this job.
    joined: u64,
}

const INSERT_LEAD: &str =
    "INSERT INTO leads (id, email, name, value, scale, currency, location, phone, phone_e164, source, layout, extra, job, row, score, tier, arms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

impl<'g> Group<'g> {
    /// Begins to take in the rows of the job that will be `seq`, about `rows` of them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn lead_writer(&self, seq: i64, rows: u64, mapping: &Mapping, rules: &'g Rules, learned: &'g Learned) -> Result<LeadWriter<'g>> {
        let experiment_rows = rules.experiments.iter().map(|experiment| {
            let row = self.store.experiment_row(&experiment.id, experiment.version)?;
            Ok(row.unwrap_or_default())
        });
        let names = Names { extra: mapping.extra_names.clone(), headers: mapping.field_headers.clone() };
        let insert = self.store.connection.prepare_cached(INSERT_LEAD).map_err(|error| super::classify(&self.store.path, error))?;
        Ok(LeadWriter {
            store: self.store,
            insert,
            job: seq,
            layout: self.store.layout(&names)?,
            names,
            experiment_rows: experiment_rows.collect::<Result<_>>()?,
            rules,
            course: Course::of(rules, learned),
            exposures: HashMap::new(),
            people: People::of(self.store, seq, rows)?,
            has_waiting: self.store.has_waiting_outcomes()?,
            joined: 0,
        })
    }
}

impl LeadWriter<'_> {
    /// Says who comes next, in order. Nothing depends on it but time, and only a large job's.
    pub fn foresee(&mut self, lead_ids: impl Iterator<Item = Uuid>) {
        self.people.foresee(lead_ids);
    }

    /// Takes one row in; what became of it, and the stage figures of the lead as it now stands.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn take(&mut self, lead: &Lead<'_>, mark: StageMark) -> Result<(Taken, StageMark)> {
        match self.people.who(lead.lead_id)? {
            Who::New(id) => {
                self.insert(id, lead, mark)?;
                if self.has_waiting {
                    self.joined += self.store.join_outcomes(lead.lead_id)?;
                }
                Ok((Taken::New, mark))
            }
            Who::Known(id) => self.update(id, lead),
            Who::Duplicate => Ok((Taken::Duplicate, mark)),
        }
    }

    /// Writes the keys that are still in memory, and the exposures; how many outcomes had waited for the new leads.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn finish(mut self) -> Result<u64> {
        self.people.settle()?;
        let mut exposures: Vec<_> = self.exposures.iter().collect();
        exposures.sort_unstable();
        self.store.run(|connection| {
            let mut add = connection.prepare_cached(
                "INSERT INTO exposures (experiment, variant, leads) VALUES (?1, ?2, ?3)
                 ON CONFLICT (experiment, variant) DO UPDATE SET leads = leads + excluded.leads",
            )?;
            for ((experiment, variant), leads) in exposures {
                add.execute(params![experiment, i64::try_from(*variant).unwrap_or_default(), leads])?;
            }
            Ok(())
        })?;
        Ok(self.joined)
    }

    fn insert(&mut self, id: i64, lead: &Lead<'_>, mark: StageMark) -> Result<()> {
        let arms = self.arms(lead, &[], None);
        let (job, layout) = (self.job, self.layout);
        let inserted = self.insert.execute(params![
            id,
            lead.email,
            some(lead.name),
            lead.value.map(Decimal::units),
            lead.value.map(Decimal::scale),
            some(lead.currency),
            some(lead.location),
            some(lead.phone),
            some(lead.phone_e164),
            some(lead.source).filter(|_| lead.source_given),
            layout,
            (!lead.extra.packed.is_empty()).then_some(lead.extra.packed),
            job,
            lead.row.cast_signed(),
            mark.score,
            mark.tier,
            (!arms.is_empty()).then_some(arms),
        ]);
        inserted.map(drop).map_err(|error| super::classify(&self.store.path, error))
    }

    /// A known person: the row joins their history, the lead becomes the fold, and is staged as it now stands.
    fn update(&mut self, id: i64, lead: &Lead<'_>) -> Result<(Taken, StageMark)> {
        let before = self.store.lead_row(id)?;
        let mut row = RowValues::of(lead, self.layout);
        self.store.remember(id, &before, self.job, lead.row, &row)?;
        let changed = self.store.fold(&mut row, &before.values, &self.names)?;
        let names = self.store.layout_names(row.layout)?;
        let kept = self.store.unpack_arms(before.arms.as_deref().unwrap_or_default())?;
        let default_source = lead.source;
        let folded = row.as_lead(&names, default_source, lead.row);
        let mark = self.course.run(&folded, &kept).mark();
        let mut arms = before.arms.unwrap_or_default();
        arms.extend(self.arms(&folded, &kept, Some(self.job)));
        let (values, accepted) = (&row, before.accepted + 1);
        self.store.write_fold(id, &Fold { values, job: self.job, row: lead.row, mark, arms: &arms, staged: None, accepted })?;
        Ok((Taken::Known { changed }, mark))
    }

    /// The arms the lead is newly given, packed; counted as exposures. `later` is this job where it is not the lead's first.
    fn arms(&mut self, lead: &Lead<'_>, kept: &[Arm], later: Option<i64>) -> Vec<u8> {
        let mut packed = Vec::new();
        for (row, variant) in new_arms(self.rules, &self.experiment_rows, lead, kept) {
            experiments::pack_arm(&mut packed, row, variant, later);
            *self.exposures.entry((row, variant)).or_default() += 1;
        }
        packed
    }
}

/// The arms that these rules give a lead which has no arm of their experiments yet: the experiment's row in the store (`rows`
/// has them in the order of the rules) and the index of the variant.
pub(super) fn new_arms(rules: &Rules, rows: &[i64], lead: &Lead<'_>, kept: &[Arm]) -> Vec<(i64, usize)> {
    let experiments = rules.experiments.iter().zip(rows);
    let is_new = |(experiment, _): &(&Experiment, _)| {
        let is_known = kept.iter().any(|arm| arm.experiment == experiment.id);
        !is_known && experiment.filter.as_ref().is_none_or(|filter| filter.admits(lead))
    };
    experiments.filter(is_new).map(|(experiment, row)| (*row, experiment.variant_of(lead.lead_id))).collect()
}

/// The values of one accepted row, or of the fold of several. `None` is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RowValues {
    pub email: String,
    pub name: Option<String>,
    pub value: Option<Decimal>,
    pub currency: Option<String>,
    pub location: Option<String>,
    pub phone: Option<String>,
    pub phone_e164: Option<String>,
    pub source: Option<String>,
    pub layout: i64,
    pub extra: Option<Vec<u8>>,
    merged_names: Option<Names>,
}

/// What the columns of a file were called, shared by all leads of files that are laid out alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names {
    /// Of the columns kept as extra.
    pub extra: Vec<String>,
    /// Of the columns that are fields, where that is not the field's name.
    pub headers: Vec<FieldHeader>,
}

impl Names {
    /// As it is stored: the extra names as a list, with the others in an object.
    fn to_text(&self) -> String {
        let headers = self.headers.iter().map(|known| (known.field.name(), known.header.as_str())).collect::<Vec<_>>();
        let stored = if headers.is_empty() { json!(self.extra) } else { json!({ "names": self.extra, "headers": headers }) };
        stored.to_string()
    }

    /// What is not ours to read is no column.
    fn of_text(text: &str) -> Self {
        let stored: Value = serde_json::from_str(text).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().map(|names| names.iter().filter_map(text).collect::<Vec<_>>());
        let header = |pair: &Value| Some(FieldHeader { field: Field::from_name(pair[0].as_str()?)?, header: text(&pair[1])? });
        Self {
            extra: list(&stored).or_else(|| list(&stored["names"])).unwrap_or_default(),
            headers: stored["headers"].as_array().map(|pairs| pairs.iter().filter_map(header).collect()).unwrap_or_default(),
        }
    }
}

/// A lead as its accepted rows make it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold<'f> {
    pub values: &'f RowValues,
    /// Job of its last row, and that row.
    pub job: i64,
    pub row: u64,
    pub mark: StageMark,
    pub arms: &'f [u8],
    /// The versions it was staged with, where they are not those of its job.
    pub staged: Option<i64>,
    /// How many rows there are.
    pub accepted: i64,
}

/// One lead's row with what only the writer needs.
#[derive(Debug)]
pub(super) struct LeadRow {
    pub values: RowValues,
    pub job: i64,
    pub row: i64,
    pub accepted: i64,
    pub arms: Option<Vec<u8>>,
    /// The staging after it had come in, where it was staged again.
    pub staged: Option<i64>,
}

impl RowValues {
    fn of(lead: &Lead<'_>, layout: i64) -> Self {
        let owned = |text: &str| some(text).map(str::to_owned);
        Self {
            email: lead.email.to_owned(),
            name: owned(lead.name),
            value: lead.value,
            currency: owned(lead.currency),
            location: owned(lead.location),
            phone: owned(lead.phone),
            phone_e164: owned(lead.phone_e164),
            source: owned(lead.source).filter(|_| lead.source_given),
            layout,
            extra: (!lead.extra.packed.is_empty()).then(|| lead.extra.packed.to_vec()),
            merged_names: None,
        }
    }

    /// Reads the values from columns `at` and on of a row, in the order of the schema.
    pub(super) fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let units: Option<i64> = row.get(at + 2)?;
        let scale: Option<u8> = row.get(at + 3)?;
        Ok(Self {
            email: row.get(at)?,
            name: row.get(at + 1)?,
            value: units.and_then(|units| Decimal::new(units, scale.unwrap_or(0))),
            currency: row.get(at + 4)?,
            location: row.get(at + 5)?,
            phone: row.get(at + 6)?,
            phone_e164: row.get(at + 7)?,
            source: row.get(at + 8)?,
            layout: row.get(at + 9)?,
            extra: row.get(at + 10)?,
            merged_names: None,
        })
    }

    /// Lets new non-empty values win over the older ones; how many cells of the lead that changed.
    fn fold_onto(&mut self, older: &Self, older_names: &Names, own_names: &Names) -> u32 {
        let mut changed = 0;
        let mut fold = |new: &mut Option<String>, old: &Option<String>| match new {
            Some(text) if Some(&*text) == old.as_ref() => {}
            Some(_) => changed += 1,
            None => new.clone_from(old),
        };
        fold(&mut self.name, &older.name);
        fold(&mut self.currency, &older.currency);
        fold(&mut self.location, &older.location);
        fold(&mut self.source, &older.source);
        let same_phone = self.phone.is_none();
        fold(&mut self.phone, &older.phone);
        if same_phone {
            self.phone_e164.clone_from(&older.phone_e164);
        }
        match self.value {
            Some(value) => changed += u32::from(Some(value) != older.value),
            None => self.value = older.value,
        }
        changed + self.fold_extra(older, older_names, own_names)
    }

    /// Extra columns by name: the older order first, names seen for the first time behind.
    fn fold_extra(&mut self, older: &Self, older_names: &Names, own_names: &Names) -> u32 {
        let cells = |names: &Names, packed: &'_ Option<Vec<u8>>| -> Vec<(String, String)> {
            let packed = packed.as_deref().unwrap_or_default();
            Extra { names: &names.extra, packed }.iter().map(|(name, cell): (&str, &str)| (name.to_owned(), cell.to_owned())).collect()
        };
        let mut merged = cells(older_names, &older.extra);
        let mut changed = 0;
        for (name, cell) in cells(own_names, &self.extra) {
            match merged.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) if *old != cell && !cell.trim().is_empty() => {
                    *old = cell;
                    changed += 1;
                }
                Some(_) => {}
                None => {
                    changed += u32::from(!cell.trim().is_empty());
                    merged.push((name, cell));
                }
            }
        }
        let mut packed = Vec::new();
        for (_, cell) in &merged {
            pack_cell(&mut packed, cell);
        }
        self.extra = (!packed.is_empty()).then_some(packed);
        let mut headers = older_names.headers.clone();
        headers.extend(own_names.headers.iter().filter(|own| !older_names.headers.contains(own)).cloned());
        headers.sort();
        self.merged_names = Some(Names { extra: merged.into_iter().map(|(name, _)| name).collect(), headers });
        changed
    }

    /// The values as a lead, for the stages and for showing.
    pub(super) fn as_lead<'a>(&'a self, names: &'a Names, default_source: &'a str, row: u64) -> Lead<'a> {
        let phone = self.phone.as_deref().unwrap_or_default();
        Lead {
            row,
            line: 0,
            lead_id: lead_id_of(&email::identity(&self.email)),
            name: self.name.as_deref().unwrap_or_default(),
            email: &self.email,
            value: self.value,
            currency: self.currency.as_deref().unwrap_or_default(),
            location: self.location.as_deref().unwrap_or_default(),
            phone,
            phone_e164: self.phone_e164.as_deref().unwrap_or_default(),
            phone_reads: self.phone_e164.is_some() || phone::read_phone(phone, None).reads(),
            source: self.source.as_deref().unwrap_or(default_source),
            source_given: self.source.is_some(),
            extra: lead::Extra { names: &names.extra, packed: self.extra.as_deref().unwrap_or_default() },
            headers: &names.headers,
        }
    }
}

impl Store {
    /// Makes of a row the lead as it stands after it: new non-empty values win. How many cells of the lead that changed.
    pub(super) fn fold(&self, row: &mut RowValues, older: &RowValues, names: &Names) -> Result<u32> {
        let older_names = self.layout_names(older.layout)?;
        let changed = row.fold_onto(older, &older_names, names);
        if let Some(merged) = row.merged_names.take() {
            row.layout = self.layout(&merged)?;
        }
        Ok(changed)
    }

    /// The id of these column names, interned.
    fn layout(&self, names: &Names) -> Result<i64> {
        let text = names.to_text();
        self.run(|connection| {
            let known =
                connection.prepare_cached("SELECT id FROM layouts WHERE names = ?1")?.query_row([&text], |row| row.get(0)).optional()?;
            if let Some(id) = known {
                return Ok(id);
            }
            connection.prepare_cached("INSERT INTO layouts (names) VALUES (?1)")?.execute([&text])?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// The column names of a layout.
    pub(super) fn layout_names(&self, id: i64) -> Result<Names> {
        let text: String =
            self.run(|connection| connection.prepare_cached("SELECT names FROM layouts WHERE id = ?1")?.query_row([id], |row| row.get(0)))?;
        Ok(Names::of_text(&text))
    }

    /// The person in a row; `None` when there is no such row.
    pub(super) fn lead_id_at(&self, id: i64) -> Result<Option<Uuid>> {
        let address: Option<String> = self.run(|connection| {
            connection.prepare_cached("SELECT email FROM leads WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()
        })?;
        Ok(address.map(|address| lead_id_of(&email::identity(&address))))
    }

    pub(super) fn lead_row(&self, id: i64) -> Result<LeadRow> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT email, name, value, scale, currency, location, phone, phone_e164, source, layout, extra, job, row, accepted, arms, staged
                     FROM leads WHERE id = ?1",
                )?
                .query_row([id], |row| {
                    Ok(LeadRow { values: RowValues::read(row, 0)?, job: row.get(11)?, row: row.get(12)?, accepted: row.get(13)?, arms: row.get(14)?, staged: row.get(15)? })
                })
        })
    }

    /// Puts a row into a lead's history; at the second, the first one too. A staging of the lead stays with the row before,
    /// because the lead goes back to it should the new row be taken out.
    fn remember(&self, id: i64, before: &LeadRow, job: i64, row: u64, values: &RowValues) -> Result<()> {
        if before.accepted == 1 {
            self.write_history(id, before.job, before.row, &before.values)?;
        }
        if let Some(staged) = before.staged {
            let keep = "UPDATE history SET staged = ?3 WHERE lead = ?1 AND job = ?2";
            self.run(|c| c.prepare_cached(keep)?.execute(params![id, before.job, staged]))?;
        }
        self.write_history(id, job, row.cast_signed(), values)
    }

    fn write_history(&self, id: i64, job: i64, row: i64, values: &RowValues) -> Result<()> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO history (lead, job, row, email, name, value, scale, currency, location, phone, phone_e164, source, layout, extra)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                )?
                .execute(params![
                    id,
                    job,
                    row,
                    values.email,
                    values.name,
                    values.value.map(Decimal::units),
                    values.value.map(Decimal::scale),
                    values.currency,
                    values.location,
                    values.phone,
                    values.phone_e164,
                    values.source,
                    values.layout,
                    values.extra,
                ])
        })?;
        Ok(())
    }

    /// Writes a lead as its rows make it now.
    pub(super) fn write_fold(&self, id: i64, fold: &Fold<'_>) -> Result<()> {
        let Fold { values, job, row, mark, arms, staged, accepted } = *fold;
        self.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE leads SET email = ?2, name = ?3, value = ?4, scale = ?5, currency = ?6, location = ?7, phone = ?8, phone_e164 = ?9,
                     source = ?10, layout = ?11, extra = ?12, job = ?13, row = ?14, score = ?15, tier = ?16, arms = ?17, staged = ?18, accepted = ?19
                     WHERE id = ?1",
                )?
                .execute(params![
                    id,
                    values.email,
                    values.name,
                    values.value.map(Decimal::units),
                    values.value.map(Decimal::scale),
                    values.currency,
                    values.location,
                    values.phone,
                    values.phone_e164,
                    values.source,
                    values.layout,
                    values.extra,
                    job,
                    row.cast_signed(),
                    mark.score,
                    mark.tier,
                    (!arms.is_empty()).then_some(arms),
                    staged,
                    accepted,
                ])
        })?;
        Ok(())
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
