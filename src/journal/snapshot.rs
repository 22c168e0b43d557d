//! The three JSON snapshots that users of the original system read: their keys, our figures.
//!
//! Derived files: made again at will, replaced in one step, never fsynced. What could not be measured is null, and a
//! `reasons` map beside it (present only then) says why. No lead's content.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::durable::{Sync, replace_file};

/// Why a value beside it is null, by its key.
pub type Reasons = BTreeMap<String, String>;

/// One of the three files.
pub trait Snapshot: Serialize {
    /// Its name under `logs/`.
    const FILE: &'static str;
}

/// Replaces the snapshot in `dir`; a reader sees the old one or the new.
///
/// # Errors
/// When it cannot be written; the old one is still there then.
pub fn write<S: Snapshot>(dir: &Path, snapshot: &S) -> Result<(), JournalError> {
    let path = dir.join(S::FILE);
    let mut text = serde_json::to_vec_pretty(snapshot).expect("a snapshot holds only strings, numbers and maps with text keys");
    text.push(b'\n');
    replace_file(&path, &text, 0o640, Sync::No).map_err(|source| JournalError::new("replace a snapshot beside", &path, source))
}

/// A share as the original wrote it, `100.0%`; none of nothing.
#[must_use]
pub fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    Some(format!("{}.{}%", tenths / 10, tenths % 10))
}

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[allow(missing_docs)] // the keys are the original system's, documented as what users read
        pub struct $name {
            $(pub $field: $type,)+
            /// Why a value above is null.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub reasons: Reasons,
        }
    )+};
}

wire! {
    /// `production_execution.json`: after each job.
    ProductionExecution {
        timestamp: String, mode: String, dry_run_enabled: bool, data_source: Option<String>,
        ingestion: IngestionFigures, processing: ProcessingFigures, risk_assessment: RiskAssessment,
    }
    /// What came in.
    IngestionFigures { total_records: u64, valid_leads: u64, invalid_leads: u64, success_rate: Option<String> }
    /// What went through the six stages.
    ProcessingFigures { leads_processed: u64, success_rate: Option<String> }
    /// The risks in short.
    RiskAssessment {
        overall_status: Option<String>, data_quality_score: Option<f64>, system_performance: Option<String>,
        security_status: Option<String>, alerts: Vec<String>,
    }

    /// `risk_monitoring_results.json`: at start, after a job, each monitoring cycle, at stop.
    RiskMonitoringResults {
        timestamp: String, monitoring_active: bool, data_quality: DataQuality, system_performance: SystemPerformance,
        security: Security, alerts: AlertTotals,
    }
    /// The data.
    DataQuality {
        status: Option<String>, score: Option<f64>, checks_passed: Option<u64>, checks_failed: Option<u64>,
        details: DataQualityDetails,
    }
    /// The data, counted.
    DataQualityDetails {
        records_validated: Option<u64>, duplicates_found: Option<u64>, missing_fields: Option<u64>,
        invalid_formats: Option<u64>, outliers_detected: Option<u64>,
    }
    /// The machine.
    SystemPerformance {
        status: Option<String>, checks_passed: Option<u64>, checks_failed: Option<u64>, metrics: SystemMetrics,
    }
    /// The machine, measured; utilisation in percent.
    SystemMetrics {
        cpu_usage_percent: Option<f64>, memory_usage_mb: Option<f64>, active_connections: Option<u64>,
        request_latency_ms: Option<f64>, thread_pool_utilization: Option<f64>,
    }
    /// The installation's safety.
    Security {
        status: Option<String>, checks_passed: Option<u64>, checks_failed: Option<u64>, details: SecurityDetails,
    }
    /// The safety checks, each with a word.
    SecurityDetails {
        data_encryption: Option<String>, access_control: Option<String>, audit_logging: Option<String>,
        authentication: Option<String>, suspicious_activities: Option<u64>,
    }
    /// Alerts by severity.
    AlertTotals { critical: u64, warnings: u64, info: u64, total: u64 }

    /// `production_validation_complete.json`: written by `preflight`.
    ProductionValidation {
        timestamp: String, mode: String, dry_run_enabled: bool, validation_results: ValidationResults,
        metrics: ValidationMetrics, clearance: Option<String>,
    }
    /// The checks, each with its verdict.
    ValidationResults {
        dry_run_disable: Option<Verdict>, csv_ingestion: Option<Verdict>, data_quality: Option<Verdict>,
        system_performance: Option<Verdict>, security: Option<Verdict>, risk_assessment: Option<Verdict>,
        pipeline_processing: Option<Verdict>, alert_logging: Option<Verdict>,
    }
    /// The figures behind the verdicts.
    ValidationMetrics {
        leads_ingested: Option<u64>, leads_processed: Option<u64>, data_quality_score: Option<f64>,
        risk_level: Option<String>, system_health: Option<String>,
    }
}

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It holds, with something to look at.
    Warning,
}

