//! The configuration in force, as a TOML file that says where each value came from.
//!
//! What is printed can be read back and gives the same configuration.

use std::fmt::{self, Write};

use crate::engine::rules::{Experiment, Rules};

use super::mistake::Origin;
use super::raw::{listed, quoted};
use super::section::Setting;

/// Settings section by section, then scripts and experiments.
pub(super) fn file(head: &str, settings: &[Setting], rules: &Rules) -> String {
    let mut text = format!("# {head}\n");
    write(&mut text, settings, rules, true).expect("writing to a string cannot fail");
    text
}

/// The same without a word about where it lies or where a value came from: two equal texts are equal configurations.
pub(super) fn bare(settings: &[Setting], rules: &Rules) -> String {
    let mut text = String::new();
    write(&mut text, settings, rules, false).expect("writing to a string cannot fail");
    text
}

fn write(text: &mut String, settings: &[Setting], rules: &Rules, with_origins: bool) -> fmt::Result {
    let mut section = "";
    for setting in settings {
        if setting.section != section {
            section = &setting.section;
            writeln!(text, "\n[{section}]")?;
        }
        match (&setting.value, &setting.origin) {
            (None, _) if with_origins => writeln!(text, "# {} is not set", setting.key)?,
            (None, _) => {}
            (Some(value), origin) if with_origins && *origin != Origin::Default => {
                writeln!(text, "{} = {value}  # {origin}", setting.key)?;
            }
            (Some(value), _) => writeln!(text, "{} = {value}", setting.key)?,
        }
    }
    for script in &rules.scripts {
        write!(text, "\n[[scripts]]\nid = {}\nversion = {}\n", quoted(&script.id), script.version)?;
        writeln!(text, "channel = {}\nstatus = {}", quoted(&script.channel), quoted(script.status.as_str()))?;
    }
    rules.experiments.iter().try_for_each(|experiment| write_experiment(text, experiment))
}

fn write_experiment(text: &mut String, experiment: &Experiment) -> fmt::Result {
    write!(text, "\n[[experiments]]\nid = {}\nsalt = {}\nvariants = [\n", quoted(&experiment.id), quoted(&experiment.salt))?;
    for variant in &experiment.variants {
        let script = variant.script.as_ref().map_or(String::new(), |script| format!(", script = {}", quoted(script)));
        writeln!(text, "    {{ id = {}, weight = {}{script} }},", quoted(&variant.id), variant.weight)?;
    }
    writeln!(text, "]")?;
    let Some(filter) = &experiment.filter else { return Ok(()) };
    let values = listed(filter.one_of.iter().map(|value| quoted(value)));
    writeln!(text, "filter = {{ column = {}, one_of = {values} }}", quoted(&filter.column))
}
