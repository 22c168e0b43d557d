//! Versions of experiments: the same variants and weights are the same version, changed ones are a new one.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::{Group, Result, Store};
use crate::engine::decimal::Decimal;
use crate::engine::rules::{Experiment, Rules};
use crate::engine::stages::ab_test::Arm;
use crate::learning::history::ExperimentVersion;
use crate::learning::trials::{ArmCounts, ExperimentCounts, VersionCounts};

/// The stored version of one configured experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Row in the store.
    pub id: i64,
    /// Version, from 1.
    pub version: u32,
}

impl Group<'_> {
    /// Gives every experiment its version, making a new one where variants or weights changed.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn register_experiments(&self, rules: &mut Rules) -> Result<()> {
        for experiment in &mut rules.experiments {
            experiment.version = self.register(experiment)?.version;
        }
        Ok(())
    }

    fn register(&self, experiment: &Experiment) -> Result<Registered> {
        let variants = fingerprint(experiment);
        self.store.run(|connection| {
            let known = connection
                .prepare_cached("SELECT id, version, variants FROM experiments WHERE name = ?1 ORDER BY version DESC LIMIT 1")?
                .query_row([&experiment.id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?)))
                .optional()?;
            let version = match known {
                Some((id, version, same)) if same == variants => return Ok(Registered { id, version }),
                Some((_, version, _)) => version + 1,
                None => 1,
            };
            connection
                .prepare_cached(
                    "INSERT INTO experiments (name, version, variants, since) SELECT ?1, ?2, ?3, coalesce(max(seq), 0) + 1 FROM jobs",
                )?
                .execute(params![experiment.id, version, variants])?;
            Ok(Registered { id: connection.last_insert_rowid(), version })
        })
    }
}

impl Store {
    /// Gives every experiment the version that the store knows it by, without making any.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn number_experiments(&self, rules: &mut Rules) -> Result<()> {
        for experiment in &mut rules.experiments {
            let variants = fingerprint(experiment);
            let known: Option<u32> = self.run(|connection| {
                let mut statement = connection
                    .prepare_cached("SELECT version FROM experiments WHERE name = ?1 AND variants = ?2 ORDER BY version DESC LIMIT 1")?;
                statement.query_row([&experiment.id, &variants], |row| row.get(0)).optional()
            })?;
            experiment.version = known.unwrap_or(experiment.version);
        }
        Ok(())
    }

    /// Every version of every experiment, with its row.
    pub(super) fn all_experiments(&self) -> Result<Vec<(u32, ExperimentVersion)>> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT id, name, version, variants FROM experiments ORDER BY id")?;
            let rows = statement.query_map([], |row| {
                let arms = shares(&row.get::<_, String>(3)?);
                Ok((row.get(0)?, ExperimentVersion { id: row.get(1)?, version: row.get(2)?, arms }))
            })?;
            rows.collect()
        })
    }

    /// How many leads were given each variant, by experiment and version; nothing is known here of what became of them.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn exposures(&self) -> Result<Vec<ExperimentCounts>> {
        let mut counts: Vec<ExperimentCounts> = Vec::new();
        for (row, ExperimentVersion { id, version, arms: variants }) in self.all_experiments()? {
            let leads: HashMap<u32, u64> = self.run(|connection| {
                let mut statement = connection.prepare_cached("SELECT variant, leads FROM exposures WHERE experiment = ?1")?;
                statement.query_map([row], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?.collect()
            })?;
            let arms = (0..).zip(variants).map(|(at, (variant, share))| ArmCounts {
                variant,
                share,
                exposed: leads.get(&at).copied().unwrap_or(0),
                ..ArmCounts::default()
            });
            let version = VersionCounts { version, arms: arms.collect() };
            match counts.iter_mut().find(|known| known.id == id) {
                Some(known) => known.versions.push(version),
                None => counts.push(ExperimentCounts { id, versions: vec![version] }),
            }
        }
        counts.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(counts)
    }

    /// Gives every experiment the version that was in force for a job, of which the store knows since when.
    pub(super) fn number_experiments_then(&self, rules: &mut Rules, job: i64) -> Result<()> {
        for experiment in &mut rules.experiments {
            let variants = fingerprint(experiment);
            let then: Option<u32> = self.run(|connection| {
                connection
                    .prepare_cached("SELECT max(version) FROM experiments WHERE name = ?1 AND variants = ?2 AND since <= ?3")?
                    .query_row(params![experiment.id, variants, job], |row| row.get(0))
            })?;
            experiment.version = then.unwrap_or(experiment.version);
        }
        Ok(())
    }

    /// The row of a version of an experiment.
    pub(super) fn experiment_row(&self, name: &str, version: u32) -> Result<Option<i64>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM experiments WHERE name = ?1 AND version = ?2")?;
            statement.query_row(params![name, version], |row| row.get(0)).optional()
        })
    }

    /// The arms packed in a lead's row, with their names.
    pub(super) fn unpack_arms(&self, packed: &[u8]) -> Result<Vec<Arm>> {
        given(packed, 0).filter_map(|(experiment, variant, _)| self.arm(experiment, variant).transpose()).collect()
    }

    fn arm(&self, experiment: u32, variant: u32) -> Result<Option<Arm>> {
        let found: Option<(String, u32, String)> = self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT name, version, variants FROM experiments WHERE id = ?1")?;
            statement.query_row([experiment], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })?;
        Ok(found.and_then(|(experiment, version, variants)| {
            let names: serde_json::Value = serde_json::from_str(&variants).ok()?;
            let variant = names["variants"].get(variant as usize)?.get(0)?.as_str()?.to_owned();
            Some(Arm { experiment, version, variant })
        }))
    }
}

