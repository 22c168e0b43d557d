//! Files that should have come and did not: by a schedule, or by what a source used to do.
//!
//! Pure: times in, findings out. What came of a file does not matter here, only that it came.

use chrono::TimeZone;
use chrono_tz::Tz;

use super::{Finding, Level};
use crate::config::Schedule;
use crate::journal::AlertCode;

/// So many deliveries of a source are looked at.
pub const DELIVERIES: usize = 20;
/// Files that come within this time of the latest are one delivery, in milliseconds.
pub const DELIVERY_MS: i64 = 3_600_000;
/// So many deliveries must have come before silence says something.
const DELIVERIES_MIN: usize = 8;

/// What is known of a source with a schedule.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its name.
    pub source: &'a str,
    /// When its files are due.
    pub schedule: &'a Schedule,
    /// Since when the schedule is known, milliseconds since 1970: what was due before is nobody's fault.
    pub since_ms: i64,
    /// When its latest file came, milliseconds since 1970.
    pub latest_ms: Option<i64>,
}

/// Whether the file of the last due time came. A file counts for the due time that is nearest to it, so that an early one is
/// on time and a late one ends the alarm; what is due is judged once `grace_ms` is over.
#[must_use]
pub fn expected(known: &Expected<'_>, zone: Tz, grace_ms: i64, now_ms: i64) -> Finding {
    let finding = |level, detail| Finding::new(AlertCode::ExpectedFileMissing, level, detail).about(known.source);
    let time = |ms| zone.timestamp_millis_opt(ms).single().map_or_else(String::new, |at| at.format("%a %-d %b %Y %H:%M %Z").to_string());
    let due = known.schedule.before(now_ms - grace_ms, zone, true).filter(|due| *due >= known.since_ms);
    let Some(due) = due else { return finding(Level::Fine, "nothing was due since its schedule is known".to_owned()) };
    let from = known.schedule.before(due, zone, false).map_or(due, |earlier| earlier.midpoint(due));
    match known.latest_ms {
        Some(latest) if latest >= from => finding(Level::Fine, format!("the file that was due {} came {}", time(due), time(latest))),
        latest => {
            let last = latest.map_or_else(|| "none ever came".to_owned(), |latest| format!("the last one came {}", time(latest)));
            finding(Level::Warning, format!("no file came that was due {} ({}); {last}", time(due), known.schedule))
        }
    }
}

/// Whether a source without a schedule is silent for longer than it ever was: three times the usual gap between its
/// deliveries and twice the longest one of the latest [`DELIVERIES`], and at least an hour. `came_ms`: the latest first.
/// None where too few came to know what is usual.
#[must_use]
pub fn quiet(source: &str, came_ms: &[i64], now_ms: i64) -> Option<Finding> {
    let latest = *came_ms.first().filter(|_| came_ms.len() >= DELIVERIES_MIN)?;
    let mut gaps: Vec<i64> = came_ms.windows(2).map(|pair| pair[0] - pair[1]).collect();
    gaps.sort_unstable();
    let (usual, longest) = (gaps[gaps.len() / 2], *gaps.last().expect("eight deliveries have seven gaps"));
    let limit = (usual * 3).max(longest * 2).max(DELIVERY_MS);
    let silent = now_ms - latest;
    let level = if silent > limit { Level::Warning } else { Level::Fine };
    let detail = format!(
        "nothing came for {}; usual is every {}, the longest gap was {}, the limit is {}",
        duration(silent.max(0)),
        duration(usual),
        duration(longest),
        duration(limit)
    );
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let hours = |ms: i64| (ms as f64 / 36_000.0).round() / 100.0;
    Some(Finding::new(AlertCode::SourceQuiet, level, detail).about(source).measured(hours(silent), hours(limit)))
}

