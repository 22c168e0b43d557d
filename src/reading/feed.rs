//! A file as text: its bytes, out of their container and their encoding, hashed and counted on the way.

use std::io::{self, Cursor, Read};

use sha2::{Digest, Sha256};

use crate::engine::decode::{Decoder, Encoding};

/// What was read in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streamed {
    /// Bytes of the file.
    pub bytes: u64,
    /// Their hash.
    pub sha256: [u8; 32],
}

/// The text of a file from its start, without a byte order mark.
pub struct Feed<'a> {
    head: Cursor<Vec<u8>>,
    rest: Option<Box<dyn Read + Send + 'a>>,
    digest: Digesting,
    decoder: Option<Decoding>,
    /// Bytes of a byte order mark still to be skipped.
    mark: usize,
}

/// How the file's hash is come by.
enum Digesting {
    /// From the bytes as they pass.
    Passing { hasher: Sha256, bytes: u64 },
    /// It is known: what passes here is not the file but what is in it.
    Known(Streamed),
}

/// The way from another encoding to UTF-8.
struct Decoding {
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    at_end: bool,
}

/// Bytes decoded at a time.
const PIECE_BYTES: usize = 64 << 10;

impl<'a> Feed<'a> {
    /// A file whose head is all of it.
    pub fn whole(head: Vec<u8>, encoding: Encoding) -> Self {
        Self::new(head, None, Digesting::Passing { hasher: Sha256::new(), bytes: 0 }, encoding)
    }

    /// A file as it is.
    pub fn plain(head: Vec<u8>, rest: impl Read + Send + 'a, encoding: Encoding) -> Self {
        Self::new(head, Some(Box::new(rest)), Digesting::Passing { hasher: Sha256::new(), bytes: 0 }, encoding)
    }

    /// What is in a container whose own bytes are hashed already.
    pub fn unpacked(head: Vec<u8>, rest: Option<Box<dyn Read + Send + 'a>>, container: Streamed, encoding: Encoding) -> Self {
        Self::new(head, rest, Digesting::Known(container), encoding)
    }

    fn new(head: Vec<u8>, rest: Option<Box<dyn Read + Send + 'a>>, digest: Digesting, encoding: Encoding) -> Self {
        let decoding = || Decoding { decoder: Decoder::new(encoding), raw: vec![0; PIECE_BYTES], text: Vec::new(), at: 0, at_end: false };
        let is_utf8 = encoding.is_utf8();
        let mark = if is_utf8 { encoding.mark_len() } else { 0 };
        Self { head: Cursor::new(head), rest, digest, decoder: (!is_utf8).then(decoding), mark }
    }

    /// Whether no more is to be read than what is in memory already.
    pub fn is_small(&self) -> bool {
        self.rest.is_none()
    }

    /// Bytes of the file read so far. Of a container, all of them.
    pub fn bytes(&self) -> u64 {
        match &self.digest {
            Digesting::Passing { bytes, .. } => *bytes,
            Digesting::Known(streamed) => streamed.bytes,
        }
    }

    /// What was read, once everything is.
    ///
    /// # Errors
    /// What the file said when what is left of it was read.
    pub fn end(mut self) -> io::Result<Streamed> {
        let mut rest = vec![0; PIECE_BYTES];
        while self.read_raw(&mut rest)? > 0 {}
        Ok(match self.digest {
            Digesting::Passing { hasher, bytes } => Streamed { bytes, sha256: hasher.finalize().into() },
            Digesting::Known(streamed) => streamed,
        })
    }

    fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.head.read(buffer)?;
        if read == 0
            && let Some(rest) = &mut self.rest
        {
            read = rest.read(buffer)?;
        }
        if let Digesting::Passing { hasher, bytes } = &mut self.digest {
            hasher.update(&buffer[..read]);
            *bytes += read as u64;
        }
        Ok(read)
    }

    fn decode_more(&mut self, decoding: &mut Decoding) -> io::Result<()> {
        decoding.text.clear();
        decoding.at = 0;
        while decoding.text.is_empty() && !decoding.at_end {
            let read = self.read_raw(&mut decoding.raw)?;
            decoding.at_end = read == 0;
            decoding.decoder.decode(&decoding.raw[..read], decoding.at_end, &mut decoding.text);
        }
        Ok(())
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut decoding) = self.decoder.take() else {
            let mut read = self.read_raw(buffer)?;
            while self.mark > 0 && read > 0 {
                let skipped = self.mark.min(read);
                self.mark -= skipped;
                buffer.copy_within(skipped..read, 0);
                read -= skipped;
                if read == 0 {
                    read = self.read_raw(buffer)?;
                }
            }
            return Ok(read);
        };
        let decoded = if decoding.at < decoding.text.len() { Ok(()) } else { self.decode_more(&mut decoding) };
        let length = buffer.len().min(decoding.text.len() - decoding.at);
        buffer[..length].copy_from_slice(&decoding.text[decoding.at..decoding.at + length]);
        decoding.at += length;
        self.decoder = Some(decoding);
        decoded.map(|()| length)
    }
}

impl std::fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
