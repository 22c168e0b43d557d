//! Reading one section of the tree: each setting with its default, its bounds and a sentence when it is wrong.
//!
//! Every setting that is asked for is also noted with its effective value: `config show` prints those notes, and a
//! mistyped key is compared with them. Reading never stops; a wrong value counts as not typed.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::engine::decimal::Decimal;
use crate::engine::lead::{Field, FieldSet};

use super::mistake::{ConfigError, ConfigErrors, Origin, nearest};
use super::raw::{Node, Table, Value, joined, listed, quoted};
use super::rows::ROW_TABLES;

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its section, e.g. `watch`; empty for the top level.
    pub section: String,
    /// Its key.
    pub key: String,
    /// Its value as TOML; `None` when it is not set and needs no value.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// What was found while reading: mistakes, keys that nobody asked for, settings in force.
#[derive(Debug, Default)]
pub(super) struct Findings {
    mistakes: RefCell<Vec<ConfigError>>,
    unknown: RefCell<Vec<(Node, Vec<&'static str>)>>,
    pub settings: RefCell<Vec<Setting>>,
}

impl Findings {
    /// Notes a mistake in what was typed. The same mistake, met again through a source that inherits it, is told once.
    pub fn mistake(&self, node: &Node, message: impl Into<String>, suggestion: impl Into<String>) {
        self.mistake_at(node.origin.clone(), &node.path, message, suggestion);
    }

    /// Notes a mistake where nothing was typed that could be pointed at.
    pub fn mistake_at(&self, origin: Origin, path: &str, message: impl Into<String>, suggestion: impl Into<String>) {
        let mistake = ConfigError { origin, path: path.to_owned(), message: message.into(), suggestion: suggestion.into() };
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }

    /// The field of this name, or a mistake with the one that was probably meant.
    pub fn field(&self, name: &str, node: &Node) -> Option<Field> {
        self.field_or(name, node, &[])
    }

    /// The same where other names may stand as well.
    pub fn field_or(&self, name: &str, node: &Node, others: &[&'static str]) -> Option<Field> {
        let field = Field::from_name(name);
        if field.is_none() {
            let names = [&Field::ALL.map(Field::name)[..], others].concat();
            let meant = nearest(name, names.iter().copied()).map(|near| format!("did you mean '{near}'? "));
            self.mistake(
                node,
                format!("unknown field '{name}'"),
                format!("{}the fields are {}", meant.unwrap_or_default(), names.join(", ")),
            );
        }
        field
    }

    /// All mistakes in the order of the file, or the settings in force when there is none.
    pub fn finish(self) -> Result<Vec<Setting>, ConfigErrors> {
        let settings = self.settings.take();
        for (node, keys) in self.unknown.take() {
            let suggestion = meant_key(&node.path, &keys, &settings);
            self.mistake(&node, "unknown key", suggestion);
        }
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by(|a, b| a.origin.cmp(&b.origin));
        if mistakes.is_empty() { Ok(settings) } else { Err(ConfigErrors(mistakes)) }
    }
}

/// What to do about a key that does not exist: a neighbour with a similar name, the section it belongs to, or all there are.
fn meant_key(path: &str, keys: &[&'static str], settings: &[Setting]) -> String {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    if let Some(near) = nearest(key, keys.iter().copied()) {
        return format!("did you mean '{near}'?");
    }
    // `source.zillow` in `source.zillow.columns.settle_ms`: a source has the sections of rows only.
    let scope = path.strip_prefix("source.").and_then(|rest| rest.split('.').next()).map(|name| format!("source.{name}."));
    let reachable = |setting: &&Setting| scope.is_none() || ROW_TABLES.contains(&setting.section.as_str());
    match settings.iter().filter(reachable).find(|setting| setting.key == key && setting.section != section) {
        Some(setting) if setting.section.is_empty() => format!("'{key}' stands at the top of the file, before any [section]"),
        Some(setting) => format!("'{key}' belongs under [{}{}]", scope.unwrap_or_default(), setting.section),
        None => format!("remove it; the keys here are {}", keys.join(", ")),
    }
}

/// One table of the tree while it is read.
pub(super) struct Section<'a> {
    findings: &'a Findings,
    node: Option<&'a Node>,
    name: &'a str,
    noted: bool,
}

impl<'a> Section<'a> {
    /// Opens a table that has exactly these keys. `noted` sections are shown by `config show`.
    pub fn open(findings: &'a Findings, node: Option<&'a Node>, name: &'a str, keys: &[&'static str], noted: bool) -> Self {
        let table = node.and_then(Node::table);
        if let (Some(node), None) = (node, table) {
            findings.mistake(node, format!("must be a table, not {}", node.describe()), format!("write it as a section: [{}]", node.path));
        }
        for (key, child) in table.into_iter().flatten() {
            if !keys.contains(&key.as_str()) {
                findings.unknown.borrow_mut().push((child.clone(), keys.to_vec()));
            }
        }
        Self { findings, node: node.filter(|_| table.is_some()), name, noted }
    }

