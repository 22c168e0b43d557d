//! The nouns of a row: what was read, the lead it becomes, and what was wrong with it.
//!
//! A [`Lead`] is a view into a [`LeadBatch`], one text arena for a whole chunk, so that a million leads
//! do not cost ten million allocations. Only `check.rs` puts a lead into a batch.

use std::fmt;

use uuid::Uuid;

use super::decimal::Decimal;

/// The namespace of every `lead_id`: `UUIDv5` of this and the normalised e-mail.
pub const LEAD_NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_0c5e_8f0b_5c53_9a5d_2b7f_4e1a_9c36);

/// The id of the person behind a normalised e-mail address: the same on every machine.
#[must_use]
pub fn lead_id_of(normalised_email: &str) -> Uuid {
    uuid_v5(LEAD_NAMESPACE, normalised_email.as_bytes())
}

/// The `UUIDv5` of a name in a namespace: the first 16 bytes of the SHA-1 of both (RFC 9562, 5.5).
pub(super) fn uuid_v5(namespace: Uuid, name: &[u8]) -> Uuid {
    use sha1::{Digest, Sha1};
    let bytes = sha1_of_one_block(namespace, name).unwrap_or_else(|| {
        let digest = Sha1::new_with_prefix(namespace.as_bytes()).chain_update(name).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    });
    uuid::Builder::from_sha1_bytes(bytes).into_uuid()
}

/// The same 16 bytes for names of up to 39 bytes, which nearly all addresses have: with SHA-1's own padding (FIPS 180-4,
/// 5.1.1) namespace and name fill a single block.
fn sha1_of_one_block(namespace: Uuid, name: &[u8]) -> Option<[u8; 16]> {
    let length = 16 + name.len();
    let mut block = [0; 64];
    if length > 55 {
        return None;
    }
    block[..16].copy_from_slice(namespace.as_bytes());
    block[16..length].copy_from_slice(name);
    block[length] = 0x80;
    block[56..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    sha1::block_api::compress(&mut state, &[block]);
    let mut bytes = [0; 16];
    bytes.chunks_exact_mut(4).zip(state).for_each(|(part, word): (_, u32)| part.copy_from_slice(&word.to_be_bytes()));
    Some(bytes)
}

/// The six fields we know; every other column is kept under `extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Who.
    Name,
    /// The address that identifies the person.
    Email,
    /// Budget, asking price or deal value.
    Value,
    /// Where.
    Location,
    /// As typed.
    Phone,
    /// Where the lead came from.
    Source,
}

impl Field {
    /// All six, in the order they are told to people.
    pub const ALL: [Field; 6] = [Field::Name, Field::Email, Field::Value, Field::Location, Field::Phone, Field::Source];

    /// The name used in files, configuration and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["name", "email", "value", "location", "phone", "source"][self as usize]
    }

    /// The field of this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A small set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u8);

impl FieldSet {
    /// Whether the field is in the set.
    #[must_use]
    pub fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    /// Takes a field out.
    pub fn remove(&mut self, field: Field) {
        self.0 &= !(1 << field as u8);
    }

    /// The fields in their order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.contains(*field))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let mut set = Self::default();
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

/// Why a row was not taken. The text is part of the file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IssueCode {
    /// A required cell is empty.
    MissingField,
    /// Not an address that a mail system would accept.
    InvalidEmail,
    /// No single number can be read.
    ValueNotNumeric,
    /// Zero or less.
    ValueNotPositive,
    /// Beyond 18 digits or 6 decimals.
    ValueOutOfRange,
    /// More cells than the header has, and not all of them empty.
    TooManyFields,
    /// Fewer cells than the header has: how a torn or split line looks.
    TooFewFields,
    /// A cell or a record beyond the configured limit.
    FieldTooLong,
    /// Bytes that are not text in the file's encoding.
    InvalidEncoding,
    /// A word for how it went that is not known.
    InvalidOutcome,
    /// No date can be read.
    InvalidDate,
    /// Not one of our ids.
    InvalidLeadId,
    /// Configured rule: not one of the listed values.
    OneOf,
    /// Configured rule: does not match the pattern.
    Matches,
    /// Configured rule: below the minimum.
    Min,
    /// Configured rule: above the maximum.
    Max,
    /// Configured rule: more characters than allowed.
    MaxLength,
    /// The person was erased and is not to come back.
    Forgotten,
}