/// Marks an arm that was not given with the lead's first row: the job that gave it follows.
const GIVEN_LATER: u32 = 1 << 31;

/// The arms packed in a lead's row: the experiment's row, the index of the variant, and the job that gave it, which is that of
/// the lead's first row unless it says otherwise.
pub(super) fn given(packed: &[u8], first_job: i64) -> impl Iterator<Item = (u32, u32, i64)> + '_ {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let (experiment, variant) = (word(rest.get(..4)?), word(rest.get(4..8)?));
        rest = &rest[8..];
        if experiment & GIVEN_LATER == 0 {
            return Some((experiment, variant, first_job));
        }
        let job = i64::from_le_bytes(rest.get(..8)?.try_into().ok()?);
        rest = &rest[8..];
        Some((experiment & !GIVEN_LATER, variant, job))
    })
}

/// Packs one arm: the experiment's row and the index of the variant, and, where it was not the first row of the lead, the job
/// that gave it.
pub(super) fn pack_arm(packed: &mut Vec<u8>, experiment: i64, variant: usize, later: Option<i64>) {
    let experiment = u32::try_from(experiment).unwrap_or(u32::MAX) & !GIVEN_LATER;
    let flag = if later.is_some() { GIVEN_LATER } else { 0 };
    packed.extend_from_slice(&(experiment | flag).to_le_bytes());
    packed.extend_from_slice(&u32::try_from(variant).unwrap_or(u32::MAX).to_le_bytes());
    packed.extend(later.iter().flat_map(|job| job.to_le_bytes()));
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The variants of a version with their shares of the weights.
#[allow(clippy::cast_precision_loss)] // weights are bounded
fn shares(fingerprint: &str) -> Vec<(String, f64)> {
    let read: serde_json::Value = serde_json::from_str(fingerprint).unwrap_or_default(); // nothing was ever written but JSON
    let weight = |variant: &serde_json::Value| variant[1].as_str().and_then(|text| text.parse::<Decimal>().ok()).map_or(0, Decimal::micros);
    let variants = read["variants"].as_array().map_or(&[][..], Vec::as_slice);
    let sum: i128 = variants.iter().map(weight).sum();
    let share =
        |variant: &serde_json::Value| (variant[0].as_str().unwrap_or_default().to_owned(), weight(variant) as f64 / sum.max(1) as f64);
    variants.iter().map(share).collect()
}

/// What makes a version: the salt, and each variant with its weight.
fn fingerprint(experiment: &Experiment) -> String {
    let variants: Vec<_> = experiment.variants.iter().map(|variant| (&variant.id, variant.weight.to_string())).collect();
    serde_json::json!({ "salt": experiment.salt, "variants": variants }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_name_the_job_that_gave_them() {
        let mut packed = Vec::new();
        pack_arm(&mut packed, 3, 1, None);
        assert_eq!(packed.len(), 8, "as older programs wrote them");
        pack_arm(&mut packed, 70_000, 2, Some(1 << 40));
        pack_arm(&mut packed, 4, 0, None);
        let read: Vec<_> = given(&packed, 9).collect();
        assert_eq!(read, [(3, 1, 9), (70_000, 2, 1 << 40), (4, 0, 9)]);
        assert_eq!(given(&packed[..20], 9).count(), 1, "what is torn is none");
    }
}
