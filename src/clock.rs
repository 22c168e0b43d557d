//! The only `now()`. Everything else is told the time.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};

/// The wall clock, in milliseconds since 1970 UTC.
#[must_use]
pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// A clock that never jumps, in milliseconds since this value was made: for waiting and for durations.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn elapsed_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since the start, with fractions.
    #[must_use]
    pub fn elapsed_seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// A time as it stands in every file we write: RFC 3339, UTC, milliseconds, `Z`.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Milliseconds since 1970 of a written time or date; `None` when it is neither.
#[must_use]
pub fn parse_ms(text: &str) -> Option<i64> {
    let date = || Some(chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(date).map(|time| time.timestamp_millis())
}

/// A time as people read it, in their own time zone: `3 May 14:02`.
#[must_use]
pub fn local_short(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap_or_default().with_timezone(&chrono::Local).format("%-d %b %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_times_read_back() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(parse_ms("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123));
        assert_eq!(parse_ms("2023-11-14"), Some(1_699_920_000_000));
        assert_eq!(parse_ms("yesterday"), None);
    }
}
