//! Bytes to text: what the encoding is said to be, and what comes out of it.

use valhalla_ingest::engine::decode::{self, Decoder, Encoding};
use valhalla_ingest::engine::mojibake;

use super::{pick, settings};

/// Settings: the encoding as configured, bytes of a piece.
pub fn decode(data: &[u8]) {
    let ([wanted, piece_bytes], bytes) = settings(data);
    let names = ["", "", "utf-8", "UTF-16", "windows-1252", "shift_jis", "gb18030", "euc-kr", "big5", "iso-2022-jp", "utf-16be"];
    let piece_bytes = 1 + usize::from(piece_bytes) % 64;
    for is_whole in [true, false] {
        let Ok(detected) = decode::detect(bytes, is_whole, decode::named(pick(&names, wanted))) else { continue };
        assert!((0.0..=1.0).contains(&detected.confidence), "{detected:?}");
        assert!(detected.encoding.mark_len() <= bytes.len());
        however_it_comes(bytes, detected.encoding, piece_bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        utf8_is_seen(text);
        utf16_is_seen(text, piece_bytes);
        damage_is_undone_or_left(text);
        let _ = decode::named(text);
    }
}

/// In one piece or in many, the same text comes out, and nothing in it but text and marks of damage.
fn however_it_comes(bytes: &[u8], encoding: Encoding, piece_bytes: usize) {
    let whole = decoded(&[bytes], encoding);
    for piece_bytes in [1, piece_bytes] {
        let pieces: Vec<&[u8]> = bytes.chunks(piece_bytes).collect();
        assert_eq!(decoded(&pieces, encoding), whole, "in pieces of {piece_bytes} bytes as {encoding:?}");
    }
    if encoding.is_utf8() {
        assert_eq!(whole, bytes[encoding.mark_len()..]);
    } else {
        let without_marks: Vec<u8> = whole.iter().copied().filter(|byte| *byte != 0xff).collect();
        assert!(std::str::from_utf8(&without_marks).is_ok(), "{encoding:?} gives {whole:?}");
    }
}

fn decoded(pieces: &[&[u8]], encoding: Encoding) -> Vec<u8> {
    let mut decoder = Decoder::new(encoding);
    let mut text = Vec::new();
    for piece in pieces {
        decoder.decode(piece, false, &mut text);
    }
    decoder.decode(&[], true, &mut text);
    text
}

/// What is UTF-8 is read as UTF-8, wherever the first piece of a file is cut.
fn utf8_is_seen(text: &str) {
    // Zero bytes are the sign of UTF-16, and escapes that of ISO-2022-JP.
    if text.bytes().any(|byte| matches!(byte, 0 | 0x1b)) {
        return;
    }
    let bytes = text.as_bytes();
    for (end, is_whole) in [(bytes.len(), true), (bytes.len(), false), (bytes.len() / 2, false), (bytes.len().saturating_sub(1), false)] {
        if let Ok(detected) = decode::detect(&bytes[..end], is_whole, None) {
            assert!(detected.encoding.is_utf8(), "{detected:?} for UTF-8 cut at {end}");
        }
    }
}

/// UTF-16 with a mark comes back as the text it was.
fn utf16_is_seen(text: &str, piece_bytes: usize) {
    let text = text.trim_start_matches('\u{feff}');
    for (mark, bytes_of) in [([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]), ([0xfe, 0xff], u16::to_be_bytes)] {
        let bytes: Vec<u8> = mark.into_iter().chain(text.encode_utf16().flat_map(bytes_of)).collect();
        // A zero character in front makes the mark that of UTF-32.
        let Ok(detected) = decode::detect(&bytes, true, None) else { continue };
        let pieces: Vec<&[u8]> = bytes.chunks(piece_bytes).collect();
        assert_eq!(String::from_utf8_lossy(&decoded(&pieces, detected.encoding)), text, "{detected:?}");
    }
}

/// A repaired text is another one, ASCII is never touched, and no repair brings in what is no character.
fn damage_is_undone_or_left(text: &str) {
    let Some(repaired) = mojibake::repaired(text) else { return };
    assert!(!text.is_ascii() && repaired != text && repaired.len() < text.len(), "{repaired:?} from {text:?}");
    assert!(text.contains('\u{fffd}') || !repaired.contains('\u{fffd}'), "{repaired:?} from {text:?}");
    assert_eq!(repaired.split(' ').count(), text.split(' ').count(), "{repaired:?} from {text:?}");
}
