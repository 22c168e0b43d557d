//! Faults in one row of an otherwise clean file, at every row and cell where they make sense.
//!
//! Where two readings are equally honest both are given; a reading that loses or moves other rows is never among them.

use super::clean::Clean;
use super::variation::{Reading, Row, Variation, replaced, row};
use super::written::{Dialect, Pieces};

/// All faults of one row.
pub const FAULTS: &[fn(&Clean) -> Vec<Variation>] = &[
    other_delimiter,
    delimiter_missing,
    delimiter_extra,
    delimiter_in_cell,
    quote_at_start,
    quote_in_middle,
    quote_at_end,
    quote_missing,
    other_end,
    torn,
    spaces_at_end,
    padding,
    nul,
    invalid_byte,
    line_between,
];

/// The file in pieces, the numbers of its lines, and how many cells each has.
fn pieces(clean: &Clean) -> (Pieces, std::ops::Range<usize>, usize) {
    let pieces = Pieces::new(&clean.reading, clean.dialect());
    let lines = 0..pieces.lines.len();
    (pieces, lines, clean.reading.header.len())
}

fn is_quoted(written: &str) -> bool {
    written.starts_with('"')
}

/// The first place at or after the middle of a text with a letter or digit on both sides.
fn middle(text: &str) -> Option<usize> {
    let signs: Vec<(usize, char)> = text.char_indices().collect();
    let is_inside = |n: &usize| signs[*n].1.is_alphanumeric() && signs[n - 1].1.is_alphanumeric();
    (signs.len() / 2..signs.len()).filter(|n| *n > 0).find(is_inside).map(|n| signs[n].0)
}

/// One row is written with another delimiter, quoted as that delimiter asks for.
fn other_delimiter(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, _) = pieces(clean);
    let mut all = Vec::new();
    for (class, delimiter) in [
        ("row: delimiter ;", ";"),
        ("row: delimiter tab", "\t"),
        ("row: delimiter |", "|"),
        ("row: delimiter space", " "),
        ("row: delimiter comma+space", ", "),
    ] {
        let dialect = Dialect { delimiter, ..clean.dialect() };
        for line in lines.clone() {
            let cells = clean.reading.line(line).iter().zip(&pieces.lines[line]);
            let written = cells.map(|(cell, before)| if is_quoted(before) { before.clone() } else { dialect.cell(cell) });
            let text = format!("{}{}", written.collect::<Vec<_>>().join(delimiter), dialect.end);
            all.push(Variation::new(class, format!("line{line}"), pieces.with_line(line, &text), clean.reading.clone()));
        }
    }
    all
}

/// The delimiter between two cells is gone: one cell of both, the others where they were.
fn delimiter_missing(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        let (said, written) = (clean.reading.line(line), &pieces.lines[line]);
        for gap in 0..width - 1 {
            let (left, right) = (&written[gap], &written[gap + 1]);
            let (said_left, said_right) = (&said[gap], &said[gap + 1]);
            let merged = |text: &str| clean.reading.with_line(line, &[replaced(said, gap, 2, &[text])]);
            let joined = format!("{said_left}{said_right}");
            let as_written = format!("{left}{right}");
            let (class, natural, others) = match (is_quoted(left), is_quoted(right)) {
                (false, false) => ("row: delimiter missing", joined, vec![]),
                (true, true) => ("row: delimiter missing between quoted", format!("{said_left}\"{said_right}"), vec![joined, as_written]),
                (true, false) => ("row: delimiter missing beside quoted", joined, vec![as_written]),
                (false, true) if left.is_empty() => ("row: delimiter missing", joined, vec![]),
                (false, true) => ("row: delimiter missing beside quoted", joined, vec![as_written, format!("{said_left}\"{said_right}\"")]),
            };
            let mut cells = written.clone();
            cells.splice(gap..gap + 2, [format!("{left}{right}")]);
            let mut variation = Variation::new(class, format!("line{line}_gap{gap}"), pieces.with_cells(line, &cells), merged(&natural))
                .or(others.iter().map(|text| merged(text)));
            // Strictly, a quote behind other signs opens nothing, and the commas within count.
            if !is_quoted(left) && !left.is_empty() && is_quoted(right) && !right.contains(['\r', '\n']) {
                let text = format!("{left}{right}");
                let split: Vec<&str> = text.split(',').collect();
                variation = variation.or([clean.reading.with_line(line, &[replaced(said, gap, 2, &split)])]);
            }
            all.push(variation.or(named_by_position(clean, line, &[replaced(said, gap, 2, &[&natural])])));
        }
    }
    all
}

