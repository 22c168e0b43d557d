//! Containers opened: compressed drops and workbooks become the bytes of the list inside, as a stream.
//!
//! What a drop is, its first bytes say, never its name. gzip and zstd are inflated while they are read, a ZIP archive gives
//! its only file, a workbook gives one sheet as CSV. Whatever comes out is bounded: by a ratio to what went in, and by the
//! limit for plain files.
//!
//! Deliberately absent: an archive with several files (which of them is the list is for a person to say), an archive within
//! an archive (refused where the text is decoded, like any other file that is no text), passwords, and files on disk:
//! nothing is unpacked anywhere but into memory, a piece at a time.

mod archive;
mod compound;
mod inflate;
mod parts;
mod sheet_text;
mod workbook;

use std::fs::File;
use std::io::{self, Read, Seek};

use self::inflate::Inflated;
use crate::engine::file_error::FileError;

/// What a list can come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// Nothing around it: the file is what it is.
    Plain,
    /// One gzip member or several.
    Gzip,
    /// One zstd frame or several.
    Zstd,
    /// A ZIP archive with one file.
    Zip,
    /// A spreadsheet document: Excel's of any age, or `OpenDocument`.
    Workbook,
}

impl Container {
    /// The word for reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
            Self::Workbook => "workbook",
        }
    }

    /// What people call it.
    fn spoken(self) -> &'static str {
        match self {
            Self::Plain => "file",
            Self::Gzip => "gzip archive",
            Self::Zstd => "zstd archive",
            Self::Zip => "ZIP archive",
            Self::Workbook => "workbook",
        }
    }
}

/// How much may come out of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnpackLimits {
    /// Bytes that may come out for each byte that went in, once [`FREE_BYTES`] came out. Lists of people compress to a fifth
    /// or a tenth, the dullest machine export to a hundredth; a bomb reaches a thousandth.
    pub(crate) ratio: u64,
    /// Bytes that may come out in all.
    pub(crate) bytes: u64,
}

/// Bytes that may always come out: a small list of equal rows is no attack, and nothing this size can hurt.
pub(crate) const FREE_BYTES: u64 = 16 << 20;

impl Default for UnpackLimits {
    fn default() -> Self {
        Self { ratio: 200, bytes: 4 << 30 }
    }
}

impl UnpackLimits {
    /// Whether this much may have come out of that much.
    ///
    /// # Errors
    /// `expands_too_much`, with the limit that was passed and how to raise it.
    fn admit(&self, container: Container, bytes_in: u64, bytes_out: u64) -> Result<(), FileError> {
        if bytes_out > self.bytes {
            let what = format!("what is in this {} is larger than the {} bytes allowed", container.spoken(), self.bytes);
            return Err(FileError::new("expands_too_much", what, "Split it, or raise file_bytes under [limits]"));
        }
        if bytes_out > FREE_BYTES && bytes_out > bytes_in.saturating_mul(self.ratio) {
            let what = format!("this {} unpacks to more than {} times its size, as no list does", container.spoken(), self.ratio);
            let remedy = "If it is a list all the same, raise expansion_ratio under [limits], or drop the CSV inside";
            return Err(FileError::new("expands_too_much", what, remedy));
        }
        Ok(())
    }
}

/// An opened container.
pub(crate) struct Unpacked {
    /// What it was. A ZIP archive that is a workbook is a [`Container::Workbook`].
    pub(crate) container: Container,
    /// The list inside. An error of it may carry a [`FileError`]: see [`file_error_in`].
    pub(crate) reader: Box<dyn Read + Send>,
    /// Whether the list is a sheet: comma-separated UTF-8 text of our own making, about which nothing is to be guessed.
    pub(crate) is_sheet: bool,
    /// The name of the file in the archive, or of the sheet in the workbook.
    pub(crate) inner_name: Option<String>,
    /// Sentences about what was left aside.
    pub(crate) notes: Vec<String>,
}

/// Why a container could not be opened.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file: a person must act.
    File(FileError),
    /// The machine.
    Io(io::Error),
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.downcast::<FileError>() {
            Ok(error) => Self::File(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// First bytes, and what they open.
const SIGNATURES: &[(&[u8], Container)] = &[
    (b"\x1f\x8b\x08", Container::Gzip),
    (b"\x28\xb5\x2f\xfd", Container::Zstd),
    (b"PK\x03\x04", Container::Zip),
    (b"PK\x05\x06", Container::Zip), // an empty one
    (b"PK\x07\x08", Container::Zip), // one that was made to be split, and was not
    (compound::SIGNATURE, Container::Workbook),
];

/// What a file is by its first bytes (8 will do). Whether a ZIP archive is a workbook only its entries tell: [`unpack`] does.
pub(crate) fn container_of(head: &[u8]) -> Container {
    if inflate::is_skippable_frame(head) {
        return Container::Zstd;
    }
    SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)).map_or(Container::Plain, |(_, container)| *container)
}

/// Opens whatever the file is. `sheet` is the one to read of a workbook; without it, the first that is not hidden.
///
/// The reader takes the file over and reads it in any order, so who wants the hash of the raw bytes hashes the file before.
///
/// # Errors
/// [`Trouble::File`] when there is no one list in it that we can read, saying what was found instead.
pub(crate) fn unpack(mut file: File, limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, Trouble> {
    file.rewind()?;
    let mut head = Vec::with_capacity(8);
    (&file).take(8).read_to_end(&mut head)?;
    file.rewind()?;
    let plainly = |container, reader| Unpacked { container, reader, is_sheet: false, inner_name: None, notes: Vec::new() };
    match container_of(&head) {
        Container::Plain => Ok(plainly(Container::Plain, Box::new(file))),
        container @ (Container::Gzip | Container::Zstd) => Ok(plainly(container, Box::new(Inflated::new(container, file, limits)))),
        Container::Zip => archive::open(file, limits, sheet),
        Container::Workbook => workbook::open_compound(file, limits, sheet),
    }
}

/// The cause for people within an error of a reader of ours.
pub(crate) fn file_error_in(error: &io::Error) -> Option<&FileError> {
    error.get_ref()?.downcast_ref()
}

fn into_io(error: FileError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn damaged(container: Container, how: &str) -> FileError {
    let what = format!("this {} is damaged: {how}", container.spoken());
    FileError::new("damaged_archive", what, "It was probably not copied or downloaded to the end: fetch it again and drop it once more")
}

fn locked(container: Container) -> FileError {
    let what = format!("this {} is protected by a password", container.spoken());
    FileError::new("password_protected", what, "Remove the password where it was made, and drop it again")
}

/// A few names for a sentence.
fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    const NAMES_MAX: usize = 5;
    const CHARS_MAX: usize = 60;
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown: Vec<String> = names.take(NAMES_MAX).map(|name| format!("'{}'", shortened(name, CHARS_MAX))).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

/// The name of something inside, fit to be shown.
fn shortened(name: &str, chars_max: usize) -> String {
    name.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

#[cfg(test)]
mod tests;
