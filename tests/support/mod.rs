//! What the behaviour tests stand on: a root in a temporary folder, the real binary, and waiting for conditions.
//!
//! No test sleeps for a fixed time: it polls a condition until a generous deadline and then says what it saw instead.

#![allow(dead_code, reason = "each test file is a program of its own and uses its own part of this")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub const VALHALLA: &str = env!("CARGO_BIN_EXE_valhalla");

/// How long a condition may take on a busy machine before it counts as never.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A header and ten acceptable rows.
pub const TEN: &str = "name,email,value,location,phone\n\
John Doe,john@example.com,500000,Toronto,416-555-0101\n\
Jane Roe,jane@example.com,\"500,000.50\",Ottawa,416-555-0102\n\
\"Smith, Ann\",ann@example.com,\"$238,224\",Toronto,416-555-0103\n\
Bob Lee,bob@example.com,750000,Hamilton,416-555-0104\n\
Cy Fox,cy@example.com,820000,Toronto,416-555-0105\n\
Di Orr,di@example.com,120000,Ottawa,416-555-0106\n\
Ed Poe,ed@example.com,64000,Toronto,416-555-0107\n\
Flo Ray,flo@example.com,990000,London,416-555-0108\n\
Gus Tan,gus@example.com,450000,Toronto,416-555-0109\n\
Hal Ude,hal@example.com,330000,Ottawa,416-555-0110\n";

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Said {
    /// The one JSON value on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is not JSON ({error}): {self:?}"))
    }

    /// One JSON value from each line of stdout.
    pub fn jsonl(&self) -> Vec<Value> {
        lines_of(&self.stdout)
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A test that does not ask about the machine is not to hear that its disk is nearly full or its processors busy.
const MACHINE_AS_IT_IS: [(&str, &str); 6] = [
    ("VALHALLA_RISK__CPU_PERCENT_MAX", "100"),
    ("VALHALLA_RISK__MEMORY_PERCENT_MAX", "100"),
    ("VALHALLA_RISK__DISK_FREE_PERCENT_MIN", "0"),
    ("VALHALLA_RISK__DISK_FREE_MIN", "0"),
    ("VALHALLA_RISK__STORE_WRITE_MS_MAX", "1000000000"),
    ("VALHALLA_RISK__QUEUE_SECONDS_MAX", "1000000000"),
];

/// A root of its own for one test; removed at its end.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// Removed with it, unless the root lies on a file system that the test brought along.
    _dir: Option<tempfile::TempDir>,
}

