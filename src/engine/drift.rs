//! Layout drift: what is different about a file compared with the last one that its source sent.
//!
//! Names are compared without case and punctuation, as headers are mapped; another order of the same columns is no drift.
//! Whether a source is compared at all, and where its last layout is kept, is decided elsewhere. What is said here names
//! columns by their safe names only, so that it may stand in journals.

use std::collections::HashMap;
use std::fmt;

use super::headers::{FieldFrom, normalise};
use super::lead::Field;
use super::plan::Plan;

/// Why a column of a file without a header is what it is, when [`KnownLayout::header_for`] gave it its name.
pub const AS_BEFORE: &str = "as in earlier files of this source";

/// Names listed in one sentence; the others are counted.
const LISTED: usize = 10;

/// The layout of the last file that was taken from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLayout {
    /// Its columns in their order.
    pub columns: Vec<KnownColumn>,
    /// One for each field, in the order of [`Field::ALL`]: the columns it was taken from, in the order they were joined.
    pub fields: [Vec<usize>; 6],
    /// Between cells.
    pub delimiter: u8,
    /// The encoding, as it is named in reports.
    pub encoding: String,
    /// Line of the header, from 1.
    pub header_row: u64,
}

/// One column of a known layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumn {
    /// The header as written.
    pub header: String,
    /// The name as it may stand in logs and journals.
    pub safe_name: String,
}

/// One difference. Columns are named by their safe names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// A field is taken from other columns; empty where it has none.
    Moved {
        /// The field.
        field: Field,
        /// Where it was taken from.
        before: Vec<String>,
        /// Where it is taken from now.
        now: Vec<String>,
    },
    /// Columns that are no longer there, other than those of a field that moved.
    Gone(Vec<String>),
    /// Columns that were not there, other than those of a field that moved.
    New(Vec<String>),
    /// It has no header, and not as many columns as the last file, so that they cannot be taken to be the same.
    Headless {
        /// How many there were.
        before: usize,
        /// How many there are.
        now: usize,
    },
    /// Another delimiter.
    Delimiter {
        /// What it was.
        before: u8,
        /// What it is.
        now: u8,
    },
    /// Another encoding.
    Encoding {
        /// What it was.
        before: String,
        /// What it is.
        now: String,
    },
}

impl Drift {
    /// Whether somebody should look at it: the columns differ, not only the way they are written.
    #[must_use]
    pub fn concerns_columns(&self) -> bool {
        matches!(self, Self::Moved { .. } | Self::Gone(_) | Self::New(_) | Self::Headless { .. })
    }
}

impl fmt::Display for Drift {
    /// A clause without a full stop: `the column 'Fax' is gone`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { field, before, now } if now.is_empty() => {
                write!(f, "no column is read as '{field}' any more, before it was {}", parts(before))
            }
            Self::Moved { field, before, now } if before.is_empty() => {
                write!(f, "'{field}' is now read from {}, before it had no column", parts(now))
            }
            Self::Moved { field, before, now } => write!(f, "'{field}' is now read from {}, before from {}", parts(now), parts(before)),
            Self::Gone(names) => write!(f, "{} gone", subject(names)),
            Self::New(names) => write!(f, "{} new", subject(names)),
            Self::Headless { before, now } => write!(f, "it has no line of column names and {now} columns, before there were {before}"),
            Self::Delimiter { before, now } => {
                write!(f, "cells are now separated by {}, before by {}", character(*now), character(*before))
            }
            Self::Encoding { before, now } => write!(f, "the encoding is now {now}, before it was {before}"),
        }
    }
}

