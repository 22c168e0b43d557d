//! The configuration: what was typed becomes one absolute, validated [`Config`], or a list of every mistake in it.
//!
//! Layers, each over the one before: defaults, file, environment (`VALHALLA_WATCH__SETTLE_MS=100`), arguments. The file is
//! the only thing read here; the environment is an argument. Nothing is created, and no folder needs to exist.
//!
//! In reading order: `root.rs` finds the root; `raw.rs` is the tree as typed; `section.rs` reads one table of it;
//! `install.rs`, `alerts.rs`, `retention.rs`, `schedule.rs`, `rows.rs` and `reading.rs` say what each setting means; `version.rs` hashes what affects rows; `show.rs` prints it all.

mod alerts;
mod install;
mod mistake;
mod raw;
mod reading;
mod retention;
mod root;
mod rows;
mod schedule;
mod section;
mod show;
mod version;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::rules::Rules;

pub use alerts::{Alerts, Channel, ChannelKind, Email, EmailTls, Secret};
pub use mistake::{ConfigError, ConfigErrors, Origin};
pub use retention::Retention;
pub use root::{FILE_NAME, Root, find_root};
pub use schedule::Schedule;
pub use section::Setting;

use raw::{Node, RawConfig, joined, key_text, merged, quoted};
use rows::{ROW_TABLES, Trials, read_rules, read_trials};
use section::{Findings, Section};

/// The commented default configuration, which `valhalla init` writes: every setting with its default.
pub const DEFAULT_FILE: &str = include_str!("../../docs/valhalla.toml");

/// The file that the monitor touches in the inbox to see whether events come; every listing passes over it.
pub const CANARY: &str = ".valhalla-canary";

/// No configuration is that long; whatever is, is some other file.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Sections that belong to later versions. Ignoring one would look like it worked.
const LATER: [&str; 1] = ["metrics"];

/// What only a source has, beside the sections of rows.
const SOURCE_KEYS: [&str; 2] = ["outcomes_complete", "expected"];

const TOP_KEYS: [&str; 22] = [
    "mode",
    "folders",
    "watch",
    "engine",
    "store",
    "output",
    "log",
    "risk",
    "alerts",
    "retention",
    "reading",
    "columns",
    "outcomes",
    "limits",
    "quality",
    "packet",
    "score",
    "model",
    "clone",
    "source",
    "experiments",
    "scripts",
];

/// Everything the program was told, ready to use.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds everything; absolute.
    pub root: PathBuf,
    /// The file it was read from.
    pub config_file: Option<PathBuf>,
    /// Whether anything is kept.
    pub mode: Mode,
    /// Where files come from and go to.
    pub folders: Folders,
    /// How the inbox is watched.
    pub watch: Watch,
    /// Threads that work on the chunks of a file; at least 1.
    pub workers: usize,
    /// The embedded store.
    pub store: Store,
    /// What is written beside an archived original.
    pub output: Output,
    /// The log and the journals' segments.
    pub log: Log,
    /// What is watched over.
    pub risk: Risk,
    /// Who is told of alerts.
    pub alerts: Alerts,
    /// How long files stay in the archive.
    pub retention: Retention,
    /// What models may look at.
    pub model: Model,
    rules: Arc<Rules>,
    sources: BTreeMap<String, Arc<Rules>>,
    /// When files of a source are due, by its name in lower case.
    pub expected: BTreeMap<String, Schedule>,
    settings: Vec<Setting>,
}

/// Whether anything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `production` or `live`: leads are stored, files move.
    Live,
    /// `dry-run`: everything is checked and reported, nothing is stored, nothing moves.
    DryRun,
}

impl Mode {
    /// The mode as it stands in files: `production` or `dry-run`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "production",
            Self::DryRun => "dry-run",
        }
    }

    /// Whether this is a dry run.
    #[must_use]
    pub fn is_dry_run(self) -> bool {
        self == Self::DryRun
    }
}

/// The folders, absolute. They never lie inside one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Where people drop files; each folder in it is a source.
    pub inbox: PathBuf,
    /// Originals that gave at least one lead.
    pub processed: PathBuf,
    /// Originals that gave nothing, and the rows to fix.
    pub failed: PathBuf,
    /// Log, journals and snapshots.
    pub logs: PathBuf,
    /// What is being processed.
    pub claimed: PathBuf,
    /// The group of people who share the folders.
    pub group: Option<String>,
}

impl Folders {
    /// The archive folder of this name, `processed` or `failed`.
    #[must_use]
    pub fn path(&self, name: &str) -> &Path {
        if name == "failed" { &self.failed } else { &self.processed }
    }
}

