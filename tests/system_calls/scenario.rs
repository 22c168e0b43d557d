//! What runs: a fixed set of files through the real daemon, in acts.
//!
//! In the lone act there is one file with rejects, so that each file and folder is synced by itself. The first act begins with nothing but an inbox: a good list, one with rejects, a broken one, one of several chunks and one
//! of a source, all of them there before the start, so that the calls come in the same order each time. The second begins
//! with what the first left: a duplicate, an update of people who are known, and the rejects file of the first act, corrected.
//! An act ends with SIGTERM once everything is through.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Daemon, Root, TEN, names_in, tree};
use crate::trace::{self, Call, Fault};

/// The acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// One file.
    Lone,
    /// Several, on an empty root.
    First,
    /// On what the first act left.
    Second,
}

impl Act {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Lone, Self::First, Self::Second];

    /// Reports that are there when it is over.
    pub fn reports(self) -> usize {
        match self {
            Self::Lone => 1,
            Self::First => 5,
            Self::Second => 8,
        }
    }
}

/// A root with its files beside it.
#[derive(Debug)]
pub struct Stage {
    /// The root.
    pub root: Root,
    act: Act,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for name in ["trace", "stderr.txt"] {
            let _ = fs::remove_file(trace::outside(&self.root, name)); // not every run has both
        }
    }
}

/// How a run of the daemon ended.
#[derive(Debug)]
pub struct Run {
    /// Its exit code, 128 + the signal when one ended it; none when it had to be killed because it did not come to an end.
    pub code: Option<i32>,
    /// Whether everything was through before it was asked to end.
    pub is_through: bool,
    /// What it did.
    pub calls: Vec<Call>,
}

impl Run {
    /// Whether the fault was met.
    pub fn is_met(&self) -> bool {
        self.calls.iter().any(|call| call.injected)
    }
}

/// How long an act may take on a busy machine; with trouble on its way the daemon waits some seconds between its tries.
const PATIENCE: Duration = Duration::from_secs(120);

impl Stage {
    /// A root for an act; `before` is one in which the first act has been played.
    pub fn set(act: Act, before: Option<&Self>) -> Self {
        let stage = Self { root: Root::new(), act };
        match act {
            Act::Lone => stage.set_lone(),
            Act::First => stage.set_first(),
            Act::Second => stage.set_second(before.expect("the second act follows the first")),
        }
        stage
    }

    fn set_lone(&self) {
        self.configure();
        self.drop_at("zillow/mixed.csv", &mixed(), 0);
    }

    fn set_first(&self) {
        self.configure();
        let large = (0..6000).fold(HEADER.to_owned(), |text, row| {
            // Most rows are rejected: several chunks to read, but not a thousand pages of the store to write.
            let value = if row % 8 == 0 { format!("{}", 50_000 + row * 7) } else { "none".to_owned() };
            text + &format!(
                "Person Number {row},person.number.{row}@large.example,{value},Some Longer Name Of A Town Number {row},416-555-{:04}\n",
                row % 10_000
            )
        });
        let north = format!("{HEADER}Zoe,zoe@north.example,9000,Oslo,\nYan,yan@north.example,9100,Oslo,\n");
        let files = [
            ("plain.csv", TEN),
            ("mixed.csv", &mixed()),
            ("broken.csv", "nothing,here\n1,2\n"),
            ("large.csv", &large),
            ("zillow/north.csv", &north),
        ];
        for (at, (name, text)) in files.into_iter().enumerate() {
            self.drop_at(name, text, at as u64);
        }
    }

    /// Short waits, so that trouble is over soon; journals in several segments; every output there is.
    fn configure(&self) {
        self.root.configure(
            "[risk]\nmonitor_seconds = 86400\ncpu_percent_max = 100\nmemory_percent_max = 100\ndisk_free_percent_min = 0\ndisk_free_min = 0\n[watch]\nsettle_ms = 20\nrescan_seconds = 1\n[output]\nleads = \"csv\"\n[log]\njournal_rotate_bytes = 8192\n\
             [[experiments]]\nid = \"greeting\"\nvariants = [{ id = \"warm\", weight = 50 }, { id = \"cold\", weight = 50 }]\n",
        );
    }

