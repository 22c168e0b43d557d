//! The parts of a zipped workbook, looked through before a library takes them into memory.
//!
//! Every part that holds text is inflated once, a piece at a time, and thrown away: what counts is how large it really is
//! (what the archive says is the sender's word), how long its longest piece is, and the few numbers in it that a reader
//! would allocate by. It costs what inflating costs, a fraction of reading the cells. Whether the XML means anything is not
//! looked at: its reader finds that out.

use std::io::Read;

use memchr::{memchr, memchr3, memmem};

use super::archive::{Archive, trouble};
use super::{Container, Trouble, UnpackLimits, damaged};
use crate::engine::file_error::FileError;

/// Bytes of one tag, or of one cell with all that is in it, at most. Excel's cells have 32,767 characters.
const PIECE_BYTES_MAX: usize = 4 << 20;
/// Bytes of the texts that cells share, which are held in memory, with what each of them takes beside its letters.
const SHARED_BYTES_MAX: u64 = 256 << 20;
/// What a shared text takes in memory beside its letters.
const TEXT_BYTES: u64 = 40;
/// Bytes of any other part that is held in memory whole: names of sheets, relations, styles.
const HELD_BYTES_MAX: u64 = 16 << 20;
/// Cell formats at most; Excel takes 65,490. Each is a copy of the font and the number format that it names.
const FORMATS_MAX: u64 = 1 << 17;
/// Bytes of a tag within the styles.
const STYLE_BYTES_MAX: usize = 4 << 10;
/// Cells of a sheet that is held in memory whole, empty ones between others included.
pub(super) const HELD_CELLS_MAX: u64 = 4 << 20;
/// Bytes of all the sheets that are held in memory whole.
pub(super) const HELD_SHEETS_BYTES_MAX: u64 = 512 << 20;
/// What a cell takes in memory at least, its formula's place included.
const CELL_BYTES: u64 = 48;
/// Rows and columns of a sheet at most, in any format.
pub(super) const ROWS_MAX: u64 = 1 << 20;
pub(super) const COLUMNS_MAX: u64 = 16_384;
/// Elements within one another at most.
const DEPTH_MAX: usize = 256;

/// Looks through all parts of a workbook.
///
/// # Errors
/// `expands_too_much` or `damaged_archive`.
pub(super) fn inspect(archive: &mut Archive, file_bytes: u64, limits: UnpackLimits) -> Result<(), Trouble> {
    // XML says in five bytes what CSV says in one.
    let limits = UnpackLimits { bytes: limits.bytes.saturating_mul(8), ..limits };
    let mut bytes_out = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| trouble(error, Container::Workbook))?;
        let name = entry.name().map(|name| name.replace('\\', "/").to_ascii_lowercase()).unwrap_or_default();
        if entry.is_dir() || is_picture(&name) {
            continue;
        }
        let mut look = Look::at(&name);
        let mut counted = Counted { reader: entry, file_bytes, bytes_out, limits, refused: None };
        let looked = look.through(&mut counted);
        bytes_out = counted.bytes_out;
        if let Some(refused) = counted.refused {
            return Err(refused.into());
        }
        looked?;
    }
    Ok(())
}

/// The end of a name that is in small letters already.
pub(super) fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_picture(name: &str) -> bool {
    ["xl/media/", "xl/embeddings/", "pictures/", "thumbnails/", "docprops/thumbnail"].iter().any(|folder| name.starts_with(folder))
}

/// Counts what comes out of a part together with the parts before it.
struct Counted<R> {
    reader: R,
    file_bytes: u64,
    bytes_out: u64,
    limits: UnpackLimits,
    refused: Option<FileError>,
}

impl<R: Read> Counted<R> {
    /// Adds to the buffer. `false` at the end, also when the limit is passed.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Trouble> {
        let before = buffer.len();
        buffer.resize(before + (64 << 10), 0);
        let read = self.reader.read(&mut buffer[before..]).map_err(|_| damaged(Container::Workbook, "a part of it cannot be unpacked"))?;
        buffer.truncate(before + read);
        self.bytes_out += read as u64;
        self.refused = self.limits.admit(Container::Workbook, self.file_bytes, self.bytes_out).err();
        Ok(read > 0 && self.refused.is_none())
    }
}

