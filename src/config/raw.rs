//! The configuration as typed: one tree of values, each with the place where it was typed.
//!
//! File and environment are read into the same tree and laid over each other here. What a key means, and whether it
//! exists at all, is decided by the readers (`install.rs`, `rows.rs`), so that every mistake can be told at once:
//! a derived deserialiser stops at the first and forgets where the others stand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::{ConfigError, Origin};

/// Variables that begin with `VALHALLA_` and are not settings.
const NOT_SETTINGS: [&str; 1] = ["VALHALLA_ROOT"];
const PREFIX: &str = "VALHALLA_";

/// Keys and their values, in alphabetical order: the order of a file never matters.
pub(super) type Table = BTreeMap<String, Node>;

/// One value as typed.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What was typed.
    pub value: Value,
    /// Where.
    pub origin: Origin,
    /// Its key with all sections, e.g. `watch.settle_ms`; items of a list count from 1: `experiments[1].id`.
    pub path: String,
}

/// What can be typed. Numbers and dates keep their text, so that decimals stay exact.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A whole number, in decimal digits.
    Integer(String),
    /// A number with a point or exponent, its digits as typed.
    Float(String),
    /// A boolean or a date: their text, which no setting wants except where any text will do.
    Other(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// The tree as typed so far.
#[derive(Debug, Clone)]
pub(super) struct RawConfig {
    /// The top level; always a table.
    pub top: Node,
}

impl RawConfig {
    /// Nothing typed.
    pub fn empty() -> Self {
        Self { top: Node { value: Value::Table(Table::new()), origin: Origin::Default, path: String::new() } }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Everything that is not TOML.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<ConfigError>> {
        let file = Source { path: Arc::from(path), text };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let value = Value::Table(file.table(table.get_ref(), ""));
            return Ok(Self { top: Node { value, origin: file.origin(None), path: String::new() } });
        }
        Err(errors.iter().map(|error| file.not_toml(error)).collect())
    }

    /// Lays the environment over what was typed in the file: `VALHALLA_WATCH__SETTLE_MS=100`.
    ///
    /// A value is read as TOML (`100`, `["name", "email"]`) and taken as a text where it is none.
    pub fn overlay_environment(&mut self, env: impl IntoIterator<Item = (OsString, OsString)>) {
        let mut settings: Vec<(String, String)> = env
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))) // our names are all ASCII
            .filter(|(name, _)| name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name.as_str()))
            .collect();
        settings.sort();
        for (name, text) in settings {
            let keys = name[PREFIX.len()..].to_lowercase();
            let leaf = environment_node(&text, &name, &keys.replace("__", "."));
            let layer = keys.rsplit("__").fold(leaf, |inner, key| {
                let path = inner.path.rsplit_once('.').map_or(String::new(), |(outer, _)| outer.to_owned());
                Node { value: Value::Table(Table::from([(key.to_owned(), inner)])), origin: Origin::Environment(name.clone()), path }
            });
            self.top = merged(&self.top, &layer);
        }
    }
}

impl RawConfig {
    /// Lays one argument of the command line over everything else.
    pub fn overlay_argument(&mut self, key: &str, value: &str, argument: &'static str) {
        let origin = Origin::Argument(argument);
        let leaf = Node { value: Value::Text(value.to_owned()), origin: origin.clone(), path: key.to_owned() };
        let layer = Node { value: Value::Table(Table::from([(key.to_owned(), leaf)])), origin, path: String::new() };
        self.top = merged(&self.top, &layer);
    }
}

/// `over` laid over `base`: tables merge, everything else (also lists) replaces.
pub(super) fn merged(base: &Node, over: &Node) -> Node {
    let (Value::Table(below), Value::Table(above)) = (&base.value, &over.value) else {
        return over.clone();
    };
    let mut table = below.clone();
    for (key, node) in above {
        let node = below.get(key).map_or_else(|| node.clone(), |under| merged(under, node));
        table.insert(key.clone(), node);
    }
    Node { value: Value::Table(table), ..over.clone() }
}

