//! The commands: one file each, thin. Here the arguments, what all commands share, and the exit codes.

mod alerts;
mod alerts_test;
mod audit;
mod check;
mod check_page;
mod config;
mod experiments;
mod follow;
mod forget;
mod hold;
mod ingest;
mod init;
mod leads;
mod model;
mod packet;
mod preflight;
mod rebuild;
mod replay;
mod reports;
mod rescore;
mod retention;
mod run;
mod scripts;
mod status;
mod undo;
mod writing;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Config, ConfigErrors, LogLevel, Overrides, Root, find_root};
use crate::daemon::DaemonError;
use crate::inbox::{display_name, path_text};
use crate::ingest::Fatal;
use crate::lock::LockError;
use crate::logging;
use crate::render::console;
use crate::render::words::page_shown;
use crate::store::read::PastJob;
use crate::store::{Store, StoreError, open_to_read};

/// Lead files in, every row checked, staged, stored and accounted for, exactly once.
#[derive(Debug, Parser)]
#[command(name = "valhalla", version, about, max_term_width = 110, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  valhalla run                      take in whatever is dropped into inbox/
  valhalla check leads.csv          how would this file be read? writes nothing
  valhalla ingest leads.csv         take one file in now
  valhalla leads --tier A           the leads to call first
  valhalla reports leads.csv        what became of a file, in full

The root is --root, else $VALHALLA_ROOT, else this folder if it has an inbox/ or a valhalla.toml,
else the one of /etc/valhalla/valhalla.toml, else the platform's data folder.";

/// Arguments of every command, before or after it.
#[derive(Debug, Clone, Args)]
struct Global {
    /// The folder that holds inbox/, processed/, failed/ and logs/
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The configuration file [default: valhalla.toml in the root]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Machine-readable output on stdout; everything for people goes to stderr
    #[arg(long, global = true)]
    json: bool,
    /// More detail (repeat for debugging)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Only errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Check and report everything, store and move nothing
    #[arg(long, global = true)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take in whatever is dropped into the inbox, until stopped
    Run(run::Run),
    /// Take files in now, through the same pipeline, and wait until all is done
    Ingest(ingest::Ingest),
    /// How would these files be read? Needs no root and writes nothing
    Check(check::Check),
    /// What the daemon is doing, and totals
    Status(status::Status),
    /// What was told, and whether telling works
    Alerts(alerts::Alerts),
    /// Past jobs, or one in full
    Reports(reports::Reports),
    /// Leads, to look at or to export
    Leads(leads::Leads),
    /// One lead's deal packet
    Packet(packet::Packet),
    /// What the variants of every experiment have come to
    Experiments(experiments::Experiments),
    /// Where every script stands, and how it got there
    Scripts(scripts::Scripts),
    /// The outcome model: its figures, its weights, what it is not allowed to see
    Model(model::Model),
    /// An archived file under today's rules, with the difference
    Replay(replay::Replay),
    /// Take out what a file brought, as if it had never come
    Undo(undo::Undo),
    /// Erase a person, and say which archived files still hold them
    Forget(forget::Forget),
    /// Remove files from the archive that are older than [retention] says
    Retention(retention::Retain),
    /// Files that wait for a person, and what to do with them
    Hold(hold::Hold),
    /// Give stored leads the score that they would get today
    Rescore(rescore::Rescore),
    /// Is this installation ready for production?
    Preflight(preflight::Preflights),
    /// Prove that every row ever dropped is accounted for
    Audit(audit::Audit),
    /// Make the store anew from the archived originals and the journals
    Rebuild(rebuild::Rebuild),
    /// Set up a root in this folder
    Init(init::Init),
    /// The effective configuration, or its mistakes
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Shell completions on stdout
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The manual page on stdout
    #[command(hide = true)]
    Man,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done; rejected rows and duplicates included.
    Done = 0,
    /// A file failed, or what was to hold does not.
    Failed = 1,
    /// Usage, configuration, or a file that does not exist.
    Usage = 2,
    /// Folders, disk, permissions, another instance; `status`: not running.
    Environment = 3,
    /// A fault of the program.
    Bug = 70,
}

/// Why a command could not do its work: the sentence for people and the code for programs.
#[derive(Debug)]
struct Trouble {
    exit: Exit,
    text: String,
}

/// Short for what every command returns.
type Outcome = Result<Exit, Trouble>;

impl Trouble {
    fn usage(text: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, text: text.into() }
    }

    fn environment(text: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, text: text.into() }
    }
}