fn duration(ms: i64) -> String {
    match ms / 60_000 {
        minutes @ 0..120 => format!("{minutes} min"),
        minutes @ 120..2880 => format!("{} h", minutes / 60),
        minutes => format!("{} days", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
    }

    /// Whether a file is missing: schedule, zone, when the latest came, now.
    fn missing(schedule: &str, zone: Tz, latest: Option<&str>, now: &str) -> Option<String> {
        let schedule = schedule.parse().expect("a schedule");
        let known = Expected { source: "a", schedule: &schedule, since_ms: ms("2025-01-01T00:00:00Z"), latest_ms: latest.map(ms) };
        let finding = expected(&known, zone, HOUR, ms(now));
        finding.is_bad().then_some(finding.detail)
    }

    #[test]
    fn a_file_counts_for_the_due_time_that_is_nearest() {
        let (zone, weekdays) = (Tz::UTC, "0 9 * * 1-5");
        // Friday 2026-11-20, Monday 2026-11-23, Tuesday 2026-11-24.
        let cases = [
            // On time, early, late; before and after the grace.
            (Some("2026-11-24T08:59:00Z"), "2026-11-24T10:00:00Z", false),
            (Some("2026-11-24T00:30:00Z"), "2026-11-24T10:00:00Z", false),
            (Some("2026-11-23T09:30:00Z"), "2026-11-24T09:59:00Z", false),
            (Some("2026-11-23T09:30:00Z"), "2026-11-24T10:00:00Z", true),
            (Some("2026-11-24T10:30:00Z"), "2026-11-24T10:31:00Z", false),
            // Missing since Friday: Saturday and Sunday are not due, and Monday's is judged after its grace.
            (Some("2026-11-19T09:00:00Z"), "2026-11-20T10:00:00Z", true),
            (Some("2026-11-19T09:00:00Z"), "2026-11-22T23:00:00Z", true),
            (Some("2026-11-20T09:00:00Z"), "2026-11-23T09:30:00Z", false),
            (Some("2026-11-20T09:00:00Z"), "2026-11-23T10:00:00Z", true),
            (None, "2026-11-23T10:00:00Z", true),
            // The clock was wrong when it came.
            (Some("2027-01-01T00:00:00Z"), "2026-11-23T10:00:00Z", false),
        ];
        for (latest, now, is_missing) in cases {
            assert_eq!(missing(weekdays, zone, latest, now).is_some(), is_missing, "{latest:?} {now}");
        }
        assert_eq!(
            missing(weekdays, Tz::Europe__Amsterdam, Some("2026-11-23T08:00:00Z"), "2026-11-24T09:00:00Z").expect("missing"),
            "no file came that was due Tue 24 Nov 2026 09:00 CET (0 9 * * 1-5); the last one came Mon 23 Nov 2026 09:00 CET"
        );
    }

    #[test]
    fn a_due_time_that_the_clock_skips_is_judged_after_the_change() {
        let missing = |now| missing("30 2 * * *", Tz::Europe__Amsterdam, Some("2026-03-28T02:00:00Z"), now);
        assert_eq!(missing("2026-03-29T01:59:00Z"), None);
        assert!(missing("2026-03-29T02:00:00Z").is_some());
    }

    #[test]
    fn nothing_is_missing_that_was_due_before_the_schedule_was_known() {
        let schedule = "0 9 * * *".parse().expect("a schedule");
        let known = |since: &str| Expected { source: "a", schedule: &schedule, since_ms: ms(since), latest_ms: None };
        let is_bad = |since, now| expected(&known(since), Tz::UTC, HOUR, ms(now)).is_bad();
        assert!(!is_bad("2026-11-24T09:30:00Z", "2026-11-24T12:00:00Z"));
        assert!(!is_bad("2026-11-24T09:30:00Z", "2026-11-25T09:59:00Z"));
        assert!(is_bad("2026-11-24T09:30:00Z", "2026-11-25T10:00:00Z"));
        assert!(!is_bad("2026-11-24T09:30:00Z", "2026-11-20T12:00:00Z"), "a clock that went back");
    }

    #[test]
    fn silence_is_held_against_the_sources_own_gaps() {
        let daily: Vec<i64> = (0..8).map(|day| -day * DAY).collect();
        let weekdays = [0, -1, -2, -3, -6, -7, -8, -9, -10, -13].map(|day| day * DAY);
        let often: Vec<i64> = (0..20).map(|file| -file * HOUR).collect();
        let cases: [(&[i64], i64, Option<bool>); 8] = [
            (&daily[..7], 100 * DAY, None),
            (&daily, 3 * DAY, Some(false)),
            (&daily, 3 * DAY + 1, Some(true)),
            (&weekdays, 6 * DAY, Some(false)),
            (&weekdays, 6 * DAY + 1, Some(true)),
            (&often, 3 * HOUR, Some(false)),
            (&often, 3 * HOUR + 1, Some(true)),
            (&daily, -DAY, Some(false)),
        ];
        for (came, now, is_bad) in cases {
            assert_eq!(quiet("a", came, now).map(|finding| finding.is_bad()), is_bad, "{came:?} {now}");
        }
    }
}
