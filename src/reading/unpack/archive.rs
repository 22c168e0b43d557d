//! A ZIP archive: the only file in it, inflated while it is read; or the workbook that it is.
//!
//! What archivers add of their own (folders, Finder's and Explorer's files) does not count. The entry is read straight from
//! its place in the file, so that it needs nothing else to stay open.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::{Container, Trouble, UnpackLimits, Unpacked, damaged, into_io, listed, locked, shortened, workbook};
use crate::engine::file_error::FileError;

/// An archive with its entries known.
pub(super) type Archive = ZipArchive<BufReader<File>>;

/// Opens a ZIP archive.
pub(super) fn open(file: File, limits: UnpackLimits, sheet: Option<&str>) -> Result<Unpacked, Trouble> {
    let length = file.metadata()?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| trouble(error, Container::Zip))?;
    if let Some(kind) = workbook::Kind::of_archive(&archive)? {
        return workbook::open(kind, archive.into_inner().into_inner(), limits, sheet);
    }
    let index = only_file(&archive)?;
    let entry = archive.by_index_raw(index).map_err(|error| trouble(error, Container::Zip))?;
    let name = entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into_owned(), std::borrow::Cow::into_owned);
    let place = Place {
        start: entry.data_start().ok_or_else(|| damaged(Container::Zip, "its directory points nowhere"))?,
        bytes_in: entry.compressed_size(),
        bytes_out: entry.size(),
        crc: entry.crc32(),
        method: entry.compression(),
    };
    if entry.encrypted() {
        return Err(locked(Container::Zip).into());
    }
    drop(entry);
    // Sizes written into the archive are the sender's word: what they admit to is refused at once, what comes out is counted.
    limits.admit(Container::Zip, place.bytes_in.min(length), place.bytes_out)?;
    let reader = Entry::open(archive.into_inner().into_inner(), place, limits)?;
    let notes = Vec::new();
    Ok(Unpacked { container: Container::Zip, reader: Box::new(reader), is_sheet: false, inner_name: Some(shortened(&name, 200)), notes })
}

/// What an error of the `zip` crate means.
pub(super) fn trouble(error: ZipError, container: Container) -> Trouble {
    match error {
        ZipError::Io(error) if error.kind() != ErrorKind::UnexpectedEof && error.get_ref().is_none() => Trouble::Io(error),
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => locked(container).into(),
        _ => damaged(container, "its directory cannot be read").into(),
    }
}

/// The entry that is the list.
fn only_file(archive: &Archive) -> Result<usize, FileError> {
    let is_counted = |name: &str| {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let is_folder = last.is_empty();
        let is_clutter = last.starts_with("._") || [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&last);
        !is_folder && !is_clutter && !name.starts_with("__MACOSX/")
    };
    let names: Vec<(usize, String)> = (0..archive.len())
        .filter_map(|index| Some((index, archive.name_for_index(index)?.map_or_else(|_| "?".to_owned(), std::borrow::Cow::into_owned))))
        .filter(|(_, name)| is_counted(name))
        .collect();
    match names.as_slice() {
        [(index, _)] => Ok(*index),
        [] => Err(FileError::new("empty_archive", "this ZIP archive holds no file", "Put the list into it and drop it again")),
        several => {
            let what =
                format!("this ZIP archive holds {} files ({})", several.len(), listed(several.iter().map(|(_, name)| name.as_str())));
            Err(FileError::new("several_files", what, "Unpack it and drop the lists one by one"))
        }
    }
}

/// Where an entry lies, and what its archive says about it.
struct Place {
    start: u64,
    bytes_in: u64,
    bytes_out: u64,
    crc: u32,
    method: CompressionMethod,
}

/// An entry while it is read.
struct Entry {
    data: CrcReader<Data>,
    place: Place,
    limits: UnpackLimits,
    bytes_out: u64,
    is_checked: bool,
}

enum Data {
    Stored(io::Take<BufReader<File>>),
    Deflated(Box<DeflateDecoder<io::Take<BufReader<File>>>>),
}

impl Entry {
    fn open(mut file: File, place: Place, limits: UnpackLimits) -> Result<Self, Trouble> {
        file.seek(SeekFrom::Start(place.start))?;
        let raw = BufReader::with_capacity(128 << 10, file).take(place.bytes_in);
        let data = match place.method {
            CompressionMethod::Stored => Data::Stored(raw),
            CompressionMethod::Deflated => Data::Deflated(Box::new(DeflateDecoder::new(raw))),
            other => {
                let what = format!("the file in this ZIP archive is compressed in an unusual way ({other})");
                return Err(FileError::new("unsupported_archive", what, "Compress it again the usual way, or drop the CSV itself").into());
            }
        };
        Ok(Self { data: CrcReader::new(data), place, limits, bytes_out: 0, is_checked: false })
    }
}

impl Read for Entry {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.data.read(buffer).map_err(fault)?;
        self.bytes_out += read as u64;
        if read == 0 && !self.is_checked {
            self.is_checked = true;
            if self.data.crc().sum() != self.place.crc {
                return Err(into_io(damaged(Container::Zip, "its checksum is wrong")));
            }
        }
        self.limits.admit(Container::Zip, self.place.bytes_in, self.bytes_out).map_err(into_io)?;
        Ok(read)
    }
}

fn fault(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => into_io(damaged(Container::Zip, "it ends too soon")),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => into_io(damaged(Container::Zip, "its bytes do not fit together")),
        _ => error,
    }
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(raw) => raw.read(buffer),
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}