impl From<ConfigErrors> for Trouble {
    fn from(errors: ConfigErrors) -> Self {
        Self::usage(errors.to_string())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<Fatal> for Trouble {
    fn from(error: Fatal) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<LockError> for Trouble {
    fn from(error: LockError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<DaemonError> for Trouble {
    fn from(error: DaemonError) -> Self {
        Self::environment(error.to_string())
    }
}

impl From<io::Error> for Trouble {
    /// Writing to stdout or a terminal failed.
    fn from(error: io::Error) -> Self {
        Self::environment(error.to_string())
    }
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print(); // nowhere left to say that stderr is closed
            return ExitCode::from(code);
        }
    };
    logging::withhold_panic_words();
    // Leads are nobody else's business: what we make, others on this machine may not read.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o027));
    let code = std::panic::catch_unwind(|| dispatch(arguments)).unwrap_or_else(|_| {
        say("[ERROR] This is a fault of the program. Nothing is lost; please report what stands above.");
        70
    });
    ExitCode::from(code)
}

fn dispatch(arguments: Arguments) -> u8 {
    let Arguments { global, command } = arguments;
    let outcome = match command {
        Command::Run(command) => command.run(&global),
        Command::Ingest(command) => command.run(&global),
        Command::Check(command) => command.run(&global),
        Command::Status(command) => command.run(&global),
        Command::Alerts(command) => command.run(&global),
        Command::Reports(command) => command.run(&global),
        Command::Leads(command) => command.run(&global),
        Command::Packet(command) => command.run(&global),
        Command::Experiments(command) => command.run(&global),
        Command::Scripts(command) => command.run(&global),
        Command::Model(command) => command.run(&global),
        Command::Replay(command) => command.run(&global),
        Command::Undo(command) => command.run(&global),
        Command::Forget(command) => command.run(&global),
        Command::Retention(command) => command.run(&global),
        Command::Hold(command) => command.run(&global),
        Command::Rescore(command) => command.run(&global),
        Command::Preflight(command) => command.run(&global),
        Command::Audit(command) => command.run(&global),
        Command::Rebuild(command) => command.run(&global),
        Command::Init(command) => command.run(&global),
        Command::Config(command) => command.run(&global),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "valhalla", &mut io::stdout());
            Ok(Exit::Done)
        }
        Command::Man => clap_mangen::Man::new(Arguments::command()).render(&mut io::stdout()).map(|()| Exit::Done).map_err(Trouble::from),
    };
    match outcome {
        Ok(exit) => exit as u8,
        // Whoever reads our output has seen enough: `valhalla leads | head`.
        Err(trouble) if trouble.text.contains("Broken pipe") => Exit::Done as u8,
        Err(trouble) => {
            say(&format!("{}{}", if trouble.text.starts_with("[ERROR]") { "" } else { "[ERROR] " }, page_shown(&trouble.text)));
            trouble.exit as u8
        }
    }
}

/// A line on stderr, which may be a file on a full disk, or a terminal that is gone: no reason to end.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

impl Global {
    /// The root that a command works on.
    fn root(&self) -> Result<Root, Trouble> {
        let cwd = std::env::current_dir().map_err(|error| Trouble::environment(format!("the current folder: {error}")))?;
        Ok(find_root(self.root.as_deref(), self.config.as_deref(), std::env::vars_os(), &cwd))
    }

    /// The effective configuration.
    fn load(&self) -> Result<Arc<Config>, Trouble> {
        let root = self.root()?;
        let config = Config::load(&root, std::env::vars_os(), &Overrides { dry_run: self.dry_run })?;
        Ok(Arc::new(config))
    }

    /// The store, to read from; says which root it belongs to.
    fn open_store(&self, config: &Config) -> Result<Store, Trouble> {
        if !config.store.path.exists() {
            return Err(Trouble::environment(format!(
                "{}: nothing has been taken in here yet. Start `valhalla run`, or name the root with --root",
                display_name(&config.root)
            )));
        }
        self.tell(&format!("root: {}", display_name(&config.root)));
        Ok(open_to_read(&config.store.path)?)
    }

    /// A line for people, on stderr.
    fn tell(&self, line: &str) {
        if !self.quiet {
            say(&page_shown(line));
        }
    }

    /// What of the log goes to stderr.
    fn console_level(&self, usual: LogLevel) -> LogLevel {
        match (self.quiet, self.verbose) {
            (true, _) => LogLevel::Error,
            (_, 0) => usual,
            (_, 1) => LogLevel::Info.max(usual),
            (_, 2) => LogLevel::Debug,
            _ => LogLevel::Trace,
        }
    }
}

/// Why files named on the command line cannot be worked on, all of them at once.
fn unusable(files: &[PathBuf]) -> Option<Trouble> {
    let refusals = files.iter().filter_map(|file| match file.metadata() {
        Err(_) => Some(console::not_found(&display_name(file))),
        Ok(metadata) if metadata.is_dir() => Some(format!("[ERROR] '{}' is a folder: name the files in it.", display_name(file))),
        Ok(metadata) if !metadata.is_file() => {
            Some(format!("[ERROR] '{}' is a pipe or a device: name a file, or save what comes out of it as one.", display_name(file)))
        }
        Ok(_) => None,
    });
    let lines: Vec<String> = refusals.collect();
    (!lines.is_empty()).then(|| Trouble::usage(lines.join("\n")))
}

/// A job by its id, the beginning of one, or its file as reports write it or as it is called.
fn find_job(store: &Store, typed: &str) -> Result<Option<PastJob>, StoreError> {
    Ok(match store.find_job(typed)? {
        None => store.find_job(&path_text(Path::new(typed)))?,
        found => found,
    })
}

/// One line of JSON on stdout.
fn print_json(value: &impl serde::Serialize) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
