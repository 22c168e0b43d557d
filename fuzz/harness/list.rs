//! Lists as a careful program writes them, with nothing wrong about them: made up by the input, byte by byte.

use csv::{QuoteStyle, Terminator, WriterBuilder};

/// A list, and the same as bytes.
#[derive(Debug)]
pub struct List {
    pub delimiter: u8,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub bytes: Vec<u8>,
}

/// A column: what it may be called, and what its cells may be.
type Column = (&'static [&'static str], &'static [&'static str]);

const NAME: Column = (&["name", "Full Name", "Contact"], &["Ann Lee", "Bo \"Red\" Ek", "O'Hara, Tess", "Łukasz Żak", "Núñez, Eva", "Kim"]);
const EMAIL: Column = (&["email", "E-mail", "Email Address"], &["ann@example.com", "bo.ek@example.org", "t+x@mail.example.net"]);
const VALUE: Column = (&["value", "Budget"], &["250000", "1200.50", "99000", "$1,250,000", "75000"]);
const OTHERS: &[Column] = &[
    (&["phone", "Phone"], &["+1 204 786 8901", "(204) 786-8902", "+46 70 123 45 67", ""]),
    (&["city", "Location"], &["Malmö", "São Paulo", "Reno, NV", "Köln", "東京"]),
    (&["date", "Created"], &["2026-01-31", "2026-02-01 10:30:00", "2025-12-24"]),
    (&["notes", "Remarks"], &["", "says \"hi\"; left", "two\nlines", "5' 11\"", "a, b, c", "x|y", "tab\there", " padded "]),
    (&["status"], &["new", "contacted", "lost"]),
    (&["url"], &["https://example.org/a?b=1;c=2", "example.com", ""]),
];

impl List {
    /// A list of three rows or more, of three columns or more.
    pub fn of(data: &[u8]) -> Self {
        let mut choices = Choices(data.iter());
        let delimiter = choices.one_of(b",;\t|");
        let quote_style = choices.one_of(&[QuoteStyle::Necessary, QuoteStyle::Always, QuoteStyle::NonNumeric]);
        let terminator = choices.one_of(&[Terminator::Any(b'\n'), Terminator::CRLF]);
        let is_marked = choices.one_of(&[false, true]);
        let mut columns = vec![NAME, EMAIL, VALUE];
        for other in OTHERS {
            let at = choices.below(2 * columns.len() + 2);
            if at <= columns.len() {
                columns.insert(at, *other);
            }
        }
        let header: Vec<String> = columns.iter().map(|(names, _)| choices.one_of(names).to_owned()).collect();
        let height = 3 + choices.below(8);
        let row = |_| columns.iter().map(|(_, cells)| choices.one_of(cells).to_owned()).collect();
        let rows: Vec<Vec<String>> = (0..height).map(row).collect();
        let mut bytes = if is_marked { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
        let mut writer = WriterBuilder::new().delimiter(delimiter).quote_style(quote_style).terminator(terminator).from_writer(&mut bytes);
        writer.write_record(&header).expect("cells in memory");
        for row in &rows {
            writer.write_record(row).expect("cells in memory");
        }
        drop(writer);
        Self { delimiter, header, rows, bytes }
    }
}

/// Decisions, one for each byte; the first one where there is none left.
struct Choices<'d>(std::slice::Iter<'d, u8>);

impl Choices<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % end)
    }

    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
