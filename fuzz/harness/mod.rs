//! What must hold whatever the bytes are: one function for each fuzz target, and everything they are made of.
//!
//! The functions panic when something does not hold, and do nothing else. They are called by the fuzz targets beside this
//! folder, and by `tests/fuzz_smoke.rs`, so that a fault found once is looked for with every change. The first bytes of
//! most inputs are settings (a missing one is 0), the others are the text: so a fuzzer can turn both.

mod cells;
mod chunk;
mod cutting;
mod decode;
mod dialect;
mod headers;
mod list;
mod rejects;
mod split;
mod unpack;

use valhalla_ingest::engine::rules::{HeaderRule, QuoteRule, Ranges, Rules};

pub use cells::cells;
pub use chunk::chunk;
pub use decode::decode;
pub use dialect::dialect;
pub use headers::headers;
pub use split::split;
pub use unpack::unpack;

/// A body of a fuzz target.
pub type Body = fn(&[u8]);

/// Every fuzz target by its name.
pub const TARGETS: [(&str, Body); 7] = [
    ("split", split),
    ("dialect", dialect),
    ("decode", decode),
    ("headers", headers),
    ("cells", cells),
    ("chunk", chunk),
    ("unpack", unpack),
];

/// The settings in front of a text.
fn settings<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    let mut settings = [0; N];
    let length = data.len().min(N);
    settings[..length].copy_from_slice(&data[..length]);
    // Seeds are easier to write with figures.
    (settings.map(|setting| setting.wrapping_sub(b'0')), &data[length..])
}

/// One of several, by a setting.
fn pick<T: Copy>(from: &[T], setting: u8) -> T {
    from[usize::from(setting) % from.len()]
}

/// Rules of several kinds, by a setting; nothing in them is about single files.
fn rules(setting: u8) -> Rules {
    let mut rules = Rules::default();
    let reading = &mut rules.reading;
    match setting % 8 {
        1 => rules.limits.record_bytes = 90,
        2 => rules.columns.required = [].into_iter().collect(),
        3 => {
            rules.columns.required = [].into_iter().collect();
            rules.limits.field_bytes = 20;
            rules.limits.columns = 12;
            reading.repair_mojibake = true;
        }
        4 => {
            rules.columns.phone_country = Some("1".to_owned());
            rules.columns.ranges = Ranges::Mid;
        }
        5 => {
            reading.encoding = Some("windows-1252".to_owned());
            reading.header = HeaderRule::Absent;
        }
        6 => {
            reading.delimiter = Some(b';');
            reading.quote = Some(QuoteRule::Nothing);
            reading.header = HeaderRule::Line(2);
        }
        7 => {
            reading.quote = Some(QuoteRule::Quote(b'\''));
            reading.escape = Some(QuoteRule::Quote(b'\\'));
            reading.comment = Some(QuoteRule::Quote(b'#'));
        }
        _ => {}
    }
    rules
}
