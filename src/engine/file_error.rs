//! Why a whole file gave nothing, said so that a person can act on it.

use std::error::Error;
use std::fmt;

/// Why a whole drop gave nothing: it goes to `failed/` with these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// Machine-readable cause.
    pub code: &'static str,
    /// What is wrong, without the file's name.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl FileError {
    /// A cause with its remedy.
    pub fn new(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, what: what.into(), remedy: remedy.into() }
    }

    /// The sentence for people: file, what, remedy.
    #[must_use]
    pub fn sentence(&self, file: &str) -> String {
        let stop = if self.what.ends_with('?') { "" } else { "." };
        format!("{file}: {}{stop} {}.", self.what, self.remedy)
    }
}

/// What is wrong, so that it can travel inside another error, such as that of a reader.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for FileError {}