impl KnownLayout {
    /// The layout of a file, to be remembered; `None` where it has no header of its own, or is one of our rejects files.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let columns = plan.header.iter().zip(&plan.mapping.columns);
        (plan.layout.has_header() && !plan.reimport).then(|| Self {
            columns: columns.map(|(header, used)| KnownColumn { header: header.clone(), safe_name: used.safe_name.clone() }).collect(),
            fields: Field::ALL.map(|field| match plan.mapping.from(field) {
                FieldFrom::Nowhere => Vec::new(),
                FieldFrom::Column(at) => vec![*at],
                FieldFrom::Joined(parts, _) => parts.clone(),
            }),
            delimiter: plan.layout.dialect().delimiter,
            encoding: plan.layout.encoding.as_str().to_owned(),
            header_row: plan.layout.header_row,
        })
    }

    /// The header for a file of the same source that has none: the known one, where there are as many columns.
    #[must_use]
    pub fn header_for(&self, width: usize) -> Option<Vec<String>> {
        (width > 0 && width == self.columns.len()).then(|| self.columns.iter().map(|column| column.header.clone()).collect())
    }

    /// The columns that a field was taken from, in the order they were joined.
    #[must_use]
    pub fn columns_of(&self, field: Field) -> &[usize] {
        &self.fields[field as usize]
    }

    /// The safe names of a field's columns.
    fn names_of(&self, field: Field) -> Vec<String> {
        self.columns_of(field).iter().filter_map(|at| self.columns.get(*at)).map(|column| column.safe_name.clone()).collect()
    }

    /// What a field's columns are compared by.
    fn keys_of(&self, field: Field) -> Vec<String> {
        self.columns_of(field).iter().filter_map(|at| self.columns.get(*at)).map(KnownColumn::key).collect()
    }
}

impl KnownColumn {
    /// What a column is compared by: its name as headers are mapped, or as written where it is all punctuation.
    fn key(&self) -> String {
        match (normalise(&self.header), self.header.trim()) {
            (key, _) if !key.is_empty() => key,
            (_, "") => self.safe_name.clone(),
            (_, punctuation) => punctuation.to_owned(),
        }
    }

    /// A column without a name may come and go: it is often but a delimiter at the end of the lines.
    fn is_named(&self) -> bool {
        !self.header.trim().is_empty()
    }
}

/// What is different about the file that this plan reads, the graver first. Empty when it is laid out as before.
#[must_use]
pub fn drift(known: &KnownLayout, plan: &Plan) -> Vec<Drift> {
    let (before, now) = (known.columns.len(), plan.header.len());
    match KnownLayout::of(plan) {
        Some(now) => differences(known, &now),
        None if plan.reimport || before == now => Vec::new(), // our own layout, or the known one
        None => vec![Drift::Headless { before, now }],
    }
}

fn differences(known: &KnownLayout, now: &KnownLayout) -> Vec<Drift> {
    let mut drifts: Vec<Drift> = Field::ALL.into_iter().filter_map(|field| moved(field, known, now)).collect();
    let gone = surplus(known, now, &told(&drifts, known));
    let new = surplus(now, known, &told(&drifts, now));
    drifts.extend((!gone.is_empty()).then_some(Drift::Gone(gone)));
    drifts.extend((!new.is_empty()).then_some(Drift::New(new)));
    if known.delimiter != now.delimiter {
        drifts.push(Drift::Delimiter { before: known.delimiter, now: now.delimiter });
    }
    // A file without accents is UTF-8 as well as anything else: only two other encodings are known to differ.
    let (before, after) = (charset(&known.encoding), charset(&now.encoding));
    if before != after && before != "UTF-8" && after != "UTF-8" {
        drifts.push(Drift::Encoding { before: before.to_owned(), now: after.to_owned() });
    }
    drifts
}

fn moved(field: Field, known: &KnownLayout, now: &KnownLayout) -> Option<Drift> {
    let differs = known.keys_of(field) != now.keys_of(field);
    differs.then(|| Drift::Moved { field, before: known.names_of(field), now: now.names_of(field) })
}

/// The columns of a layout that the fields that moved have told of already.
fn told(drifts: &[Drift], layout: &KnownLayout) -> Vec<usize> {
    let moved = drifts.iter().filter_map(|drift| if let Drift::Moved { field, .. } = drift { Some(*field) } else { None });
    moved.flat_map(|field| layout.columns_of(field).iter().copied()).collect()
}

/// The columns of one layout that the other lacks, apart from those told already. A name that comes twice counts twice.
fn surplus(layout: &KnownLayout, other: &KnownLayout, told: &[usize]) -> Vec<String> {
    let mut left: HashMap<String, usize> = HashMap::new();
    for column in &other.columns {
        *left.entry(column.key()).or_default() += 1;
    }
    let mut names = Vec::new();
    for (at, column) in layout.columns.iter().enumerate() {
        match left.get_mut(&column.key()) {
            Some(count) if *count > 0 => *count -= 1,
            _ if column.is_named() && !told.contains(&at) => names.push(column.safe_name.clone()),
            _ => {}
        }
    }
    names
}