    fn set_second(&self, before: &Self) {
        fs::remove_dir_all(self.root.path("")).expect("an empty root");
        let copied = Command::new("cp").arg("-a").arg(before.root.path("")).arg(self.root.path("")).status();
        assert!(copied.expect("cp").success(), "the root could not be copied");
        let fixed = self.root.text("failed/mixed.rejects.csv").replace("not-an-address", "no.mail@mixed.example").replace(",abc,", ",800,");
        let update = format!("{HEADER}John Doe,john@example.com,510000,Toronto,416-555-0101\nNew One,new@update.example,1,,\n");
        for (at, (name, text)) in [("again.csv", TEN), ("mixed.rejects.csv", &fixed), ("update.csv", &update)].into_iter().enumerate() {
            self.drop_at(name, text, 10 + at as u64);
        }
    }

    /// Older drops are taken first: their times decide the order.
    fn drop_at(&self, name: &str, text: &str, second: u64) {
        let path = self.root.write(std::path::Path::new("inbox").join(name), text);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000 + second);
        File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("time");
    }

    /// Runs the daemon until everything is through or it ends.
    pub fn play(&self, fault: &Fault) -> Run {
        let daemon = trace::start(&self.root, fault);
        let run = self.wait(daemon, PATIENCE);
        Run { calls: trace::calls(&self.root), ..run }
    }

    /// Runs it undisturbed and untraced, which must succeed; what went wrong else.
    pub fn recover(&self) -> Result<(), String> {
        let run = self.wait(self.root.spawn(&[], &[]), PATIENCE);
        if run.is_through && run.code == Some(0) { Ok(()) } else { Err(format!("the undisturbed start: {run:?}, {}", self.seen())) }
    }

    fn wait(&self, mut daemon: Daemon, patience: Duration) -> Run {
        let started = Instant::now();
        let is_through = loop {
            if let Some(status) = daemon.ended() {
                return Run { code: status.code(), is_through: self.is_through(), calls: Vec::new() };
            }
            if self.is_through() && self.answers() {
                break true;
            }
            if started.elapsed() > patience {
                break false;
            }
            std::thread::park_timeout(Duration::from_millis(4));
        };
        daemon.signal(rustix::process::Signal::TERM);
        while daemon.ended().is_none() && started.elapsed() < patience + PATIENCE {
            std::thread::park_timeout(Duration::from_millis(4));
        }
        Run { code: daemon.ended().and_then(|status| status.code()), is_through, calls: Vec::new() }
    }

    /// Whether the daemon is up: a signal before that would end it in the middle of its start.
    fn answers(&self) -> bool {
        let asked = UnixStream::connect(self.root.path(".valhalla.sock")).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"{\"command\":\"status\"}\n")?;
            stream.read(&mut [0; 16])
        });
        asked.is_ok_and(|bytes| bytes > 0)
    }

    /// Whether every file has its report and nothing waits or is on its way.
    fn is_through(&self) -> bool {
        let logs = self.root.path("logs");
        let segments = names_in(&logs).into_iter().filter(|name| name.starts_with("reports"));
        let lines: usize =
            segments.map(|name| fs::read(logs.join(name)).map_or(0, |bytes| memchr::memchr_iter(b'\n', &bytes).count())).sum();
        lines >= self.act.reports() && self.root.claims().is_empty() && tree(&self.root.path("inbox")).is_empty()
    }

    /// What traced runs said on stderr.
    pub fn told(&self) -> String {
        fs::read_to_string(trace::outside(&self.root, "stderr.txt")).unwrap_or_default()
    }

    /// What there is, for a message.
    pub fn seen(&self) -> String {
        let files: Vec<String> =
            tree(&self.root.path("")).into_iter().map(|(path, bytes)| format!("{} ({})", path.display(), bytes.len())).collect();
        let told =
            fs::read_to_string(trace::outside(&self.root, "stderr.txt")).unwrap_or_default() + "--\n" + &self.root.text("stderr.txt");
        format!(
            "files: {}\n{}",
            files.join(", "),
            told.lines().rev().take(12).map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat()
        )
    }
}

const HEADER: &str = "name,email,value,location,phone\n";

/// A list with good rows, bad ones and a formula.
fn mixed() -> String {
    format!(
        "{HEADER}Mia Ox,mia@mixed.example,5000,,\nNo Mail,not-an-address,5,,\nOdd,odd@mixed.example,abc,,\n=Sum,sum@mixed.example,70,,\n"
    )
}
