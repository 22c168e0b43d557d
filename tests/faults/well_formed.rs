//! Well-formed files of many shapes, written by the csv crate: nothing is wrong with them, so nothing may be made of them.

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::random::Random;
use super::variation::{Reading, Row, Variation, row};

const COUNT: usize = 400;

const NAMES: &[&str] = &[
    "name",
    "Full Name",
    "email",
    "Phone",
    "city",
    "State",
    "postcode",
    "price",
    "Budget (EUR)",
    "Date",
    "Created At",
    "notes",
    "URL",
    "status",
    "Owner",
    "Agent",
    "source",
    "campaign_id",
    "rooms",
    "Baths",
    "area m2",
    "tags",
    "Company",
    "Title",
    "Street",
    "country",
    "score",
    "Last Visit",
    "remarks",
    "currency",
    "channel",
    "Lead ID",
];

/// Kinds of cells; a column has one, with exceptions.
const KINDS: &[fn(&mut Random) -> String] = &[
    |random| random.pick(&["Boise", "Tulsa", "New York", "Malmö", "Łódź", "東京", "München", "São Paulo"]).to_string(),
    |random| format!("{}.{:02}", random.below(1_000_000), random.below(100)),
    |random| random.below(10_000).to_string(),
    |random| format!("20{:02}-{:02}-{:02}", random.below(30), 1 + random.below(12), 1 + random.below(28)),
    |random| format!("{:02}:{:02}", random.below(24), random.below(60)),
    |random| format!("person{}@example.com", random.below(1000)),
    |random| format!("{}, {}", random.pick(&["Smith", "O'Hara", "Núñez"]), random.pick(&["Ann", "Bo", "Cy"])),
    |random| format!("says \"{}\" often", random.pick(&["yes", "no", "later, maybe"])),
    |random| format!("first line{}second; line", random.pick(&["\n", "\r\n", "\n\n"])),
    |random| random.pick(&["a;b;c", "x\ty", "one|two|three", "10:30:00", "k=v; k2=v2", "1;2", "tab\tand, comma"]).to_string(),
    |random| {
        random
            .pick(&[
                "# 1 choice",
                "#12",
                "#",
                "sep=;",
                "sep",
                "sep=,",
                "'tis",
                "'quoted'",
                "'",
                "it's, isn't it",
                "// slash",
                "-- dash",
                "%",
            ])
            .to_string()
    },
    |random| random.pick(&[" leading", "trailing ", "  both  ", "\tindented", " ", "\u{a0}nbsp\u{a0}"]).to_string(),
    |random| random.pick(&["\"", "\"\"", "\"start", "end\"", "a\"\"b", "\\", "\\\"", "back\\slash", "C:\\new\\", "\",\""]).to_string(),
    |random| {
        random.pick(&["$1,234.50", "1.234,56 €", "-5", "+46 8 123", "(500)", "12%", "1e5", "007", "=1+1", "@home", "N/A", "-"]).to_string()
    },
    |random| format!("https://example.org/{}?q=a,b;c", random.below(99)),
    |random| random.pick(&["yes", "no", "true", "Total", "Sum", "name", "email", "x"]).to_string(),
    |random| random.pick(&["Ж", "日本語, テキスト", "🏠", "naïve", "Ω;Ω", "עברית", "e\u{301}", "\u{201c}curly\u{201d}"]).to_string(),
    |_| String::new(),
];

/// Files as a careful program writes them.
pub fn files() -> Vec<Variation> {
    (0..COUNT).map(|n| file(n, &mut Random::new(7_000 + n as u64))).collect()
}

fn file(n: usize, random: &mut Random) -> Variation {
    let width = if random.below(3) == 0 { 1 + random.below(30) } else { 1 + random.below(9) };
    let height = random.below(41);
    let first = random.below(NAMES.len());
    let header = row((0..width).map(|c| NAMES[(first + c) % NAMES.len()]));
    let kinds: Vec<usize> = (0..width).map(|_| random.below(KINDS.len())).collect();
    // One file in four is a wild mixture, the others have columns of a kind with an exception now and then.
    let exceptions = if n % 4 == 3 { 1 } else { 12 };
    let mut records: Vec<Row> = (0..height)
        .map(|_| {
            row(kinds.iter().map(|kind| {
                let kind = if random.below(exceptions) == 0 { random.below(KINDS.len()) } else { *kind };
                KINDS[kind](random)
            }))
        })
        .collect();
    // In a file of one column chance may repeat the header, which is a fault.
    records.retain(|record| *record != header);
    let quoting = [QuoteStyle::Necessary, QuoteStyle::Necessary, QuoteStyle::NonNumeric, QuoteStyle::Always][random.below(4)];
    let end = [Terminator::CRLF, Terminator::CRLF, Terminator::Any(b'\n')][random.below(3)];
    let mut writer = WriterBuilder::new().quote_style(quoting).terminator(end).from_writer(Vec::new());
    for record in std::iter::once(&header).chain(&records) {
        writer.write_record(record.iter()).expect("memory takes it");
    }
    let bytes = writer.into_inner().expect("memory takes it");
    Variation::new("well-formed", format!("file{n}_{width}x{height}"), bytes, Reading { header, records }.without_empty())
}
