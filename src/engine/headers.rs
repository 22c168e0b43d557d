//! Header names → fields: which column is the e-mail, which two together are the name, and why.
//!
//! The door to its rooms: `dictionary` knows what columns are called, `reading` makes of one header what it says, `profile`
//! looks at the cells, `choice` decides. Names are compared without case, punctuation and accents. Nothing that could be
//! read otherwise is decided silently: it becomes a [`MappingWarning`]. No cell is changed or judged here.

mod choice;
mod dictionary;
mod profile;
mod reading;

use super::lead::{Field, FieldHeader};
use super::outcomes::{Part, PlanKind};
use super::rules::ColumnRules;
pub use profile::{ColumnProfile, Kind};

/// Where a field's cell comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldFrom {
    /// No column holds it.
    #[default]
    Nowhere,
    /// One column.
    Column(usize),
    /// Several columns, joined in this order when not empty.
    Joined(Vec<usize>, &'static str),
}

/// What one column is read as, and why: told in the report and by `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// The header as written, or `column_N` where it is empty.
    pub name: String,
    /// The name as it may stand in logs and journals: `column_N` where the header looks like data.
    pub safe_name: String,
    /// The field it is, or is part of; `None` for an extra column.
    pub maps_to: Option<Field>,
    /// What it says about an outcome; in a list of leads it is kept under `extra` all the same.
    pub part: Option<Part>,
    /// The reason, in a few words.
    pub why: String,
}

/// The mapping of a whole header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// One for each field, in the order of [`Field::ALL`].
    pub fields: [FieldFrom; 6],
    /// One for each column.
    pub columns: Vec<ColumnUse>,
    /// Columns kept under `extra`.
    pub extra: Vec<usize>,
    /// Their names, made distinct; where a column is the e-mail, with one more at the end, `"Email (others)"`.
    pub extra_names: Vec<String>,
    /// The columns that are a field of their own under another name: a setting may call the field by its header.
    pub field_headers: Vec<FieldHeader>,
    /// Which of `extra_names` is for the further addresses of an e-mail cell; it has no column.
    pub other_emails: Option<usize>,
    /// What could be read otherwise, at most twenty.
    pub warnings: Vec<MappingWarning>,
}

/// Something about the mapping that people should look at. Holds no cell's content, and headers by their safe names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingWarning {
    /// Why.
    pub doubt: Doubt,
    /// The field concerned; `None` when it is columns only.
    pub field: Option<Field>,
    /// The columns concerned by their safe names, the one that is read first.
    pub columns: Vec<String>,
    /// What was decided, why, and what to do when that is wrong.
    pub sentence: String,
}

/// Why a mapping is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A header is nearly spelled like a known name.
    Spelled,
    /// The cells decided, as no header did.
    ByContent,
    /// The cells are not what the header says.
    Contradicted,
    /// The best name stands over an empty column.
    Empty,
    /// Another column is as good, or so many are that the field is left open.
    Ambiguous,
    /// A header stands more than once.
    Duplicate,
    /// Day or month may come first.
    Dates,
}

impl Doubt {
    /// The word used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spelled => "spelled_like",
            Self::ByContent => "by_content",
            Self::Contradicted => "contradicted",
            Self::Empty => "empty_column",
            Self::Ambiguous => "ambiguous",
            Self::Duplicate => "duplicate_header",
            Self::Dates => "dates_ambiguous",
        }
    }
}

/// What is said when required columns are missing, in pieces for one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumns {
    /// `no column for 'email' (found: name, mailbox, value)`.
    pub what: String,
    /// `; did you mean 'mailbox'?`, or what the cells of a column suggest; empty when nothing is near.
    pub near: String,
    /// What to do.
    pub remedy: &'static str,
}

impl ColumnUse {
    /// The name of what it is read as in a list of this kind, as reports tell it. Beside leads an outcome's column is an
    /// extra one all the same, and `why` says what else it is.
    #[must_use]
    pub fn read_as(&self, kind: PlanKind) -> Option<&'static str> {
        self.maps_to.map(Field::name).or(self.part.filter(|_| kind == PlanKind::Outcomes).map(Part::name))
    }
}

impl Mapping {
    /// Where this field comes from.
    #[must_use]
    pub fn from(&self, field: Field) -> &FieldFrom {
        &self.fields[field as usize]
    }

    /// The header(s) of a field for people, `first_name+last_name` when joined; the field's own name when it has none.
    #[must_use]
    pub fn column_of(&self, field: Field) -> String {
        match self.from(field) {
            FieldFrom::Nowhere => field.name().to_owned(),
            FieldFrom::Column(at) => self.columns[*at].name.clone(),
            FieldFrom::Joined(parts, _) => parts.iter().map(|at| self.columns[*at].name.as_str()).collect::<Vec<_>>().join("+"),
        }
    }
}

/// Columns named in a message.
const NAMED: usize = 30;

/// Maps every column. Never fails: what is required and missing is the plan's business.
///
/// `profiles` are those of the columns, from a sample; without any, the names alone decide.
#[must_use]
pub fn map_columns(header: &[String], profiles: &[ColumnProfile], rules: &ColumnRules) -> Mapping {
    choice::Choice::new(header, profiles, rules, true, names_of(header)).decide(true)
}

/// Maps the columns of a file without a header by what they hold, and by configured aliases for `column_1` …
///
/// A field is taken only when exactly one column can be it; what is left open is told.
#[must_use]
pub fn map_by_content(header: &[String], profiles: &[ColumnProfile], rules: &ColumnRules) -> Mapping {
    choice::Choice::new(header, profiles, rules, false, names_of(header)).decide(false)
}

