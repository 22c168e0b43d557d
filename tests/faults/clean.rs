//! The clean files: what a careful program exports, before anything goes wrong.
//!
//! Everything is made up from the word lists below, the same on every run. Nothing here knows a fault.

use super::random::Random;
use super::variation::{Reading, row};
use super::written::{Dialect, Quoting};

/// A clean file: what it holds, and how its owner's program writes it (comma, doubled quotes, CRLF, UTF-8).
pub struct Clean {
    pub name: &'static str,
    pub quoting: Quoting,
    pub reading: Reading,
}

impl Clean {
    /// How the file is written when nothing is wrong with it.
    pub fn dialect(&self) -> Dialect {
        Dialect { quoting: self.quoting, ..Dialect::RFC }
    }
}

const KINDS: &[&str] = &["Loft", "Town house", "Bungalow", "Condo", "Farm", "Tiny house", "Café & flat", "Château"];
const NAMES: &[&str] = &["Zoë Marsh", "Omar Diaz", "Ida Björk", "Li Wen", "Ann O'Hara", "Noé Petit", "Sam Field", "Uma Rao"];
const CITIES: &[&str] = &["Boise", "Tulsa", "Salem", "Malmö", "Gimli", "Brandon", "Köln", "Winkler"];
const STARTS: &[&str] =
    &["Wants a visit", "Asked for photos", "Needs a garage", "Moves from Málaga", "Sold the owner's flat", "Call back in May"];
const ENDS: &[&str] = &["two dogs", "cash buyer", "no agent please", "prefers the east side", "budget is firm", "has seen unit 4"];

/// All clean files.
pub fn files() -> Vec<Clean> {
    vec![orders(), visits(), stock()]
}

/// Eighty rows of nine columns of every kind, quoted only where it must be.
fn orders() -> Clean {
    let mut random = Random::new(11);
    let records = (0..80_usize).map(|n| {
        row([
            format!("{:02}/{:02}/2024", 1 + n / 28, 1 + n % 28),
            format!("{:02}:{:02}", 8 + random.below(11), random.below(60)),
            format!("LD-{}", 10_234 + 7 * n),
            (1 + random.below(6)).to_string(),
            format!("{}.{:02}", 90_000 + random.below(800_000), random.below(100)),
            random.pick(KINDS).to_string(),
            message(n, &mut random),
            format!("https://homes.example.com/view/{}?from=mail", 3_000 + random.below(6_000)),
            if n % 5 < 2 { String::new() } else { random.pick(ENDS).to_string() },
        ])
    });
    let header = ["Received On", "At", "Lead ID", "Rooms", "Asking Price", "Kind of Home", "Message", "Listing URL", "Remarks"];
    Clean { name: "orders", quoting: Quoting::Minimal, reading: Reading { header: row(header), records: records.collect() } }
}

/// Sixty rows of nine columns, every text in quotes.
fn visits() -> Clean {
    let mut random = Random::new(12);
    let records = (0..60_usize).map(|n| {
        row([
            (501 + n).to_string(),
            random.pick(NAMES).to_string(),
            format!("{}, {}", random.pick(CITIES), random.pick(&["ID", "OK", "MB", "QC"])),
            format!("2023-{:02}-{:02} {:02}:30", 1 + n / 6, 1 + (5 * n) % 28, 9 + n % 8),
            (15 + random.below(100)).to_string(),
            if n % 7 == 3 { String::new() } else { format!("{}.5", 100 + random.below(900)) },
            message(n + 3, &mut random),
            random.pick(&["web", "phone", "trade fair", "referral"]).to_string(),
            if n % 4 == 1 { String::new() } else { format!("visitor{}@example.org", 40 + n) },
        ])
    });
    let header = ["visit_id", "agent", "city", "started_at", "minutes", "offer", "notes", "source", "email"];
    Clean { name: "visits", quoting: Quoting::Texts, reading: Reading { header: row(header), records: records.collect() } }
}

/// Thirty rows of four short columns that never need a quote.
fn stock() -> Clean {
    let mut random = Random::new(13);
    let towns = ["Boise", "Tulsa", "Salem", "Gimli", "Brandon", "Winkler"];
    let records = (0..30_usize).map(|n| {
        row([
            (n + 1).to_string(),
            random.pick(&towns).to_string(),
            (1 + random.below(90)).to_string(),
            format!("2024-{:02}-{:02}", 1 + n / 10, 1 + (3 * n) % 28),
        ])
    });
    Clean {
        name: "stock",
        quoting: Quoting::Minimal,
        reading: Reading { header: row(["no", "town", "units", "day"]), records: records.collect() },
    }
}

/// A text as people write it: plain, with a comma, with somebody's words in quotes, over several lines.
fn message(n: usize, random: &mut Random) -> String {
    let (start, end) = (random.pick(STARTS), random.pick(ENDS));
    match n % 8 {
        1 => format!("{start}, {end}"),
        2 => format!("{start} \"{end}\" twice"),
        4 => format!("{start}\n{end}"),
        5 => format!("{start}, {end}, and \"soon\", he said"),
        6 if n % 16 == 6 => format!("{start}, {end}\r\nsecond call"),
        _ => format!("{start} {end}"),
    }
}
