//! What is known about the risks of running: real probes, and a reason where there is none yet.
//!
//! Fills the two snapshots that users of the original system read. A figure that cannot be measured is `null` with a
//! reason beside it, never a pleasant word. Thresholds, drift and the security probes have their room here.

mod assessment;
pub mod data_quality;
mod finding;

use std::path::Path;

pub use assessment::{Assessment, Health, RiskLevel, assess};
pub use finding::{Finding, Level};

use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::journal::report::{Fate, Kind};
use crate::journal::snapshot::{
    AlertTotals, DataQuality, DataQualityDetails, IngestionFigures, ProcessingFigures, ProductionExecution, Reasons, RiskAssessment,
    RiskMonitoringResults, Security, SecurityDetails, SystemMetrics, SystemPerformance, percent,
};
use crate::journal::{AlertCode, Report};
use crate::progress::Look;

const LATER: &str = "not measured yet: this probe comes in a later version";
const NO_JOB: &str = "no file was taken since the start";

/// The original's limits for the machine.
const CPU_PERCENT_MAX: f64 = 80.0;
/// Request latency in milliseconds: 30 s.
const LATENCY_MS_MAX: f64 = 30_000.0;

/// Remembers what a probe needs from its last look.
#[derive(Debug)]
pub struct Monitor {
    stopwatch: Stopwatch,
    last_cpu: Option<(f64, f64)>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self { stopwatch: Stopwatch::start(), last_cpu: None }
    }
}

impl Monitor {
    /// `risk_monitoring_results.json` as things are now.
    pub fn results(&mut self, config: &Config, look: &Look, is_active: bool) -> RiskMonitoringResults {
        let [info, warnings, critical] = look.alerts;
        RiskMonitoringResults {
            timestamp: clock::rfc3339(clock::now_ms()),
            monitoring_active: is_active,
            data_quality: data_quality(look.state.last.as_deref(), config),
            system_performance: self.system(look),
            security: security(&config.folders.inbox),
            alerts: AlertTotals { critical, warnings, info, total: critical + warnings + info, reasons: Reasons::new() },
            reasons: Reasons::new(),
        }
    }

    fn system(&mut self, look: &Look) -> SystemPerformance {
        let mut reasons = Reasons::new();
        let mut known = |key: &str, figure: Option<f64>, why: &str| {
            if figure.is_none() {
                reasons.insert(key.to_owned(), why.to_owned());
            }
            figure
        };
        let cpu = known("cpu_usage_percent", self.cpu_percent(), "needs two looks; the first was just now");
        let memory = known("memory_usage_mb", memory_mb(), "the system does not tell");
        #[allow(clippy::cast_precision_loss)] // milliseconds of one job
        let latency = look.state.last.as_ref().map(|report| report.duration_ms as f64);
        let latency = known("request_latency_ms", latency, NO_JOB);
        for key in ["active_connections", "thread_pool_utilization"] {
            reasons.insert(key.to_owned(), LATER.to_owned());
        }
        let checks = [cpu.map(|cpu| cpu <= CPU_PERCENT_MAX), latency.map(|latency| latency <= LATENCY_MS_MAX)];
        let (passed, failed) = count(&checks);
        SystemPerformance {
            status: Some(word(failed)),
            checks_passed: Some(passed),
            checks_failed: Some(failed),
            metrics: SystemMetrics {
                cpu_usage_percent: cpu,
                memory_usage_mb: memory,
                active_connections: None,
                request_latency_ms: latency,
                thread_pool_utilization: None,
                reasons,
            },
            reasons: Reasons::new(),
        }
    }

    /// Our own use of one processor since the last look, in percent.
    fn cpu_percent(&mut self) -> Option<f64> {
        let (used, at) = (cpu_seconds(), self.stopwatch.elapsed_seconds());
        let last = self.last_cpu.replace((used, at));
        let (used_before, at_before) = last?;
        (at - at_before > 0.01).then(|| (((used - used_before) / (at - at_before)) * 1000.0).round() / 10.0)
    }
}

/// `production_execution.json` after a job.
#[must_use]
pub fn execution(config: &Config, report: &Report) -> ProductionExecution {
    let (total, valid) = (report.rows.total, report.valid());
    let is_of_leads = report.kind == Kind::Leads;
    let mut reasons = Reasons::new();
    for key in ["system_performance", "security_status"] {
        reasons.insert(key.to_owned(), "see risk_monitoring_results.json".to_owned());
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
            system_performance: None,
            security_status: None,
            alerts: report.alerts.clone(),
            reasons,
        },
        reasons: Reasons::new(),
    }
}

/// What can be found about the installation by looking, without having watched it.
#[must_use]
pub fn probe(config: &Config) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let inbox = &config.folders.inbox;
    let (level, detail) = match std::fs::metadata(inbox).map(|metadata| metadata.permissions().mode() & 0o7777) {
        Ok(mode) if mode & 0o002 == 0 => (Level::Fine, format!("{}: mode {mode:o}", inbox.display())),
        Ok(mode) => (Level::Warning, format!("{}: anyone may write there (mode {mode:o})", inbox.display())),
        Err(error) => (Level::Unknown, format!("{}: {error}", inbox.display())),
    };
    vec![Finding::new(AlertCode::WorldWritableInbox, level, detail)]
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

fn security(inbox: &Path) -> Security {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(inbox).ok().map(|metadata| metadata.permissions().mode());
    let access = mode.map(|mode| if mode & 0o002 == 0 { "inbox not world-writable" } else { "inbox world-writable" }.to_owned());
    let mut reasons: Reasons =
        ["data_encryption", "authentication", "suspicious_activities"].into_iter().map(|key| (key.to_owned(), LATER.to_owned())).collect();
    if access.is_none() {
        reasons.insert("access_control".to_owned(), "the inbox cannot be looked at".to_owned());
    }
    let (passed, failed) = count(&[mode.map(|mode| mode & 0o002 == 0)]);
    Security {
        status: None,
        checks_passed: Some(passed),
        checks_failed: Some(failed),
        details: SecurityDetails {
            data_encryption: None,
            access_control: access,
            audit_logging: Some("hash-chained audit.jsonl".to_owned()),
            authentication: None,
            suspicious_activities: None,
            reasons,
        },
        reasons: [("status".to_owned(), LATER.to_owned())].into(),
    }
}

fn count(checks: &[Option<bool>]) -> (u64, u64) {
    let of = |wanted| checks.iter().filter(|check| **check == Some(wanted)).count() as u64;
    (of(true), of(false))
}

fn word(failed: u64) -> String {
    if failed == 0 { "HEALTHY" } else { "DEGRADED" }.to_owned()
}

fn unless(holds: bool, key: &str, why: &str) -> Reasons {
    if holds { Reasons::new() } else { [(key.to_owned(), why.to_owned())].into() }
}

/// Processor time of this process, in seconds.
#[allow(clippy::cast_precision_loss)] // nanoseconds of a process
fn cpu_seconds() -> f64 {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9
}

/// Resident memory of this process, in MiB.
fn memory_mb() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    #[allow(clippy::cast_precision_loss)] // pages
    Some(((pages * rustix::param::page_size() as u64) as f64 / f64::from(1 << 20) * 10.0).round() / 10.0)
}
