//! A workbook: one sheet of it as CSV, row by row.
//!
//! `calamine` reads the cells. It wants to be borrowed from while it does, holds what it cannot stream, and meets a damaged
//! file with a panic here and there; so it works on a thread of its own, whose end is the reader's, behind a look at how
//! large everything in the file is ([`parts`], [`compound`]). A sheet of .xlsx, .xlsm and .xlsb is streamed, whatever its
//! size; of .xls and .ods all sheets are held in memory, which is why those are bounded by cells.
//!
//! Formulas count as the value they had when the workbook was saved. Nothing is read from charts, pictures, comments, merged
//! cells (their value stands in the first) and macros.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use calamine::{Data, DataRef, Ods, Range, Reader, SheetType, SheetVisible, Xls, Xlsb, Xlsx, XlsxError};
use zip::ZipArchive;

use super::archive::{Archive, trouble};
use super::sheet_text::{borrowed, push_field, text_of};
use super::{Container, Trouble, UnpackLimits, Unpacked, compound, damaged, into_io, listed, locked, parts, shortened};
use crate::engine::file_error::FileError;

/// What to do with a workbook that we cannot read.
pub(super) const AS_CSV: &str = "Open it in Excel or LibreOffice, save the sheet as CSV UTF-8, and drop that";

/// Rows looked at before the first is given out, to learn which columns the sheet uses. Most sheets are smaller.
const ROWS_AHEAD: usize = 4096;
/// Bytes of these rows at most.
const BYTES_AHEAD: usize = 8 << 20;
/// Bytes of one row at most.
const ROW_BYTES_MAX: usize = 16 << 20;
/// Bytes handed over at a time.
const PIECE_BYTES: usize = 128 << 10;
/// Pieces that wait.
const PIECES_WAITING: usize = 4;

/// The file formats of workbooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// .xlsx, .xlsm: zipped XML.
    Xlsx,
    /// .xlsb: zipped records.
    Xlsb,
    /// .ods: zipped XML of `OpenDocument`.
    Ods,
    /// .xls: records in a compound file.
    Xls,
}

impl Kind {
    /// Tells a workbook from other ZIP archives by its entries.
    ///
    /// # Errors
    /// `not_a_csv` for what is another office document.
    pub(super) fn of_archive(archive: &Archive) -> Result<Option<Self>, FileError> {
        let has = |test: &dyn Fn(&str) -> bool| {
            archive.file_names().any(|name| name.is_ok_and(|name| test(&name.replace('\\', "/").to_ascii_lowercase())))
        };
        let other = |what: &str| Err(FileError::new("not_a_csv", format!("this is {what}, not a list"), AS_CSV));
        if has(&|name| name == "[content_types].xml") {
            return match () {
                () if has(&|name| name.ends_with("workbook.xml")) => Ok(Some(Self::Xlsx)),
                () if has(&|name| name.ends_with("workbook.bin")) => Ok(Some(Self::Xlsb)),
                () if has(&|name| name.starts_with("word/")) => other("a Word document"),
                () if has(&|name| name.starts_with("ppt/")) => other("a PowerPoint presentation"),
                () => other("an Office document without a workbook"),
            };
        }
        if has(&|name| name == "mimetype") && has(&|name| name == "content.xml") {
            return Ok(Some(Self::Ods));
        }
        if has(&|name| name == "index.zip" || parts::extension(name) == "iwa") {
            return other("a document of Apple's (Numbers, Pages or Keynote)");
        }
        Ok(None)
    }
}

