//! What the bytes of a file are: text we read, or something else that we can name.
//!
//! Reads UTF-8 with or without a byte order mark. Other encodings have their room here and are refused by name for now.

use super::file_error::FileError;

/// An encoding we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Plain.
    Utf8,
    /// With a byte order mark, as Excel writes it.
    Utf8Bom,
}

impl Encoding {
    /// The name as it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Bom => "UTF-8 with BOM",
        }
    }

    /// Bytes of the byte order mark.
    #[must_use]
    pub fn mark_len(self) -> usize {
        match self {
            Self::Utf8 => 0,
            Self::Utf8Bom => 3,
        }
    }
}

/// First bytes of files that are not lists, their name, and how to get a list out of them.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image", EXPORT),
    (b"\xff\xd8\xff", "a JPEG image", EXPORT),
    (b"GIF8", "a GIF image", EXPORT),
    (b"%PDF", "a PDF document", "Ask for the list as CSV, or open it where it was made and export it as CSV"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or in Excel choose File > Save As > CSV UTF-8, and drop the CSV"),
    (b"PK\x05\x06", "an empty ZIP archive", EXPORT),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "In Excel choose File > Save As > CSV UTF-8 and drop that"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and drop the CSV inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it and drop the CSV inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and drop the CSV inside"),
    (b"Rar!", "a RAR archive", "Unpack it and drop the CSV inside"),
    (b"\x7fELF", "a program", EXPORT),
    (b"MZ", "a program", EXPORT),
    (b"SQLite format 3\0", "a database file", EXPORT),
    (b"{\\rtf", "a rich-text document", EXPORT),
    (b"\xff\xfe", "text in UTF-16", "Save it as CSV UTF-8 and drop that"),
    (b"\xfe\xff", "text in UTF-16", "Save it as CSV UTF-8 and drop that"),
];

/// So few zero bytes in a short list are a slip of whoever wrote it, not a sign that it is no list.
const STRAY_ZEROS: usize = 3;

const EXPORT: &str = "Export the list as CSV and drop that";

/// Names the encoding, or what the file is instead of a list.
///
/// # Errors
/// [`FileError`] naming the kind of file and how to export a CSV from it.
pub fn detect(head: &[u8]) -> Result<Encoding, FileError> {
    if head.is_empty() {
        return Err(FileError::new("zero_bytes", "the file is empty (0 bytes)", "Export it again and drop it once more"));
    }
    if let Some((_, kind, remedy)) = SIGNATURES.iter().find(|(signature, ..)| head.starts_with(signature)) {
        return Err(FileError::new("not_a_csv", format!("this is {kind}, not a CSV file"), *remedy));
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        return Ok(Encoding::Utf8Bom);
    }
    let start = head.trim_ascii_start();
    if [&b"<!DOCTYPE"[..], b"<!doctype", b"<html", b"<HTML", b"<?xml"].iter().any(|tag| start.starts_with(tag)) {
        return Err(FileError::new("not_a_csv", "this is a web page or XML document, not a CSV file", EXPORT));
    }
    let zeros = memchr::memchr_iter(0, head).count();
    if zeros > STRAY_ZEROS && zeros * 100 > head.len() {
        return Err(FileError::new("not_a_csv", "this is a binary file (it is full of zero bytes), not a CSV file", EXPORT));
    }
    // Text of any language has tabs and line ends, and hardly another control character; other data has them all over.
    let controls = head.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
    if controls > STRAY_ZEROS && controls * 20 > head.len() {
        return Err(FileError::new("not_a_csv", "this is a binary file (its bytes are no text), not a CSV file", EXPORT));
    }
    Ok(Encoding::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_list_is_named() {
        for (head, named) in [
            (&b""[..], "empty"),
            (b"\x89PNG\r\n\x1a\n....", "PNG"),
            (b"%PDF-1.7", "PDF"),
            (b"PK\x03\x04....", "ZIP archive or an Excel"),
            (b"\0\0\0\0", "zero bytes"),
            (b"d>\x01\x8f7\x02\xa0\x9dKh\x1f\x03P\xff\x04\x05", "no text"),
            (b"  <!DOCTYPE html>", "web page"),
            (b"\xff\xfen\0a\0", "UTF-16"),
        ] {
            let error = detect(head).expect_err("refused");
            assert!(error.what.contains(named), "{} should name {named}", error.what);
        }
    }

    #[test]
    fn text_is_read_with_and_without_a_mark() {
        assert_eq!(detect(b"name,email").expect("text"), Encoding::Utf8);
        assert_eq!(detect(b"\xef\xbb\xbfname").expect("text"), Encoding::Utf8Bom);
        assert_eq!(
            detect(
                b"na\0me,email,value,location,phone,source,notes,more,and more so that one zero byte is less than one in a hundred bytes"
            )
            .expect("text"),
            Encoding::Utf8
        );
    }
}
