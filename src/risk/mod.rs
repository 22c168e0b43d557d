//! What is known about the risks of running: real probes, and a reason where there is none yet.
//!
//! Fills the two snapshots that users of the original system read. A figure that cannot be measured is `null` with a
//! reason beside it, never a pleasant word. Thresholds, drift and the security probes have their room here.

pub mod arrivals;
mod assessment;
pub mod data_quality;
mod finding;
mod monitor;
mod pulse;
mod security;
mod system;

pub use assessment::{Assessment, Health, RiskLevel, assess};
pub use finding::{Finding, Level};
pub use monitor::{Looked, Monitor, probe, stalled};
pub use pulse::{Latency, Pulse, Suspicion};
pub use security::hidden_in_name;
pub use system::{Disk, SystemFigures};

use crate::clock;
use crate::config::Config;
use crate::journal::report::{Fate, Kind};
use crate::journal::snapshot::{
    AlertTotals, DataQuality, DataQualityDetails, IngestionFigures, ProcessingFigures, ProductionExecution, Reasons, RiskAssessment,
    RiskMonitoringResults, Security, SecurityDetails, SystemMetrics, SystemPerformance, percent,
};
use crate::journal::{AlertCode, Report};
use crate::progress::Look;

const NO_JOB: &str = "no file was taken since the start";
const NO_LOOK: &str = "the first look is not finished yet";

/// `risk_monitoring_results.json` as things are now.
#[must_use]
pub fn results(config: &Config, look: &Look, looked: Option<&Looked>, is_active: bool) -> RiskMonitoringResults {
    let [info, warnings, critical] = look.alerts;
    RiskMonitoringResults {
        timestamp: clock::rfc3339(clock::now_ms()),
        monitoring_active: is_active,
        data_quality: data_quality(look.state.last.as_deref(), config),
        system_performance: system_performance(looked),
        security: security_results(looked),
        alerts: AlertTotals { critical, warnings, info, total: critical + warnings + info, reasons: Reasons::new() },
        reasons: Reasons::new(),
    }
}

/// Whether a code is about safety; every other one that the monitor finds is about the machine.
#[must_use]
pub fn is_security(code: AlertCode) -> bool {
    use AlertCode as C;
    matches!(
        code,
        C::WorldWritableInbox
            | C::PermissionsTooWide
            | C::ForeignOwner
            | C::SecretExposed
            | C::RunsAsRoot
            | C::SuspiciousName
            | C::SuspiciousActivity
            | C::DropBurst
            | C::RejectBurst
            | C::JournalTampered
            | C::DataNotEncrypted
            | C::PlainRemote
    )
}

/// One of the two parts of a look.
fn part(looked: &Looked, is_wanted: bool) -> Vec<Finding> {
    looked.findings.iter().filter(|finding| is_security(finding.code) == is_wanted).cloned().collect()
}

/// Findings that are fine, and those that are not.
fn passed_failed(findings: &[Finding]) -> (u64, u64) {
    let failed = findings.iter().filter(|finding| finding.is_bad()).count() as u64;
    (findings.iter().filter(|finding| finding.level == Level::Fine).count() as u64, failed)
}

fn system_performance(looked: Option<&Looked>) -> SystemPerformance {
    let mut reasons = Reasons::new();
    let mut known = |key: &str, figure: Option<f64>, why: &str| {
        if figure.is_none() {
            reasons.insert(key.to_owned(), if looked.is_some() { why } else { NO_LOOK }.to_owned());
        }
        figure
    };
    let system = looked.map(|looked| &looked.system);
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let latency = system.and_then(|system| system.latency).map(|latency| latency.p95 as f64);
    let untold = "the system does not tell";
    let cpu_usage_percent = known("cpu_usage_percent", system.and_then(|system| system.cpu_own), untold);
    let memory_usage_mb = known("memory_usage_mb", system.and_then(|system| system.memory_mb), untold);
    let request_latency_ms = known("request_latency_ms", latency, NO_JOB);
    let thread_pool_utilization = known("thread_pool_utilization", system.and_then(|system| system.workers_busy), untold);
    let active_connections = system.and_then(|system| system.connections);
    #[allow(clippy::cast_precision_loss)] // a handful
    known("active_connections", active_connections.map(|count| count as f64), untold);
    let (status, counted, status_reasons) = verdict(looked, false);
    SystemPerformance {
        status,
        checks_passed: counted.map(|(passed, _)| passed),
        checks_failed: counted.map(|(_, failed)| failed),
        metrics: SystemMetrics {
            cpu_usage_percent,
            memory_usage_mb,
            active_connections,
            request_latency_ms,
            thread_pool_utilization,
            reasons,
        },
        reasons: status_reasons,
    }
}

/// The verdict on one of the two parts, its counts, and why there is none.
fn verdict(looked: Option<&Looked>, is_security: bool) -> (Option<String>, Option<(u64, u64)>, Reasons) {
    let Some(looked) = looked else {
        let reasons = ["status", "checks_passed", "checks_failed"].map(|key| (key.to_owned(), NO_LOOK.to_owned()));
        return (None, None, reasons.into());
    };
    let findings = part(looked, is_security);
    (Some(assess(&findings).health.as_str().to_owned()), Some(passed_failed(&findings)), Reasons::new())
}

fn security_results(looked: Option<&Looked>) -> Security {
    let (status, counted, reasons) = verdict(looked, true);
    Security {
        status,
        checks_passed: counted.map(|(passed, _)| passed),
        checks_failed: counted.map(|(_, failed)| failed),
        details: looked.map_or_else(
            || SecurityDetails {
                audit_logging: Some("hash-chained audit.jsonl".to_owned()),
                reasons: ["data_encryption", "access_control", "authentication", "suspicious_activities"]
                    .map(|key| (key.to_owned(), NO_LOOK.to_owned()))
                    .into(),
                ..SecurityDetails::default()
            },
            security_details,
        ),
        reasons,
    }
}