/// Opens a compound file that should be an old workbook.
pub(super) fn open_compound(mut file: File, limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, Trouble> {
    compound::inspect(&mut file)?;
    start(Kind::Xls, file, limits, sheet)
}

/// Opens a zipped workbook.
pub(super) fn open(kind: Kind, mut file: File, limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, Trouble> {
    file.rewind()?;
    let length = file.metadata()?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| trouble(error, Container::Workbook))?;
    parts::inspect(&mut archive, length, limits)?;
    start(kind, archive.into_inner().into_inner(), limits, sheet)
}

fn start(kind: Kind, mut file: File, limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, Trouble> {
    file.rewind()?;
    let bytes_in = file.metadata()?.len();
    let (sender, receiver) = sync_channel(PIECES_WAITING);
    let wanted = sheet.map(str::to_owned);
    let work = move || {
        let work = AssertUnwindSafe(|| read(kind, BufReader::new(file), wanted.as_deref(), &sender));
        let ended = catch_unwind(work).unwrap_or_else(|_| Err(unreadable().into()));
        // Whoever read us may be gone: then nobody asks how it ended.
        let _ = sender.send(ended.map_or_else(Message::Failed, |()| Message::End));
    };
    let worker = std::thread::Builder::new().name("workbook".to_owned()).spawn(work)?;
    let mut reader =
        SheetReader { receiver: Some(receiver), worker: Some(worker), piece: Vec::new(), at: 0, bytes_in, bytes_out: 0, limits };
    match reader.next() {
        Some(Message::Opened(chosen)) => Ok(Unpacked {
            container: Container::Workbook,
            reader: Box::new(reader),
            is_sheet: true,
            inner_name: Some(chosen.name),
            notes: chosen.notes,
        }),
        Some(Message::Failed(trouble)) => Err(trouble),
        Some(Message::Piece(_) | Message::End) | None => Err(unreadable().into()),
    }
}

/// What the thread says, in this order: opened, pieces, end; or failed at any time.
enum Message {
    Opened(Chosen),
    Piece(Vec<u8>),
    End,
    Failed(Trouble),
}

/// The sheet's text, as it comes from the thread.
struct SheetReader {
    receiver: Option<Receiver<Message>>,
    worker: Option<JoinHandle<()>>,
    piece: Vec<u8>,
    at: usize,
    bytes_in: u64,
    bytes_out: u64,
    limits: UnpackLimits,
}

impl SheetReader {
    fn next(&mut self) -> Option<Message> {
        self.receiver.as_ref()?.recv().ok()
    }
}

impl Read for SheetReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.next() {
                Some(Message::Piece(piece)) => {
                    self.bytes_out += piece.len() as u64;
                    self.limits.admit(Container::Workbook, self.bytes_in, self.bytes_out).map_err(into_io)?;
                    (self.piece, self.at) = (piece, 0);
                }
                Some(Message::Failed(Trouble::File(error))) => return Err(into_io(error)),
                Some(Message::Failed(Trouble::Io(error))) => return Err(error),
                Some(Message::End) => {
                    self.receiver = None;
                    return Ok(0);
                }
                Some(Message::Opened(_)) => {}
                None if self.receiver.is_none() => return Ok(0),
                None => return Err(into_io(unreadable())),
            }
        }
        let length = buffer.len().min(self.piece.len() - self.at);
        buffer[..length].copy_from_slice(&self.piece[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

impl Drop for SheetReader {
    /// The thread ends at the next piece it cannot hand over.
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join(); // its panics were caught and told
        }
    }
}

/// The sheet that is read.
struct Chosen {
    name: String,
    notes: Vec<String>,
}

/// Chooses the sheet and says what was left aside.
fn choose<RS: Read + Seek>(workbook: &impl Reader<RS>, wanted: Option<&str>) -> Result<Chosen, FileError> {
    let all = workbook.sheets_metadata();
    let sheets: Vec<_> = all.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).collect();
    let names = || listed(sheets.iter().map(|sheet| sheet.name.as_str()));
    let chosen = match wanted.map(str::trim) {
        Some(wanted) => sheets
            .iter()
            .find(|sheet| sheet.name == wanted)
            .or_else(|| sheets.iter().find(|sheet| sheet.name.trim().to_lowercase() == wanted.to_lowercase()))
            .ok_or_else(|| {
                let what = format!("this workbook has no sheet '{}' (found: {})", shortened(wanted, 60), names());
                FileError::new("missing_sheet", what, "Rename the sheet, or name the one to read as sheet under [reading]")
            })?,
        None => sheets.iter().find(|sheet| sheet.visible == SheetVisible::Visible).or(sheets.first()).ok_or_else(|| {
            FileError::new("empty_archive", "this workbook has no sheet with cells", "Export the list again and drop it once more")
        })?,
    };
    let rest: Vec<String> = sheets
        .iter()
        .filter(|sheet| sheet.name != chosen.name)
        .map(|sheet| if sheet.visible == SheetVisible::Visible { sheet.name.clone() } else { format!("{} (hidden)", sheet.name) })
        .collect();
    let mut notes = Vec::new();
    if !rest.is_empty() {
        let names = listed(rest.iter().map(String::as_str));
        notes.push(format!("only the sheet '{}' was read, not {names}", shortened(&chosen.name, 60)));
    }
    Ok(Chosen { name: chosen.name.clone(), notes })
}

