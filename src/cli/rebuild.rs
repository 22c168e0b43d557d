//! `valhalla rebuild`: the store made anew from the archived originals and the journals.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Exit, Global, Outcome, Trouble, print_json};
use crate::config::LogLevel;
use crate::daemon;
use crate::ingest::rebuild::{self, Course, Rebuilt, Wishes};
use crate::logging;
use crate::render::console::{self, thousands};
use crate::render::words::counted;

/// Make the store anew from the archived originals and the journals.
#[derive(Debug, Args)]
#[command(
    after_help = "For a store that is lost, damaged, or older than the journals. Every file is read again under the rules it was taken with;
leads, jobs and what was resolved come out as they were. The old store is kept beside the new one. Stop the daemon first.

What cannot be rebuilt is listed, and the exit code is 1: an original that is missing, or that stayed with its owner.
If the store in place is sound and holds more, it stays in charge. --dry-run builds, compares with the store in place lead by lead, and changes nothing.

Examples:
  valhalla rebuild
  valhalla rebuild --originals ~/exports --json"
)]
pub(super) struct Rebuild {
    /// A further folder in which originals may lie, found by their content (repeat for more)
    #[arg(long, value_name = "DIR")]
    originals: Vec<PathBuf>,
    /// Put the new store in place even where the one there is sound and holds more
    #[arg(long)]
    accept_loss: bool,
}

impl Rebuild {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(folder) = self.originals.iter().find(|folder| !folder.is_dir()) {
            return Err(Trouble::usage(format!("--originals {}: no such folder", folder.display())));
        }
        let config = global.load()?;
        let _lock = daemon::take_lock(&config.root)?;
        let _log = logging::start(global.console_level(LogLevel::Warn), Some((&config.folders.logs, &config.log)))?;
        global.tell(&format!("root: {}", config.root.display()));
        let wishes = Wishes { originals: self.originals.clone(), accept_loss: self.accept_loss, dry_run: global.dry_run };
        let bar = bar(global);
        let rebuilt = rebuild::rebuild(&config, &wishes, &mut |course| show(&bar, course));
        bar.finish_and_clear();
        let rebuilt = rebuilt?;
        if global.json {
            print_json(&told(&rebuilt))?;
        } else {
            print!("{}", page(&rebuilt, global.dry_run));
        }
        Ok(if rebuilt.holds() { Exit::Done } else { Exit::Failed })
    }
}

/// A progress bar on a terminal, else one that shows nothing.
fn bar(global: &Global) -> ProgressBar {
    if global.quiet || global.json || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, course: Course) {
    bar.set_length(course.bytes_total);
    bar.set_position(course.bytes);
    bar.set_message(format!("job {} of {}", thousands(course.jobs), thousands(course.jobs_total)));
}

fn told(rebuilt: &Rebuilt) -> Value {
    let problems: Vec<Value> = rebuilt
        .problems
        .iter()
        .map(|problem| json!({ "job_id": problem.job_id.map(|job| job.to_string()), "file": problem.file, "kind": problem.kind.as_str(), "why": problem.why }))
        .collect();
    json!({
        "complete": rebuilt.is_complete(),
        "in_charge": rebuilt.in_charge,
        "jobs": { "total": rebuilt.jobs, "read_again": rebuilt.reread, "without_rows": rebuilt.without_rows, "under_todays_rules": rebuilt.under_todays_rules },
        "leads": rebuilt.leads,
        "leads_unlike_store": rebuilt.unlike,
        "problems": problems,
        "problems_not_listed": rebuilt.more,
        "old_store": rebuilt.kept.as_ref().map(|kept| kept.display().to_string()),
        "refused": rebuilt.refused,
    })
}

fn page(rebuilt: &Rebuilt, is_dry: bool) -> String {
    let mut page = format!(
        "jobs       {}: {} read again and the same, {} without rows\nleads      {}\n",
        thousands(rebuilt.jobs),
        thousands(rebuilt.reread),
        thousands(rebuilt.without_rows),
        thousands(rebuilt.leads)
    );
    if let Some(unlike) = rebuilt.unlike {
        page += &match unlike {
            0 => "store      its leads are what the files say\n".to_owned(),
            leads => format!("store      {} NOT WHAT THE FILES SAY\n", counted(leads, "lead is", "leads are")),
        };
    }
    if let Some(kept) = &rebuilt.kept {
        page += &format!("old store  {}\n", kept.display());
    }
    if !rebuilt.problems.is_empty() {
        let rows: Vec<Vec<String>> = rebuilt
            .problems
            .iter()
            .map(|problem| {
                let job = problem.job_id.map_or("-".to_owned(), |job| job.to_string());
                vec![problem.kind.as_str().to_owned(), job, problem.file.clone(), problem.why.clone()]
            })
            .collect();
        page += &format!("\n{}", console::table(&["WHAT", "JOB", "FILE", "WHY"], &rows));
        if rebuilt.more > 0 {
            page += &format!("… and {} more\n", thousands(rebuilt.more));
        }
    }
    page += match (&rebuilt.refused, rebuilt.is_complete()) {
        (Some(_), _) => "\nNOTHING WAS CHANGED: ",
        (None, true) if is_dry => "\nEverything can be rebuilt. Nothing was changed.\n",
        (None, false) if is_dry => "\nNOT EVERYTHING CAN BE REBUILT: see above. Nothing was changed.\n",
        (None, true) => "\nEverything was rebuilt.\n",
        (None, false) => "\nNOT EVERYTHING COULD BE REBUILT: see above, and `valhalla audit`.\n",
    };
    page + &rebuilt.refused.as_ref().map_or(String::new(), |why| format!("{why}\n"))
}