impl Snapshot for ProductionExecution {
    const FILE: &'static str = "production_execution.json";
}

impl Snapshot for RiskMonitoringResults {
    const FILE: &'static str = "risk_monitoring_results.json";
}

impl Snapshot for ProductionValidation {
    const FILE: &'static str = "production_validation_complete.json";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object's keys with the keys of the objects in it, as `formats.md` writes them.
    fn keys(value: &serde_json::Value) -> String {
        let named = |(key, value): (&String, &serde_json::Value)| match value {
            serde_json::Value::Object(_) => format!("{key} {{{}}}", keys(value)),
            _ => key.clone(),
        };
        value.as_object().map(|object| object.iter().map(named).collect::<Vec<_>>().join(", ")).unwrap_or_default()
    }

    fn check(snapshot: &impl Snapshot, expected: &str) {
        assert_eq!(keys(&serde_json::to_value(snapshot).expect("JSON")), expected);
    }

    #[test]
    fn the_keys_are_the_original_ones() {
        check(
            &ProductionExecution::default(),
            "timestamp, mode, dry_run_enabled, data_source, ingestion {total_records, valid_leads, invalid_leads, success_rate}, \
             processing {leads_processed, success_rate}, risk_assessment {overall_status, data_quality_score, system_performance, \
             security_status, alerts}",
        );
        check(
            &RiskMonitoringResults::default(),
            "timestamp, monitoring_active, data_quality {status, score, checks_passed, checks_failed, details {records_validated, \
             duplicates_found, missing_fields, invalid_formats, outliers_detected}}, system_performance {status, checks_passed, \
             checks_failed, metrics {cpu_usage_percent, memory_usage_mb, active_connections, request_latency_ms, \
             thread_pool_utilization}}, security {status, checks_passed, checks_failed, details {data_encryption, access_control, \
             audit_logging, authentication, suspicious_activities}}, alerts {critical, warnings, info, total}",
        );
        check(
            &ProductionValidation::default(),
            "timestamp, mode, dry_run_enabled, validation_results {dry_run_disable, csv_ingestion, data_quality, \
             system_performance, security, risk_assessment, pipeline_processing, alert_logging}, metrics {leads_ingested, \
             leads_processed, data_quality_score, risk_level, system_health}, clearance",
        );
    }

    #[test]
    fn a_written_snapshot_reads_back_with_its_reasons() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut snapshot = RiskMonitoringResults { monitoring_active: true, ..Default::default() };
        snapshot.security.reasons.insert("status".into(), "not measured yet".into());
        write(dir.path(), &snapshot).expect("written");
        let text = std::fs::read(dir.path().join("risk_monitoring_results.json")).expect("there");
        assert_eq!(serde_json::from_slice::<RiskMonitoringResults>(&text).expect("own file"), snapshot);
    }

    #[test]
    fn percent_is_the_originals() {
        for (part, whole, text) in [(10, 10, Some("100.0%")), (2, 3, Some("66.7%")), (0, 4, Some("0.0%")), (0, 0, None)] {
            assert_eq!(percent(part, whole).as_deref(), text);
        }
    }
}