impl IssueCode {
    /// Every code, in the order of the table in the guide.
    pub const ALL: [IssueCode; 18] = [
        Self::MissingField,
        Self::InvalidEmail,
        Self::ValueNotNumeric,
        Self::ValueNotPositive,
        Self::ValueOutOfRange,
        Self::TooManyFields,
        Self::TooFewFields,
        Self::FieldTooLong,
        Self::InvalidEncoding,
        Self::InvalidOutcome,
        Self::InvalidDate,
        Self::InvalidLeadId,
        Self::OneOf,
        Self::Matches,
        Self::Min,
        Self::Max,
        Self::MaxLength,
        Self::Forgotten,
    ];

    /// The code as it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::InvalidEmail => "invalid_email",
            Self::ValueNotNumeric => "value_not_numeric",
            Self::ValueNotPositive => "value_not_positive",
            Self::ValueOutOfRange => "value_out_of_range",
            Self::TooManyFields => "too_many_fields",
            Self::TooFewFields => "too_few_fields",
            Self::FieldTooLong => "field_too_long",
            Self::InvalidEncoding => "invalid_encoding",
            Self::InvalidOutcome => "invalid_outcome",
            Self::InvalidDate => "invalid_date",
            Self::InvalidLeadId => "invalid_lead_id",
            Self::OneOf => "one_of",
            Self::Matches => "matches",
            Self::Min => "min",
            Self::Max => "max",
            Self::MaxLength => "max_length",
            Self::Forgotten => "forgotten",
        }
    }
}

/// One thing wrong with one row. Data, not an error: it is reported, and the row comes back in the rejects file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowIssue {
    /// Data records count from 1; inside a chunk, from the chunk's first.
    pub row: u64,
    /// The physical line where the record starts, counted like `row`.
    pub line: u64,
    /// The header as written; `a+b` for joined columns; empty when the row as a whole is meant.
    pub column: String,
    /// The machine-readable cause.
    pub code: IssueCode,
    /// A sentence for people; may quote the cell, so it never goes into a log or journal.
    pub message: String,
}

/// What the stages left for the committer: everything it tallies or stores, in a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub struct StageMark {
    /// Score in hundredths of a point, 0 to 10 000.
    pub score: u16,
    /// Tier, 0 for A to 3 for D.
    pub tier: u8,
    /// Whether the deal packet is ready.
    pub packet_ready: bool,
    /// Whether an experiment took the lead.
    pub in_experiment: bool,
    /// Whether a script is named for the lead.
    pub has_script: bool,
    /// Whether clone readiness says `PROMOTE`.
    pub promote: bool,
    /// Probability in millionths; `u32::MAX` when unknown.
    pub probability_ppm: u32,
    /// Whether the probability rests on outcomes.
    pub is_learned: bool,
    /// Score of the script in millionths; `u32::MAX` when unknown.
    pub script_score_ppm: u32,
    /// Overall clone readiness in millionths; `u32::MAX` when unknown.
    pub readiness_ppm: u32,
}

/// One accepted lead, borrowed from its batch (or from a stored row). An absent optional text is `""`.
#[derive(Debug, Clone, Copy)]
pub struct Lead<'a> {
    /// Data record number, counted from 1 within its chunk or file.
    pub row: u64,
    /// Physical line, counted like `row`.
    pub line: u64,
    /// The person, see [`lead_id_of`].
    pub lead_id: Uuid,
    /// Trimmed.
    pub name: &'a str,
    /// Trimmed and in lower case.
    pub email: &'a str,
    /// Exact; `None` only where the source does not require it.
    pub value: Option<Decimal>,
    /// As written beside the amount.
    pub currency: &'a str,
    /// Trimmed.
    pub location: &'a str,
    /// As typed, trimmed.
    pub phone: &'a str,
    /// In E.164 where the number says its country.
    pub phone_e164: &'a str,
    /// Whether the phone can be read as a number at all.
    pub phone_reads: bool,
    /// Standardised; the drop's own source when the row names none.
    pub source: &'a str,
    /// Whether the row itself named its source.
    pub source_given: bool,
    /// Every other column.
    pub extra: Extra<'a>,
    /// What the columns of its file that are fields were called, where that is not the field's name.
    pub headers: &'a [FieldHeader],
}