/// How the inbox is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Time between two equal looks at a file, in milliseconds.
    pub settle_ms: u64,
    /// The same where nobody can tell whether it is still being written, in milliseconds.
    pub settle_unknown_ms: u64,
    /// Time between two full scans without any hint, in seconds.
    pub rescan_seconds: u64,
    /// Whether to rely on the system's events.
    pub poll: Poll,
}

/// Whether to rely on the system's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Events where they work, else polling.
    Auto,
    /// Polling only, for network shares.
    Always,
}

/// The embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its file; absolute.
    pub path: PathBuf,
    /// Whether leads are kept; without them known leads cannot be told from new ones.
    pub leads: bool,
    /// Page cache, in MiB.
    pub cache_mb: u64,
}

/// What is written beside an archived original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// The leads of the file.
    pub leads: LeadsFile,
    /// When there is a receipt.
    pub receipts: Receipts,
}

/// The leads of a file, beside its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadsFile {
    /// No such file.
    None,
    /// One JSON object a line.
    Jsonl,
    /// RFC 4180.
    Csv,
}

/// When there is a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// For every file.
    Always,
    /// Only when a row was not taken.
    Problems,
}

/// The log and the journals' segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least important thing that is written.
    pub level: LogLevel,
    /// Size at which a log file is closed, in bytes.
    pub rotate_bytes: u64,
    /// Closed log files that are kept.
    pub keep: usize,
    /// Size at which a journal's segment is closed, in bytes. Segments are never deleted.
    pub journal_rotate_bytes: u64,
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something needs a person.
    Error,
    /// Something may need a person.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All levels, the most important first.
    pub const ALL: [LogLevel; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level as it stands in files and filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["error", "warn", "info", "debug", "trace"][self as usize]
    }
}

/// Which files wait for a person before their rows count, by the assessment of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// None.
    Off,
    /// Those with a critical finding.
    Critical,
    /// Those whose risk is high: a critical finding, or three warnings.
    High,
}

/// What is watched over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// How bad a file's figures must be for it to be held until a person decides.
    pub hold: Hold,
    /// Time between two looks at the machine, in seconds.
    pub monitor_seconds: u64,
    /// Most use of the machine's processors, in percent.
    pub cpu_percent_max: f64,
    /// Most use of memory, in percent.
    pub memory_percent_max: f64,
    /// Most connections at a time.
    pub connections_max: u64,
    /// Longest time from seeing a drop to its report, for 95 of 100, in seconds.
    pub request_seconds_max: u64,
    /// Least free room on a file system, in percent.
    pub disk_free_percent_min: f64,
    /// Least free room on a file system, in bytes.
    pub disk_free_min: u64,
    /// Longest small synced write beside the store, in milliseconds.
    pub store_write_ms_max: u64,
    /// Longest time that a drop waits for its report, in seconds.
    pub queue_seconds_max: u64,
    /// Most drops within a minute.
    pub drops_per_minute_max: u64,
    /// Most rejected rows of one source within a minute.
    pub rejects_per_minute_max: u64,
    /// So many suspicious activities within an hour are an alert.
    pub suspicious_max: u64,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            hold: Hold::Off,
            monitor_seconds: 30,
            cpu_percent_max: 80.0,
            memory_percent_max: 80.0,
            connections_max: 10,
            request_seconds_max: 30,
            disk_free_percent_min: 10.0,
            disk_free_min: 1 << 30,
            store_write_ms_max: 1000,
            queue_seconds_max: 900,
            drops_per_minute_max: 600,
            rejects_per_minute_max: 10_000,
            suspicious_max: 5,
        }
    }
}

/// How models are made. Columns by header as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Columns that a model looks at beside what it always does.
    pub features: Vec<String>,
    /// Columns that sound like they are filled after contact, and are not.
    pub known_on_arrival: Vec<String>,
    /// The column that says when a lead came in; without it the order of arrival counts.
    pub date: Option<String>,
    /// A probability that the results of the model are held against, such as that of the system before.
    pub baseline: Option<f64>,
    /// Share of an arrival job's leads that must be resolved for all of them to count as mature.
    pub mature_share: f64,
    /// Share of the mature leads that must be resolved for a rate to go without a warning.
    pub coverage_min: f64,
    /// The latest leads that one of the candidates is fitted on.
    pub latest: u32,
    /// Area under the curve of a single column from which it is taken for a leak.
    pub leak_auc: f64,
}

/// What the command line sets, over everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `--dry-run`
    pub dry_run: bool,
}

impl Config {
    /// Reads the root's configuration file, if it has one, and lays environment and arguments over it.
    ///
    /// # Errors
    /// Every mistake in all of them, each with its place and a remedy.
    pub fn load(root: &Root, env: impl IntoIterator<Item = (OsString, OsString)>, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        let mut raw = match &root.config_file {
            Some(file) => read_file(file)?,
            None => RawConfig::empty(),
        };
        raw.overlay_environment(env);
        if overrides.dry_run {
            raw.overlay_argument("mode", Mode::DryRun.as_str(), "--dry-run");
        }
        resolve(root, &raw)
    }

