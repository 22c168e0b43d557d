//! What Facebook, Google Ads, `HubSpot`, Salesforce, agencies and spreadsheets export, mapped and checked.
//!
//! The expectations are in `leads_exports.toml`, which says how they are to be read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::as_read::{assert_none, data_folder, files_in};
use crate::support::Root;

/// What is expected of one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    maps: BTreeMap<String, String>,
    rows: String,
    total: Option<usize>,
    #[serde(default)]
    duplicates: u64,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    told: Vec<String>,
    #[serde(default = "name_and_email")]
    required: Vec<String>,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "first_line")]
    header: u64,
}

/// What a line of `rows` says of a row.
enum Fate<'a> {
    /// Taken, with these cells.
    Taken([&'a str; 6]),
    /// Rejected, for these reasons: sorted codes with their columns.
    Rejected(Vec<&'a str>),
}

/// What the program made of a file.
struct Found {
    summary: Value,
    page: String,
    leads: BTreeMap<u64, Value>,
    issues: BTreeMap<u64, Vec<String>>,
}

/// The cells of a row that was taken, in the order in which `rows` has them.
const CELLS: [&str; 6] = ["name", "email", "value", "location", "phone", "source"];

#[test]
fn what_lead_vendors_export() {
    let Some(folder) = data_folder() else { return };
    let expected: BTreeMap<String, Export> = toml::from_str(include_str!("leads_exports.toml")).expect("expectations");
    let files = files_in(&folder.join("leads-exports"), &["csv"]);
    assert_eq!(files, expected.keys().cloned().collect::<Vec<_>>(), "each file has its expectation");
    let mut failures = Vec::new();
    let mut whole = 0;
    for (file, export) in &expected {
        let failed = export.failures(&export.found(&folder.join("leads-exports").join(file)));
        whole += usize::from(failed.is_empty());
        failures.extend(failed.into_iter().map(|failure| format!("{file}: {failure}")));
    }
    println!("leads-exports: {whole} of {}", expected.len());
    assert_none(&failures);
}

#[test]
fn a_list_without_amounts_is_refused_when_they_are_required() {
    let Some(folder) = data_folder() else { return };
    let file = folder.join("leads-exports/01-facebook-leads-standard.csv");
    let said = Root::new().run(&["check", "--json", file.to_str().expect("UTF-8")]).exits(1);
    let summary = &said.json()[0];
    assert_eq!(summary["code"], "missing_column");
    for part in ["'value'", "full_name", "[columns]"] {
        assert!(summary["error"].as_str().expect("a sentence").contains(part), "{part}: {summary}");
    }
}

#[test]
fn a_list_without_names_is_refused_when_they_are_required() {
    let Some(folder) = data_folder() else { return };
    let file = folder.join("leads-exports/03-google-ads-leads.csv");
    let root = Root::with_config("[columns]\nrequired = [\"name\", \"email\"]\n");
    let said = root.run(&["check", "--json", file.to_str().expect("UTF-8")]).exits(1);
    assert_eq!(said.json()[0]["code"], "missing_column");
    assert!(said.json()[0]["error"].as_str().expect("a sentence").contains("'name'"), "{said:?}");
}

impl Export {
    fn found(&self, file: &Path) -> Found {
        let root = Root::with_config(&format!("[columns]\nrequired = {}\n", Value::from(self.required.clone())));
        let check = |args: &[&str]| root.run(&[&["check", file.to_str().expect("UTF-8")], args].concat());
        let summary = check(&["--json"]).json()[0].clone();
        let by_row = |lines: Vec<Value>| lines.into_iter().map(|line| (line["row"].as_u64().expect("a row"), line));
        let mut issues: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (row, issue) in by_row(check(&["--emit", "issues"]).jsonl()) {
            let reason = format!("{}({})", issue["code"].as_str().expect("a code"), issue["column"].as_str().expect("a column").trim());
            issues.entry(row).or_default().push(reason);
        }
        let leads = by_row(check(&["--emit", "leads"]).jsonl()).collect();
        issues.retain(|_, reasons| {
            reasons.sort();
            !reasons.is_empty()
        });
        Found { summary, page: check(&[]).stdout, leads, issues }
    }

    fn failures(&self, found: &Found) -> Vec<String> {
        if let Some(error) = found.summary.get("error") {
            return vec![format!("refused: {error}")];
        }
        let mut failures: Vec<String> = self.how_it_is_read(found).into_iter().chain(self.how_it_is_mapped(&found.summary)).collect();
        for (row, fate) in self.fates() {
            failures.extend(found.differs(row, &fate).map(|failure| format!("row {row}: {failure}")));
        }
        for line in &self.also {
            let (place, cell) = line.split_once(" = ").expect("row path = cell");
            let (row, path) = place.split_once(' ').expect("row path");
            let kept = found.leads.get(&row.parse().expect("a row")).map(|lead| kept(lead, path));
            if !kept.as_ref().is_some_and(|kept| kept.iter().any(|kept| same(kept, cell))) {
                failures.push(format!("expected {line}, found {kept:?}"));
            }
        }
        let page = found.page.to_lowercase();
        failures.extend(self.told.iter().filter(|word| !page.contains(*word)).map(|word| format!("not told: {word:?} in\n{page}")));
        failures
    }

    fn how_it_is_read(&self, found: &Found) -> Vec<String> {
        let rejected = self.fates().filter(|(_, fate)| matches!(fate, Fate::Rejected(_))).count();
        let total = self.total.unwrap_or_else(|| self.fates().count());
        let summary = &found.summary;
        let expected = [
            ("delimiter", &summary["dialect"]["delimiter"], Value::from(self.delimiter.as_str())),
            ("header_row", &summary["dialect"]["header_row"], Value::from(self.header)),
            ("total", &summary["rows"]["total"], Value::from(total)),
            ("rejected", &summary["rows"]["rejected"], Value::from(rejected)),
            ("duplicates_in_file", &summary["rows"]["duplicates_in_file"], Value::from(self.duplicates)),
        ];
        let differs = |(what, found, expected): (_, &Value, Value)| {
            (*found != expected).then(|| format!("{what}: expected {expected}, found {found}"))
        };
        expected.into_iter().filter_map(differs).collect()
    }

    fn how_it_is_mapped(&self, summary: &Value) -> Vec<String> {
        let columns = summary["columns"].as_array().expect("columns");
        let of = |field: &str| -> Vec<&str> {
            columns
                .iter()
                .filter(|column| column["maps_to"] == field)
                .map(|column| column["name"].as_str().expect("a name").trim())
                .collect()
        };
        let differs = |field: &&str| {
            let (found, expected) = (of(field).join(" + "), self.maps.get(*field).map_or("", String::as_str));
            (!same(&found, expected)).then(|| format!("{field}: expected the column {expected:?}, found {found:?}"))
        };
        CELLS.iter().filter_map(differs).collect()
    }

    fn fates(&self) -> impl Iterator<Item = (u64, Fate<'_>)> {
        self.rows.lines().filter(|line| !line.is_empty()).map(|line| {
            let (row, rest) = line.split_once("  ").expect("row, two blanks, fate");
            let fate = match rest.trim().strip_prefix("! ") {
                Some(reasons) => Fate::Rejected(reasons_in(reasons)),
                None => Fate::Taken(rest.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("six cells")),
            };
            (row.parse().expect("a row"), fate)
        })
    }
}

impl Found {
    fn differs(&self, row: u64, fate: &Fate<'_>) -> Option<String> {
        let lead = self.leads.get(&row);
        match fate {
            Fate::Rejected(reasons) => {
                let found = self.issues.get(&row);
                let is_same = lead.is_none() && found.is_some_and(|found| found == reasons);
                (!is_same).then(|| format!("expected to be rejected for {reasons:?}, found {found:?}, lead {lead:?}"))
            }
            Fate::Taken(cells) => {
                let Some(lead) = lead else { return Some(format!("expected to be taken, found {:?}", self.issues.get(&row))) };
                let found = CELLS.map(|cell| as_text(&lead[cell]));
                let is_same = found.iter().zip(cells).all(|(found, expected)| same(found, expected));
                (!is_same).then(|| format!("expected {cells:?}, found {found:?}"))
            }
        }
    }
}

/// `code(Column) code(Other Column)` apart, sorted.
fn reasons_in(text: &str) -> Vec<&str> {
    let mut reasons: Vec<&str> = text.split_inclusive(')').map(str::trim).collect();
    reasons.sort_unstable();
    reasons
}

/// What a lead keeps under `key` or `extra.Column`; under every column whose name starts so, for `extra.Column…`.
fn kept(lead: &Value, path: &str) -> Vec<String> {
    let Some(column) = path.strip_prefix("extra.") else { return vec![as_text(&lead[path])] };
    let extra = lead["extra"].as_object().expect("extra columns");
    extra.iter().filter(|(name, _)| same(name, column)).map(|(_, cell)| as_text(cell)).collect()
}

/// Equal but for white space; an expectation that ends with … may go on.
fn same(found: &str, expected: &str) -> bool {
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    expected.strip_suffix('…').map_or_else(|| found == expected, |start| found.starts_with(start))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

fn name_and_email() -> Vec<String> {
    ["name", "email"].map(str::to_owned).to_vec()
}

fn comma() -> String {
    ",".to_owned()
}

fn first_line() -> u64 {
    1
}