/// A column that is a field of its own, by its header as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldHeader {
    /// What it is.
    pub field: Field,
    /// What the file calls it.
    pub header: String,
}

/// Where a column named in a setting stands in the leads of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is this field.
    Field(Field),
    /// It is the extra column at this index.
    Extra(usize),
    /// They have no such column.
    Nowhere,
}

impl Place {
    /// Of a column by a field's name, else by its header as written: of an extra column, then of one that is a field.
    #[must_use]
    pub fn of(column: &str, extra_names: &[String], headers: &[FieldHeader]) -> Self {
        if let Some(field) = Field::from_name(column).filter(|field| *field != Field::Value) {
            return Self::Field(field);
        }
        if let Some(at) = extra_names.iter().position(|name| name == column) {
            return Self::Extra(at);
        }
        headers.iter().find(|known| known.header == column).map_or(Self::Nowhere, |known| Self::Field(known.field))
    }
}

impl<'a> Lead<'a> {
    /// The text of a field; `""` where there is none. A value is not text.
    #[must_use]
    pub fn text(&self, field: Field) -> &'a str {
        match field {
            Field::Name => self.name,
            Field::Email => self.email,
            Field::Location => self.location,
            Field::Phone => self.phone,
            Field::Source => self.source,
            Field::Value => "",
        }
    }

    /// The cell at a place, as the lead has it.
    #[must_use]
    pub fn at(&self, place: Place) -> &'a str {
        match place {
            Place::Field(field) => self.text(field),
            Place::Extra(at) => self.extra.iter().nth(at).map_or("", |(_, cell)| cell),
            Place::Nowhere => "",
        }
    }
}

/// The columns we do not know, name and cell as written, in the file's order.
#[derive(Debug, Clone, Copy)]
pub struct Extra<'a> {
    /// Column names, one for each packed cell.
    pub names: &'a [String],
    /// The cells, packed by [`pack_cell`].
    pub packed: &'a [u8],
}

impl<'a> Extra<'a> {
    /// Name and cell, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.packed;
        self.names.iter().map_while(move |name| {
            let (cell, after) = unpack_cell(rest)?;
            rest = after;
            Some((name.as_str(), cell))
        })
    }

    /// The cell of the column with this name, as written.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(column, _)| *column == name).map(|(_, cell)| cell)
    }
}