    /// What was typed for a key.
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        self.node.and_then(Node::table).and_then(|table| table.get(key))
    }

    /// The entries of a table below this one.
    pub fn entries(&self, key: &str) -> Option<&'a Table> {
        let node = self.node(key)?;
        let table = node.table();
        if table.is_none() {
            self.findings.mistake(node, format!("must be a table, not {}", node.describe()), format!("write it as [{}]", node.path));
        }
        table
    }

    /// The tables of a list of tables, `[[key]]`.
    pub fn list_of_tables(&self, key: &str) -> &'a [Node] {
        match self.node(key) {
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                self.findings.mistake(
                    node,
                    format!("must be a list of tables, not {}", node.describe()),
                    format!("write each as [[{key}]]"),
                );
                &[]
            }
            None => &[],
        }
    }

    /// A mistake that concerns the value of a key, typed or not.
    pub fn mistake(&self, key: &str, message: impl Into<String>, suggestion: impl Into<String>) {
        match (self.node(key), self.node) {
            (Some(node), _) => self.findings.mistake(node, message, suggestion),
            (None, Some(table)) => self.findings.mistake_at(table.origin.clone(), &joined(&table.path, key), message, suggestion),
            (None, None) => self.findings.mistake_at(Origin::Default, &joined(self.name, key), message, suggestion),
        }
    }

    /// Notes what is in force for a key.
    pub fn note(&self, key: &str, value: Option<String>) {
        if self.noted {
            let origin = self.node(key).map_or(Origin::Default, |node| node.origin.clone());
            let setting = Setting { section: self.name.to_owned(), key: key.to_owned(), value, origin };
            self.findings.settings.borrow_mut().push(setting);
        }
    }

    /// Reads a key that is a table or list with rules of its own; only notes it here.
    pub fn note_as_typed(&self, key: &str) {
        self.note(key, self.node(key).map(Node::to_toml));
    }

    /// The value of a key, or a mistake that says what it `must be`, with an example.
    pub fn parsed<T>(&self, key: &str, expected: &str, example: impl Display, parse: impl FnOnce(&'a Node) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = parse(node);
        if value.is_none() {
            self.findings.mistake(
                node,
                format!("must be {expected}, not {}", node.describe()),
                format!("write for example {key} = {example}"),
            );
        }
        value
    }

    /// A whole number within bounds.
    pub fn whole(&self, key: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |node: &Node| node.number()?.parse().ok().filter(|number| range.contains(number));
        let value = self.parsed(key, &expected, default, parse).unwrap_or(default);
        self.note(key, Some(value.to_string()));
        value
    }

    /// A whole number within bounds that fit 32 bits.
    pub fn count(&self, key: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        u32::try_from(self.whole(key, range, u64::from(default))).expect("within a range of u32")
    }

    /// An amount of bytes: `1048576` or `"1 MiB"`.
    pub fn bytes(&self, key: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let expected = format!("an amount of bytes from {} to {}", size_text(*range.start()), size_text(*range.end()));
        let parse = |node: &Node| read_size(node.number()?).filter(|number| range.contains(number));
        let value = self.parsed(key, &expected, quoted(&size_text(default)), parse).unwrap_or(default);
        self.note(key, Some(quoted(&size_text(value))));
        value
    }

    /// A number within bounds.
    pub fn real(&self, key: &str, range: RangeInclusive<f64>, default: f64) -> f64 {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let parse = |node: &Node| node.number()?.parse().ok().filter(|number| range.contains(number));
        let value = self.parsed(key, &expected, format!("{default:?}"), parse).unwrap_or(default);
        self.note(key, Some(format!("{value:?}")));
        value
    }

    /// An exact amount that is at least `least`.
    pub fn decimal(&self, key: &str, least: Decimal, default: Decimal) -> Decimal {
        let expected = format!("a plain number of at least {least} with at most 6 decimals");
        let parse = |node: &Node| read_decimal(node).filter(|number| number.micros() >= least.micros());
        let value = self.parsed(key, &expected, default, parse).unwrap_or(default);
        // An amount equal to the default is the default, so that 0.7 and 0.70 are one and the same setting.
        let value = if value.micros() == default.micros() { default } else { value };
        self.note(key, Some(value.to_string()));
        value
    }

    /// One of a few words.
    pub fn choice<T: Copy + PartialEq>(&self, key: &str, words: &[(&'static str, T)], default: T) -> T {
        let expected: Vec<String> = words.iter().map(|(word, _)| quoted(word)).collect();
        let word_of = |value: T| words.iter().find(|(_, meaning)| *meaning == value).map_or("", |(word, _)| word);
        let parse = |node: &Node| {
            let typed = node.scalar()?.to_lowercase();
            words.iter().find(|(word, _)| *word == typed).map(|(_, meaning)| *meaning)
        };
        let value = self.parsed(key, &expected.join(" or "), quoted(word_of(default)), parse).unwrap_or(default);
        self.note(key, Some(quoted(word_of(value))));
        value
    }

    /// Yes or no.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        let value = self.parsed(key, "true or false", default, |node| node.scalar()?.parse().ok()).unwrap_or(default);
        self.note(key, Some(value.to_string()));
        value
    }

    /// A text that is not empty; `None` when nothing was typed.
    pub fn text(&self, key: &str, example: &str) -> Option<String> {
        let parse = |node: &Node| node.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let value = self.parsed(key, "a text in quotes", quoted(example), parse);
        self.note(key, value.as_deref().map(quoted));
        value
    }

    /// A list of texts that are not empty.
    pub fn texts(&self, key: &str, example: &str) -> Vec<String> {
        let parse = |node: &Node| texts_of(node.items());
        let value = self.parsed(key, "a list of texts", listed([quoted(example)].into_iter()), parse).unwrap_or_default();
        self.note(key, Some(listed(value.iter().map(|text| quoted(text)))));
        value
    }

    /// A list of the names of known fields.
    pub fn fields(&self, key: &str, default: FieldSet) -> FieldSet {
        let example = listed(default.iter().map(|field| quoted(field.name())));
        let parse = |node: &'a Node| texts_of(node.items()).map(|_| node.items());
        let value = match self.parsed(key, "a list of field names", example, parse) {
            Some(items) => items.iter().filter_map(|item| self.findings.field(item.text()?.trim(), item)).collect(),
            None => default,
        };
        self.note(key, Some(listed(value.iter().map(|field| quoted(field.name())))));
        value
    }
}

/// The texts of a list; `None` when an item is none or is empty.
pub(super) fn texts_of(items: &[Node]) -> Option<Vec<String>> {
    items.iter().map(|item| item.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)).collect()
}