/// One delimiter too many in front of a cell, or behind the last: an empty cell more.
fn delimiter_extra(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        for gap in 0..=width {
            let mut cells = pieces.lines[line].clone();
            cells.insert(gap, String::new());
            let wider = replaced(clean.reading.line(line), gap, 0, &[""]);
            let class = if gap == width { "row: delimiter at its end" } else { "row: delimiter extra" };
            let text = pieces.with_cells(line, &cells);
            let mut variation =
                Variation::new(class, format!("line{line}_gap{gap}"), text, clean.reading.with_line(line, std::slice::from_ref(&wider)));
            if gap == width {
                variation = variation.or([clean.reading.clone()]);
            }
            if line == 0 {
                let name = format!("column_{}", gap + 1);
                variation = variation.or([clean.reading.with_line(0, &[replaced(&wider, gap, 1, &[&name])])]);
            }
            all.push(variation);
        }
    }
    all
}

/// A delimiter in the middle of an unquoted cell: two cells. One cell of each line, another one each time.
fn delimiter_in_cell(clean: &Clean) -> Vec<Variation> {
    in_one_cell(clean, "row: delimiter within a cell", |said, written| {
        let at = middle(said).filter(|_| !is_quoted(written))?;
        Some((format!("{},{}", &said[..at], &said[at..]), vec![vec![said[..at].to_string(), said[at..].to_string()]]))
    })
}

/// A NUL byte in a cell.
fn nul(clean: &Clean) -> Vec<Variation> {
    in_one_cell(clean, "row: NUL byte", |said, written| {
        let (at, in_written) = (middle(said)?, middle(written)?);
        let text = format!("{}\0{}", &written[..in_written], &written[in_written..]);
        let said = if is_quoted(written) { unquoted(&text) } else { format!("{}\0{}", &said[..at], &said[at..]) };
        Some((text, ["\0", "", "\u{fffd}", " ", "\u{2400}"].iter().map(|sign| vec![said.replace('\0', sign)]).collect()))
    })
}

/// What a properly quoted text says.
fn unquoted(written: &str) -> String {
    written[1..written.len() - 1].replace("\"\"", "\"")
}

/// One cell of each line, another column each time, written anew: the text, and the cells that it may be read as.
fn in_one_cell(clean: &Clean, class: &'static str, rewrite: impl Fn(&str, &str) -> Option<(String, Vec<Vec<String>>)>) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        for column in [(line * 2) % width, (line * 2 + 3) % width] {
            let (said, written) = (&clean.reading.line(line)[column], &pieces.lines[line][column]);
            let Some((text, readings)) = rewrite(said, written) else { continue };
            let mut readings = readings.iter().map(|cells| {
                let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
                clean.reading.with_cell(line, column, &cells)
            });
            let natural = readings.next().expect("there is a natural reading");
            let bytes = pieces.with_cell(line, column, &text);
            all.push(Variation::new(class, format!("line{line}_col{column}"), bytes, natural).or(readings));
        }
    }
    all
}

/// A quote too many at the start of a cell: it is a part of the cell.
fn quote_at_start(clean: &Clean) -> Vec<Variation> {
    quote_extra(clean, "row: quote at start of a cell", "row: quote at start of a quoted cell", |text, written| {
        Some((format!("\"{written}"), format!("\"{text}")))
    })
}

/// A quote too many within a cell.
fn quote_in_middle(clean: &Clean) -> Vec<Variation> {
    quote_extra(clean, "row: quote within a cell", "row: quote within a quoted cell", |_, written| {
        let at = middle(written)?;
        let text = format!("{}\"{}", &written[..at], &written[at..]);
        let said = if is_quoted(written) {
            // Undone by halves, since the new quote must not pair up with others.
            format!("{}\"{}", written[1..at].replace("\"\"", "\""), written[at..written.len() - 1].replace("\"\"", "\""))
        } else {
            text.clone()
        };
        Some((text, said))
    })
}

