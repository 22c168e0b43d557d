//! Faults of a whole file: its encoding, its dialect, and what stands around its records.

use std::ops::Range;

use super::clean::Clean;
use super::variation::{Reading, Row, Variation, row};
use super::written::{Dialect, Escape, Quoting, joined};

/// All faults of a whole file.
pub const FAULTS: &[fn(&Clean) -> Vec<Variation>] = &[
    untouched,
    line_ends,
    encodings,
    delimiters,
    quoting,
    sep_lines,
    preambles,
    comments,
    headers,
    little,
    repeated_headers,
    footers,
    second_tables,
    trailing_delimiters,
    blank_lines,
];

/// A variation that reads as the clean file does.
fn same(clean: &Clean, class: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Variation {
    Variation::new(class, name, bytes, clean.reading.clone())
}

/// The clean file itself: it must survive, too.
fn untouched(clean: &Clean) -> Vec<Variation> {
    vec![same(clean, "file: none", "clean", clean.dialect().file(&clean.reading))]
}

fn line_ends(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    for (end, what) in [("\r\n", "crlf"), ("\n", "lf"), ("\r", "cr")] {
        let text = Dialect { end, ..clean.dialect() }.file(&clean.reading);
        let open = text.strip_suffix(end).expect("every record has its end");
        all.push(same(clean, "file: line ends", what, text.clone()));
        all.push(same(clean, "file: no line end at its end", what, open));
        for count in 1..=3 {
            all.push(same(clean, "file: line ends at its end", format!("{what}_{count}"), format!("{text}{}", end.repeat(count))));
        }
    }
    // Two programs wrote into one file: from some row on it ends its lines in another way.
    let lines = clean.dialect().lines(&clean.reading);
    for from in [1, 2, lines.len() / 2, lines.len() - 2] {
        for (first, second) in [("\r\n", "\n"), ("\n", "\r\n"), ("\r", "\n"), ("\n", "\r")] {
            let text = format!("{}{}", joined(&lines[..from], first), joined(&lines[from..], second));
            let name = format!("from{from}_{}", format!("{first:?}{second:?}").replace(['"', '\\'], ""));
            all.push(same(clean, "file: mixed line ends", name, text));
        }
    }
    all
}

fn encodings(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    for (end, what) in [("\r\n", "crlf"), ("\n", "lf")] {
        let text = Dialect { end, ..clean.dialect() }.file(&clean.reading);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        all.push(same(clean, "file: UTF-8 with BOM", what, ["\u{feff}".as_bytes(), text.as_bytes()].concat()));
        all.push(same(clean, "file: UTF-16", format!("le_bom_{what}"), [b"\xff\xfe".as_slice(), &little].concat()));
        all.push(same(clean, "file: UTF-16", format!("be_bom_{what}"), [b"\xfe\xff".as_slice(), &big].concat()));
        all.push(same(clean, "file: UTF-16", format!("le_{what}"), little));
        all.push(same(clean, "file: UTF-16", format!("be_{what}"), big));
        let latin: Vec<u8> = text.chars().map(|sign| u8::try_from(u32::from(sign)).expect("the clean files fit Latin-1")).collect();
        all.push(same(clean, "file: Latin-1", what, latin));
    }
    all
}

/// The delimiters that programs and people use, beside the comma.
const DELIMITERS: &[(&str, &str)] = &[
    (";", "semicolon"),
    ("\t", "tab"),
    ("|", "bar"),
    (":", "colon"),
    (" ", "space"),
    (", ", "comma_space"),
    ("; ", "semicolon_space"),
    ("^", "caret"),
    ("~", "tilde"),
];

fn delimiters(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    for (delimiter, what) in DELIMITERS {
        for (quoting, how) in [(clean.quoting, "own"), (Quoting::Texts, "texts"), (Quoting::All, "all"), (Quoting::Minimal, "minimal")] {
            for (end, with) in [("\r\n", "crlf"), ("\n", "lf")] {
                let dialect = Dialect { delimiter, quoting, end, ..clean.dialect() };
                let class = match *delimiter {
                    " " => "file: delimiter space",
                    ", " | "; " => "file: delimiter and a space",
                    ":" => "file: delimiter :",
                    "^" | "~" => "file: delimiter ^ ~",
                    _ => "file: delimiter ; tab |",
                };
                all.push(same(clean, class, format!("{what}_{how}_{with}"), dialect.file(&clean.reading)));
            }
        }
    }
    all
}

fn quoting(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    let own = clean.dialect();
    for (quoting, how) in [(Quoting::Minimal, "minimal"), (Quoting::Texts, "texts"), (Quoting::All, "all")] {
        for (delimiter, what) in [(",", "comma"), (";", "semicolon"), ("\t", "tab")] {
            let dialect = Dialect { delimiter, quoting, ..own };
            let name = format!("{how}_{what}");
            let text = |dialect: Dialect| dialect.file(&clean.reading);
            if delimiter == "," {
                all.push(same(clean, "file: quoted more or less", name.clone(), text(dialect)));
            }
            if quoting != Quoting::Minimal || clean.reading.records.iter().any(|row| row.iter().any(|cell| cell.contains(['"', '\n']))) {
                all.push(same(clean, "file: quote '", name.clone(), text(Dialect { quote: '\'', ..dialect })));
                all.push(same(clean, "file: backslash escapes", name.clone(), text(Dialect { escape: Escape::Backslash, ..dialect })));
                let both = Dialect { quote: '\'', escape: Escape::Backslash, ..dialect };
                all.push(same(clean, "file: quote ' and backslash", name.clone(), text(both)));
                all.push(same(clean, "file: inner quotes not doubled", name, text(Dialect { escape: Escape::Missing, ..dialect })));
            }
        }
    }
    all
}

fn sep_lines(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    for (delimiter, what) in [(";", "semicolon"), (",", "comma"), ("\t", "tab"), ("|", "bar")] {
        for (end, with) in [("\r\n", "crlf"), ("\n", "lf")] {
            let text = Dialect { delimiter, end, ..clean.dialect() }.file(&clean.reading);
            all.push(same(clean, "file: sep= line", format!("{what}_{with}"), format!("sep={delimiter}{end}{text}")));
            all.push(same(clean, "file: sep= line", format!("{what}_{with}_quoted"), format!("\"sep={delimiter}\"{end}{text}")));
            all.push(same(clean, "file: sep= line", format!("{what}_{with}_bom"), format!("\u{feff}sep={delimiter}{end}{text}")));
        }
    }
    all
}

/// Titles as people and programs put them above a table.
const TITLES: &[&[&str]] = &[
    &["Spring list"],
    &["Report of the open house days"],
    &["Exported on 2024-03-02 by A. Roe"],
    &["North office", "All rows of the year"],
    &["Company: North Homes Ltd", "Period: 2024-01 to 2024-03"],
    &["Spring list", "Exported on 2024-03-02", "For internal use only"],
    &["North Homes Ltd", "Quarter 1", "Created by the back office, see list 4"],
];

fn preambles(clean: &Clean) -> Vec<Variation> {
    let own = clean.dialect();
    let width = clean.reading.header.len();
    let text = own.file(&clean.reading);
    let mut all = Vec::new();
    for (n, titles) in TITLES.iter().enumerate() {
        for (after, how) in [("", "tight"), ("\r\n", "blank"), ("\r\n\r\n", "blank2")] {
            let cells: Vec<String> = titles.iter().map(|title| own.cell(title)).collect();
            let plain = joined(&cells, "\r\n");
            all.push(same(clean, "file: title lines", format!("titles{n}_{how}"), format!("{plain}{after}{text}")));
            // A spreadsheet writes as many delimiters on each line as the table is wide.
            let delimiters = ",".repeat(width - 1);
            let wide = joined(&cells, &format!("{delimiters}\r\n"));
            let between = after.replace("\r\n", &format!("{delimiters}\r\n"));
            all.push(same(clean, "file: title rows", format!("titles{n}_{how}"), format!("{wide}{between}{text}")));
            if titles.iter().all(|title| title.contains(':')) {
                let pairs = plain.replace(": ", ",");
                all.push(same(clean, "file: title rows", format!("pairs{n}_{how}"), format!("{pairs}{after}{text}")));
            }
        }
    }
    all
}

fn comments(clean: &Clean) -> Vec<Variation> {
    let lines = clean.dialect().lines(&clean.reading);
    let count = lines.len();
    let comments = ["# made by hand", "#made by hand", "# one, two, three, four", "# nothing; but | signs: here", "#"];
    let mut all = Vec::new();
    for (n, comment) in comments.iter().enumerate() {
        for (places, what) in
            [(vec![0], "top"), (vec![1], "below_header"), (vec![count / 2], "middle"), (vec![count], "end"), (vec![0, 1, 9, 20], "several")]
        {
            let mut lines = lines.clone();
            for place in places.iter().rev() {
                lines.insert(*place, (*comment).to_string());
            }
            all.push(same(clean, "file: comment lines", format!("comment{n}_{what}"), joined(&lines, "\r\n")));
        }
    }
    for (n, block) in [&comments[..2], &comments[..3], &comments[..4]].iter().enumerate() {
        let block = format!("{}\r\n", block.join("\r\n"));
        all.push(same(clean, "file: comment lines", format!("block{n}"), format!("{block}{}", joined(&lines, "\r\n"))));
    }
    all
}

/// The header over several rows, and no header at all.
fn headers(clean: &Clean) -> Vec<Variation> {
    let own = clean.dialect();
    let body = joined(&own.lines(&clean.reading)[1..], own.end);
    let width = clean.reading.header.len();
    let unnamed = Reading { header: row((1..=width).map(|n| format!("column_{n}"))), records: clean.reading.records.clone() };
    let mut all = vec![Variation::new("file: no header", "all", body.clone(), unnamed.clone())];
    for (first, count) in [(1, 1), (1, 2), (1, 5), (3, 10), (7, 20)] {
        let rows = clean.reading.records[first..first + count].to_vec();
        let part = Reading { header: unnamed.header.clone(), records: rows };
        let text = joined(&own.lines(&part)[1..], own.end);
        all.push(Variation::new("file: no header", format!("{count}_rows_from{first}"), text, part));
    }
    let named = |rows: &[Row]| {
        let names =
            (0..width).map(|n| rows.iter().map(|row| row[n].as_str()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "));
        Reading { header: row(names), records: clean.reading.records.clone() }
    };
    for (name, rows) in header_rows(&clean.reading.header) {
        let class = if rows.len() == 2 { "file: header over 2 rows" } else { "file: header over 3 rows" };
        let lines: Vec<String> = rows.iter().map(|row| own.line(row)).collect();
        all.push(Variation::new(class, name, format!("{}{body}", joined(&lines, own.end)), named(&rows)));
    }
    all
}

/// Ways to spread a header over rows.
fn header_rows(header: &Row) -> Vec<(&'static str, Vec<Row>)> {
    let words = |count: usize| -> Vec<Row> {
        let part = |n: usize| {
            row(header.iter().map(|name| {
                let words: Vec<&str> = name.split([' ', '_']).collect();
                if n + 1 == count {
                    words.get(n..).unwrap_or_default().join(" ")
                } else {
                    words.get(n).copied().unwrap_or_default().to_string()
                }
            }))
        };
        (0..count).map(part).collect()
    };
    let repeated = |texts: &[&str]| row((0..header.len()).map(|n| texts[n % texts.len()]));
    let groups = |texts: &[&str]| row((0..header.len()).map(|n| if n % 3 == 0 { texts[(n / 3) % texts.len()] } else { "" }));
    let mut all = vec![
        ("units_below", vec![header.clone(), repeated(&["(text)", "(each)", "(local)"])]),
        ("groups_above", vec![groups(&["General", "Details", "Other"]), header.clone()]),
        (
            "groups_above_units_below",
            vec![groups(&["General", "Details", "Other"]), header.clone(), repeated(&["(text)", "(each)", "(local)"])],
        ),
        ("words_above", vec![repeated(&["Home", "Lead", "Office"]), header.clone()]),
        ("words_above_and_below", vec![repeated(&["Home", "Lead", "Office"]), header.clone(), repeated(&["as given", "checked", "raw"])]),
    ];
    if header.iter().any(|name| name.contains([' ', '_'])) {
        all.push(("words_apart", words(2)));
        let mut bottom = words(2);
        let filled: Vec<(String, String)> = bottom[0]
            .iter()
            .zip(bottom[1].iter())
            .map(|(above, below)| if below.is_empty() { (String::new(), above.clone()) } else { (above.clone(), below.clone()) })
            .collect();
        bottom = vec![row(filled.iter().map(|pair| pair.0.as_str())), row(filled.iter().map(|pair| pair.1.as_str()))];
        all.push(("words_apart_at_the_bottom", bottom));
    }
    if header.iter().any(|name| name.split(' ').count() > 2) {
        all.push(("words_apart_3", words(3)));
    }
    all
}

/// Hardly a file.
fn little(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    let only = |count: usize| Reading { header: clean.reading.header.clone(), records: clean.reading.records[..count].to_vec() };
    for (end, with) in [("\r\n", "crlf"), ("\n", "lf"), ("\r", "cr")] {
        let dialect = Dialect { end, ..clean.dialect() };
        for (class, count) in
            [("file: header only", 0), ("file: header and one row", 1), ("file: header and two rows", 2), ("file: header and two rows", 3)]
        {
            let text = dialect.file(&only(count));
            all.push(Variation::new(class, format!("{with}_{count}"), text.clone(), only(count)));
            all.push(Variation::new(class, format!("{with}_{count}_open"), text.strip_suffix(end).expect("it has an end"), only(count)));
        }
    }
    for (what, bytes) in
        [("nothing", ""), ("lf", "\n"), ("crlf", "\r\n\r\n"), ("bom", "\u{feff}"), ("spaces", "  \r\n"), ("delimiters", ",,,\r\n,,,\r\n")]
    {
        all.push(Variation::new("file: empty", what, bytes, Reading::empty()));
    }
    all
}

fn repeated_headers(clean: &Clean) -> Vec<Variation> {
    let lines = clean.dialect().lines(&clean.reading);
    let mut all = Vec::new();
    for count in [1, 2] {
        let top = joined(&vec![lines[0].clone(); count], "\r\n");
        all.push(same(clean, "file: header twice at the top", format!("{count}_more"), format!("{top}{}", joined(&lines, "\r\n"))));
        all.push(same(
            clean,
            "file: header twice at the top",
            format!("{count}_more_blank"),
            format!("{top}\r\n{}", joined(&lines, "\r\n")),
        ));
    }
    // Every page, or every file put behind another, brought its header.
    for every in [5, 10, 20, 25] {
        let pages: Vec<String> = lines[1..].chunks(every).map(|page| format!("{}\r\n{}", lines[0], joined(page, "\r\n"))).collect();
        all.push(same(clean, "file: header on every page", format!("{every}"), pages.concat()));
    }
    all
}

fn footers(clean: &Clean) -> Vec<Variation> {
    let text = clean.dialect().file(&clean.reading);
    let count = clean.reading.records.len();
    let width = clean.reading.header.len();
    let delimiters = ",".repeat(width - 2);
    let mut all = Vec::new();
    let plain = [
        format!("Total: {count}"),
        format!("{count} rows exported"),
        "-- end of list --".to_string(),
        "Source: back office of North Homes".to_string(),
        "Prepared by A. Roe\r\nFor internal use only".to_string(),
        "\"Figures without guarantee, see list 4\"".to_string(),
        format!("Total,{count}"),
    ];
    let wide = [
        format!("Total{delimiters},{count}"),
        format!("Total,{count}{}", ",".repeat(width - 2)),
        format!("Sum,,{count}{}", ",".repeat(width.saturating_sub(3))),
        format!("Grand total{}1840220.50{}", ",".repeat(width / 2), ",".repeat(width - 1 - width / 2)),
        format!("End of list{delimiters},"),
    ];
    for (class, texts) in [("file: footer line", plain.as_slice()), ("file: footer row", &wide)] {
        for (n, footer) in texts.iter().enumerate() {
            for (before, how) in [("", "tight"), ("\r\n", "blank")] {
                for (end, with) in [("\r\n", "closed"), ("", "open")] {
                    all.push(same(clean, class, format!("footer{n}_{how}_{with}"), format!("{text}{before}{footer}{end}")));
                }
            }
        }
    }
    all
}

/// A second table below, with a header of its own: it is another matter.
fn second_tables(clean: &Clean) -> Vec<Variation> {
    let own = clean.dialect();
    let text = own.file(&clean.reading);
    let width = clean.reading.header.len();
    let mut all = Vec::new();
    for (class, widths) in [
        ("file: second table, narrower", 2..width),
        ("file: second table, as wide", width..width + 1),
        ("file: second table, wider", width + 1..width + 6),
    ] {
        for columns in narrowed(widths) {
            for rows in [1, 3, 12, 40] {
                let table = other_table(columns, rows);
                let second = own.file(&table);
                for (between, how) in [
                    ("\r\n".to_string(), "blank"),
                    ("\r\n\r\n".to_string(), "blank2"),
                    (format!("{}\r\n", ",".repeat(width - 1)), "empty_row"),
                ] {
                    all.push(same(clean, class, format!("{columns}x{rows}_{how}"), format!("{text}{between}{second}")));
                }
                all.push(same(clean, class, format!("{columns}x{rows}_titled"), format!("{text}\r\nOffices and their staff\r\n{second}")));
            }
        }
    }
    all
}

/// At most three of several widths.
fn narrowed(widths: Range<usize>) -> Vec<usize> {
    let step = (widths.len() / 3).max(1);
    widths.step_by(step).take(3).collect()
}

/// A table about something else.
fn other_table(columns: usize, rows: usize) -> Reading {
    const NAMES: &[&str] = &[
        "Office",
        "Staff",
        "Opened",
        "Budget 2024",
        "Contact",
        "Floor",
        "Parking",
        "Street",
        "Hours",
        "Region",
        "Lift",
        "Cars",
        "Fax",
        "Rent",
    ];
    let names = row((0..columns).map(|n| NAMES[n % NAMES.len()]));
    let cell = |r: usize, c: usize| match c % 5 {
        0 => format!("Branch {}", ["north", "south", "east", "west"][r % 4]),
        1 => (3 + r).to_string(),
        2 => format!("{}", 1990 + r),
        3 => format!("{}.00", 1200 * (r + 1)),
        _ => format!("Desk {r}, left"),
    };
    Reading { header: names, records: (0..rows).map(|r| row((0..columns).map(|c| cell(r, c)))).collect() }
}

/// A delimiter behind the last cell of each row: of no meaning, or one more column without a name.
fn trailing_delimiters(clean: &Clean) -> Vec<Variation> {
    let mut all = Vec::new();
    for (delimiter, what) in [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")] {
        let lines = Dialect { delimiter, ..clean.dialect() }.lines(&clean.reading);
        for count in [1, 2] {
            let tail = delimiter.repeat(count);
            let with = |lines: &[String]| joined(lines, &format!("{tail}\r\n"));
            let wider = |of: &Row| row(of.iter().cloned().chain(std::iter::repeat_n(String::new(), count)));
            let everywhere = Reading { header: wider(&clean.reading.header), records: clean.reading.records.iter().map(wider).collect() };
            let name = format!("{what}_{count}");
            all.push(same(clean, "file: trailing delimiters", name.clone(), with(&lines)).or([everywhere]));
            let text = format!("{}\r\n{}", lines[0], with(&lines[1..]));
            all.push(same(clean, "file: trailing delimiters below the header", name, text));
        }
    }
    all
}

fn blank_lines(clean: &Clean) -> Vec<Variation> {
    let lines = clean.dialect().lines(&clean.reading);
    let width = clean.reading.header.len();
    let mut all = Vec::new();
    for (end, with) in [("\r\n", "crlf"), ("\n", "lf"), ("\r", "cr")] {
        all.push(same(clean, "file: blank lines between", format!("every_{with}"), joined(&lines, &end.repeat(2))));
        for every in [2, 7, 10] {
            let text: Vec<String> = lines.chunks(every).map(|part| joined(part, end)).collect();
            all.push(same(clean, "file: blank lines between", format!("each{every}_{with}"), text.join(end)));
            let empty = format!("{}{end}", ",".repeat(width - 1));
            all.push(same(clean, "file: empty rows between", format!("each{every}_{with}"), text.join(&empty)));
        }
        for count in [1, 2, 3] {
            let text = format!("{}{}", end.repeat(count), joined(&lines, end));
            all.push(same(clean, "file: blank lines at the top", format!("{count}_{with}"), text));
            let text = format!("{}{end}{}{}", lines[0], end.repeat(count), joined(&lines[1..], end));
            all.push(same(clean, "file: blank lines below the header", format!("{count}_{with}"), text));
        }
    }
    all
}
