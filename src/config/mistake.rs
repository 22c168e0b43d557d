//! What is wrong with a configuration: every mistake, where it was typed, and what to do about it.
//!
//! Nothing here decides what a mistake is; the readers do, and they go on reading after each one.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a setting has its value from, strongest last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody typed it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file, as it was found.
        path: Arc<Path>,
        /// Counted from 1; 0 means the file as a whole.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// An argument of the command line.
    Argument(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Argument(name) => f.write_str(name),
        }
    }
}

/// One mistake: `valhalla.toml:12: [watch] setle_ms: unknown key; did you mean 'settle_ms'?`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it was typed.
    pub origin: Origin,
    /// The setting with its sections, e.g. `watch.setle_ms`; empty when the file as a whole is meant.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        match self.path.rsplit_once('.') {
            _ if self.path.is_empty() => {}
            Some((section, key)) => write!(f, "[{section}] {key}: ")?,
            None => write!(f, "{}: ", self.path)?,
        }
        write!(f, "{}; {}", self.message, self.suggestion)
    }
}

/// Every mistake of a configuration, one a line, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            write!(f, "{}{mistake}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The candidate that was probably meant; `None` when nothing is near.
pub(super) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&typed, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
