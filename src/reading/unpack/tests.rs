//! Containers of every kind, whole, cut, changed and malicious, made in memory.

use std::fmt::Write as _;
use std::io::{Cursor, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const LIST: &[u8] = b"name,email,value\nAda,ada@example.com,100\nBo,bo@example.com,200\n";

/// What is in a file, or the code of the error that says why not.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    unpacked_within(bytes, UnpackLimits::default()).map_err(|error| error.code)
}

fn unpacked_within(bytes: &[u8], limits: UnpackLimits) -> Result<Vec<u8>, FileError> {
    let mut unpacked = opened(bytes, limits, None)?;
    let mut text = Vec::new();
    match unpacked.reader.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(file_error_in(&error).expect("the file's fault, not the machine's").clone()),
    }
}

fn opened(bytes: &[u8], limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, FileError> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("writing it");
    unpack(file, limits, sheet).map_err(|trouble| match trouble {
        Trouble::File(error) => error,
        Trouble::Io(error) => panic!("{error}"),
    })
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        if name.ends_with('/') {
            writer.add_directory(*name, SimpleFileOptions::default()).expect("memory");
        } else {
            writer.start_file(*name, SimpleFileOptions::default()).expect("memory");
            writer.write_all(content).expect("memory");
        }
    }
    writer.finish().expect("memory").into_inner()
}

/// A name, a file, and what is in it or why that cannot be read.
type Case<'c> = (&'c str, Vec<u8>, Result<&'c [u8], &'c str>);

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn first_bytes_tell_the_container() {
    for (head, expected) in [
        (&b""[..], Container::Plain),
        (b"name,email", Container::Plain),
        (b"PK", Container::Plain),
        (b"\x1f\x8b\x08\0", Container::Gzip),
        (b"\x1f\x8b\x07\0", Container::Plain),
        (b"\x28\xb5\x2f\xfd", Container::Zstd),
        (b"\x5e\x2a\x4d\x18", Container::Zstd),
        (b"PK\x03\x04", Container::Zip),
        (b"PK\x05\x06", Container::Zip),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Container::Workbook),
    ] {
        assert_eq!(container_of(head), expected, "{head:?}");
    }
}

#[test]
fn compressed_lists_and_what_can_be_wrong_with_them() {
    const SKIPPABLE: &[u8] = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    let twice = joined(&[LIST, LIST]);
    let (gz, zst) = (gzip(LIST), zstd(LIST));
    let mut wrong_sum = gz.clone();
    wrong_sum[gz.len() - 8] ^= 1;
    let cases: &[Case<'_>] = &[
        ("nothing around it", LIST.to_vec(), Ok(LIST)),
        ("gzip", gz.clone(), Ok(LIST)),
        ("gzip of nothing", gzip(b""), Ok(b"")),
        ("two gzip members", joined(&[&gz, &gz]), Ok(&twice)),
        ("a gzip member and padding", joined(&[&gz, &[0; 1000]]), Ok(LIST)),
        ("padding between members", joined(&[&gz, &[0; 7], &gz]), Ok(&twice)),
        ("gzip and text behind it", joined(&[&gz, LIST]), Err("damaged_archive")),
        ("half a second member", joined(&[&gz, &gz[..20]]), Err("damaged_archive")),
        ("a wrong checksum", wrong_sum, Err("damaged_archive")),
        ("gzip in gzip is for the decoder to refuse", gzip(&gz), Ok(&gz)),
        ("zstd", zst.clone(), Ok(LIST)),
        ("two zstd frames", joined(&[&zst, &zst]), Ok(&twice)),
        ("skippable frames", joined(&[SKIPPABLE, &zst, SKIPPABLE, &zst, SKIPPABLE]), Ok(&twice)),
        ("a skippable frame alone", SKIPPABLE.to_vec(), Ok(b"")),
        ("a skippable frame cut short", joined(&[&zst, &SKIPPABLE[..9]]), Err("damaged_archive")),
        ("zstd and text behind it", joined(&[&zst, LIST]), Err("damaged_archive")),
        ("zstd and a gzip member", joined(&[&zst, &gz]), Err("damaged_archive")),
        ("a window of 3.75 GiB", b"\x28\xb5\x2f\xfd\x00\xaf\x01\0\0".to_vec(), Err("unsupported_archive")),
        ("a dictionary", b"\x28\xb5\x2f\xfd\x01\x58\x07\x01\0\0".to_vec(), Err("unsupported_archive")),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(unpacked(bytes).as_deref().map_err(|code| *code), *expected, "{name}");
    }
}

