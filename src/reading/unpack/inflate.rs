//! gzip and zstd, inflated while they are read.
//!
//! Members and frames may follow one another, as `cat` and parallel compressors make them. Zero bytes behind the last are
//! padding; anything else there means that two things were glued together, and is refused rather than left out silently.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Container, UnpackLimits, damaged, into_io};
use crate::engine::file_error::FileError;

/// Bytes of the raw file read at a time.
const RAW_BUFFER_BYTES: usize = 128 << 10;

/// Largest window of a zstd frame, as `zstd -d` takes it without being asked (RFC 8878 asks for 8 MiB at least).
const ZSTD_WINDOW_BYTES_MAX: u64 = 128 << 20;

/// What comes out of a compressed stream, with its limits kept.
pub(super) struct Inflated<R> {
    container: Container,
    limits: UnpackLimits,
    state: State<R>,
    bytes_out: u64,
}

enum State<R> {
    /// Before the first member, or behind one.
    Between(Raw<R>),
    Gzip(Box<GzDecoder<Raw<R>>>),
    Zstd(Box<FrameDecoder>, Raw<R>),
    /// All is read.
    Done,
    /// An error was returned. Also stands in while the state changes.
    Failed,
}

impl<R: Read> Inflated<R> {
    /// Begins with the first byte of a gzip or zstd file.
    pub(super) fn new(container: Container, raw: R, limits: UnpackLimits) -> Self {
        Self { container, limits, state: State::Between(Raw::new(raw)), bytes_out: 0 }
    }

    /// Opens the next member, or finds the end.
    fn advance(&mut self, mut raw: Raw<R>) -> io::Result<State<R>> {
        let begins = |raw: &mut Raw<R>| Ok((raw.taken == 0 || raw.skip_zeros()?).then_some(raw.peek()?));
        let head = match begins(&mut raw) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(State::Done),
            Err(error) => return Err(self.fault(&error, &mut raw)),
        };
        if self.container == Container::Gzip && head.starts_with(b"\x1f\x8b") {
            return Ok(State::Gzip(Box::new(GzDecoder::new(raw))));
        }
        if self.container == Container::Zstd && is_skippable_frame(&head) {
            return match raw.skip_frame() {
                Ok(()) => Ok(State::Between(raw)),
                Err(error) => Err(self.fault(&error, &mut raw)),
            };
        }
        if self.container == Container::Zstd && head.starts_with(&ZSTD_MAGIC) {
            let mut decoder = Box::new(FrameDecoder::new());
            decoder.set_max_window_size(ZSTD_WINDOW_BYTES_MAX);
            return match decoder.init(&mut raw) {
                Ok(()) => Ok(State::Zstd(decoder, raw)),
                Err(error) => Err(self.zstd_fault(&error, &mut raw)),
            };
        }
        Err(into_io(damaged(self.container, "behind its end stand other bytes that do not belong to it")))
    }

    fn metered(&mut self, read: usize) -> io::Result<usize> {
        self.bytes_out += read as u64;
        let bytes_in = match &self.state {
            State::Gzip(decoder) => decoder.get_ref().taken,
            State::Between(raw) | State::Zstd(_, raw) => raw.taken,
            State::Done | State::Failed => 0,
        };
        self.limits.admit(self.container, bytes_in, self.bytes_out).map_err(into_io)?;
        Ok(read)
    }

    /// What an error of a decoder means: that of the machine below it is passed on.
    fn fault<S>(&self, error: &io::Error, raw: &mut Raw<S>) -> io::Error {
        match raw.failure.take() {
            Some(failure) => failure,
            None if error.kind() == ErrorKind::UnexpectedEof => into_io(damaged(self.container, "it ends too soon")),
            None => into_io(damaged(self.container, "its bytes do not fit together")),
        }
    }

    fn zstd_fault<S>(&self, error: &FrameDecoderError, raw: &mut Raw<S>) -> io::Error {
        let kind = if raw.is_at_end { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        let why = match error {
            FrameDecoderError::WindowSizeTooBig { .. } => "needs more memory to unpack than we allow (a long window)",
            FrameDecoderError::DictNotProvided { .. } => "needs a dictionary that we do not have",
            _ => return self.fault(&kind.into(), raw),
        };
        let remedy = "Compress it again without special options, or drop the CSV itself";
        into_io(FileError::new("unsupported_archive", format!("this zstd archive {why}"), remedy))
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Between(raw) => {
                self.state = self.advance(raw)?;
                Ok(None)
            }
            State::Gzip(mut decoder) => match decoder.read(buffer) {
                Ok(0) => {
                    self.state = State::Between(decoder.into_inner());
                    Ok(None)
                }
                Ok(read) => {
                    self.state = State::Gzip(decoder);
                    self.metered(read).map(Some)
                }
                Err(error) => Err(self.fault(&error, decoder.get_mut())),
            },
            State::Zstd(mut decoder, mut raw) => {
                while decoder.can_collect() == 0 && !decoder.is_finished() {
                    if let Err(error) = decoder.decode_blocks(&mut raw, BlockDecodingStrategy::UptoBlocks(1)) {
                        return Err(self.zstd_fault(&error, &mut raw));
                    }
                }
                let read = decoder.read(buffer)?;
                if read == 0 {
                    let (told, counted) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
                    if told.is_some() && told != counted {
                        return Err(into_io(damaged(self.container, "its checksum is wrong")));
                    }
                    self.state = State::Between(raw);
                    return Ok(None);
                }
                self.state = State::Zstd(decoder, raw);
                self.metered(read).map(Some)
            }
            State::Done => {
                self.state = State::Done;
                Ok(Some(0))
            }
            State::Failed => Err(io::Error::other("read on after an error")),
        }
    }
}

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(read) = self.step(buffer)? {
                return Ok(read);
            }
        }
    }
}