/// What kind of part it is: what is held in memory of it, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Texts that cells share.
    Shared,
    Styles,
    /// All sheets of an `OpenDocument`, read into memory.
    OpenSheets,
    /// A sheet that is streamed, or something that is not read.
    Sheet,
    /// Names and relations.
    Index,
    /// Binary records: only counted.
    Records,
}

/// A part while it is looked through.
struct Look {
    part: Part,
    bytes: u64,
    formats: u64,
    /// Texts that cells share.
    texts: u64,
    /// Bytes since the last cell or row began.
    since_cell: usize,
    /// Whether what is read are cells, so that all between two of them belongs to one.
    is_in_cells: bool,
    grid: Grid,
}

impl Look {
    fn at(name: &str) -> Self {
        let file = name.rsplit('/').next().unwrap_or_default();
        let part = match file {
            "sharedstrings.xml" => Part::Shared,
            "styles.xml" if name != "styles.xml" => Part::Styles,
            "content.xml" if name == "content.xml" => Part::OpenSheets,
            "workbook.xml" => Part::Index,
            _ if extension(file) == "rels" || name.starts_with("meta-inf/") => Part::Index,
            _ if extension(file) == "bin" => Part::Records,
            _ => Part::Sheet,
        };
        Self { part, bytes: 0, formats: 0, texts: 0, since_cell: 0, is_in_cells: false, grid: Grid::default() }
    }

    fn bytes_max(&self) -> u64 {
        match self.part {
            Part::Shared | Part::Records | Part::OpenSheets => SHARED_BYTES_MAX,
            Part::Styles | Part::Index => HELD_BYTES_MAX,
            Part::Sheet => u64::MAX,
        }
    }

    /// Reads the part, tag by tag as XML readers cut it: up to the first `>` outside of quotes.
    fn through<R: Read>(&mut self, reader: &mut Counted<R>) -> Result<(), Trouble> {
        let (mut buffer, mut at) = (Vec::new(), 0);
        loop {
            let begin = reader.bytes_out;
            buffer.drain(..at);
            at = 0;
            if !reader.fill(&mut buffer)? {
                return Ok(self.grid.end()?);
            }
            self.bytes += reader.bytes_out - begin;
            if self.bytes > self.bytes_max() {
                return Err(too_large().into());
            }
            if self.part == Part::Records {
                at = buffer.len();
                continue;
            }
            while let Some((start, end)) = tag_in(&buffer[at..]) {
                if self.tag(&buffer[at + start..at + end], end)? == Next::Nothing {
                    return Ok(());
                }
                at += end;
            }
            if buffer.len() - at > PIECE_BYTES_MAX {
                return Err(too_large().into());
            }
        }
    }