    /// Reads what [`show`](Self::show) or [`row_settings`](Self::row_settings) wrote: the settings behind an earlier rules version.
    ///
    /// # Errors
    /// Every mistake, when a later program no longer knows one of the settings.
    pub fn read_back(root: &Path, shown: &str) -> Result<Self, ConfigErrors> {
        let raw = RawConfig::parse(Path::new("(kept settings)"), shown).map_err(ConfigErrors)?;
        resolve(&Root { path: root.to_owned(), config_file: None, why: String::new() }, &raw)
    }

    /// What decides about rows here, in the installation of `other`: its folders, store and everything else.
    #[must_use]
    pub fn rules_within(self, other: &Self) -> Self {
        let Self { rules, sources, settings, model, store: Store { leads, .. }, .. } = self;
        let store = Store { leads, ..other.store.clone() };
        Self { store, model, rules, sources, settings, ..other.clone() }
    }

    /// The configuration of a root where nothing was ever typed.
    ///
    /// # Panics
    /// Never: a test reads the defaults.
    #[must_use]
    pub fn defaults(root: &Path) -> Self {
        let root = Root { path: root.to_owned(), config_file: None, why: String::new() };
        resolve(&root, &RawConfig::empty()).expect("the defaults hold no mistake")
    }

    /// What a row of this source is held against. A source is the first folder below the inbox, case ignored.
    #[must_use]
    pub fn rules_for(&self, source: Option<&str>) -> Arc<Rules> {
        let own = source.and_then(|name| self.sources.get(&name.to_lowercase()));
        Arc::clone(own.unwrap_or(&self.rules))
    }

    /// The sources that have rules of their own, in lower case.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Every setting in force, with where it came from.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The configuration in force as TOML; a value that is not the default says where it came from.
    #[must_use]
    pub fn show(&self) -> String {
        let name = |path: &Path| quoted(&path.to_string_lossy()); // quoted, so that no name can end the comment
        let head = match &self.config_file {
            Some(file) => format!("root {}, configured by {}", name(&self.root), name(file)),
            None => format!("root {}, without a configuration file", name(&self.root)),
        };
        show::file(&head, &self.settings, &self.rules)
    }

    /// Of the configuration in force what decides about rows, as TOML for [`read_back`](Self::read_back): equal texts read
    /// equal files alike. Neither a path nor anything that differs from one start to the next is in it.
    #[must_use]
    pub fn row_settings(&self) -> String {
        let decides = |setting: &&Setting| {
            let table = setting.section.split('.').next().unwrap_or_default();
            (table == "source" && !is_about_arrivals(setting))
                || ROW_TABLES.contains(&table)
                || (table == "store" && setting.key == "leads")
        };
        let settings: Vec<Setting> = self.settings.iter().filter(decides).cloned().collect();
        show::bare(&settings, &self.rules)
    }
}

/// Whether a setting of a source says when its files are due, which changes no row.
fn is_about_arrivals(setting: &Setting) -> bool {
    setting.key == "expected" && !ROW_TABLES.iter().any(|table| setting.section.ends_with(&format!(".{table}")))
}