#[test]
fn an_archive_cut_anywhere_is_damaged() {
    let list = LIST.repeat(50);
    for whole in [gzip(&list), zstd(&list), zipped(&[("a.csv", &list)])] {
        for length in 9..whole.len() {
            assert_eq!(unpacked(&whole[..length]), Err("damaged_archive"), "{:?} cut at {length} of {}", &whole[..4], whole.len());
        }
    }
}

#[test]
fn an_archive_with_any_byte_changed_never_panics() {
    let list = LIST.repeat(3);
    for whole in [gzip(&list), zstd(&list), zipped(&[("a.csv", &list)]), workbook(&[SHEET])] {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = unpacked(&bytes);
        }
    }
}

#[test]
fn bombs_are_refused_early() {
    let zeros = vec![b'0'; 64 << 20];
    let small = UnpackLimits { ratio: 200, bytes: 1000 };
    for bomb in [gzip(&zeros), zstd(&zeros), zipped(&[("a.csv", &zeros)])] {
        let error = unpacked_within(&bomb, UnpackLimits::default()).expect_err("a bomb");
        assert_eq!(error.code, "expands_too_much");
        assert!(error.what.contains("200 times"), "{error}");
        let error = unpacked_within(&bomb, small).expect_err("beyond the limit of a file");
        assert!(error.what.contains("1000 bytes"), "{error}");
        let wide = UnpackLimits { ratio: 1 << 20, ..UnpackLimits::default() };
        assert_eq!(unpacked_within(&bomb, wide).map(|text| text.len()), Ok(zeros.len()));
    }
    let within = vec![b'0'; 8 << 20];
    assert_eq!(unpacked(&gzip(&within)).map(|text| text.len()), Ok(within.len()), "too small to hurt");
}

/// A disk that fails after its first bytes.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::from_raw_os_error(5)),
            read => Ok(read),
        }
    }
}

#[test]
fn what_the_machine_does_wrong_is_not_the_files_fault() {
    for whole in [gzip(LIST), zstd(LIST)] {
        let raw = Failing(Cursor::new(whole[..whole.len() - 5].to_vec()));
        let error = Inflated::new(container_of(&whole), raw, UnpackLimits::default()).read_to_end(&mut Vec::new()).expect_err("it fails");
        assert_eq!(error.raw_os_error(), Some(5), "{error}");
    }
}