/// A header without case, accents, white space and punctuation: `E-Mail-Adresse ` → `emailadresse`.
#[must_use]
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    name.chars().for_each(|c| reading::fold(c, &mut out));
    out
}

/// Whether names are those of leads beyond doubt: an e-mail, and a name or a value.
#[must_use]
pub fn names_a_lead(header: &[String]) -> bool {
    use dictionary::Role;
    let roles: Vec<Role> = header.iter().map(|name| reading::read(name, dictionary::Dictionary::shared(), false).role).collect();
    let has = |wanted: &[Role]| wanted.iter().any(|role| roles.contains(role));
    has(&[Role::Field(Field::Email)]) && has(&[Role::Field(Field::Name), Role::FirstName, Role::LastName, Role::Field(Field::Value)])
}

/// The column whose name is nearest to a field's names, for "did you mean".
#[must_use]
pub fn nearest(field: Field, columns: &[ColumnUse]) -> Option<&str> {
    let dictionary = dictionary::Dictionary::shared();
    let near = |name: &str| {
        let normal = normalise(name);
        let is_known = || reading::read(name, dictionary, false).role == dictionary::Role::Other;
        let nearness = if normal.len() < 3 { None } else { dictionary.nearness(&normal, dictionary::Role::Field(field)) };
        nearness.filter(|_| !is_known())
    };
    columns
        .iter()
        .filter(|column| column.maps_to.is_none() && column.name == column.safe_name)
        .filter_map(|column| Some((near(&column.name)?, column.name.as_str())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to say when no column holds these fields: what was found, what is near, what to do.
#[must_use]
pub fn describe_missing(missing: &[Field], mapping: &Mapping, profiles: &[ColumnProfile]) -> MissingColumns {
    let quoted: Vec<String> = missing.iter().map(|field| format!("'{field}'")).collect();
    let found: Vec<&str> = mapping.columns.iter().take(NAMED).map(|column| column.safe_name.trim()).collect();
    let more = if mapping.columns.len() > NAMED { ", …" } else { "" };
    let meant: Vec<String> =
        missing.iter().filter_map(|field| nearest(*field, &mapping.columns)).map(|name| format!("'{}'", name.trim())).collect();
    let near = if meant.is_empty() {
        missing.iter().find_map(|field| suggestion(*field, mapping, profiles)).map_or_else(String::new, |said| format!("; {said}"))
    } else {
        format!("; did you mean {}?", meant.join(" and "))
    };
    MissingColumns {
        what: format!("no column for {} (found: {}{more})", quoted.join(", "), found.join(", ")),
        near,
        remedy: "Rename it or add an alias under [columns]",
    }
}

/// Columns that hold what a missing field would, though nothing else speaks for them.
fn suggestion(field: Field, mapping: &Mapping, profiles: &[ColumnProfile]) -> Option<String> {
    let holds = |profile: &ColumnProfile| match field {
        Field::Email => profile.kind() == Kind::Emails,
        Field::Phone => profile.kind() == Kind::Phones,
        Field::Value => profile.is_most(profile.numbers) && !profile.counts_something(),
        _ => false,
    };
    let columns = mapping.columns.iter().zip(profiles).filter(|(column, profile)| column.maps_to.is_none() && holds(profile));
    let found: Vec<(&str, Kind)> = columns.take(3).map(|(column, profile)| (column.safe_name.trim(), profile.kind())).collect();
    let (_, kind) = found.first()?;
    let names: Vec<String> = found.iter().map(|(name, _)| format!("'{name}'")).collect();
    Some(format!("{} {} {}", names.join(" and "), if found.len() == 1 { "holds" } else { "hold" }, kind.words()))
}

/// The names of all columns, made distinct, and as they may be told.
fn names_of(header: &[String]) -> (Vec<String>, Vec<String>) {
    let names = distinct_names(header);
    let like_data = looks_like_data(header);
    let safe = |(at, name): (usize, &String)| if like_data || unsafe_name(name) { format!("column_{}", at + 1) } else { name.clone() };
    let safe = names.iter().enumerate().map(safe).collect();
    (names, safe)
}

/// Whether a header row holds data instead of names: an address, a phone or an amount stands in it.
#[must_use]
pub fn looks_like_data(header: &[String]) -> bool {
    header.iter().any(|name| is_address_like(name) || mostly_digits(name))
}

fn is_address_like(name: &str) -> bool {
    name.split_once('@').is_some_and(|(local, domain)| !local.trim().is_empty() && domain.contains('.'))
}

fn mostly_digits(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5 && digits * 2 > name.len()
}

/// Names that cannot be column names, whatever the rest of the header looks like.
fn unsafe_name(name: &str) -> bool {
    name.contains('@') || name.chars().count() > 64 || name.chars().any(|c| c.is_control() || c == '\u{fffd}') || mostly_digits(name)
}

/// Empty names become `column_N`; a name that comes again gets its number, so that no cell hides another.
fn distinct_names(header: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    let mut taken: std::collections::HashSet<String> = header.iter().cloned().collect();
    header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let name = if name.trim().is_empty() { format!("column_{}", at + 1) } else { name.clone() };
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                return name;
            }
            let mut number = *count;
            loop {
                let candidate = format!("{name} ({number})");
                if taken.insert(candidate.clone()) {
                    return candidate;
                }
                number += 1;
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