fn read_file(path: &Path) -> Result<RawConfig, ConfigErrors> {
    let whole = |message: String, suggestion: &str| {
        let origin = Origin::File { path: Arc::from(path), line: 0 };
        ConfigErrors(vec![ConfigError { origin, path: String::new(), message, suggestion: suggestion.to_owned() }])
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| whole(format!("cannot be read: {error}"), "check the path and its permissions, or name another with --config"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(whole(String::from("longer than 4 MiB"), "this is not a configuration: name another with --config"));
    }
    let text = String::from_utf8(bytes).map_err(|_| whole(String::from("not UTF-8"), "save it as UTF-8"))?;
    RawConfig::parse(path, text.trim_start_matches('\u{feff}')).map_err(ConfigErrors)
}

fn resolve(root: &Root, raw: &RawConfig) -> Result<Config, ConfigErrors> {
    let findings = Findings::default();
    let top = open_top(&findings, &raw.top);
    let mode = install::mode(&top);
    let open = |name, keys: &[&'static str]| install::open(&findings, &top, name, keys);
    let folders = install::folders(&open("folders", &["root", "inbox", "processed", "failed", "logs", "group"]), &root.path);
    let watch = install::watch(&open("watch", &["settle_ms", "settle_unknown_ms", "rescan_seconds", "poll"]));
    let workers = install::workers(&open("engine", &["workers"]));
    let store = install::store(&open("store", &["path", "leads", "cache_mb"]), &root.path, &folders);
    let output = install::output(&open("output", &["leads", "receipts"]));
    let log = install::log(&open("log", &["level", "rotate_bytes", "keep", "journal_rotate_bytes"]));
    let risk = install::risk(&open("risk", &install::RISK_KEYS));
    let alerts = alerts::read(&findings, &open("alerts", &alerts::KEYS), &root.path);
    let retention = retention::read(&open("retention", &retention::KEYS));
    let trials = read_trials(&findings, &top);
    let (rules, model) = read_rules(&findings, &raw.top, &trials, true);
    let sources = read_sources(&findings, &raw.top, &top, &trials);
    let expected = read_expected(&findings, &top);
    let (root, config_file) = (root.path.clone(), root.config_file.clone());
    let settings = findings.finish()?;
    Ok(Config {
        root,
        config_file,
        mode,
        folders,
        watch,
        workers,
        store,
        output,
        log,
        risk,
        alerts,
        retention,
        model,
        rules: Arc::new(rules),
        sources,
        expected,
        settings,
    })
}

/// The top level; what belongs to a later version is told apart from what nobody knows.
fn open_top<'a>(findings: &'a Findings, top: &'a Node) -> Section<'a> {
    for (_, node) in top.table().into_iter().flatten().filter(|(key, _)| LATER.contains(&key.as_str())) {
        findings.mistake(node, "not available in this version", "remove it");
    }
    Section::open(findings, Some(top), "", &[&TOP_KEYS[..], &LATER[..]].concat(), true)
}

/// The rules of each source that has tables of its own, by name in lower case.
fn read_sources(findings: &Findings, global: &Node, top: &Section<'_>, trials: &Trials) -> BTreeMap<String, Arc<Rules>> {
    let mut sources = BTreeMap::new();
    for (name, node) in top.entries("source").into_iter().flatten() {
        if name.is_empty() || name.contains('/') {
            findings.mistake(node, format!("'{name}' cannot be the name of a folder"), "name the first folder below the inbox");
        }
        check_source_keys(findings, node, name);
        let (mut rules, _) = read_rules(findings, &merged(global, node), trials, false);
        if let Some(complete) = node.table().and_then(|table| table.get("outcomes_complete")) {
            match complete.scalar().and_then(|text| text.parse().ok()) {
                Some(is_complete) => rules.outcome.outcomes_complete = is_complete,
                None => findings.mistake(
                    complete,
                    format!("must be true or false, not {}", complete.describe()),
                    "write outcomes_complete = true",
                ),
            }
        }
        if sources.insert(name.to_lowercase(), Arc::new(rules)).is_some() {
            findings.mistake(node, format!("source '{name}' is there twice: upper and lower case are the same"), "merge the two");
        }
    }
    sources
}

/// When files of sources are due.
fn read_expected(findings: &Findings, top: &Section<'_>) -> BTreeMap<String, Schedule> {
    let mut expected = BTreeMap::new();
    for (name, node) in top.entries("source").into_iter().flatten() {
        let Some(typed) = node.table().and_then(|table| table.get("expected")) else { continue };
        match typed.text().ok_or_else(|| format!("must be a text in quotes, not {}", typed.describe())).and_then(str::parse) {
            Ok(schedule) => drop(expected.insert(name.to_lowercase(), schedule)),
            Err(why) => {
                let remedy = "write minute, hour, day, month and day of the week, for example \"0 9 * * 1-5\" for nine on weekdays";
                findings.mistake(typed, format!("is no schedule: {}", why.trim_end_matches('.')), remedy);
            }
        }
    }
    expected
}

/// Tells of keys that a source cannot have, and notes those it has.
fn check_source_keys(findings: &Findings, source: &Node, name: &str) {
    let path = format!("source.{}", key_text(name));
    Section::open(findings, Some(source), &path, &[&TOP_KEYS[..], &SOURCE_KEYS].concat(), false);
    for (key, node) in source.table().into_iter().flatten() {
        if TOP_KEYS.contains(&key.as_str()) && !ROW_TABLES.contains(&key.as_str()) {
            findings.mistake(node, "cannot differ between sources", "set it once for all of them, outside [source]");
        }
        if SOURCE_KEYS.contains(&key.as_str()) {
            let (section, origin) = (path.clone(), node.origin.clone());
            findings.settings.borrow_mut().push(Setting { section, key: key.clone(), value: Some(node.to_toml()), origin });
        }
        for (inner, setting) in node.table().into_iter().flatten() {
            if key == "model" && !["prior", "horizon_days", "min_trials", "outcomes_complete"].contains(&inner.as_str()) {
                findings.mistake(setting, "cannot differ between sources", "set it once for all of them, under [model]");
            }
            findings.settings.borrow_mut().push(Setting {
                section: joined(&path, key),
                key: inner.clone(),
                value: Some(setting.to_toml()),
                origin: setting.origin.clone(),
            });
        }
    }
}