const ZSTD_MAGIC: [u8; 4] = *b"\x28\xb5\x2f\xfd";

/// Whether a frame begins that carries no data of the list (RFC 8878, 3.1.2); parallel compressors write them.
pub(super) fn is_skippable_frame(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// The raw reader, buffered, counted, and keeping its own failure: decoders say of any error only that they could not go on.
struct Raw<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where in the buffer the bytes begin that were not taken yet.
    at: usize,
    /// Bytes taken in all.
    taken: u64,
    failure: Option<io::Error>,
    is_at_end: bool,
}

impl<R: Read> Raw<R> {
    fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), at: 0, taken: 0, failure: None, is_at_end: false }
    }

    /// Reads on behind what is left in the buffer.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + RAW_BUFFER_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(kept + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(read) => self.is_at_end = read == 0,
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                return Err(kind.into());
            }
        }
        Ok(())
    }

    /// The next four bytes, as far as there are any.
    fn peek(&mut self) -> io::Result<[u8; 4]> {
        while self.buffer.len() - self.at < 4 && !self.is_at_end {
            self.fill()?;
        }
        let (rest, mut head) = (&self.buffer[self.at..], [0; 4]);
        let length = rest.len().min(4);
        head[..length].copy_from_slice(&rest[..length]);
        Ok(head)
    }

    /// Skips padding. Whether anything follows it.
    fn skip_zeros(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
            let is_done = zeros < buffer.len();
            self.consume(zeros);
            if is_done {
                return Ok(true);
            }
        }
    }

    /// Skips a frame without data: its magic number, its length, and that many bytes.
    fn skip_frame(&mut self) -> io::Result<()> {
        let mut header = [0; 8];
        self.read_exact(&mut header)?;
        let length = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        let skipped = io::copy(&mut self.by_ref().take(length), &mut io::sink())?;
        if skipped < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl<R: Read> BufRead for Raw<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() && !self.is_at_end {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
        self.taken += amount as u64;
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}