/// Reads the workbook on the thread.
fn read(kind: Kind, file: BufReader<File>, wanted: Option<&str>, sender: &SyncSender<Message>) -> Result<(), Trouble> {
    let opened = |chosen: Chosen| drop(sender.send(Message::Opened(chosen)));
    match kind {
        Kind::Xlsx => {
            let mut workbook = Xlsx::new(file).map_err(xlsx_trouble)?;
            let chosen = choose(&workbook, wanted)?;
            let name = chosen.name.clone();
            let mut cells = workbook.worksheet_cells_reader(&name).map_err(xlsx_trouble)?;
            opened(chosen);
            let mut rows = Rows::new(sender, cells.dimensions().start.1);
            loop {
                match cells.next_cell() {
                    Ok(Some(cell)) => rows.cell(cell.get_position(), cell.get_value())?,
                    Ok(None) => return rows.end(&name),
                    // An error value that is newer than the library: the cell is as good as empty.
                    Err(XlsxError::CellError(_)) => {}
                    Err(error) => return Err(xlsx_trouble(error)),
                }
            }
        }
        Kind::Xlsb => {
            let mut workbook = Xlsb::new(file).map_err(other_trouble)?;
            let chosen = choose(&workbook, wanted)?;
            let name = chosen.name.clone();
            let mut cells = workbook.worksheet_cells_reader(&name).map_err(other_trouble)?;
            opened(chosen);
            let mut rows = Rows::new(sender, cells.dimensions().start.1);
            while let Some(cell) = cells.next_cell().map_err(other_trouble)? {
                rows.cell(cell.get_position(), cell.get_value())?;
            }
            rows.end(&name)
        }
        Kind::Ods => read_whole(Ods::new(file).map_err(other_trouble)?, wanted, opened, sender),
        Kind::Xls => read_whole(Xls::new(file).map_err(other_trouble)?, wanted, opened, sender),
    }
}

/// Formats of which only a whole sheet at a time can be had.
fn read_whole<RS: Read + Seek, R: Reader<RS>>(
    mut workbook: R,
    wanted: Option<&str>,
    opened: impl Fn(Chosen),
    sender: &SyncSender<Message>,
) -> Result<(), Trouble>
where
    calamine::Error: From<R::Error>,
{
    let chosen = choose(&workbook, wanted)?;
    let name = chosen.name.clone();
    let range = workbook.worksheet_range(&name).map_err(other_trouble)?;
    opened(chosen);
    drop(workbook);
    read_range(&range, &name, sender)
}

fn read_range(range: &Range<Data>, sheet: &str, sender: &SyncSender<Message>) -> Result<(), Trouble> {
    let (row, column) = range.start().unwrap_or_default();
    let mut rows = Rows::new(sender, column);
    for (r, c, value) in range.used_cells() {
        let place = |start: u32, offset: usize| start.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
        rows.cell((place(row, r), place(column, c)), &borrowed(value))?;
    }
    rows.end(sheet)
}

/// Cells on their way to becoming lines.
struct Rows<'s> {
    sender: &'s SyncSender<Message>,
    /// The first column, as the sheet itself says.
    first_column_said: u32,
    /// Rows that wait until enough were seen to know the columns.
    ahead: Vec<Row>,
    bytes_ahead: usize,
    columns: Option<Columns>,
    row: Row,
    /// The last row that was complete.
    last: Option<u32>,
    /// Rows of the sheet that are written.
    written: u32,
    text: String,
}

/// The cells of a row that hold something.
#[derive(Default)]
struct Row {
    number: u32,
    /// Column, and where its text ends in `text`.
    cells: Vec<(u32, usize)>,
    text: String,
}

/// Columns that a sheet uses: from the first to before the end.
#[derive(Debug, Clone, Copy)]
struct Columns {
    first: u32,
    end: u32,
}

impl<'s> Rows<'s> {
    fn new(sender: &'s SyncSender<Message>, first_column_said: u32) -> Self {
        let (ahead, row, text) = (Vec::new(), Row::default(), String::new());
        Self { sender, first_column_said, ahead, bytes_ahead: 0, columns: None, row, last: None, written: 0, text }
    }

