//! An old workbook (.xls), looked through before a library takes it into memory: a compound file ([MS-CFB]) whose stream
//! `Workbook` is a row of records ([MS-XLS], BIFF).
//!
//! Only as much is understood as bounds what its reader will allocate: whether the chains of sectors end, how far cells lie
//! apart, and how often the shared texts are used. Everything that is none of our business is the reader's.

use std::fs::File;
use std::io::{Read, Seek};

use super::parts::{HELD_CELLS_MAX, HELD_SHEETS_BYTES_MAX, too_many_cells};
use super::workbook::AS_CSV;
use super::{Container, Trouble, damaged, locked};
use crate::engine::file_error::FileError;

/// First bytes of a compound file.
pub(super) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Old workbooks are held in memory whole, several times over; with their 65,536 rows they stay far below this.
const FILE_BYTES_MAX: u64 = 128 << 20;
const SECTOR_END: u32 = 0xffff_fffe;
/// Sector numbers from here on have a meaning of their own.
const SECTOR_MAX: u32 = 0xffff_fffa;

/// Looks through a compound file.
///
/// # Errors
/// What it is instead of a workbook; that it is damaged, locked, or larger than we read.
pub(super) fn inspect(file: &mut File) -> Result<(), Trouble> {
    file.rewind()?;
    if file.metadata()?.len() > FILE_BYTES_MAX {
        let what = format!("this old workbook is larger than the {} MiB that we read", FILE_BYTES_MAX >> 20);
        return Err(FileError::new("file_too_large", what, AS_CSV).into());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let compound = Compound::parse(&bytes).ok_or_else(|| damaged(Container::Workbook, "its directory cannot be read"))?;
    let has = |name: &str| compound.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name));
    if has("EncryptedPackage") {
        return Err(locked(Container::Workbook).into());
    }
    let Some(entry) =
        ["Workbook", "Book"].iter().find_map(|name| compound.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)))
    else {
        let kind = match () {
            () if has("WordDocument") => "an old Word document",
            () if has("PowerPoint Document") => "an old PowerPoint presentation",
            () if has("__properties_version1.0") => "an Outlook message",
            () => "an old Office document without a workbook",
        };
        return Err(FileError::new("not_a_csv", format!("this is {kind}, not a list"), AS_CSV).into());
    };
    let stream = compound.stream(entry).ok_or_else(|| damaged(Container::Workbook, "a part of it is missing"))?;
    Ok(inspect_records(&stream)?)
}

/// A compound file with its tables read.
struct Compound<'b> {
    bytes: &'b [u8],
    sector_bytes: usize,
    next: Vec<u32>,
    mini_next: Vec<u32>,
    mini: Vec<u8>,
    entries: Vec<Entry>,
}

/// A stream's place.
struct Entry {
    name: String,
    start: u32,
    length: usize,
}

impl<'b> Compound<'b> {
    /// Reads header, sector table and directory; `None` when a chain does not end or leads out of the file.
    fn parse(bytes: &'b [u8]) -> Option<Self> {
        let sector_bytes = match u16_at(bytes, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut compound = Self { bytes, sector_bytes, next: Vec::new(), mini_next: Vec::new(), mini: Vec::new(), entries: Vec::new() };
        // The sectors of the table are listed in the header, and from there in a chain of sectors, the last number of each
        // of which leads on.
        let mut table: Vec<u32> = (0..109).map_while(|index| u32_at(bytes, 76 + index * 4)).collect();
        let mut more = u32_at(bytes, 68)?;
        let sectors = bytes.len() / sector_bytes;
        for _ in 0..=sectors {
            if more >= SECTOR_MAX {
                break;
            }
            table.extend(words(compound.sector(more)?));
            more = table.pop()?;
        }
        if more < SECTOR_MAX || table.len() > sectors + 109 + sector_bytes {
            return None;
        }
        for sector in table.into_iter().filter(|sector| *sector < SECTOR_MAX) {
            let words: Vec<u32> = words(compound.sector(sector)?).collect();
            compound.next.extend(words);
        }
        let directory = compound.chain(u32_at(bytes, 48)?)?;
        compound.entries = directory.chunks_exact(128).filter_map(|entry| Entry::parse(entry, sector_bytes)).collect();
        let (root, length) = compound.entries.first().map(|root| (root.start, root.length))?;
        if u32_at(bytes, 64)? > 0 {
            compound.mini_next = words(&compound.chain(u32_at(bytes, 60)?)?).collect();
            compound.mini = compound.chain(root)?;
            compound.mini.truncate(length);
        }
        Some(compound)
    }

    /// The content of a stream; short ones lie in the stream of short ones.
    fn stream(&self, entry: &Entry) -> Option<Vec<u8>> {
        let mut content = if entry.length < 4096 {
            let mut content = Vec::new();
            for sector in chain(&self.mini_next, entry.start)? {
                let start = sector as usize * 64;
                content.extend_from_slice(self.mini.get(start..(start + 64).min(self.mini.len()))?);
            }
            content
        } else {
            self.chain(entry.start)?
        };
        content.truncate(entry.length);
        Some(content)
    }

    fn chain(&self, start: u32) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        for sector in chain(&self.next, start)? {
            content.extend_from_slice(self.sector(sector)?);
        }
        Some(content)
    }

