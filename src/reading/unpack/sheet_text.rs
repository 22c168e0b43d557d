//! A sheet's cells as text: what a person sees in a cell that nobody formatted, written as one CSV (RFC 4180).

use std::borrow::Cow;
use std::fmt::Write as _;

use calamine::{Data, DataRef, ExcelDateTime, ExcelDateTimeType};

const DAY_SECONDS: f64 = 86_400.0;
/// The serial of the day after 9999-12-31, the last that Excel knows.
const SERIAL_END: f64 = 2_958_466.0;

/// The text of a cell.
pub(super) fn text_of<'c>(cell: &'c DataRef<'_>) -> Cow<'c, str> {
    match cell {
        DataRef::Empty => Cow::Borrowed(""),
        DataRef::String(text) => Cow::Borrowed(text),
        DataRef::SharedString(text) => Cow::Borrowed(text),
        DataRef::Int(number) => Cow::Owned(number.to_string()),
        DataRef::Float(number) => Cow::Owned(number_text(*number)),
        DataRef::Bool(truth) => Cow::Borrowed(if *truth { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(when) => Cow::Owned(serial_text(when)),
        DataRef::DateTimeIso(when) => Cow::Owned(iso_text(when)),
        DataRef::DurationIso(length) => duration_text(length).map_or(Cow::Borrowed(length), Cow::Owned),
        DataRef::Error(error) => Cow::Owned(error.to_string()),
    }
}

/// The same cell, borrowed.
pub(super) fn borrowed(cell: &Data) -> DataRef<'_> {
    match cell {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(when) => DataRef::DateTime(*when),
        Data::DateTimeIso(when) => DataRef::DateTimeIso(when.clone()),
        Data::DurationIso(length) => DataRef::DurationIso(length.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

/// A number without an exponent and without a needless fraction. Fractions are rounded to the 15 digits that spreadsheets
/// show: beyond them stands what computing left over (19.990000000000002).
pub(super) fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned(); // also -0
    }
    let exact = number.to_string();
    if number.fract() == 0.0 {
        return exact;
    }
    let shown = format!("{number:.14e}").parse::<f64>().map_or_else(|_| exact.clone(), |rounded| rounded.to_string());
    if shown.len() < exact.len() { shown } else { exact }
}

/// A point in time as ISO 8601 writes it, with a space: a date, a time of day, or both; a length of time as hours, minutes
/// and seconds. What is outside of the calendar stays a number.
fn serial_text(when: &ExcelDateTime) -> String {
    let serial = when.as_f64();
    if !(0.0..SERIAL_END).contains(&serial) {
        return number_text(serial);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 and 2.6e11, as checked above
    let seconds = (serial * DAY_SECONDS).round() as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = |hours: u64| format!("{hours:02}:{:02}:{:02}", rest / 60 % 60, rest % 60);
    if when.is_duration() {
        return clock(days * 24 + rest / 3600);
    }
    if days == 0 && serial < 1.0 && rest > 0 {
        return clock(rest / 3600);
    }
    let date = date_text(days, when);
    if rest == 0 { date } else { format!("{date} {}", clock(rest / 3600)) }
}

fn date_text(days: u64, when: &ExcelDateTime) -> String {
    // The library keeps to itself from when a value counts, and tells it by comparing.
    let is_1904 = *when == ExcelDateTime::new(when.as_f64(), ExcelDateTimeType::DateTime, true);
    #[allow(clippy::cast_precision_loss)] // below three million
    let day = ExcelDateTime::new(days as f64, ExcelDateTimeType::DateTime, is_1904);
    let (year, month, day, ..) = day.to_ymd_hms_milli();
    format!("{year:04}-{month:02}-{day:02}")
}

/// ISO 8601 with a space for the `T`, and without a time of day that says nothing.
fn iso_text(when: &str) -> String {
    let when = when.trim();
    let Some((date, time)) = when.split_once('T') else { return when.to_owned() };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    if fraction.bytes().all(|digit| digit == b'0') {
        return if clock == "00:00:00" { date.to_owned() } else { format!("{date} {clock}") };
    }
    format!("{date} {time}")
}

/// `PT14H30M00S` as 14:30:00.
fn duration_text(length: &str) -> Option<String> {
    let rest = length.strip_prefix("PT")?;
    let (hours, rest) = rest.split_once('H').unwrap_or(("0", rest));
    let (minutes, rest) = rest.split_once('M').unwrap_or(("0", rest));
    let seconds = rest.strip_suffix('S').unwrap_or("0");
    let seconds = seconds.split_once(['.', ',']).map_or(seconds, |(whole, _)| whole);
    let [hours, minutes, seconds] = [hours, minutes, seconds].map(|part| part.parse::<u32>().ok());
    Some(format!("{:02}:{:02}:{:02}", hours?, minutes?, seconds?))
}

/// Adds a field.
pub(super) fn push_field(line: &mut String, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        let _ = write!(line, "\"{}\"", text.replace('"', "\"\"")); // writing to a string cannot fail
    } else {
        line.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (100.0, "100"),
            (-12.5, "-12.5"),
            (2_045_550_101.0, "2045550101"),
            (447_700_900_123.0, "447700900123"),
            (1_234_567_890_123_456.0, "1234567890123456"),
            (1e21, "1000000000000000000000"),
            (0.1 + 0.2, "0.3"),
            (19.990_000_000_000_002, "19.99"),
            (1.0 / 3.0, "0.333333333333333"),
            (1e-7, "0.0000001"),
            (1_234_567.891, "1234567.891"),
        ] {
            assert_eq!(number_text(number), expected);
        }
    }

    #[test]
    fn points_in_time() {
        for (serial, expected) in [
            (45_413.0, "2024-05-01"),
            (45_413.604_166_666_664, "2024-05-01 14:30:00"),
            (45_413.999_999_999, "2024-05-02"),
            (0.75, "18:00:00"),
            (0.0, "1899-12-31"),
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (2_958_465.0, "9999-12-31"),
            (2_958_466.0, "2958466"),
            (-1.0, "-1"),
        ] {
            let when = ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, false);
            assert_eq!(serial_text(&when), expected, "{serial}");
        }
        assert_eq!(serial_text(&ExcelDateTime::new(43_951.5, ExcelDateTimeType::DateTime, true)), "2024-05-01 12:00:00");
        assert_eq!(serial_text(&ExcelDateTime::new(1.25, ExcelDateTimeType::TimeDelta, false)), "30:00:00");
    }

    #[test]
    fn iso_forms() {
        for (text, expected) in [
            ("2024-05-01", "2024-05-01"),
            ("2024-05-01T00:00:00", "2024-05-01"),
            ("2024-05-01T14:30:00.000000000", "2024-05-01 14:30:00"),
            ("2024-05-01T14:30:00.25", "2024-05-01 14:30:00.25"),
        ] {
            assert_eq!(iso_text(text), expected);
        }
        for (text, expected) in [("PT14H30M00S", Some("14:30:00")), ("PT100H00M05.5S", Some("100:00:05")), ("P1D", None), ("PTxH", None)] {
            assert_eq!(duration_text(text).as_deref(), expected);
        }
    }

    #[test]
    fn fields() {
        for (text, expected) in
            [("a", "a"), ("", ""), ("a,b", "\"a,b\""), ("a\nb", "\"a\nb\""), ("say \"a\"", "\"say \"\"a\"\"\""), (" a;b ", " a;b ")]
        {
            let mut line = String::new();
            push_field(&mut line, text);
            assert_eq!(line, expected);
        }
    }
}