    fn cell(&mut self, (row, column): (u32, u32), value: &DataRef<'_>) -> Result<(), Trouble> {
        let text = text_of(value);
        if text.is_empty() {
            return Ok(());
        }
        let is_known = u64::from(row) < parts::ROWS_MAX && u64::from(column) < parts::COLUMNS_MAX;
        if row != self.row.number {
            self.end_row()?;
            self.row.number = row;
        }
        let is_next = self.row.cells.last().is_none_or(|(last, _)| *last < column) && self.last.is_none_or(|last| last < row);
        if !is_known || !is_next || self.columns.is_some_and(|columns| column < columns.first) {
            return Err(damaged(Container::Workbook, "its cells are out of order").into());
        }
        self.row.text.push_str(&text);
        self.row.cells.push((column, self.row.text.len()));
        if self.row.text.len() > ROW_BYTES_MAX {
            let what = format!("a row of this sheet is longer than {ROW_BYTES_MAX} bytes");
            return Err(FileError::new("expands_too_much", what, AS_CSV).into());
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Trouble> {
        if self.row.cells.is_empty() {
            return Ok(());
        }
        let row = std::mem::take(&mut self.row);
        self.last = Some(row.number);
        if let Some(columns) = self.columns {
            return self.write(&row, columns);
        }
        self.bytes_ahead += row.text.len() + row.cells.len() * size_of::<(u32, usize)>();
        self.ahead.push(row);
        if self.ahead.len() >= ROWS_AHEAD || self.bytes_ahead >= BYTES_AHEAD { self.learn_columns(self.first_column_said) } else { Ok(()) }
    }

    /// Learns the columns from the rows that were seen, none of which begins before `first`, and lets them go.
    fn learn_columns(&mut self, first: u32) -> Result<(), Trouble> {
        let ahead = std::mem::take(&mut self.ahead);
        let firsts = ahead.iter().filter_map(|row| row.cells.first());
        let lasts = ahead.iter().filter_map(|row| row.cells.last());
        let end = lasts.map(|(column, _)| column + 1).max().unwrap_or(0);
        let columns = Columns { first: firsts.map(|(column, _)| *column).min().unwrap_or(0).min(first), end };
        self.columns = Some(columns);
        ahead.iter().try_for_each(|row| self.write(row, columns))
    }

    /// Writes the empty rows before a row, and the row, as wide as the sheet.
    fn write(&mut self, row: &Row, columns: Columns) -> Result<(), Trouble> {
        for _ in self.written..row.number {
            self.text.push('\n');
        }
        self.written = row.number + 1;
        let (mut column, mut from) = (columns.first, 0);
        for (at, to) in &row.cells {
            for _ in column..*at {
                self.text.push(',');
            }
            push_field(&mut self.text, &row.text[from..*to]);
            (column, from) = (*at, *to);
        }
        for _ in column + 1..columns.end {
            self.text.push(',');
        }
        self.text.push('\n');
        if self.text.len() >= PIECE_BYTES { self.hand_over() } else { Ok(()) }
    }

    fn end(mut self, sheet: &str) -> Result<(), Trouble> {
        self.end_row()?;
        if self.last.is_none() {
            let what = format!("its sheet '{}' is empty", shortened(sheet, 60));
            return Err(FileError::new(
                "zero_bytes",
                what,
                "Put the list into the first sheet, or name the one to read as sheet under [reading]",
            )
            .into());
        }
        if self.columns.is_none() {
            self.learn_columns(u32::MAX)?;
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), Trouble> {
        let piece = std::mem::take(&mut self.text).into_bytes();
        // Nobody reads any more: the work ends, and the message about it goes nowhere.
        self.sender.send(Message::Piece(piece)).map_err(|_| Trouble::Io(io::ErrorKind::BrokenPipe.into()))
    }
}

fn xlsx_trouble(error: XlsxError) -> Trouble {
    match error {
        XlsxError::Password => locked(Container::Workbook).into(),
        XlsxError::Io(error) => io_trouble(error),
        XlsxError::Zip(error) => trouble(error, Container::Workbook),
        _ => unreadable().into(),
    }
}

fn other_trouble(error: impl Into<calamine::Error>) -> Trouble {
    use calamine::{Error, OdsError, XlsError, XlsbError};
    match error.into() {
        Error::Xls(XlsError::Password) | Error::Xlsb(XlsbError::Password) | Error::Ods(OdsError::Password) => {
            locked(Container::Workbook).into()
        }
        Error::Xls(XlsError::Io(error)) | Error::Xlsb(XlsbError::Io(error)) | Error::Ods(OdsError::Io(error)) => io_trouble(error),
        Error::Ods(OdsError::CellLimitExceeded { .. }) => parts::too_many_cells().into(),
        _ => unreadable().into(),
    }
}

/// Below a workbook lie a file and a decoder: only what the system itself reports is the machine's.
fn io_trouble(error: io::Error) -> Trouble {
    if error.raw_os_error().is_some() { Trouble::Io(error) } else { unreadable().into() }
}

/// What the library says about a file it cannot read would quote cells, and help nobody.
fn unreadable() -> FileError {
    FileError::new("damaged_archive", "this workbook cannot be read: it is damaged, or of a kind that we do not know", AS_CSV)
}