fn security_details(looked: &Looked) -> SecurityDetails {
    let bad = |codes: &[AlertCode]| looked.findings.iter().find(|finding| codes.contains(&finding.code) && finding.is_bad());
    let access = [AlertCode::PermissionsTooWide, AlertCode::SecretExposed, AlertCode::WorldWritableInbox, AlertCode::ForeignOwner];
    let chain = bad(&[AlertCode::JournalTampered]);
    SecurityDetails {
        data_encryption: looked.encryption.clone().ok(),
        access_control: Some(bad(&access).map_or("as it should be".to_owned(), |finding| finding.detail.clone())),
        audit_logging: Some(chain.map_or("hash-chained audit.jsonl, the chain holds".to_owned(), |finding| finding.detail.clone())),
        authentication: Some("by the permissions of the socket (0660) and the folders".to_owned()),
        suspicious_activities: Some(looked.suspicious),
        reasons: looked.encryption.clone().err().map(|why| ("data_encryption".to_owned(), why)).into_iter().collect(),
    }
}

/// `production_execution.json` after a job.
#[must_use]
pub fn execution(config: &Config, report: &Report, looked: Option<&Looked>) -> ProductionExecution {
    let (total, valid) = (report.rows.total, report.valid());
    let is_of_leads = report.kind == Kind::Leads;
    let mut reasons = Reasons::new();
    for key in ["system_performance", "security_status"].into_iter().filter(|_| looked.is_none()) {
        reasons.insert(key.to_owned(), NO_LOOK.to_owned());
    }
    if report.quality.score.is_none() {
        reasons.insert("data_quality_score".to_owned(), "no row was read".to_owned());
    }
    let status = quality_status(report, config);
    if status.is_none() {
        reasons.insert("overall_status".to_owned(), "no row was read".to_owned());
    }
    ProductionExecution {
        timestamp: report.finished_at.clone(),
        mode: config.mode.as_str().to_owned(),
        dry_run_enabled: report.dry_run,
        data_source: Some(report.file.clone()),
        ingestion: IngestionFigures {
            total_records: total,
            valid_leads: valid,
            invalid_leads: report.rows.rejected,
            success_rate: percent(valid, total),
            reasons: unless(total > 0, "success_rate", "no row was read"),
        },
        processing: ProcessingFigures {
            leads_processed: if is_of_leads { report.rows.accepted_new + report.rows.accepted_updated } else { 0 },
            success_rate: percent(valid, total).filter(|_| is_of_leads),
            reasons: unless(
                total > 0 && is_of_leads,
                "success_rate",
                if is_of_leads { "no row was read" } else { "a list of outcomes holds no leads" },
            ),
        },
        risk_assessment: RiskAssessment {
            overall_status: status,
            data_quality_score: report.quality.score,
            system_performance: verdict(looked, false).0,
            security_status: verdict(looked, true).0,
            alerts: report.alerts.clone(),
            reasons,
        },
        reasons: Reasons::new(),
    }
}

fn data_quality(last: Option<&Report>, config: &Config) -> DataQuality {
    let Some(report) = last.filter(|report| report.fate != Fate::Duplicate) else {
        let nothing = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), NO_JOB.to_owned())).collect();
        return DataQuality {
            details: DataQualityDetails {
                reasons: nothing(&["records_validated", "duplicates_found", "missing_fields", "invalid_formats", "outliers_detected"]),
                ..DataQualityDetails::default()
            },
            reasons: nothing(&["status", "score", "checks_passed", "checks_failed"]),
            ..DataQuality::default()
        };
    };
    let rules = config.rules_for(Some(&report.source));
    let by_code = |codes: &[&str]| codes.iter().filter_map(|code| report.issues.by_code.get(*code)).sum::<u64>();
    let missing = by_code(&["missing_field"]);
    let checks = [
        report.quality.score.map(|score| score >= rules.quality.score_min),
        Some(report.rows.duplicates_in_file <= rules.quality.duplicate_tolerance),
        Some(missing <= rules.quality.missing_fields_max),
    ];
    let (passed, failed) = count(&checks);
    DataQuality {
        status: quality_status(report, config),
        score: report.quality.score,
        checks_passed: Some(passed),
        checks_failed: Some(failed),
        details: DataQualityDetails {
            records_validated: Some(report.rows.total),
            duplicates_found: Some(report.rows.duplicates_in_file),
            missing_fields: Some(missing),
            invalid_formats: Some(by_code(&[
                "invalid_email",
                "value_not_numeric",
                "value_not_positive",
                "value_out_of_range",
                "invalid_encoding",
            ])),
            outliers_detected: Some(report.quality.outliers),
            reasons: Reasons::new(),
        },
        reasons: if report.quality.score.is_none() {
            ["status", "score"].into_iter().map(|key| (key.to_owned(), "no row was read".to_owned())).collect()
        } else {
            Reasons::new()
        },
    }
}

/// HEALTHY at or above the minimum score, DEGRADED below.
fn quality_status(report: &Report, config: &Config) -> Option<String> {
    let least = config.rules_for(Some(&report.source)).quality.score_min;
    report.quality.score.map(|score| if score >= least { "HEALTHY" } else { "DEGRADED" }.to_owned())
}

fn count(checks: &[Option<bool>]) -> (u64, u64) {
    let of = |wanted| checks.iter().filter(|check| **check == Some(wanted)).count() as u64;
    (of(true), of(false))
}

fn unless(holds: bool, key: &str, why: &str) -> Reasons {
    if holds { Reasons::new() } else { [(key.to_owned(), why.to_owned())].into() }
}
