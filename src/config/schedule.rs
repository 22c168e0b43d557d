//! `expected` of a source: when its files are due.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeZone};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// When files of a source are due: a cron expression of five fields.
///
/// Times are those of a wall clock: one that a change of the clock skips is due at the change, one that comes twice is due the
/// first time (Open Cron Pattern Specification 1.4, as croner does it).
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule(Box<Cron>);

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| error.to_string())?;
        let never = || "no time ever matches it".to_owned();
        cron.find_next_occurrence(&DateTime::UNIX_EPOCH, true).map_err(|_| never())?;
        Ok(Self(Box::new(cron)))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Schedule {
    /// The last due time up to a moment, in milliseconds since 1970; none where there was none.
    #[must_use]
    pub fn before(&self, ms: i64, zone: Tz, with_it: bool) -> Option<i64> {
        let at = zone.timestamp_millis_opt(ms).single()?;
        self.0.find_previous_occurrence(&at, with_it).ok().map(|due| due.timestamp_millis())
    }

    /// The next due time behind a moment, in milliseconds since 1970.
    #[must_use]
    pub fn after(&self, ms: i64, zone: Tz) -> Option<i64> {
        let at = zone.timestamp_millis_opt(ms).single()?;
        self.0.find_next_occurrence(&at, false).ok().map(|due| due.timestamp_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
    }

    #[test]
    fn changes_of_the_clock_month_ends_and_leap_days() {
        let zone = Tz::Europe__Amsterdam;
        let due = |schedule: &str, after: &str| {
            let schedule: Schedule = schedule.parse().expect("a schedule");
            let at = schedule.after(ms(after), zone).expect("due again");
            DateTime::from_timestamp_millis(at).expect("a time").to_rfc3339()
        };
        // 2026-03-29 02:00 became 03:00; 2026-10-25 03:00 became 02:00.
        assert_eq!(due("30 2 * * *", "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00+00:00", "skipped: at the change");
        assert_eq!(due("30 2 * * *", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00+00:00", "twice: the first time");
        assert_eq!(due("30 2 * * *", "2026-10-25T00:45:00Z"), "2026-10-26T01:30:00+00:00", "and only then");
        assert_eq!(due("0 9 * * *", "2026-03-28T12:00:00Z"), "2026-03-29T07:00:00+00:00");
        assert_eq!(due("0 9 L * *", "2027-02-01T00:00:00Z"), "2027-02-28T08:00:00+00:00");
        assert_eq!(due("0 9 29 2 *", "2026-11-24T00:00:00Z"), "2028-02-29T08:00:00+00:00");
    }

    #[test]
    fn what_is_no_schedule() {
        for text in ["", "9", "0 9 * *", "0 0 9 * * *", "61 * * * *", "0 9 * * FOO", "0 0 31 2 *", "0 9 * * 1-5 2026"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
        for text in ["0 9 * * 1-5", "*/15 8-18 * * MON-FRI", "0 9 1 * *", "@daily"] {
            assert!(text.parse::<Schedule>().expect("a schedule").after(0, Tz::UTC).is_some(), "{text}");
        }
    }
}