#[test]
fn zip_archives() {
    let cases: &[Case<'_>] = &[
        ("one file", zipped(&[("leads.csv", LIST)]), Ok(LIST)),
        (
            "in a folder, with the clutter of others",
            zipped(&[("x/", b""), ("x/leads.csv", LIST), ("__MACOSX/x/._leads.csv", b"?"), ("x/.DS_Store", b"?")]),
            Ok(LIST),
        ),
        ("several", zipped(&[("a.csv", LIST), ("b.csv", LIST)]), Err("several_files")),
        ("none", zipped(&[]), Err("empty_archive")),
        ("a folder", zipped(&[("a/", b"")]), Err("empty_archive")),
        ("a text document", zipped(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<a/>")]), Err("not_a_csv")),
        ("Numbers", zipped(&[("Index/Document.iwa", b"?"), ("Index/Tables/1.iwa", b"?")]), Err("not_a_csv")),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(unpacked(bytes).as_deref().map_err(|code| *code), *expected, "{name}");
    }
    let several = unpacked_within(&cases[2].1, UnpackLimits::default()).expect_err("several");
    assert_eq!(several.what, "this ZIP archive holds 2 files ('a.csv', 'b.csv')");
    let unpacked = opened(&cases[1].1, UnpackLimits::default(), None).expect("one file");
    assert_eq!((unpacked.container, unpacked.inner_name.as_deref(), unpacked.is_sheet), (Container::Zip, Some("x/leads.csv"), false));
}

#[test]
fn zip_archives_that_are_not_what_they_say() {
    let whole = zipped(&[("leads.csv", LIST)]);
    let central = whole.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    // Offsets within the directory's entry and within the header before the data (APPNOTE 4.3.7 and 4.3.12).
    let patched = |in_directory: usize, in_header: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes[central + in_directory..][..value.len()].copy_from_slice(value);
        bytes[in_header..][..value.len()].copy_from_slice(value);
        bytes
    };
    for (name, bytes, expected) in [
        ("encrypted", patched(8, 6, &[1, 0]), "password_protected"),
        ("a method nobody uses", patched(10, 8, &[12, 0]), "unsupported_archive"),
        ("a wrong checksum", patched(16, 14, &[1, 2, 3, 4]), "damaged_archive"),
        ("a size beyond all limits", patched(24, 22, &[0xff, 0xff, 0xff, 0x7f]), "expands_too_much"),
    ] {
        assert_eq!(unpacked(&bytes), Err(expected), "{name}");
    }
    // Who says that a bomb is small is not believed.
    let zeros = vec![b'0'; 64 << 20];
    let mut bomb = zipped(&[("leads.csv", &zeros)]);
    let central = bomb.windows(4).rposition(|four| four == b"PK\x01\x02").expect("a directory");
    bomb[central + 24..][..4].copy_from_slice(&100_u32.to_le_bytes());
    assert_eq!(unpacked(&bomb), Err("expands_too_much"));
}

const SHEET: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c><c r="B2" s="1"><v>45413</v></c></row>"#;

/// A workbook with these sheets, named `Sheet1` and so on; their content is rows.
fn workbook(sheets: &[&str]) -> Vec<u8> {
    let named: Vec<(String, &str)> =
        sheets.iter().enumerate().map(|(index, rows)| (format!("name=\"Sheet{}\"", index + 1), *rows)).collect();
    workbook_of(&named, &[])
}

/// A workbook whose sheets have these attributes, with other parts in place of its own.
fn workbook_of(sheets: &[(String, &str)], others: &[(&str, &str)]) -> Vec<u8> {
    const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let (mut listed, mut relations) = (String::new(), String::new());
    for (index, (attributes, _)) in sheets.iter().enumerate() {
        let _ = write!(listed, r#"<sheet {attributes} sheetId="{0}" r:id="r{0}"/>"#, index + 1);
        let _ = write!(relations, r#"<Relationship Id="r{0}" Type="{RELATION}/worksheet" Target="worksheets/sheet{0}.xml"/>"#, index + 1);
    }
    let mut parts: Vec<(String, String)> = vec![
        ("[Content_Types].xml".into(), "<Types/>".into()),
        ("_rels/.rels".into(), format!(r#"<Relationships><Relationship Id="a" Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#)),
        ("xl/workbook.xml".into(), format!(r#"<workbook xmlns:r="{RELATION}"><sheets>{listed}</sheets></workbook>"#)),
        ("xl/_rels/workbook.xml.rels".into(), format!("<Relationships>{relations}</Relationships>")),
        ("xl/sharedStrings.xml".into(), r#"<sst uniqueCount="3"><si><t>name</t></si><si><t>signed, up</t></si><si><r><t xml:space="preserve">rich </t></r><r><t>&amp; "text"</t></r></si></sst>"#.into()),
        (
            "xl/styles.xml".into(),
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd hh:mm"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="46"/><xf numFmtId="20"/></cellXfs></styleSheet>"#.into(),
        ),
    ];
    for (index, (_, rows)) in sheets.iter().enumerate() {
        parts.push((format!("xl/worksheets/sheet{}.xml", index + 1), format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")));
    }
    for (name, content) in others {
        parts.retain(|(known, _)| known != name);
        parts.push(((*name).to_owned(), (*content).to_owned()));
    }
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, content)| (name.as_str(), content.as_bytes())).collect();
    zipped(&parts)
}

/// Rows of the sheet from the first on.
fn rows_of(count: u32, row: impl Fn(u32) -> String) -> String {
    (1..=count).map(row).collect::<Vec<_>>().concat()
}

fn sheet_text(rows: &str) -> Result<String, &'static str> {
    unpacked(&workbook(&[rows])).map(|text| String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn a_sheet_becomes_csv() {
    let cases: &[(&str, &str, &str)] = &[
        ("texts and a date", SHEET, "name,\"signed, up\"\n1,2024-05-01\n"),
        ("rich text", r#"<row r="1"><c r="A1" t="s"><v>2</v></c></row>"#, "\"rich & \"\"text\"\"\"\n"),
        ("text within the cell", r#"<row r="1"><c r="A1" t="inlineStr"><is><t>a&#10;b</t></is></c></row>"#, "\"a\nb\"\n"),
        (
            "a formula's value",
            r#"<row r="1"><c r="A1" t="str"><f>B1&amp;C1</f><v>Ada L</v></c><c r="B1"><f>1+1</f><v>2</v></c></row>"#,
            "Ada L,2\n",
        ),
        (
            "a phone as a number",
            r#"<row r="1"><c r="A1"><v>2045550101</v></c><c r="B1"><v>4.47700900123E11</v></c></row>"#,
            "2045550101,447700900123\n",
        ),
        ("a fraction", r#"<row r="1"><c r="A1"><v>19.990000000000002</v></c><c r="B1"><v>1E-7</v></c></row>"#, "19.99,0.0000001\n"),
        (
            "a day and a time",
            r#"<row r="1"><c r="A1" s="2"><v>45413.604166666664</v></c><c r="B1" s="4"><v>0.5</v></c></row>"#,
            "2024-05-01 14:30:00,12:00:00\n",
        ),
        ("a length of time", r#"<row r="1"><c r="A1" s="3"><v>1.5</v></c></row>"#, "36:00:00\n"),
        (
            "truth and errors",
            r#"<row r="1"><c r="A1" t="b"><v>1</v></c><c r="B1" t="e"><v>#REF!</v></c><c r="C1" t="e"><v>#SPILL!</v></c><c r="D1"><v>4</v></c></row>"#,
            "TRUE,#REF!,,4\n",
        ),
        ("rows left empty stay", r#"<row r="3"><c r="A3"><v>1</v></c></row><row r="5"><c r="A5"><v>2</v></c></row>"#, "\n\n1\n\n2\n"),
        (
            "columns left empty before all go",
            r#"<row r="1"><c r="C1"><v>1</v></c><c r="D1"><v>2</v></c></row><row r="2"><c r="D2"><v>3</v></c></row>"#,
            "1,2\n,3\n",
        ),
        (
            "rows are as wide as the sheet",
            r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="C2"><v>2</v></c></row>"#,
            "1,,\n,,2\n",
        ),
        (
            "cells that only have a format",
            r#"<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="1"/></row><row r="1048576"><c r="A1048576" s="1"/></row>"#,
            "1\n",
        ),
        ("no places said", "<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>", "1,2\n3,\n"),
    ];
    for (name, rows, expected) in cases {
        assert_eq!(sheet_text(rows).as_deref(), Ok(*expected), "{name}");
    }
}

#[test]
fn a_date_counted_from_1904() {
    let sheet = [("name=\"S\"".to_owned(), r#"<row r="1"><c r="A1" s="1"><v>43951</v></c></row>"#)];
    let book = workbook_of(&sheet, &[]);
    assert_eq!(unpacked(&book).as_deref(), Ok(&b"2020-04-30\n"[..]));
    let index = r#"<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#;
    let book = workbook_of(&sheet, &[("xl/workbook.xml", index)]);
    assert_eq!(unpacked(&book).as_deref(), Ok(&b"2024-05-01\n"[..]));
}

#[test]
fn the_sheet_that_is_read() {
    let row = |number: u32| format!(r#"<row r="1"><c r="A1"><v>{number}</v></c></row>"#);
    let (one, two, three) = (row(1), row(2), row(3));
    let sheets = [
        (r#"name="Help" state="hidden""#.to_owned(), one.as_str()),
        (r#"name="Leads""#.to_owned(), two.as_str()),
        (r#"name="Old leads""#.to_owned(), three.as_str()),
    ];
    let book = workbook_of(&sheets, &[]);
    for (wanted, expected) in [
        (None, Ok((2, "Leads", "only the sheet 'Leads' was read, not 'Help (hidden)', 'Old leads'"))),
        (Some("Old leads"), Ok((3, "Old leads", "only the sheet 'Old leads' was read, not 'Help (hidden)', 'Leads'"))),
        (Some(" old LEADS"), Ok((3, "Old leads", "only the sheet 'Old leads' was read, not 'Help (hidden)', 'Leads'"))),
        (Some("Help"), Ok((1, "Help", "only the sheet 'Help' was read, not 'Leads', 'Old leads'"))),
        (Some("Lead"), Err("this workbook has no sheet 'Lead' (found: 'Help', 'Leads', 'Old leads')")),
    ] {
        let found = opened(&book, UnpackLimits::default(), wanted).map(|mut unpacked| {
            let mut text = String::new();
            unpacked.reader.read_to_string(&mut text).expect("a sheet");
            assert!(unpacked.is_sheet);
            assert_eq!(unpacked.container, Container::Workbook);
            (text, unpacked.inner_name.unwrap_or_default(), unpacked.notes.concat())
        });
        let expected = expected.map(|(number, name, note)| (format!("{number}\n"), name.to_owned(), note.to_owned()));
        assert_eq!(found.map_err(|error| error.what), expected.map_err(str::to_owned), "{wanted:?}");
    }
    assert!(opened(&workbook(&[SHEET]), UnpackLimits::default(), None).expect("one sheet").notes.is_empty());
}

#[test]
fn workbooks_that_are_refused() {
    let sheet = |rows: &'static str| [("name=\"S\"".to_owned(), rows)];
    let long = "x".repeat(5 << 20);
    let many_formats = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", r#"<xf numFmtId="0"/>"#.repeat(200_000));
    let long_format =
        format!(r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="{}"/></numFmts></styleSheet>"#, "0".repeat(10_000));
    let far = rows_of(3000, |row| format!(r#"<row r="{row}"><c r="A{row}"><v>1</v></c><c r="XFD{row}"><v>1</v></c></row>"#));
    let long_text = format!(r#"<row r="1"><c r="A1" t="str"><v>{long}</v></c></row>"#);
    let long_tag = format!(r#"<row r="1" spans="{long}"><c r="A1"><v>1</v></c></row>"#);
    for (name, bytes, expected) in [
        ("no sheet", workbook(&[]), "empty_archive"),
        ("an empty sheet", workbook(&[""]), "zero_bytes"),
        (
            "a claim of texts",
            workbook_of(&sheet(SHEET), &[("xl/sharedStrings.xml", r#"<sst uniqueCount="99999999999999"></sst>"#)]),
            "expands_too_much",
        ),
        ("a text missing", workbook_of(&sheet(SHEET), &[("xl/sharedStrings.xml", "<sst></sst>")]), "damaged_archive"),
        ("formats without end", workbook_of(&sheet(SHEET), &[("xl/styles.xml", &many_formats)]), "expands_too_much"),
        ("a format without end", workbook_of(&sheet(SHEET), &[("xl/styles.xml", &long_format)]), "expands_too_much"),
        (
            "rows out of order",
            workbook(&[r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>"#]),
            "damaged_archive",
        ),
        ("a cell twice", workbook(&[r#"<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>1</v></c></row>"#]), "damaged_archive"),
        ("a row beyond the last", workbook(&[r#"<row r="1"><c r="A4000000000"><v>1</v></c></row>"#]), "damaged_archive"),
        ("a column beyond the last", workbook(&[r#"<row r="1"><c r="ZZZZ1"><v>1</v></c></row>"#]), "damaged_archive"),
        ("a text longer than a cell", workbook(&[&long_text]), "expands_too_much"),
        ("a tag without end", workbook(&[&long_tag]), "expands_too_much"),
        ("cells far apart", workbook(&[&far]), "expands_too_much"),
        (
            "XML cut short",
            workbook_of(&sheet(""), &[("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v>")]),
            "damaged_archive",
        ),
        (
            "entities",
            workbook_of(&sheet(SHEET), &[("xl/sharedStrings.xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><sst></sst>")]),
            "damaged_archive",
        ),
    ] {
        assert_eq!(unpacked(&bytes), Err(expected), "{name}");
    }
}

#[test]
fn a_workbook_that_inflates_without_end() {
    let rows = format!(r#"<row r="1" spans="{}"></row>"#, "1".repeat(1000)).repeat(60_000);
    assert_eq!(unpacked(&workbook(&[&rows])), Err("expands_too_much"));
}

#[test]
fn a_sheet_that_claims_the_whole_grid_costs_nothing() {
    let sheet = r#"<worksheet><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="B1048576"><v>2</v></c></row></sheetData></worksheet>"#;
    let book = workbook_of(&[("name=\"S\"".to_owned(), "")], &[("xl/worksheets/sheet1.xml", sheet)]);
    let text = unpacked(&book).expect("a sheet");
    assert_eq!(text.len(), 3 + 1_048_574 + 3);
    assert!(text.starts_with(b"1,\n\n") && text.ends_with(b"\n\n,2\n"));
}

#[test]
fn columns_are_known_before_the_first_row_also_of_a_long_sheet() {
    let row = |row: u32| format!(r#"<row r="{row}"><c r="B{row}"><v>{row}</v></c><c r="C{row}"><v>7</v></c></row>"#);
    let rows = rows_of(10_000, row);
    let sheet = |dimension: &str, rows: &str| {
        let sheet = format!("<worksheet>{dimension}<sheetData>{rows}</sheetData></worksheet>");
        unpacked(&workbook_of(&[("name=\"S\"".to_owned(), "")], &[("xl/worksheets/sheet1.xml", &sheet)]))
    };
    let lines = |text: &[u8]| memchr::memchr_iter(b'\n', text).count();
    let text = sheet(r#"<dimension ref="B1:C10000"/>"#, &rows).expect("a sheet");
    assert!(text.starts_with(b"1,7\n2,7\n") && lines(&text) == 10_000);
    let text = sheet("", &rows).expect("a sheet that does not say where it begins");
    assert!(text.starts_with(b",1,7\n,2,7\n") && lines(&text) == 10_000);
    let late = format!(r#"{rows}<row r="10001"><c r="A10001"><v>1</v></c></row>"#);
    assert_eq!(sheet(r#"<dimension ref="B1:C10000"/>"#, &late), Err("damaged_archive"), "no cell is lost");
}

#[test]
fn who_stops_reading_stops_the_work() {
    let rows = rows_of(100_000, |row| format!(r#"<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>"#));
    let mut unpacked = opened(&workbook(&[&rows]), UnpackLimits::default(), None).expect("a sheet");
    let mut first = [0; 2];
    unpacked.reader.read_exact(&mut first).expect("a row");
    assert_eq!(&first, b"1\n");
    drop(unpacked); // comes back only if the thread ends
}

fn open_document(table: &str) -> Vec<u8> {
    let content = format!(
        r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet><table:table table:name="Leads">{table}</table:table></office:spreadsheet></office:body></office:document-content>"#
    );
    zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", b"<manifest:manifest/>"),
        ("content.xml", content.as_bytes()),
    ])
}

#[test]
fn open_documents() {
    let text = |text: &str| format!(r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#);
    let number =
        r#"<table:table-cell office:value-type="float" office:value="2045550101"><text:p>2,045,550,101</text:p></table:table-cell>"#;
    let date = r#"<table:table-cell office:value-type="date" office:date-value="2024-05-01T14:30:00"/>"#;
    let tail = r#"<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>"#;
    let rows = format!(
        "<table:table-row>{}{}</table:table-row><table:table-row>{number}{date}</table:table-row>{tail}",
        text("name"),
        text("a, b")
    );
    assert_eq!(unpacked(&open_document(&rows)).as_deref(), Ok(&b"name,\"a, b\"\n2045550101,2024-05-01 14:30:00\n"[..]));

    let many = |cell: &str| format!("<table:table-row>{cell}</table:table-row>").repeat(2000);
    let repeated = r#"<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="16384"/>"#;
    let long = format!(
        r#"<table:table-cell office:value-type="string" table:number-columns-repeated="16384"><text:p>{}</text:p></table:table-cell>"#,
        "x".repeat(30_000)
    );
    let below = format!(r#"<table:table-row table:number-rows-repeated="1000000">{}</table:table-row>"#, text("x").repeat(10));
    let spaces = format!("<table:table-row>{}</table:table-row>", text(r#"<text:s text:c="4000000000"/>"#));
    for (name, table, expected) in [
        ("cells without end", many(repeated), "expands_too_much"),
        ("long texts repeated", many(&long), "expands_too_much"),
        ("rows without end", below, "expands_too_much"),
        ("spaces without end", spaces, "expands_too_much"),
        ("a table that does not end", "</table:table><table:table table:name=\"x\"><table:table-row>".to_owned(), "damaged_archive"),
        ("a note that does not end", format!("<table:table-row>{}</table:table-row>", text("<office:annotation>")), "damaged_archive"),
    ] {
        assert_eq!(unpacked(&open_document(&table)), Err(expected), "{name}");
    }
}

/// A compound file with one stream, laid out by hand: header, sector table, directory, stream.
fn compound(name: &str, stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    let sectors = u32::try_from(stream.len() / 512).expect("small");
    let mut header = vec![0; 76];
    header[..8].copy_from_slice(super::compound::SIGNATURE);
    header[26] = 3;
    header[30] = 9;
    header[32] = 6;
    header[44] = 1; // one sector of the sector table
    header[48..52].copy_from_slice(&1_u32.to_le_bytes());
    header[60..64].copy_from_slice(&SECTOR_END.to_le_bytes());
    header[68..72].copy_from_slice(&SECTOR_END.to_le_bytes());
    header.extend_from_slice(&0_u32.to_le_bytes());
    header.resize(512, 0xff);
    let mut table: Vec<u32> = vec![0xffff_fffd, SECTOR_END];
    table.extend((2..=sectors).map(|sector| sector + 1));
    table.push(SECTOR_END);
    table.resize(128, 0xffff_ffff);
    let entry = |name: &str, kind: u8, start: u32, length: u32| {
        let mut entry = vec![0; 128];
        for (at, unit) in name.encode_utf16().enumerate() {
            entry[at * 2..at * 2 + 2].copy_from_slice(&unit.to_le_bytes());
        }
        entry[66] = kind;
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&length.to_le_bytes());
        entry
    };
    let length = u32::try_from(stream.len()).expect("small");
    let mut directory = [entry("Root Entry", 5, SECTOR_END, 0), entry(name, 2, 2, length)].concat();
    directory.resize(512, 0);
    let table: Vec<u8> = table.iter().flat_map(|word| word.to_le_bytes()).collect();
    [header, table, directory, stream].concat()
}

const SECTOR_END: u32 = 0xffff_fffe;

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a record is short");
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
}

/// The records of an old workbook with one sheet of these records.
fn old_workbook(globals: &[Vec<u8>], cells: &[Vec<u8>]) -> Vec<u8> {
    let begin = |kind: u8| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let texts = [&[3, 0, 0, 0, 3, 0, 0, 0][..], b"\x04\0\0name", b"\x05\0\0email", b"\x03\0\x01A\0d\0a\0"].concat();
    let formats = [record(0x00e0, &[0; 20]), record(0x00e0, &[&[0, 0, 14, 0][..], &[0; 16]].concat())].concat();
    let before = [begin(5), globals.concat(), formats, record(0x00fc, &texts)].concat();
    let start = before.len() + 4 + 6 + 2 + 6 + 4;
    let mut sheet = u32::try_from(start).expect("small").to_le_bytes().to_vec();
    sheet.extend_from_slice(&[0, 0, 6, 0]);
    sheet.extend_from_slice(b"Sheet1");
    [before, record(0x0085, &sheet), record(0x000a, &[]), begin(0x10), cells.concat(), record(0x000a, &[])].concat()
}

fn text_cell(row: u16, column: u8, text: u8) -> Vec<u8> {
    let row = row.to_le_bytes();
    record(0x00fd, &[row[0], row[1], column, 0, 0, 0, text, 0, 0, 0])
}

fn number_cell(row: u16, column: u8, format: u8, number: f64) -> Vec<u8> {
    let row = row.to_le_bytes();
    record(0x0203, &[&[row[0], row[1], column, 0, format, 0][..], &number.to_le_bytes()].concat())
}

#[test]
fn old_workbooks() {
    let cells = [
        text_cell(0, 0, 0),
        text_cell(0, 1, 1),
        text_cell(1, 0, 2),
        number_cell(1, 1, 1, 45413.0),
        number_cell(3, 0, 0, 447_700_900_123.0),
    ];
    let whole = compound("Workbook", &old_workbook(&[], &cells));
    assert_eq!(unpacked(&whole).as_deref(), Ok(&b"name,email\nAda,2024-05-01\n\n447700900123,\n"[..]));
    for at in (0..whole.len()).filter(|at| *at < 80 || !matches!(whole[*at], 0 | 0xff)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let _ = unpacked(&bytes); // neither panics nor runs for ever
    }
}

#[test]
fn old_workbooks_that_are_refused() {
    let small = [number_cell(0, 0, 0, 1.0)];
    let mut circle = compound("Workbook", &old_workbook(&[], &small));
    circle[512 + 4..512 + 8].copy_from_slice(&1_u32.to_le_bytes()); // the directory goes on with itself
    let wide: Vec<Vec<u8>> = vec![number_cell(0, 0, 0, 1.0), number_cell(65_535, 255, 0, 1.0)];
    let claim =
        [record(0x0200, &[&0_u32.to_le_bytes()[..], &u32::MAX.to_le_bytes(), &[0, 0, 255, 0, 0, 0]].concat()), number_cell(0, 0, 0, 1.0)];
    for (name, bytes, expected) in [
        ("a circle", circle, "damaged_archive"),
        ("cells far apart", compound("Workbook", &old_workbook(&[], &wide)), "expands_too_much"),
        ("a claim of rows", compound("Workbook", &old_workbook(&[], &claim)), "expands_too_much"),
        ("a password", compound("Workbook", &old_workbook(&[record(0x002f, &[1, 0, 1, 0])], &small)), "password_protected"),
        ("a new workbook with a password", compound("EncryptedPackage", b"?"), "password_protected"),
        ("a letter", compound("WordDocument", b"?"), "not_a_csv"),
        ("a message", compound("__properties_version1.0", b"?"), "not_a_csv"),
        ("half a header", compound("Workbook", b"?")[..300].to_vec(), "damaged_archive"),
    ] {
        assert_eq!(unpacked(&bytes), Err(expected), "{name}");
    }
}

#[test]
fn machine_errors_keep_what_they_carry() {
    let carried: io::Error = into_io(damaged(Container::Gzip, "it ends too soon"));
    assert_eq!(file_error_in(&carried).map(|error| error.code), Some("damaged_archive"));
    assert_eq!(carried.to_string(), "this gzip archive is damaged: it ends too soon");
    assert!(matches!(Trouble::from(carried), Trouble::File(_)));
    assert!(matches!(Trouble::from(io::Error::from_raw_os_error(5)), Trouble::Io(_)));
}

#[test]
fn a_file_read_before_is_read_from_its_start() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&gzip(LIST)).expect("writing it");
    file.seek(SeekFrom::Start(5)).expect("seeking");
    let mut text = Vec::new();
    unpack(file, UnpackLimits::default(), None).map_err(|_| ()).expect("gzip").reader.read_to_end(&mut text).expect("gzip");
    assert_eq!(text, LIST);
}