/// An exact amount in its shortest form, so that equal amounts are typed alike wherever they are printed or hashed.
pub(super) fn read_decimal(node: &Node) -> Option<Decimal> {
    let amount: Decimal = node.number()?.parse().ok()?;
    let (mut units, mut scale) = (amount.units(), amount.scale());
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    Decimal::new(units, scale)
}

const UNITS: [(&str, u64); 12] = [
    ("tib", 1 << 40),
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("tb", 1_000_000_000_000),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1000),
    ("bytes", 1),
    ("byte", 1),
    ("b", 1),
    ("", 1),
];

/// `64 MiB`, `1.5GB`, `4096`.
fn read_size(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let amount: Decimal = text.strip_suffix(unit)?.trim_end().replace('_', "").parse().ok()?;
    u64::try_from(amount.micros().checked_mul(i128::from(*bytes))? / 1_000_000).ok()
}

/// The shortest exact text of an amount of bytes.
pub(super) fn size_text(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, power)| bytes > 0 && bytes.trailing_zeros() >= *power) {
        Some((unit, power)) => format!("{} {unit}", bytes >> power),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (text, expected) in [
            ("64 MiB", Some(64 << 20)),
            ("64mib", Some(64 << 20)),
            ("1.5 GiB", Some(3 << 29)),
            ("50 MB", Some(50_000_000)),
            ("4096", Some(4096)),
            ("4_096 B", Some(4096)),
            ("10 KB", Some(10_000)),
            ("-1", None),
            ("lots", None),
            ("5 parsecs", None),
            ("", None),
        ] {
            assert_eq!(read_size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_size_is_printed_so_that_it_reads_back() {
        for bytes in [1, 1000, 1023, 1024, 1536, 1 << 20, 50_000_000, 64 << 30, 3 << 40, u64::from(u32::MAX)] {
            assert_eq!(read_size(&size_text(bytes)), Some(bytes), "{bytes}");
        }
    }
}