    /// A sector; the last of a file may be cut short.
    fn sector(&self, sector: u32) -> Option<&'b [u8]> {
        let start = (sector as usize + 1) * self.sector_bytes;
        self.bytes.get(start..(start + self.sector_bytes).min(self.bytes.len()))
    }
}

impl Entry {
    fn parse(entry: &[u8], sector_bytes: usize) -> Option<Self> {
        let name: Vec<u16> = (0..32).map_while(|index| u16_at(entry, index * 2)).take_while(|unit| *unit != 0).collect();
        let length = u32_at(entry, 120)? as usize;
        let beyond = if sector_bytes == 512 { 0 } else { u32_at(entry, 124)? };
        let is_sane = beyond == 0 && length as u64 <= FILE_BYTES_MAX;
        (!name.is_empty() && is_sane).then(|| Self {
            name: String::from_utf16_lossy(&name),
            start: u32_at(entry, 116).unwrap_or(SECTOR_END),
            length,
        })
    }
}

/// The sectors of a chain; `None` when it runs in a circle or out of its table.
fn chain(next: &[u32], start: u32) -> Option<Vec<u32>> {
    let mut sectors = Vec::new();
    let mut sector = start;
    while sector != SECTOR_END {
        sectors.push(sector);
        if sectors.len() > next.len() {
            return None;
        }
        sector = *next.get(sector as usize)?;
    }
    Some(sectors)
}

/// Walks through the records and adds up what its reader will hold: every used area written out, and a copy of the shared
/// text for each cell that uses it.
fn inspect_records(stream: &[u8]) -> Result<(), FileError> {
    let mut texts = Texts::default();
    let mut sheets = Vec::new();
    let mut records = Records { stream, at: 0 };
    while let Some((kind, data)) = records.next() {
        match kind {
            BOUND_SHEET => sheets.push(u32_at(data, 0).unwrap_or(0) as usize),
            SHARED_TEXTS => texts = Texts::read(data, &mut records),
            LOCKED if u16_at(data, 0) != Some(0) => return Err(locked(Container::Workbook)),
            END => break,
            _ => {}
        }
    }
    let (mut cells, mut held, mut walked) = (0_u64, 0_u64, 0);
    for start in sheets {
        let mut area = Area::default();
        let mut records = Records { stream, at: start };
        let mut depth = 0;
        for (kind, data) in records.by_ref() {
            match kind {
                BEGIN => depth += 1,
                END if depth <= 1 => break,
                END => depth -= 1,
                DIMENSIONS => cells = cells.saturating_add(said_cells(data)),
                SHARED_TEXT_CELL => {
                    area.add(data, 0);
                    held += u32_at(data, 6).map_or(0, |index| texts.bytes_of(index));
                }
                // Number, label, boolean, number in short, rich label, formula: row and column come first.
                0x0203 | 0x0204 | 0x0205 | 0x027e | 0x00d6 | 0x0006 => {
                    area.add(data, 0);
                    held += data.len() as u64 * 16; // a formula is spelt out
                }
                // Several numbers beside one another: six bytes each, and six of place.
                0x00bd => area.add(data, u32::try_from(data.len() / 6).unwrap_or(0)),
                _ => {}
            }
        }
        cells = cells.saturating_add(area.cells());
        walked += records.at.saturating_sub(start);
        if walked > stream.len() {
            return Err(damaged(Container::Workbook, "its sheets lie within one another"));
        }
        // An area is counted twice: as the sheet says it is, and as it is.
        if cells > 2 * HELD_CELLS_MAX || held > HELD_SHEETS_BYTES_MAX {
            return Err(too_many_cells());
        }
    }
    Ok(())
}

const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
const LOCKED: u16 = 0x002f;
const BOUND_SHEET: u16 = 0x0085;
const SHARED_TEXTS: u16 = 0x00fc;
const CONTINUED: u16 = 0x003c;
const DIMENSIONS: u16 = 0x0200;
const SHARED_TEXT_CELL: u16 = 0x00fd;

/// Records: a kind, a length, and that many bytes.
struct Records<'b> {
    stream: &'b [u8],
    at: usize,
}