impl Root {
    /// An empty root with an inbox.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("valhalla-test-").tempdir().expect("temporary folder");
        let root = Self::at(dir.path().to_path_buf());
        Self { _dir: Some(dir), ..root }
    }

    /// A root in a folder that is there, on a file system that the test brought along. What lies in it stays.
    pub fn at(path: PathBuf) -> Self {
        let root = Self { path, _dir: None };
        fs::create_dir_all(root.path("inbox")).expect("inbox");
        fs::create_dir_all(root.path("outside")).expect("a folder beside the inbox");
        root
    }

    /// A root with a `valhalla.toml`.
    pub fn with_config(text: &str) -> Self {
        let root = Self::new();
        root.configure(text);
        root
    }

    /// Writes `valhalla.toml` anew.
    pub fn configure(&self, text: &str) {
        fs::write(self.path("valhalla.toml"), text).expect("configuration");
    }

    /// A path inside the root; the root itself for "".
    pub fn path(&self, rel: impl AsRef<Path>) -> PathBuf {
        let rel = rel.as_ref();
        if rel.as_os_str().is_empty() { self.path.clone() } else { self.path.join(rel) }
    }

    /// Whether something is there.
    pub fn has(&self, rel: impl AsRef<Path>) -> bool {
        self.path(rel).symlink_metadata().is_ok()
    }

    /// A text file of the root; empty when it is not there.
    pub fn text(&self, rel: impl AsRef<Path>) -> String {
        fs::read(self.path(rel)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Writes a file somewhere in the root.
    pub fn write(&self, rel: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(rel);
        fs::create_dir_all(path.parent().expect("inside the root")).expect("folder");
        fs::write(&path, bytes).expect("write");
        path
    }

    /// Drops a file by rename: it appears in the inbox whole.
    pub fn drop_renamed(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let staged = self.write(Path::new("outside").join("staged"), bytes);
        let target = self.path("inbox").join(name);
        fs::create_dir_all(target.parent().expect("inside the inbox")).expect("folder of the source");
        fs::rename(staged, target).expect("rename into the inbox");
    }

    /// Drops a file as `cp` does: created in place, then written.
    pub fn drop_copied(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        self.write(Path::new("inbox").join(name), bytes);
    }

    /// The command line for this root.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VALHALLA);
        clear_settings(&mut command);
        command.arg("--root").arg(self.path("")).args(args).current_dir(self.path("outside"));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, &[])
    }

    /// Runs a command to its end, with settings in the environment.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        said(&mut command)
    }

    /// Starts the daemon and waits until it answers.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(&[], &[])
    }

    /// Starts the daemon with further arguments and settings, and waits until it answers.
    pub fn daemon_with(&self, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let mut daemon = self.spawn(args, env);
        wait_for("the daemon's answer", || {
            if let Some(status) = daemon.ended() {
                panic!("the daemon ended at once ({status}): {}", self.text("stderr.txt"));
            }
            self.run(&["status", "--json"]).code == Some(0)
        });
        daemon
    }

    /// Starts the daemon and does not wait for anything.
    pub fn spawn(&self, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let stderr = File::options().create(true).append(true).open(self.path("stderr.txt")).expect("file for stderr");
        let mut command = self.command(&["run"]);
        let config = fs::read_to_string(self.path("valhalla.toml")).unwrap_or_default();
        if !config.contains("[risk]") {
            command.envs(MACHINE_AS_IT_IS);
        }
        command.args(args).envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        command.process_group(0);
        Daemon { child: command.spawn().expect("the binary starts") }
    }

    /// All lines of a journal, closed segments first.
    pub fn journal(&self, name: &str) -> Vec<Value> {
        let logs = self.path("logs");
        let mut segments: Vec<PathBuf> =
            fs::read_dir(&logs).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default();
        segments.retain(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{name}.0")) && file.ends_with(".jsonl")
        });
        segments.sort();
        segments.push(logs.join(format!("{name}.jsonl")));
        segments.iter().flat_map(|path| lines_of(&fs::read_to_string(path).unwrap_or_default())).collect()
    }

    /// `reports.jsonl`.
    pub fn reports(&self) -> Vec<Value> {
        self.journal("reports")
    }

    /// How many whole lines `reports.jsonl` has; quicker than reading them.
    pub fn reports_whole(&self) -> usize {
        fs::read(self.path("logs/reports.jsonl")).map_or(0, |bytes| memchr::memchr_iter(b'\n', &bytes).count())
    }

    /// Codes of all alerts so far.
    pub fn alert_codes(&self) -> Vec<String> {
        self.journal("alerts").iter().map(|alert| alert["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// The reports of one file.
    pub fn reports_of(&self, file: &str) -> Vec<Value> {
        self.reports().into_iter().filter(|report| report["file"] == file).collect()
    }

    /// Waits for the report of a file and for its moves; the newest if it had several.
    #[track_caller]
    pub fn report_of(&self, file: &str) -> Value {
        wait_for(&format!("the report of {file}"), || !self.reports_of(file).is_empty());
        self.wait_idle();
        self.reports_of(file).pop().expect("waited for")
    }

    /// Waits until so many reports are written and nothing is claimed any more.
    #[track_caller]
    pub fn wait_reports(&self, count: usize) -> Vec<Value> {
        wait_for(
            &format!(
                "{count} reports (there are {}: {:?})",
                self.reports().len(),
                self.reports().iter().map(|r| r["file"].clone()).collect::<Vec<_>>()
            ),
            || self.reports().len() >= count,
        );
        self.wait_idle();
        self.reports()
    }

    /// Waits until nothing lies in the claims folder.
    #[track_caller]
    pub fn wait_idle(&self) {
        wait_for("an empty claims folder", || self.claims().is_empty());
    }

    /// What lies in the claims folder.
    pub fn claims(&self) -> Vec<String> {
        names_in(&self.path(".claimed"))
    }

    /// All leads, as `leads --format jsonl` gives them.
    pub fn leads(&self) -> Vec<Value> {
        self.run(&["leads", "--format", "jsonl"]).exits(0).jsonl()
    }

    /// The log for people and what the daemon said on stderr.
    pub fn log(&self) -> String {
        let logs = self.path("logs");
        let files = names_in(&logs).into_iter().filter(|name| name.starts_with("valhalla"));
        files.map(|name| self.text(Path::new("logs").join(name))).collect::<String>() + &self.text("stderr.txt")
    }

    /// Fails when the log speaks of a panic or the audit does not hold.
    #[track_caller]
    pub fn assert_sound(&self) {
        let log = self.log();
        for word in ["panicked", "a fault of the program", "RUST_BACKTRACE"] {
            assert!(!log.contains(word), "the log speaks of a panic:\n{log}");
        }
        self.run(&["audit"]).exits(0);
    }

    /// Drops a good file under this name and waits until it is through: the daemon is alive.
    #[track_caller]
    pub fn assert_alive(&self, name: &str) {
        self.drop_renamed(name, format!("name,email,value\nAlive,{}@alive.example,5\n", name.replace(['.', '/'], "-")));
        let report = self.report_of(name);
        assert_eq!(report["fate"], "processed", "{report}");
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// A daemon that somebody else started.
    pub fn of(child: Child) -> Self {
        Self { child }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our child")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, signal); // it may have ended by itself
    }

    /// Asks it to end and returns how it did and how long that took.
    #[track_caller]
    pub fn stop(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(rustix::process::Signal::TERM);
        wait_for("the daemon's end", || self.ended().is_some());
        (self.ended().expect("ended").code(), asked.elapsed())
    }

    /// Ends it as a power cut would end it.
    pub fn kill(mut self) {
        self.signal(rustix::process::Signal::KILL);
        let _ = self.child.wait(); // reaped either way
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait(); // reaped either way
        }
    }
}

/// Runs a prepared command to its end; fails when it does not end.
pub fn said(command: &mut Command) -> Said {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map(|_| bytes)
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("piped")));
    let stderr = read(Box::new(child.stderr.take().expect("piped")));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("our child") {
            break status;
        }
        if started.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("{command:?} did not end within {DEADLINE:?}");
        }
        std::thread::park_timeout(Duration::from_millis(3));
    };
    let text = |thread: std::thread::JoinHandle<io::Result<Vec<u8>>>| {
        String::from_utf8_lossy(&thread.join().expect("reader").expect("output")).into_owned()
    };
    Said { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Polls until the condition holds; fails with these words when it never does.
#[track_caller]
pub fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(DEADLINE, condition), "waited {DEADLINE:?} in vain for {what}");
}