/// An encoding's name without its byte order mark.
fn charset(encoding: &str) -> &str {
    encoding.strip_suffix(" with BOM").unwrap_or(encoding)
}

/// `the column 'Fax' is`, `the columns 'Fax', 'Pager' are`.
fn subject(names: &[String]) -> String {
    let listed: Vec<String> = names.iter().take(LISTED).map(|name| format!("'{name}'")).collect();
    let more = match names.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if names.len() == 1 { format!("the column {} is", listed[0]) } else { format!("the columns {}{more} are", listed.join(", ")) }
}

/// `'First Name' + 'Last Name'`.
fn parts(names: &[String]) -> String {
    names.iter().take(LISTED).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" + ")
}

fn character(byte: u8) -> String {
    match byte {
        b'\t' => String::from("a tab"),
        b' ' => String::from("a space"),
        byte => format!("'{}'", char::from(byte).escape_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{self, Head};
    use super::super::rules::{HeaderRule, ReadingRules, Rules};
    use super::*;

    /// The layout of a header in which a column that is a field, or part of one, is written `Full Name=name`.
    fn layout(header: &str) -> KnownLayout {
        let mut fields: [Vec<usize>; 6] = Default::default();
        let columns = header.split(',').enumerate().map(|(at, column)| {
            let (header, field) = column.split_once('=').unwrap_or((column, ""));
            if let Some(field) = Field::from_name(field) {
                fields[field as usize].push(at);
            }
            let is_safe = !header.contains('@') && !header.is_empty();
            KnownColumn { header: header.to_owned(), safe_name: if is_safe { header.to_owned() } else { format!("column_{}", at + 1) } }
        });
        let columns = columns.collect();
        KnownLayout { columns, fields, delimiter: b',', encoding: "UTF-8".into(), header_row: 1 }
    }

    fn told_of(before: &str, now: &str) -> Vec<String> {
        differences(&layout(before), &layout(now)).iter().map(ToString::to_string).collect()
    }

    fn read(text: &str) -> Plan {
        plan::decide(Head::whole(text.as_bytes()), &Rules::default(), "zillow", None).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn what_counts_as_drift_and_what_does_not() {
        let base = "Name=name,Email=email,Phone=phone,Lot Size";
        for (now, expected) in [
            (base, &[][..]),
            ("Lot Size,Phone=phone,Name=name,Email=email", &[]),
            ("NAME=name,e-mail=email,phone=phone,lot_size", &[]),
            ("Name=name,Email=email,Phone=phone,Lot Size,,", &[]),
            ("Name=name,Email=email,Phone=phone", &["the column 'Lot Size' is gone"]),
            ("Name=name,Email=email,Phone=phone,Lot Size,Zoning,Beds", &["the columns 'Zoning', 'Beds' are new"]),
            ("Name=name,Email=email,Phone=phone,Acres", &["the column 'Lot Size' is gone", "the column 'Acres' is new"]),
            ("Name=name,Email=email,Lot Size", &["no column is read as 'phone' any more, before it was 'Phone'"]),
            ("Name=name,Email=email,Mobile=phone,Lot Size", &["'phone' is now read from 'Mobile', before from 'Phone'"]),
            ("First=name,Last=name,Email=email,Phone=phone,Lot Size", &["'name' is now read from 'First' + 'Last', before from 'Name'"]),
            ("Name=name,Email=email,Phone=phone,Lot Size,City=location", &["'location' is now read from 'City', before it had no column"]),
            ("Name=name,Email,Phone=phone,Lot Size,Contact=email", &["'email' is now read from 'Contact', before from 'Email'"]),
            ("Name=name,Email=email,Phone=phone,Lot Size,Lot Size", &["the column 'Lot Size' is new"]),
        ] {
            assert_eq!(told_of(base, now), expected, "{now}");
        }
        assert_eq!(told_of("a=name,x,x", "a=name,x"), ["the column 'x' is gone"], "twice is not once");
        assert_eq!(told_of("a=name,€", "a=name,$"), ["the column '€' is gone", "the column '$' is new"]);
        assert_eq!(told_of("First=name,Last=name", "Last=name,First=name").len(), 1, "joined in another order is another name");
    }

    #[test]
    fn how_it_is_written_is_told_after_what_it_holds() {
        let before = KnownLayout { delimiter: b'\t', encoding: "windows-1252".into(), ..layout("a=name,fax") };
        let now = KnownLayout { delimiter: b';', encoding: "UTF-16LE with BOM".into(), ..layout("a=name") };
        let drifts = differences(&before, &now);
        let told: Vec<String> = drifts.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the column 'fax' is gone",
                "cells are now separated by ';', before by a tab",
                "the encoding is now UTF-16LE, before it was windows-1252"
            ]
        );
        assert_eq!(drifts.iter().map(Drift::concerns_columns).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn an_encoding_differs_only_where_it_can_be_known_to() {
        let written = |encoding: &str| KnownLayout { encoding: encoding.to_owned(), ..layout("a=name") };
        for (before, now, differs) in [
            ("UTF-8", "windows-1252", false),
            ("Shift_JIS", "UTF-8 with BOM", false),
            ("UTF-16LE", "UTF-16LE with BOM", false),
            ("windows-1252", "windows-1251", true),
        ] {
            assert_eq!(differences(&written(before), &written(now)).len(), usize::from(differs), "{before} {now}");
        }
    }

    #[test]
    fn no_cell_is_told_even_where_a_header_holds_one() {
        let told = told_of("a=name,ann@example.com,b@c.de=email", "a=name,bob@example.com,c@d.ef=email");
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|clause| !clause.contains('@')), "{told:?}");
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<String> = (1..=30).map(|n| format!("extra {n}")).collect();
        let told = told_of("a=name", &format!("a=name,{}", many.join(",")));
        assert!(told.len() == 1 && told[0].ends_with("'extra 10' and 20 more are new"), "{told:?}");
    }

    #[test]
    fn a_known_header_serves_a_file_of_the_same_width() {
        let known = layout("First=name,Last=name,Email=email,Value=value");
        let header: Vec<String> = ["First", "Last", "Email", "Value"].map(String::from).to_vec();
        assert_eq!(known.header_for(4), Some(header));
        assert_eq!((known.header_for(3), known.header_for(5)), (None, None));
        assert_eq!((known.columns_of(Field::Name), known.columns_of(Field::Phone)), (&[0, 1][..], &[][..]));
        let nothing = KnownLayout { columns: Vec::new(), fields: Default::default(), ..known };
        assert_eq!(nothing.header_for(0), None);
    }

    #[test]
    fn the_layout_of_a_file() {
        let rows = "Ann Lee;ann@example.com;500000;x\nBob Ray;bob@example.com;750000;y\n";
        let plan = read(&format!("Name;E-Mail;Value;Lot\n{rows}"));
        let known = KnownLayout::of(&plan).expect("it has a header");
        assert_eq!(known.columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>(), ["Name", "E-Mail", "Value", "Lot"]);
        assert_eq!(
            (known.columns_of(Field::Email), known.delimiter, known.encoding.as_str(), known.header_row),
            (&[1][..], b';', "UTF-8", 1)
        );
        assert_eq!(drift(&known, &plan), []);
        let renamed = read(&format!("Name;E-Mail;Value;Acres\n{rows}"));
        assert_eq!(drift(&known, &renamed), [Drift::Gone(vec!["Lot".into()]), Drift::New(vec!["Acres".into()])]);
        let returned = read("name,email,value,_row,_errors,_job\nAnn Lee,ann@example.com,5,2,x,y\n");
        assert_eq!((KnownLayout::of(&returned), drift(&known, &returned)), (None, vec![]), "our own layout is not the source's");
    }

    #[test]
    fn a_file_without_a_header_has_no_layout_of_its_own() {
        let rules = Rules { reading: ReadingRules { header: HeaderRule::Absent, ..ReadingRules::default() }, ..Rules::default() };
        let rows = "Ann Lee,ann@example.com,500000\nBob Ray,bob@example.com,750000\nCid Fox,cid@example.com,650000\n";
        let plan = plan::decide(Head::whole(rows.as_bytes()), &rules, "zillow", None).expect("mapped by what it holds");
        assert_eq!(KnownLayout::of(&plan), None);
        assert_eq!(drift(&layout("a=name,b=email,c=value"), &plan), []);
        let told = drift(&layout("a=name,b=email,c=value,d"), &plan);
        assert_eq!(told, [Drift::Headless { before: 4, now: 3 }]);
        assert!(told[0].concerns_columns(), "{}", told[0]);
    }
}