/// Appends one cell: its length as LEB128, then its bytes.
#[allow(clippy::cast_possible_truncation)] // seven bits at a time
pub fn pack_cell(packed: &mut Vec<u8>, cell: &str) {
    let mut length = cell.len();
    while length >= 0x80 {
        packed.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packed.push((length & 0x7f) as u8);
    packed.extend_from_slice(cell.as_bytes());
}

fn unpack_cell(packed: &[u8]) -> Option<(&str, &[u8])> {
    let (mut length, mut shift, mut at) = (0usize, 0u32, 0usize);
    loop {
        let byte = *packed.get(at)?;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        at += 1;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let cell = packed.get(at..at.checked_add(length)?)?;
    Some((std::str::from_utf8(cell).ok()?, &packed[at + length..]))
}

/// The accepted leads of one chunk: one arena for their texts, one fixed slot each.
#[derive(Debug, Default)]
pub struct LeadBatch {
    text: String,
    packed: Vec<u8>,
    slots: Vec<Slot>,
}

/// The cleaned parts of a lead on its way into a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub row: u64,
    pub line: u64,
    pub lead_id: Uuid,
    pub value: Option<Decimal>,
    pub source_given: bool,
    pub phone_reads: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    lead_id: Uuid,
    value: Option<Decimal>,
    text_start: u32,
    packed_start: u32,
    packed_len: u32,
    lens: [u32; TEXTS],
    row: u32,
    line: u32,
    source_given: bool,
    phone_reads: bool,
    mark: StageMark,
}

/// name, email, currency, location, phone, E.164, source.
const TEXTS: usize = 7;

impl LeadBatch {
    /// An empty batch with room for the leads of a chunk of so many bytes and lines.
    #[must_use]
    pub fn with_room(bytes: usize, lines: usize) -> Self {
        Self { text: String::with_capacity(bytes), packed: Vec::with_capacity(bytes / 4), slots: Vec::with_capacity(lines) }
    }

    /// How many leads it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of memory held, so that whoever gathers batches can stay bounded.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + self.packed.len() + self.slots.len() * size_of::<Slot>()
    }

    /// The lead at `index`, with `names` for its extra columns. Panics when out of range, like a slice.
    #[must_use]
    pub fn lead<'a>(&'a self, index: usize, names: &'a [String]) -> Lead<'a> {
        let slot = &self.slots[index];
        let mut at = slot.text_start as usize;
        let mut texts = [""; TEXTS];
        for (text, len) in texts.iter_mut().zip(slot.lens) {
            *text = &self.text[at..at + len as usize];
            at += len as usize;
        }
        let [name, email, currency, location, phone, phone_e164, source] = texts;
        let packed = &self.packed[slot.packed_start as usize..][..slot.packed_len as usize];
        Lead {
            row: u64::from(slot.row),
            line: u64::from(slot.line),
            lead_id: slot.lead_id,
            name,
            email,
            value: slot.value,
            currency,
            location,
            phone,
            phone_e164,
            phone_reads: slot.phone_reads,
            source,
            source_given: slot.source_given,
            extra: Extra { names, packed },
            headers: &[],
        }
    }

    /// What the stages made of the lead at `index`.
    #[must_use]
    pub fn mark(&self, index: usize) -> StageMark {
        self.slots[index].mark
    }

    /// The person at `index`.
    #[must_use]
    pub fn lead_id(&self, index: usize) -> Uuid {
        self.slots[index].lead_id
    }

    pub(super) fn set_mark(&mut self, index: usize, mark: StageMark) {
        self.slots[index].mark = mark;
    }

    /// Appends a lead; `fill` writes the texts in their order, `pack` the extra cells.
    pub(super) fn push(&mut self, parts: Parts, texts: [&str; TEXTS], pack: impl FnOnce(&mut Vec<u8>)) {
        let start = |len: usize| u32::try_from(len).expect("a chunk is bounded far below 4 GiB");
        let (text_start, packed_start) = (start(self.text.len()), start(self.packed.len()));
        let mut lens = [0; TEXTS];
        self.text.reserve(texts.iter().map(|text| text.len()).sum());
        for (len, text) in lens.iter_mut().zip(texts) {
            self.text.push_str(text);
            *len = start(text.len());
        }
        pack(&mut self.packed);
        self.slots.push(Slot {
            lead_id: parts.lead_id,
            value: parts.value,
            text_start,
            packed_start,
            packed_len: start(self.packed.len()) - packed_start,
            lens,
            row: u32::try_from(parts.row).expect("rows of one chunk"),
            line: u32::try_from(parts.line).expect("lines of one chunk"),
            source_given: parts.source_given,
            phone_reads: parts.phone_reads,
            mark: StageMark::default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_survive_packing() {
        let long = "x".repeat(300);
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let mut packed = Vec::new();
        for cell in ["", "héllo\n\"x\"", long.as_str()] {
            pack_cell(&mut packed, cell);
        }
        let extra = Extra { names: &names, packed: &packed };
        assert_eq!(extra.iter().collect::<Vec<_>>(), [("a", ""), ("b", "héllo\n\"x\""), ("c", long.as_str())]);
        assert_eq!(extra.get("b"), Some("héllo\n\"x\""));
        assert_eq!(Extra { names: &names, packed: &packed[..4] }.iter().count(), 1, "a cut arena ends the walk");
    }

    #[test]
    fn the_same_address_is_the_same_person_everywhere() {
        let id = lead_id_of("john@example.com");
        assert_eq!(id, Uuid::new_v5(&LEAD_NAMESPACE, b"john@example.com"));
        assert_eq!(id.get_version_num(), 5);
        for length in 0..120 {
            let name = "x".repeat(length);
            assert_eq!(uuid_v5(id, name.as_bytes()), Uuid::new_v5(&id, name.as_bytes()), "{length}");
        }
    }

    #[test]
    fn a_set_of_fields_knows_what_is_in_it() {
        let mut set = FieldSet::default();
        assert!(set.is_empty());
        set.insert(Field::Email);
        assert_eq!((set.is_empty(), set.len(), set.contains(Field::Email), set.contains(Field::Name)), (false, 1, true, false));
        set.insert(Field::Name);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Field::Name, Field::Email]);
        set.remove(Field::Email);
        set.remove(Field::Name);
        assert!(set.is_empty());
    }
}