impl<'b> Iterator for Records<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (u16_at(self.stream, self.at)?, usize::from(u16_at(self.stream, self.at + 2)?));
        let data = self.stream.get(self.at + 4..self.at + 4 + length)?;
        self.at += 4 + length;
        Some((kind, data))
    }
}

/// Rows and columns between which the cells of a sheet lie.
#[derive(Default)]
struct Area {
    rows: Option<(u32, u32)>,
    columns: Option<(u32, u32)>,
}

impl Area {
    fn add(&mut self, place: &[u8], further_columns: u32) {
        let (Some(row), Some(column)) = (u16_at(place, 0), u16_at(place, 2)) else { return };
        let widened =
            |range: Option<(u32, u32)>, from: u32, to: u32| range.map_or((from, to), |(first, last)| (first.min(from), last.max(to)));
        let (row, column) = (u32::from(row), u32::from(column));
        self.rows = Some(widened(self.rows, row, row));
        self.columns = Some(widened(self.columns, column, column + further_columns));
    }

    fn cells(&self) -> u64 {
        let span = |range: Option<(u32, u32)>| range.map_or(0, |(first, last)| u64::from(last - first) + 1);
        span(self.rows) * span(self.columns)
    }
}

/// The area that a sheet says it uses: its reader makes room for that.
fn said_cells(data: &[u8]) -> u64 {
    let (rows, columns) = if data.len() == 10 {
        (u16_at(data, 2).map(u32::from).zip(u16_at(data, 0).map(u32::from)), u16_at(data, 6))
    } else {
        (u32_at(data, 4).zip(u32_at(data, 0)), u16_at(data, 10))
    };
    let rows = rows.map_or(0, |(end, start)| if end < start { u64::from(u32::MAX) } else { u64::from(end - start) });
    rows.saturating_mul(columns.map_or(0, u64::from))
}

/// How long the texts are that cells share.
#[derive(Default)]
struct Texts {
    bytes: Vec<u32>,
}

impl Texts {
    fn bytes_of(&self, index: u32) -> u64 {
        self.bytes.get(index as usize).map_or(0, |bytes| u64::from(*bytes))
    }

    /// Reads the lengths. A text may go on in the next record, where it says anew how wide its letters are.
    fn read(first: &[u8], records: &mut Records<'_>) -> Self {
        let mut pieces = vec![first.get(8..).unwrap_or_default()];
        let mut ahead = Records { stream: records.stream, at: records.at };
        while let Some((CONTINUED, data)) = ahead.next() {
            pieces.push(data);
            records.at = ahead.at;
        }
        let mut bytes = Vec::new();
        let mut cursor = Cursor { pieces: &pieces, piece: 0, at: 0 };
        while let Some(length) = cursor.text() {
            bytes.push(length);
        }
        Self { bytes }
    }
}

/// A place within a record and those that continue it.
struct Cursor<'p> {
    pieces: &'p [&'p [u8]],
    piece: usize,
    at: usize,
}

impl Cursor<'_> {
    /// Steps over a text; its letters, each of which takes three bytes of UTF-8 at most.
    fn text(&mut self) -> Option<u32> {
        self.settle()?;
        let data = self.pieces.get(self.piece)?;
        let (letters, flags) = (u16_at(data, self.at)?, *data.get(self.at + 2)?);
        let mut behind = 0;
        let mut header = 3;
        if flags & 0x08 != 0 {
            behind += usize::from(u16_at(data, self.at + header)?) * 4;
            header += 2;
        }
        if flags & 0x04 != 0 {
            behind += u32_at(data, self.at + header)? as usize;
            header += 4;
        }
        self.at += header;
        self.letters(usize::from(letters), flags & 1 != 0)?;
        self.skip(behind)?;
        Some(u32::from(letters) * 3)
    }

    fn letters(&mut self, mut letters: usize, mut is_wide: bool) -> Option<()> {
        loop {
            let width = if is_wide { 2 } else { 1 };
            let here = letters.min((self.pieces.get(self.piece)?.len() - self.at) / width);
            self.at += here * width;
            letters -= here;
            if letters == 0 {
                return Some(());
            }
            self.piece += 1;
            is_wide = self.pieces.get(self.piece)?.first()? & 1 != 0;
            self.at = 1;
        }
    }

    fn skip(&mut self, mut bytes: usize) -> Option<()> {
        while bytes > 0 {
            self.settle()?;
            let here = bytes.min(self.pieces.get(self.piece)?.len() - self.at);
            self.at += here;
            bytes -= here;
        }
        Some(())
    }

    /// Steps to the next record at the end of one.
    fn settle(&mut self) -> Option<()> {
        while self.at >= self.pieces.get(self.piece)?.len() {
            (self.piece, self.at) = (self.piece + 1, 0);
        }
        Some(())
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([word[0], word[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}
