//! Dates as people and programs write them → milliseconds since 1970.
//!
//! Understood are ISO 8601 (`2024-05-01`, with a time and a zone or without), `2024/05/01`, `20240501`, `01.05.2024`,
//! `5/1/2024` and `1 May 2024`, each also with a time. Without a zone it is UTC. Which of day and month comes first
//! between slashes or hyphens is settled once for a file. A spreadsheet's serial numbers are no dates: nothing tells them
//! from other numbers.

/// What comes first in `5/1/2024`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// The day: 5 January.
    #[default]
    DayFirst,
    /// The month: May 1.
    MonthFirst,
}

/// What the dates of a column show about their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderEvidence {
    day_first: u32,
    month_first: u32,
    open: u32,
}

impl OrderEvidence {
    /// Looks at one more cell.
    pub fn add(&mut self, cell: &str) {
        let Some((first, second)) = doubtful(cell.trim()) else { return };
        match (first > 12, second > 12) {
            (true, false) => self.day_first += 1,
            (false, true) => self.month_first += 1,
            (false, false) if first != second => self.open += 1,
            _ => {}
        }
    }

    /// The order, and whether the dates could mean the other one as well. The day comes first unless the dates prove that
    /// the month does.
    #[must_use]
    pub fn decide(self) -> (DateOrder, bool) {
        if self.month_first > self.day_first {
            return (DateOrder::MonthFirst, false);
        }
        (DateOrder::DayFirst, self.day_first == 0 && self.open > 0)
    }
}

/// Reads a date; `None` for what is none.
#[must_use]
pub fn read_date(cell: &str, order: DateOrder) -> Option<i64> {
    let text = cell.trim();
    if text.is_empty() || text.len() > 60 || !text.is_ascii() {
        return None;
    }
    let (date, time) = split_time(text);
    let day = day_of(date, order)?;
    Some(day * DAY_MS + if time.is_empty() { 0 } else { time_of(time)? })
}

const DAY_MS: i64 = 86_400_000;
/// Years that a date of an outcome may lie in: beyond, a digit is wrong.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2200;

/// The first two numbers of a date between slashes or hyphens that begins with neither a year nor a month's name.
fn doubtful(text: &str) -> Option<(u32, u32)> {
    let (date, _) = split_time(text);
    let mut parts = date.split(['/', '-']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |part: &str| (1..=2).contains(&part.len()).then(|| part.parse().ok()).flatten();
    let is_year = matches!(third.len(), 2 | 4) && third.bytes().all(|byte| byte.is_ascii_digit());
    (parts.next().is_none() && is_year).then(|| Some((short(first)?, short(second)?)))?
}

/// Date and time apart: at the `T` of ISO 8601, or where the first word with a colon begins.
fn split_time(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    if bytes.len() > 10 && bytes[10] == b'T' || bytes.len() > 8 && bytes[8] == b'T' {
        let at = if bytes[8] == b'T' { 8 } else { 10 };
        return (&text[..at], text[at + 1..].trim());
    }
    match text.find(':').and_then(|colon| text[..colon].rfind(' ')) {
        Some(space) => (text[..space].trim_end().trim_end_matches(','), text[space + 1..].trim()),
        None => (text, ""),
    }
}

/// Days since 1970.
fn day_of(date: &str, order: DateOrder) -> Option<i64> {
    if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) {
        return days(date[..4].parse().ok()?, date[4..6].parse().ok()?, date[6..].parse().ok()?);
    }
    let is_separator = |c: char| matches!(c, '/' | '-' | '.' | ' ' | ',');
    let parts: Vec<&str> = date.split(is_separator).filter(|part| !part.is_empty()).collect();
    // A weekday in front says nothing more.
    let parts = if parts.len() == 4 && is_weekday(parts[0]) { &parts[1..] } else { &parts[..] };
    let &[first, second, third] = parts else { return None };
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten();
    if let Some(month) = month_named(first) {
        return days(year(third)?, month, number(ordinal(second))?);
    }
    if let Some(month) = month_named(second) {
        let (day, of_year) = if first.len() == 4 { (third, first) } else { (first, third) };
        return days(year(of_year)?, month, number(ordinal(day))?);
    }
    let (one, two) = (number(first)?, number(second)?);
    if first.len() == 4 {
        return days(one, two, number(third)?);
    }
    if first.len() > 2 || second.len() > 2 {
        return None;
    }
    let month_first = order == DateOrder::MonthFirst && !date.contains('.');
    let (day, month) = if month_first { (two, one) } else { (one, two) };
    days(year(third)?, month, day)
}

