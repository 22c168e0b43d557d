//! What people export, dropped as it comes: each file is read as its owner would, kept as it was, and its bad rows find
//! their way back. Through the real binary; how single cells and dialects are read is for the tests beside the code.

mod support;

#[path = "exports/files.rs"]
mod files;
#[path = "exports/limits.rs"]
mod limits;
#[path = "exports/made.rs"]
mod made;
#[path = "exports/page.rs"]
mod page;
#[path = "exports/refused.rs"]
mod refused;
#[path = "exports/settings.rs"]
mod settings;
#[path = "exports/sources.rs"]
mod sources;
#[path = "exports/values.rs"]
mod values;

use serde_json::Value;
use support::Root;

/// The codes of what is told once about the file, sorted.
fn told_once(report: &Value) -> Vec<&str> {
    let entries = report["systematic"].as_array().expect("a list");
    let mut codes: Vec<&str> = entries.iter().map(|entry| entry["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    codes
}

/// New and rejected rows.
fn taken(report: &Value) -> (u64, u64) {
    let count = |key: &str| report["rows"][key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}"));
    (count("accepted_new"), count("rejected"))
}

/// `name|email|value|location` of the leads of a file's domain, in the order of their addresses.
fn leads_at(root: &Root, domain: &str) -> Vec<String> {
    let mut leads: Vec<Value> =
        root.leads().into_iter().filter(|lead| lead["email"].as_str().is_some_and(|email| email.ends_with(domain))).collect();
    leads.sort_by_key(|lead| lead["email"].to_string());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    leads
        .iter()
        .map(|lead| format!("{}|{}|{}|{}", text(&lead["name"]), text(&lead["email"]), lead["value"], text(&lead["location"])))
        .collect()
}

/// The lead with this address.
#[track_caller]
fn lead(root: &Root, email: &str) -> Value {
    let leads = root.leads();
    leads.iter().find(|lead| lead["email"] == email).unwrap_or_else(|| panic!("no lead {email} among {leads:?}")).clone()
}