/// A quote too many at the end of a cell.
fn quote_at_end(clean: &Clean) -> Vec<Variation> {
    quote_extra(clean, "row: quote at end of a cell", "row: quote at end of a quoted cell", |text, written| {
        (!text.is_empty()).then(|| (format!("{written}\""), format!("{text}\"")))
    })
}

/// Every cell written with one quote more. In a quoted cell the cell may also be kept as it is written.
fn quote_extra(
    clean: &Clean,
    plain: &'static str,
    quoted: &'static str,
    rewrite: impl Fn(&str, &str) -> Option<(String, String)>,
) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        for column in 0..width {
            let (said, written) = (&clean.reading.line(line)[column], &pieces.lines[line][column]);
            let Some((text, natural)) = rewrite(said, written) else { continue };
            let class = if is_quoted(written) { quoted } else { plain };
            let variation = Variation::new(
                class,
                format!("line{line}_col{column}"),
                pieces.with_cell(line, column, &text),
                clean.reading.with_cell(line, column, &[&natural]),
            );
            all.push(variation.or(is_quoted(written).then(|| clean.reading.with_cell(line, column, &[&text]))));
        }
    }
    all
}

/// The opening or the closing quote of a quoted cell is gone.
fn quote_missing(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        for column in 0..width {
            let (said, written) = (&clean.reading.line(line)[column], &pieces.lines[line][column]);
            if !is_quoted(written) {
                continue;
            }
            let inner = &written[1..written.len() - 1];
            for is_opening in [true, false] {
                let (what, text, stray) = if is_opening {
                    ("opening", format!("{inner}\""), format!("{said}\""))
                } else {
                    ("closing", format!("\"{inner}"), format!("\"{said}"))
                };
                let is_plain = !said.contains([',', '\n', '\r', '"']);
                let class = match (is_opening, is_plain) {
                    (true, true) => "row: opening quote missing",
                    (true, false) => "row: opening quote missing, signs within",
                    (false, true) => "row: closing quote missing",
                    (false, false) => "row: closing quote missing, signs within",
                };
                let (first, second) = if is_plain { (&stray, said) } else { (said, &stray) };
                let bytes = pieces.with_cell(line, column, &text);
                let mut variation =
                    Variation::new(class, format!("line{line}_col{column}_{what}"), bytes, clean.reading.with_cell(line, column, &[first]));
                let cells = |cells: &[&str]| clean.reading.with_cell(line, column, cells);
                variation = variation.or([cells(&[second]), cells(&[&text])]);
                if said.contains(['\n', '\r']) {
                    variation = variation.or([as_torn(clean, line, column, &text)]);
                } else if said.contains(',') {
                    for text in [text.clone(), text.replace("\"\"", "\"")] {
                        variation = variation.or([cells(&text.split(',').collect::<Vec<_>>())]);
                    }
                }
                all.push(variation);
            }
        }
    }
    all
}

/// A record with a line break in a cell that no quotes hold together: two records, split as they stand.
fn as_torn(clean: &Clean, line: usize, column: usize, text: &str) -> Reading {
    let said = clean.reading.line(line);
    let (before, after) = text.split_once('\n').expect("there is a line break");
    let mut first: Vec<String> = said[..column].to_vec();
    first.extend(before.trim_end_matches('\r').split(',').map(String::from));
    let mut second: Vec<String> = after.split(',').map(String::from).collect();
    second.extend_from_slice(&said[column + 1..]);
    clean.reading.with_line(line, &[first.into(), second.into()])
}

/// One record ends in another way.
fn other_end(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, _) = pieces(clean);
    let mut all = Vec::new();
    for (class, end) in [("row: ends with LF", "\n"), ("row: ends with CR", "\r"), ("row: ends with CR CR LF", "\r\r\n")] {
        for line in lines.clone() {
            let text = format!("{}{end}", pieces.lines[line].join(","));
            all.push(Variation::new(class, format!("line{line}"), pieces.with_line(line, &text), clean.reading.clone()));
        }
    }
    all
}