/// Milliseconds since midnight, in UTC: `14:05`, `14:05:06.250+02:00`, `2:05 PM`.
fn time_of(time: &str) -> Option<i64> {
    let upper = time.to_ascii_uppercase();
    let (clock, zone_ms) = split_zone(upper.trim())?;
    let (clock, half) = match (clock.strip_suffix("AM"), clock.strip_suffix("PM")) {
        (Some(rest), _) => (rest.trim_end(), Some(0)),
        (_, Some(rest)) => (rest.trim_end(), Some(12)),
        _ => (clock, None),
    };
    let mut parts = clock.split(':');
    let whole =
        |part: &str| ((1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<i64>().ok());
    let (hour, minute) = (whole(parts.next()?)??, whole(parts.next()?)??);
    let (second, fraction) = parts.next().unwrap_or("0").split_once(['.', ',']).unwrap_or((clock.split(':').nth(2).unwrap_or("0"), ""));
    let second = whole(second)??;
    if parts.next().is_some() || minute > 59 || second > 60 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        None if hour < 24 => hour,
        _ => return None,
    };
    let millis = fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis - zone_ms)
}

/// A clock time without its zone, and how far the zone is ahead of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    for name in ["Z", "UTC", "GMT"] {
        if let Some(rest) = time.strip_suffix(name) {
            return Some((rest.trim_end(), 0));
        }
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let digits: String = time[at + 1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits.get(2..).unwrap_or("").parse().unwrap_or(0));
    let ahead = (hours * 60 + minutes) * 60_000;
    (hours <= 14 && minutes < 60).then(|| (time[..at].trim_end(), if time.as_bytes()[at] == b'-' { -ahead } else { ahead }))
}

/// A year of four digits, or of two: up to 69 in this century.
fn year(part: &str) -> Option<i64> {
    let number: i64 = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    match part.len() {
        4 => Some(number),
        2 => Some(if number < 70 { 2000 + number } else { 1900 + number }),
        _ => None,
    }
}

/// `1st`, `2nd` without the letters.
fn ordinal(part: &str) -> &str {
    let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if matches!(&part[digits.len()..].to_ascii_lowercase()[..], "st" | "nd" | "rd" | "th") { digits } else { part }
}

fn month_named(part: &str) -> Option<i64> {
    const NAMES: [&str; 12] =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
    let lower = part.to_ascii_lowercase();
    if lower == "sept" {
        return Some(9);
    }
    let at = NAMES.iter().position(|name| *name == lower || lower.len() == 3 && name.starts_with(&lower))?;
    i64::try_from(at + 1).ok()
}

fn is_weekday(part: &str) -> bool {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = part.to_ascii_lowercase();
    lower.len() >= 3 && NAMES.iter().any(|name| name.starts_with(&lower))
}

