//! A reader cut into chunks of whole records: `split` applied to a file of any size, in constant memory.

use std::io::{self, Read};

use crate::engine::chunk::Chunk;
use crate::engine::split::{self, Cut};
use crate::engine::table::Table;

/// How a file is cut.
#[derive(Debug, Clone)]
pub(crate) struct Cutting {
    /// Bytes of text before the first data record.
    pub start: u64,
    /// What its rows look like.
    pub table: Table,
    /// Bytes of a record at most.
    pub record_bytes: usize,
    /// Bytes read at a time.
    pub chunk_bytes: usize,
}

/// Lines of one chunk at most. A row of two bytes is rejected with a hundred: what comes of a chunk must fit in memory, too.
const CHUNK_LINES: usize = 16 * 1024;

/// Where so many lines end, or all of the text when it has fewer. CR LF counts twice: this is no more than a bound.
fn upto_lines(text: &[u8], lines: usize) -> usize {
    let count = memchr::memchr_iter(b'\n', text).count() + memchr::memchr_iter(b'\r', text).count();
    if count <= lines { text.len() } else { memchr::memchr2_iter(b'\n', b'\r', text).nth(lines).map_or(text.len(), |at| at + 1) }
}

/// Reads on and cuts at record ends.
#[derive(Debug)]
pub(crate) struct Cutter<R> {
    reader: R,
    buffer: Vec<u8>,
    at_end: bool,
    cutting: Cutting,
    /// Offset of the buffer's first byte in the text.
    offset: u64,
}

impl<R: Read> Cutter<R> {
    /// Begins behind the header of the text that `reader` gives from its start.
    pub(crate) fn new(reader: R, cutting: Cutting) -> Self {
        Self { reader, buffer: Vec::new(), at_end: false, cutting, offset: 0 }
    }

    /// The reader, for whoever wants to know more about what was read.
    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    /// The reader, when all is read.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// What the reader said.
    pub(crate) fn next(&mut self) -> io::Result<Option<Chunk>> {
        self.skip_header()?;
        let (mut window, mut lines) = (self.cutting.chunk_bytes, CHUNK_LINES);
        loop {
            self.read_up_to(window)?;
            if self.buffer.is_empty() {
                return Ok(None);
            }
            let upto = upto_lines(&self.buffer[..self.buffer.len().min(window)], lines);
            let at_end = self.at_end && upto == self.buffer.len();
            match split::cut(&self.buffer[..upto], &self.cutting.table, self.cutting.record_bytes, at_end) {
                Cut::Records(length) => return Ok(Some(Chunk::Records(self.take(length)))),
                Cut::Oversize => return self.skip_line().map(Some),
                Cut::TableEnd(_) => return self.skip_beyond().map(Some),
                Cut::More => (window, lines) = (window * 2, lines * 2),
            }
        }
    }

    /// Skips what stands before the first data record.
    fn skip_header(&mut self) -> io::Result<()> {
        while self.offset < self.cutting.start {
            self.read_up_to(self.cutting.chunk_bytes)?;
            if self.buffer.is_empty() {
                return Ok(());
            }
            let left = usize::try_from(self.cutting.start - self.offset).unwrap_or(usize::MAX);
            self.take(left.min(self.buffer.len()));
        }
        Ok(())
    }

    /// Passes over what stands behind the table, up to where it goes on or to the end, counting the lines.
    fn skip_beyond(&mut self) -> io::Result<Chunk> {
        let (mut lines, mut window) = (0, self.cutting.chunk_bytes);
        loop {
            self.read_up_to(window)?;
            let (passed, goes_on) = split::pass_beyond(&self.buffer, &self.cutting.table, self.cutting.record_bytes, self.at_end);
            let bytes = self.take(passed);
            lines += split::count_lines(&bytes);
            if self.buffer.is_empty() && self.at_end {
                lines += u64::from(bytes.last().is_some_and(|b| !matches!(b, b'\r' | b'\n')));
                return Ok(Chunk::Beyond { lines });
            }
            if goes_on {
                return Ok(Chunk::Beyond { lines });
            }
            window = if passed == 0 { window * 2 } else { self.cutting.chunk_bytes };
        }
    }

    /// Skips a record beyond the limit to the end of its line, keeping none of it.
    fn skip_line(&mut self) -> io::Result<Chunk> {
        let start = self.offset;
        loop {
            match split::end_of_line(&self.buffer) {
                // A CR at the very end may be half of a line end.
                Some(end) if end == self.buffer.len() && self.buffer[end - 1] == b'\r' && !self.at_end => self.read_up_to(end + 1)?,
                Some(end) => {
                    self.take(end);
                    return Ok(Chunk::Oversize { offset: start, lines: 1 });
                }
                None => {
                    self.take(self.buffer.len());
                    self.read_up_to(self.cutting.chunk_bytes)?;
                    if self.buffer.is_empty() {
                        return Ok(Chunk::Oversize { offset: start, lines: 0 });
                    }
                }
            }
        }
    }

    /// Takes the first bytes out of the buffer.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let mut rest = Vec::with_capacity(self.cutting.chunk_bytes.max(self.buffer.len() - length));
        rest.extend_from_slice(&self.buffer[length..]);
        self.buffer.truncate(length);
        self.offset += length as u64;
        std::mem::replace(&mut self.buffer, rest)
    }

    fn read_up_to(&mut self, length: usize) -> io::Result<()> {
        let before = self.buffer.len();
        if before >= length || self.at_end {
            return Ok(());
        }
        let wanted = length - before;
        let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.at_end = read < wanted;
        Ok(())
    }
}