    fn tag(&mut self, tag: &[u8], length: usize) -> Result<Next, FileError> {
        if tag.starts_with(b"<!DOCTYPE") && tag.contains(&b'[') {
            return Err(damaged(Container::Workbook, "its XML defines entities of its own"));
        }
        let name = local_name(tag);
        self.since_cell += length;
        if self.since_cell > PIECE_BYTES_MAX && self.is_in_cells {
            return Err(too_large());
        }
        match (self.part, name) {
            (Part::Sheet, b"sheetData") => {
                // What follows the cells is never read.
                if tag.starts_with(b"</") || tag.ends_with(b"/>") {
                    return Ok(Next::Nothing);
                }
                (self.is_in_cells, self.since_cell) = (true, 0);
            }
            (Part::Sheet, b"c" | b"row") => self.since_cell = 0,
            (Part::Shared, b"sst") => {
                let count = attribute(tag, b"uniqueCount").and_then(number).unwrap_or(0);
                if count > SHARED_BYTES_MAX / TEXT_BYTES {
                    return Err(too_large()); // a reader makes room for as many
                }
            }
            (Part::Shared, b"si") if !tag.starts_with(b"</") => {
                self.texts += 1;
                if self.bytes + self.texts * TEXT_BYTES > SHARED_BYTES_MAX {
                    return Err(too_large());
                }
            }
            (Part::Styles, _) if tag.len() > STYLE_BYTES_MAX => return Err(too_large()),
            (Part::Styles, b"xf") => {
                self.formats += 1;
                if self.formats > FORMATS_MAX {
                    return Err(too_large());
                }
            }
            (Part::OpenSheets, _) => self.grid.tag(tag, name, length)?,
            _ => {}
        }
        Ok(Next::More)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    More,
    Nothing,
}

/// What the sheets of an `OpenDocument` take when every repetition in it is written out, as its reader does; and whether its
/// elements close in order, because that reader looks for the end of a table for ever.
#[derive(Debug, Default)]
struct Grid {
    /// Names of the elements that are open.
    open: Vec<Vec<u8>>,
    /// Bytes seen.
    position: u64,
    rows: u64,
    /// Rows up to the last with something in it.
    used_rows: u64,
    width: u64,
    /// Bytes of the sheets and rows that are done.
    held: u64,
    row: Row,
}

#[derive(Debug, Default)]
struct Row {
    repeats: u64,
    columns: u64,
    used_columns: u64,
    held: u64,
    /// Where the open cell began, and how often it is repeated.
    cell: Option<(u64, u64)>,
}

impl Grid {
    fn tag(&mut self, tag: &[u8], name: &[u8], length: usize) -> Result<(), FileError> {
        self.position += length as u64;
        if matches!(tag.get(1), Some(b'!' | b'?')) {
            return Ok(());
        }
        let is_end = tag.starts_with(b"</");
        if is_end {
            self.close(tag)?;
            self.ended(name);
        } else {
            self.begun(tag, name)?;
            if tag.ends_with(b"/>") {
                self.ended(name);
            } else {
                self.open.push(full_name(tag).to_vec());
            }
        }
        let is_deep = self.open.len() > DEPTH_MAX;
        let grid = self.used_rows.saturating_mul(self.width);
        if is_deep || grid > HELD_CELLS_MAX || self.held + grid * CELL_BYTES > HELD_SHEETS_BYTES_MAX {
            Err(too_many_cells())
        } else {
            Ok(())
        }
    }

