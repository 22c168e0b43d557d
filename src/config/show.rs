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
    let mut text = String::new();
    write(&mut text, head, settings, rules).expect("writing to a string cannot fail");
    text
}

fn write(text: &mut String, head: &str, settings: &[Setting], rules: &Rules) -> fmt::Result {
    writeln!(text, "# {head}")?;
    let mut section = "";
    for setting in settings {
        if setting.section != section {
            section = &setting.section;
            writeln!(text, "\n[{section}]")?;
        }
        match (&setting.value, &setting.origin) {
            (None, _) => writeln!(text, "# {} is not set", setting.key)?,
            (Some(value), Origin::Default) => writeln!(text, "{} = {value}", setting.key)?,
            (Some(value), origin) => writeln!(text, "{} = {value}  # {origin}", setting.key)?,
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
