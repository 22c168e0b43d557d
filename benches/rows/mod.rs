//! Lead files for the benchmarks: every row is a function of its number alone, so that any range of rows can be made
//! anywhere and is the same on every machine. Two rows in a hundred break a rule.

use std::io::{self, Write};
use std::ops::Range;

/// The columns.
pub const HEADER: &str = "name,email,value,location,phone,source,bedrooms,notes\n";

const GIVEN: [&str; 12] = ["Ada", "Boris", "Celia", "Dunja", "Edwin", "Frieda", "Goran", "Hanna", "Ilias", "Jörg", "Kirsten", "Lóránt"];
const FAMILY: [&str; 10] = ["Abbott", "Berger", "Castellano", "Dvořák", "Ekström", "Fontaine", "Gallagher", "Hofer", "Ibsen", "Jansen"];
const DOMAINS: [&str; 6] = ["example.com", "example.org", "example.net", "mail.example.com", "post.example.org", "gmail.com"];
const PLACES: [&str; 8] = ["Tampa", "Boise", "\"Reno, NV\"", "Dayton", "Graz", "\"Bergen, Norway\"", "Lyon", ""];
const SOURCES: [&str; 5] = ["web", "Referral", "trade show", "partner", ""];
const NOTES: [&str; 6] = ["", "", "call after six", "\"two floors, garden\"", "\"said \"\"soon\"\"\"", "\"first line\nsecond line\""];

/// Writes a header and these rows.
///
/// # Errors
/// What the writer says.
pub fn write_file(out: &mut impl Write, rows: Range<u64>) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())?;
    rows.into_iter().try_for_each(|row| write_row(out, row))
}

/// Rows of this range that break a rule.
#[must_use]
pub fn rejected(rows: Range<u64>) -> u64 {
    rows.filter(|row| fault(*row) < 20).count() as u64
}

fn write_row(out: &mut impl Write, row: u64) -> io::Result<()> {
    let mut dice = Dice::of(row);
    let (given, family) = (dice.pick(&GIVEN), dice.pick(&FAMILY));
    let (domain, place, source, note) = (dice.pick(&DOMAINS), dice.pick(&PLACES), dice.pick(&SOURCES), dice.pick(&NOTES));
    let fault = fault(row);
    let at = if (5..10).contains(&fault) { " at " } else { "@" };
    if fault >= 5 {
        write!(out, "{given} {family}")?;
    }
    write!(out, ",lead.{row:x}{at}{domain},")?;
    match fault {
        10..15 => write!(out, "to be agreed")?,
        15..20 => write!(out, "-{}", 1 + dice.below(1000))?,
        _ if dice.below(5) == 0 => write!(out, "\"${},{:03}\"", 40 + dice.below(900), dice.below(1000))?,
        _ => write!(out, "{}.{:02}", 40_000 + dice.below(2_000_000), dice.below(100))?,
    }
    write!(out, ",{place},+1 {:03} 555 {:04},", 201 + dice.below(700), dice.below(10_000))?;
    writeln!(out, "{source},{},{note}", dice.below(7))
}

/// 0 to 999; below 20 the row breaks a rule, in one of four ways.
fn fault(row: u64) -> u64 {
    Dice::of(row ^ 0x5f5f_5f5f).below(1000)
}

/// A multiplicative generator whose upper half is used; good enough to spread rows, and nothing more is asked of it.
struct Dice(u64);

impl Dice {
    fn of(row: u64) -> Self {
        let mut dice = Self((row + 1).wrapping_mul(0xd134_2543_de82_ef95));
        dice.below(2);
        dice
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) * bound) >> 31
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }
}
