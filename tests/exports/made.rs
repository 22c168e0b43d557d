//! Files as other programs write them, made in memory: containers, workbooks, encodings.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// One gzip member.
pub(crate) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).expect("memory");
    encoder.finish().expect("memory")
}

/// One zstd frame.
pub(crate) fn zstd(text: impl AsRef<[u8]>) -> Vec<u8> {
    compress_to_vec(text.as_ref(), CompressionLevel::Fastest)
}

/// A ZIP archive of these files.
pub(crate) fn zipped<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).expect("memory");
        writer.write_all(content.as_ref()).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

/// A ZIP archive whose only file says that it is encrypted (APPNOTE 4.4.4, bit 0), in both places where that stands.
pub(crate) fn encrypted_zip(text: &str) -> Vec<u8> {
    let mut bytes = zipped(&[("leads.csv", text)]);
    let directory = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").expect("a directory");
    bytes[6] |= 1;
    bytes[directory + 8] |= 1;
    bytes
}

/// A workbook of these sheets; a cell that is a number is written as one.
pub(crate) fn workbook(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let (mut listed, mut relations) = (String::new(), String::new());
    for (number, (name, _)) in (1..).zip(sheets) {
        let _ = write!(listed, r#"<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>"#);
        let _ = write!(relations, r#"<Relationship Id="r{number}" Type="{RELATION}/worksheet" Target="worksheets/sheet{number}.xml"/>"#);
    }
    let root =
        format!(r#"<Relationships><Relationship Id="a" Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#);
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        ("_rels/.rels".to_owned(), root),
        ("xl/workbook.xml".to_owned(), format!(r#"<workbook xmlns:r="{RELATION}"><sheets>{listed}</sheets></workbook>"#)),
        ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")),
    ];
    for (number, (_, rows)) in (1..).zip(sheets) {
        parts.push((format!("xl/worksheets/sheet{number}.xml"), sheet(rows)));
    }
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    zipped(&parts)
}

fn sheet(rows: &[&[&str]]) -> String {
    let mut xml = String::from("<worksheet><sheetData>");
    for (number, row) in (1..).zip(rows) {
        let _ = write!(xml, r#"<row r="{number}">"#);
        for (column, cell) in ('A'..='Z').zip(*row) {
            let escaped = cell.replace('&', "&amp;").replace('<', "&lt;");
            let _ = match cell.parse::<f64>() {
                Ok(_) => write!(xml, r#"<c r="{column}{number}"><v>{cell}</v></c>"#),
                Err(_) => write!(xml, r#"<c r="{column}{number}" t="inlineStr"><is><t xml:space="preserve">{escaped}</t></is></c>"#),
            };
        }
        xml += "</row>";
    }
    xml + "</sheetData></worksheet>"
}

/// A workbook behind a password: a compound file with one stream, laid out by hand (header, sector table, directory, stream).
pub(crate) fn locked_workbook() -> Vec<u8> {
    const END: u32 = 0xffff_fffe;
    let mut header = vec![0; 76];
    header[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    header[26] = 3; // version
    header[30] = 9; // sectors of 512 bytes
    header[32] = 6;
    header[44] = 1; // one sector of the sector table
    header[48..52].copy_from_slice(&1_u32.to_le_bytes()); // where the directory begins
    header[60..64].copy_from_slice(&END.to_le_bytes());
    header[68..72].copy_from_slice(&END.to_le_bytes());
    header.extend_from_slice(&0_u32.to_le_bytes());
    header.resize(512, 0xff);
    let mut sectors = vec![0xffff_fffd, END];
    sectors.extend(3..=9);
    sectors.push(END);
    sectors.resize(128, 0xffff_ffff);
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
    let mut directory = [entry("Root Entry", 5, END, 0), entry("EncryptedPackage", 2, 2, 4096)].concat();
    directory.resize(512, 0);
    let table: Vec<u8> = sectors.iter().flat_map(|sector: &u32| sector.to_le_bytes()).collect();
    [header, table, directory, vec![0x5a; 4096]].concat()
}

/// UTF-16, low byte first, with its byte order mark.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Windows-1252. Fails for letters that it does not have.
pub(crate) fn western(text: &str) -> Vec<u8> {
    let (bytes, _, failed) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!failed, "{text} cannot be written in windows-1252");
    bytes.into_owned()
}
