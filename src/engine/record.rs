//! One record taken apart: its text once, and where in it each cell lies.
//!
//! Nearly every cell is a piece of the record as it was written, so that no cell is copied by itself. What had to be
//! rewritten (a doubled quote made one) is appended behind the text. The buffers are used again for the next record.

use std::ops::Range;

/// The cells of one record.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Cells {
    /// No cells yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The cell at a place, if the record has as many.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        self.bytes.get(self.ranges.get(at)?.clone())
    }

    /// The cells in their order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.ranges.iter().map(|range| &self.bytes[range.clone()])
    }

    /// Every byte of the cells, and what stands between them.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets all cells.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
    }

    /// Keeps the first cells only.
    pub fn truncate(&mut self, cells: usize) {
        self.ranges.truncate(cells);
    }

    /// Appends a cell.
    pub fn push_field(&mut self, cell: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(cell);
        self.ranges.push(start..self.bytes.len());
    }

    /// Begins a record whose cells are pieces of a text, to be named by [`push_piece`](Self::push_piece).
    pub(super) fn begin(&mut self, text: &[u8]) {
        self.clear();
        self.bytes.extend_from_slice(text);
    }

    /// Appends a cell that is a piece of the text the record was begun with.
    pub(super) fn push_piece(&mut self, piece: Range<usize>) {
        self.ranges.push(piece);
    }

    /// Takes a prefix off every cell but the first.
    pub(super) fn strip_prefixes(&mut self, prefix: u8) {
        for range in self.ranges.iter_mut().skip(1) {
            range.start += usize::from(self.bytes[range.clone()].first() == Some(&prefix));
        }
    }

    /// The same as text.
    #[must_use]
    pub fn texts(&self) -> Texts<'_> {
        Texts {
            cells: self,
            all: std::str::from_utf8(&self.bytes).ok(),
            is_ascii: self.bytes.is_ascii(),
            has_nul: memchr::memchr(0, &self.bytes).is_some(),
        }
    }
}

/// Records are the same when their cells are, wherever these lie.
impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Cells {
    fn from_iter<I: IntoIterator<Item = T>>(cells: I) -> Self {
        let mut record = Self::new();
        cells.into_iter().for_each(|cell| record.push_field(cell.as_ref()));
        record
    }
}

impl<T: AsRef<[u8]>> From<Vec<T>> for Cells {
    fn from(cells: Vec<T>) -> Self {
        cells.iter().map(AsRef::as_ref).collect()
    }
}

/// A record's cells as text, looked at once for all of them.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    cells: &'a Cells,
    all: Option<&'a str>,
    is_ascii: bool,
    has_nul: bool,
}

impl<'a> Texts<'a> {
    /// The cell at a place; `None` where it is absent or not text.
    ///
    /// In a record that is text as a whole, a piece is text by itself exactly when it begins and ends between two characters.
    #[must_use]
    pub fn get(self, at: usize) -> Option<&'a str> {
        let range = self.cells.ranges.get(at)?.clone();
        match self.all {
            Some(_) if range.is_empty() => Some(""), // wherever it stands
            Some(all) => all.get(range),
            None => std::str::from_utf8(&self.cells.bytes[range]).ok(),
        }
    }

    /// Whether there is a zero byte in the record.
    #[must_use]
    pub fn has_nul(self) -> bool {
        self.has_nul
    }

    /// Whether everything in the record is plain ASCII.
    #[must_use]
    pub fn is_ascii(self) -> bool {
        self.is_ascii
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cell_is_text_in_its_record_exactly_when_it_is_text_by_itself(
            pieces in prop::collection::vec(prop::sample::select(vec![&b"a"[..], b"", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xe2\x82", b"\xac", b"\xff", b"z,"]), 0..12),
            cuts in prop::collection::vec(0usize..20, 0..8),
        ) {
            let text = pieces.concat();
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            ends.sort_unstable();
            let mut cells = Cells::new();
            cells.begin(&text);
            ends.windows(2).for_each(|cut| cells.push_piece(cut[0]..cut[1]));
            cells.push_field(b"\xc3\xa9"); // what was rewritten stands behind the text
            for at in 0..=cells.len() {
                let alone = cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok());
                prop_assert_eq!(cells.texts().get(at), alone);
            }
        }
    }

    #[test]
    fn a_record_is_used_again() {
        let mut cells = Cells::from(vec!["a", "", " b"]);
        assert_eq!(cells.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b" b"]);
        cells.strip_prefixes(b' ');
        cells.truncate(3);
        assert_eq!((cells.get(2), cells.get(3), cells.len()), (Some(&b"b"[..]), None, 3));
        cells.begin(b"x|y");
        cells.push_piece(2..3);
        assert_eq!((cells.get(0), cells.len(), cells.as_slice()), (Some(&b"y"[..]), 1, &b"x|y"[..]));
    }
}