    fn begun(&mut self, tag: &[u8], name: &[u8]) -> Result<(), FileError> {
        let repeats = |key: &[u8], most: u64| attribute(tag, key).and_then(number).unwrap_or(1).min(most);
        match name {
            b"table" if self.open.iter().any(|open| open.ends_with(b":table-row")) => {
                return Err(damaged(Container::Workbook, "one of its tables lies within another"));
            }
            b"table-row" => self.row = Row { repeats: repeats(b"number-rows-repeated", ROWS_MAX), ..Row::default() },
            b"table-cell" | b"covered-table-cell" => {
                let columns = repeats(b"number-columns-repeated", COLUMNS_MAX);
                self.row.columns = (self.row.columns + columns).min(COLUMNS_MAX);
                // A cell has something in it when it says of what type, or computes it.
                let is_used = memmem::find(tag, b"value").is_some() || memmem::find(tag, b"formula").is_some();
                self.row.cell = is_used.then_some((self.position.saturating_sub(tag.len() as u64), columns));
            }
            b"s" => self.held = self.held.saturating_add(repeats(b"c", u64::MAX)),
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, name: &[u8]) {
        match name {
            b"table-cell" | b"covered-table-cell" => {
                if let Some((start, columns)) = self.row.cell.take() {
                    self.row.used_columns = self.row.columns;
                    self.row.held += (self.position - start) * columns;
                }
            }
            b"table-row" => {
                let row = std::mem::take(&mut self.row);
                self.rows += row.repeats;
                if row.used_columns > 0 {
                    self.used_rows = self.rows;
                    self.width = self.width.max(row.used_columns);
                    let cells = row.used_columns * CELL_BYTES;
                    self.held = self.held.saturating_add(cells).saturating_add(row.held.saturating_mul(row.repeats + 1));
                }
            }
            b"table" => {
                self.held += self.used_rows * self.width * CELL_BYTES;
                (self.rows, self.used_rows, self.width) = (0, 0, 0);
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: &[u8]) -> Result<(), FileError> {
        match self.open.pop() {
            Some(open) if open == full_name(tag) => Ok(()),
            _ => Err(damaged(Container::Workbook, "its XML does not close in order")),
        }
    }

    /// At the end of the part, everything must be closed.
    fn end(&self) -> Result<(), FileError> {
        if self.open.is_empty() { Ok(()) } else { Err(damaged(Container::Workbook, "it ends too soon")) }
    }
}

/// Where the first whole tag lies; comments and the like count as one.
fn tag_in(text: &[u8]) -> Option<(usize, usize)> {
    let start = memchr(b'<', text)?;
    let tag = &text[start..];
    let closed_by = |end: &[u8]| Some((start, start + memmem::find(tag, end)? + end.len()));
    if tag.starts_with(b"<!--") {
        return closed_by(b"-->");
    }
    if tag.starts_with(b"<![CDATA[") {
        return closed_by(b"]]>");
    }
    if tag.starts_with(b"<?") {
        return closed_by(b"?>");
    }
    let mut at = 1;
    loop {
        at += memchr3(b'>', b'"', b'\'', &tag[at..])?;
        if tag[at] == b'>' {
            return Some((start, start + at + 1));
        }
        at += 1 + memchr(tag[at], &tag[at + 1..])? + 1;
    }
}

/// A tag's name without its namespace.
fn local_name(tag: &[u8]) -> &[u8] {
    full_name(tag).rsplit(|byte| *byte == b':').next().unwrap_or_default()
}

fn full_name(tag: &[u8]) -> &[u8] {
    let name = tag.strip_prefix(b"</").or_else(|| tag.strip_prefix(b"<")).unwrap_or(tag);
    let end = name.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>')).unwrap_or(name.len());
    &name[..end]
}

/// An attribute's value as it stands there.
fn attribute<'t>(tag: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    let mut from = 0;
    loop {
        let at = from + memmem::find(&tag[from..], name)?;
        let after = tag[at + name.len()..].trim_ascii_start();
        let is_whole = at > 0 && matches!(tag[at - 1], b' ' | b':' | b'\t' | b'\r' | b'\n');
        if let (true, Some(value)) = (is_whole, after.strip_prefix(b"=")) {
            let value = value.trim_ascii_start();
            let (quote, value) = value.split_first()?;
            return Some(&value[..memchr(*quote, value)?]);
        }
        from = at + name.len();
    }
}

/// A number too large to be one counts as endless.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn too_large() -> FileError {
    FileError::new("expands_too_much", "a part of this workbook is larger than any list needs", super::workbook::AS_CSV)
}

/// A sheet that would not fit into memory.
pub(super) fn too_many_cells() -> FileError {
    let what = format!("this workbook has more than {HELD_CELLS_MAX} cells, more than we read of this kind of workbook");
    FileError::new("expands_too_much", what, "Save it as .xlsx or as CSV and drop that")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cut_as_readers_cut_them() {
        for (text, expected) in [
            ("<a>", Some("<a>")),
            ("text<a b='>' c=\"'>\">more", Some("<a b='>' c=\"'>\">")),
            ("<!-- <b> > --><a>", Some("<!-- <b> > -->")),
            ("<![CDATA[ > ]]>", Some("<![CDATA[ > ]]>")),
            ("<?xml version='1.0'?><a>", Some("<?xml version='1.0'?>")),
            ("<a b='>", None),
            ("text", None),
        ] {
            let found = tag_in(text.as_bytes()).map(|(start, end)| &text[start..end]);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn attributes() {
        let tag = b"<x:sst xmlns='u' count=\"3\" x:uniqueCount = '12'/>";
        assert_eq!(local_name(tag), b"sst");
        assert_eq!(attribute(tag, b"uniqueCount").and_then(number), Some(12));
        assert_eq!(attribute(tag, b"count").and_then(number), Some(3));
        assert_eq!(attribute(tag, b"Count"), None);
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
        assert_eq!(number(b"-1"), None);
    }
}