/// A line break within an unquoted cell: two short records as they stand, or the one record that they were.
fn torn(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines.skip(1) {
        for column in 1..width {
            let (said, written) = (&clean.reading.line(line)[column], &pieces.lines[line][column]);
            let Some((left, right)) = said.split_once(' ').filter(|_| !is_quoted(written)) else { continue };
            let text = format!("{left}\r\n{right}");
            let bytes = pieces.with_cell(line, column, &text);
            let healed = ["\r\n", "\n", " "].map(|sign| clean.reading.with_cell(line, column, &[&format!("{left}{sign}{right}")]));
            let torn = as_torn(clean, line, column, &text);
            all.push(Variation::new("row: line break in a cell", format!("line{line}_col{column}"), bytes, torn).or(healed));
        }
    }
    all
}

/// White space behind the last cell of a row: of no meaning behind a quote, else kept or trimmed.
fn spaces_at_end(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        let (said, written) = (&clean.reading.line(line)[width - 1], &pieces.lines[line][width - 1]);
        for (what, spaces) in [("space", " "), ("spaces", "   "), ("tab", "\t")] {
            let kept = clean.reading.with_cell(line, width - 1, &[&format!("{said}{spaces}")]);
            let trimmed = clean.reading.clone();
            let (natural, other) = if is_quoted(written) { (trimmed, kept) } else { (kept, trimmed) };
            let bytes = pieces.with_cell(line, width - 1, &format!("{written}{spaces}"));
            all.push(Variation::new("row: white space at its end", format!("line{line}_{what}"), bytes, natural).or([other]));
        }
    }
    all
}

/// White space around a quoted cell.
fn padding(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        for column in 0..width {
            let written = &pieces.lines[line][column];
            if !is_quoted(written) {
                continue;
            }
            for (class, text) in
                [("row: padding before a quote", format!(" {written}")), ("row: padding after a quote", format!("{written} "))]
            {
                let bytes = pieces.with_cell(line, column, &text);
                let kept = format!("{} ", clean.reading.line(line)[column]);
                all.push(
                    Variation::new(class, format!("line{line}_col{column}"), bytes, clean.reading.clone())
                        .or(text.ends_with(' ').then(|| clean.reading.with_cell(line, column, &[&kept]))),
                );
            }
        }
    }
    all
}

/// A byte that is no UTF-8: replaced as such, or read as what it is in Windows-1252; the rest of the file as it is.
fn invalid_byte(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let mut all = Vec::new();
    for line in lines {
        let column = (line * 2 + 1) % width;
        let (said, written) = (&clean.reading.line(line)[column], &pieces.lines[line][column]);
        let (Some(at), false) = (middle(said), said.contains('"')) else { continue };
        let (byte, sign) = [(0xff, "ÿ"), (0xe9, "é"), (0x80, "€"), (0xc3, "Ã")][line % 4];
        let text = format!("{}\0{}", &said[..at], &said[at..]);
        let marked = if is_quoted(written) { format!("\"{text}\"") } else { text.clone() };
        let mut bytes = pieces.with_cell(line, column, &marked).into_bytes();
        let place = bytes.iter().position(|byte| *byte == 0).expect("it was marked");
        bytes[place] = byte;
        let reading = |sign: &str| clean.reading.with_cell(line, column, &[&text.replace('\0', sign)]);
        let name = format!("line{line}_col{column}_{byte:02x}");
        all.push(Variation::new("row: invalid UTF-8", name, bytes, reading("\u{fffd}")).or([reading(sign)]));
    }
    all
}

/// Lines between records that are no records.
fn line_between(clean: &Clean) -> Vec<Variation> {
    let (pieces, lines, width) = pieces(clean);
    let header = pieces.lines[0].join(",");
    let mut all = Vec::new();
    for (class, text) in [
        ("between: a blank line", String::new()),
        ("between: a row of empty cells", ",".repeat(width - 1)),
        ("between: a comment line", "# checked by the back office, see list 4".to_string()),
        ("between: the header again", header),
    ] {
        let last = lines.end - 1;
        for line in lines.clone().filter(|line| *line < last && (*line > 0 || !class.ends_with("again"))) {
            all.push(Variation::new(class, format!("line{line}"), pieces.with_after(line, &text), clean.reading.clone()));
        }
    }
    all
}

/// A header that is too short for the records, with the missing names given by position.
fn named_by_position(clean: &Clean, line: usize, rows: &[Row]) -> Option<Reading> {
    let width = clean.reading.header.len();
    let names = rows[0].iter().cloned().chain((rows[0].len()..width).map(|n| format!("column_{}", n + 1)));
    (line == 0).then(|| clean.reading.with_line(0, &[row(names)]))
}