/// Whether the condition comes to hold within a time.
pub fn comes_true(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() > within {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A text made of one part for each number.
pub fn joined(numbers: std::ops::Range<u64>, part: impl Fn(u64) -> String) -> String {
    numbers.fold(String::new(), |text, number| text + &part(number))
}

/// The names in a folder, sorted; none when there is no folder.
pub fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).map(|entries| entries.filter_map(Result::ok).collect::<Vec<_>>()).unwrap_or_default();
    let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every file below a folder with its bytes, by relative path.
pub fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            let Ok(metadata) = path.symlink_metadata() else { continue }; // it went away meanwhile
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                found.push((path.strip_prefix(dir).expect("below").to_path_buf(), fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

/// A generator of numbers, so that a failure can be repeated from its seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From `VALHALLA_TEST_SEED`, else from the time; said aloud, because the test harness shows it when the test fails.
    pub fn seeded() -> Self {
        let seed = std::env::var("VALHALLA_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.subsec_nanos().into())
        });
        println!("seed: VALHALLA_TEST_SEED={seed}");
        Self::from(seed)
    }

    /// From a seed.
    pub fn from(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number (`SplitMix64`).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next place in a list of so many.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).expect("below a length")
    }

    /// The next number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A file whose figures are known.
#[derive(Debug, Default)]
pub struct Generated {
    /// Its bytes.
    pub text: String,
    /// Distinct people with an acceptable row.
    pub new: u64,
    /// Acceptable rows of people who came earlier.
    pub duplicates: u64,
    /// Rows that break a rule.
    pub rejected: u64,
}

impl Generated {
    /// Data records.
    pub fn total(&self) -> u64 {
        self.new + self.duplicates + self.rejected
    }
}

/// A list of `rows` rows with quotes, doubled quotes, newlines in cells, repeated people, bad rows and empty lines.
///
/// People are told apart by `tag`, so that two lists with different tags share nobody.
pub fn generate(rows: u64, tag: &str, seed: u64) -> Generated {
    let mut random = Random::from(seed);
    let mut made = Generated { text: "name,email,value,location,phone,Notes\n".to_owned(), ..Generated::default() };
    for row in 0..rows {
        let name = match random.below(4) {
            0 => format!("\"Last{row}, First\""),
            1 => format!("\"Ann \"\"{row}\"\" Lee\""),
            _ => format!("Person {row}"),
        };
        let email = format!("p{row}@{tag}.example");
        let value = match random.below(3) {
            0 => format!("{}", 50_000 + random.below(900_000)),
            1 => format!("\"{},{:03}.50\"", 50 + random.below(900), random.below(1000)),
            _ => format!("${}", 1000 + random.below(1_000_000)),
        };
        let notes = if random.below(7) == 0 { "\"two\nlines\"" } else { "plain" };
        let (email, value) = match random.below(20) {
            0 if made.new > 0 => {
                made.duplicates += 1;
                (format!("P0@{tag}.EXAMPLE"), value)
            }
            1 if row > 0 => {
                made.rejected += 1;
                ("not-an-address".to_owned(), value)
            }
            2 if row > 0 => {
                made.rejected += 1;
                (email, "abc".to_owned())
            }
            _ => {
                made.new += 1;
                (email, value)
            }
        };
        made.text += &format!("{name},{email},{value},Toronto,416-555-{:04},{notes}\n", row % 10_000);
        if random.below(50) == 0 {
            made.text += "\n";
        }
    }
    made
}

/// Whether this is the test's run inside a mount namespace of its own, where whatever it mounts ends with it, even when
/// it is killed. Outside, the test of this name (`module::name`) is run again inside, and must succeed there.
#[track_caller]
pub fn has_own_mounts(test: &str) -> bool {
    const INSIDE: &str = "TEST_HAS_OWN_MOUNTS";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |program: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]).arg(program).stdin(Stdio::null());
        command
    };
    if !unshare(Path::new("true")).output().is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no mounts of its own can be had here (root and util-linux's unshare are needed)");
        return false;
    }
    let program = std::env::current_exe().expect("the test's own program");
    let mut again = unshare(&program);
    again.args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = again.output().expect("unshare was there a moment ago");
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("running 1 test"), "there is no test named {test}");
    assert!(output.status.success(), "{test} failed inside its own mounts; what it said stands above");
    false
}

/// Runs one of the system's own tools; what it said when it failed.
pub fn tool(name: &str, args: &[&std::ffi::OsStr]) -> Result<(), String> {
    let output = Command::new(name).args(args).stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())) }
}

/// One JSON value from each whole line.
fn lines_of(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))).collect()
}

/// Takes away what the environment of the test run would set.
fn clear_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VALHALLA_") {
            command.env_remove(name);
        }
    }
}

/// Writes slowly: the parts one by one, each after the condition between them has held.
pub fn write_in_parts(path: &Path, parts: &[&str], mut between: impl FnMut()) {
    let mut file = File::create(path).expect("create");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            between();
        }
        file.write_all(part.as_bytes()).expect("write");
        file.flush().expect("flush");
    }
}