impl Node {
    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// A text. The environment knows only texts, so a number from there is one too.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ if matches!(self.origin, Origin::Environment(_)) => self.scalar(),
            _ => None,
        }
    }

    /// The text of anything that is neither list nor table.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Integer(text) | Value::Float(text) | Value::Other(text) => Some(text),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    /// The text of a number, typed as a number or as a text.
    pub fn number(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Integer(text) | Value::Float(text) => Some(text.strip_prefix('+').unwrap_or(text)),
            _ => None,
        }
    }

    /// The items of a list; anything else is a list of one.
    pub fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { std::slice::from_ref(self) }
    }

    /// What was typed, short enough for a message.
    pub fn describe(&self) -> String {
        let typed = match &self.value {
            Value::Text(text) => format!("'{text}'"),
            Value::Table(_) => String::from("a table"),
            _ => self.to_toml(),
        };
        if typed.chars().count() <= 60 { typed } else { typed.chars().take(59).chain(['…']).collect() }
    }

    /// The value as TOML, on one line.
    pub fn to_toml(&self) -> String {
        match &self.value {
            Value::Text(text) => quoted(text),
            Value::Integer(text) | Value::Float(text) | Value::Other(text) => text.clone(),
            Value::List(items) => listed(items.iter().map(Node::to_toml)),
            Value::Table(table) if table.is_empty() => String::from("{}"),
            Value::Table(table) => {
                let pairs: Vec<String> = table.iter().map(|(key, node)| format!("{} = {}", key_text(key), node.to_toml())).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => String::from("\\\""),
            '\\' => String::from("\\\\"),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => String::from(c),
        })
        .collect();
    format!("\"{escaped}\"")
}

/// Values that already are TOML, as a list.
pub(super) fn listed(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A key as TOML.
pub(super) fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { quoted(key) }
}

/// The file being read.
struct Source<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl Source<'_> {
    fn origin(&self, at: Option<usize>) -> Origin {
        let line = at.map_or(0, |at| 1 + memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at.min(self.text.len())]).count());
        Origin::File { path: Arc::clone(&self.path), line }
    }

    fn not_toml(&self, error: &toml::de::Error) -> ConfigError {
        ConfigError {
            origin: self.origin(error.span().map(|span| span.start)),
            path: String::new(),
            message: format!("not TOML: {}", error.message().replace('\n', ", ")),
            suggestion: String::from("correct this line; texts stand in \"quotes\""),
        }
    }

    fn table(&self, table: &DeTable<'_>, path: &str) -> Table {
        let read = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
            let (name, at) = (key.get_ref().to_string(), key.span().start);
            (name.clone(), self.node(value, at, joined(path, &name)))
        };
        table.iter().map(read).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, at: usize, path: String) -> Node {
        let typed = match value.get_ref() {
            DeValue::Table(table) => Value::Table(self.table(table, &path)),
            DeValue::Array(items) => Value::List(
                items.iter().enumerate().map(|(n, item)| self.node(item, item.span().start, format!("{path}[{}]", n + 1))).collect(),
            ),
            scalar => scalar_value(scalar),
        };
        Node { value: typed, origin: self.origin(Some(at)), path }
    }
}

/// The path of a key inside a table.
pub(super) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn scalar_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Value::Integer(decimal.map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()))
        }
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Other(flag.to_string()),
        DeValue::Datetime(date) => Value::Other(date.to_string()),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => unreachable!("lists and tables are read by their callers"),
    }
}

/// The value of a variable, with every item in it coming from that variable.
fn environment_node(text: &str, name: &str, path: &str) -> Node {
    let source = Source { path: Arc::from(Path::new("")), text };
    let mut node = match DeValue::parse(text) {
        Ok(value) => source.node(&value, 0, path.to_owned()),
        Err(_) => Node { value: Value::Text(text.to_owned()), origin: Origin::Default, path: path.to_owned() }, // no TOML: a text
    };
    stamp(&mut node, name);
    node
}

fn stamp(node: &mut Node, variable: &str) {
    node.origin = Origin::Environment(variable.to_owned());
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| stamp(item, variable)),
        Value::Table(table) => table.values_mut().for_each(|item| stamp(item, variable)),
        _ => {}
    }
}