/// Days since 1970 of a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms", 2013).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, 28 + i64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !YEARS.contains(&year) || !(1..=12).contains(&month) || day < 1 || day > length[usize::try_from(month - 1).ok()?] {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 May 2024, 00:00 UTC.
    const MAY: i64 = 1_714_521_600_000;

    #[test]
    fn dates_as_they_are_written() {
        let (day, month) = (DateOrder::DayFirst, DateOrder::MonthFirst);
        for (text, order, expected) in [
            ("2024-05-01", day, Some(0)),
            (" 2024-05-01 ", month, Some(0)),
            ("2024/05/01", day, Some(0)),
            ("2024.5.1", month, Some(0)),
            ("20240501", day, Some(0)),
            ("20240501T100000Z", day, None),
            ("2024-05-01T14:05:06Z", day, Some(50_706_000)),
            ("2024-05-01 14:05", day, Some(50_700_000)),
            ("2024-05-01 14:05:06.25", day, Some(50_706_250)),
            ("2024-05-01T14:05:06+02:00", day, Some(43_506_000)),
            ("2024-05-01T14:05:06.123456-0530", day, Some(70_506_123)),
            ("2024-05-01 14:05 UTC", day, Some(50_700_000)),
            ("01.05.2024", month, Some(0)),
            ("1.5.24", month, Some(0)),
            ("1/5/2024", day, Some(0)),
            ("5/1/2024", month, Some(0)),
            ("05-01-2024", month, Some(0)),
            ("5/1/2024 2:05 PM", month, Some(50_700_000)),
            ("5/1/2024, 12:05 AM", month, Some(300_000)),
            ("1 May 2024", month, Some(0)),
            ("May 1, 2024", day, Some(0)),
            ("May 1st, 2024", day, Some(0)),
            ("01-May-2024", day, Some(0)),
            ("2024-May-01", day, Some(0)),
            ("Wednesday, May 1, 2024", day, Some(0)),
            ("Wed, 1 May 2024 14:05:06 GMT", day, Some(50_706_000)),
            ("13/5/2024", month, None),
            ("5/13/2024", day, None),
            ("2024-02-30", day, None),
            ("2024-05-01 25:00", day, None),
            ("2024-05-01 13:00 PM", day, None),
            ("0024-05-01", day, None),
            ("45413", day, None),
            ("soon", day, None),
            ("", day, None),
            ("1/5", day, None),
            ("a/b/c", day, None),
        ] {
            assert_eq!(read_date(text, order).map(|ms| ms - MAY), expected, "{text:?}");
        }
        assert_eq!(read_date("1970-01-01", day), Some(0));
        assert_eq!(read_date("2000-02-29", day), Some(951_782_400_000));
    }

    #[test]
    fn the_order_is_the_days_unless_the_file_proves_the_months() {
        for (cells, expected) in [
            (&["5/1/2024", "1/5/2024"][..], (DateOrder::DayFirst, true)),
            (&["5/1/2024", "13/5/2024"], (DateOrder::DayFirst, false)),
            (&["5/1/2024", "5/13/2024"], (DateOrder::MonthFirst, false)),
            (&["5/5/2024"], (DateOrder::DayFirst, false)),
            (&["2024-05-01", "01.05.2024", "", "soon"], (DateOrder::DayFirst, false)),
            (&["5-13-24 10:00"], (DateOrder::MonthFirst, false)),
        ] {
            let mut evidence = OrderEvidence::default();
            for cell in cells {
                evidence.add(cell);
            }
            assert_eq!(evidence.decide(), expected, "{cells:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text in "[0-9A-Za-z:/., T+-]{0,30}") {
            for order in [DateOrder::DayFirst, DateOrder::MonthFirst] {
                let _ = read_date(&text, order);
            }
        }

        #[test]
        fn every_day_comes_back(day in -25_000i64..80_000) {
            // The inverse of `days`, by counting: the same day again under both ways to write it.
            let (mut year, mut rest) = (1900, day + 25_567);
            proptest::prop_assume!(rest >= 0);
            let length = |year: i64| if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 };
            while rest >= length(year) {
                rest -= length(year);
                year += 1;
            }
            let mut month = 1;
            while days(year, month, 1).map(|first| day - first).is_some_and(|past| past > 30)
                || days(year, month + 1, 1).is_some_and(|next| next <= day)
            {
                month += 1;
            }
            let of_month = day - days(year, month, 1).expect("a first") + 1;
            proptest::prop_assert_eq!(read_date(&format!("{year}-{month:02}-{of_month:02}"), DateOrder::DayFirst), Some(day * DAY_MS));
            proptest::prop_assert_eq!(read_date(&format!("{of_month}.{month}.{year}"), DateOrder::MonthFirst), Some(day * DAY_MS));
        }
    }
}
