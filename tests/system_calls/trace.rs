//! The tracer, built and started; what it wrote down, read back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::support::{Daemon, Root};

/// One system call as it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Which one of its kind, from 1, all threads taken together.
    pub number: usize,
    /// The thread that made it.
    pub thread: u32,
    /// What it returned, an error as its negative number; none when the program was killed at it.
    pub result: Option<i64>,
    /// Of an open: what for.
    pub flags: u64,
    /// The path it was about, inside the root; empty for the root itself.
    pub path: String,
    /// The second path, of a rename.
    pub to: String,
    /// Whether it is the one that was meant to go wrong.
    pub injected: bool,
}

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is only written down.
    None,
    /// The program is killed before it.
    Kill,
    /// It is not made and returns this error.
    Error(i32),
    /// It is made and returns this error all the same.
    Late(i32),
    /// A write is made, of so many bytes at most.
    Short(usize),
}

/// Which calls go wrong, and how.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The kind of call; "any" for all that change something.
    pub call: String,
    /// The first of them, from 1.
    pub first: usize,
    /// The last of them.
    pub last: usize,
    /// How.
    pub action: Action,
    /// Only calls with this text in a path are counted.
    pub part: Option<String>,
}

impl Fault {
    /// None at all.
    pub fn none() -> Self {
        Self::at("-", 0, Action::None)
    }

    /// At one call.
    pub fn at(call: &str, number: usize, action: Action) -> Self {
        Self { call: call.to_owned(), first: number, last: number, action, part: None }
    }

    /// At all calls of a kind that have this text in a path, from the `first` on.
    pub fn lasting(call: &str, part: &str, first: usize, last: usize, action: Action) -> Self {
        Self { call: call.to_owned(), first, last, action, part: Some(part.to_owned()) }
    }
}

/// The tracer's binary; none, said aloud, where it cannot be built or may not trace.
pub fn tracer() -> Option<&'static Path> {
    static TRACER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = TRACER.get_or_init(|| {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            println!("skipped: the tracer knows Linux on x86-64 only");
            return None;
        }
        let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tracer-{}", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system_calls/tracer.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let outcome = Command::new(&compiler).args(["-O1", "-o"]).arg(&binary).arg(source).status();
        if !outcome.as_ref().is_ok_and(std::process::ExitStatus::success) {
            println!("skipped: no C compiler ({}): {outcome:?}", compiler.display());
            return None;
        }
        let tried = Command::new(&binary)
            .args(["/dev/null", "/", "-", "0", "0", "none", "0", "-", "--", "/bin/true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !tried.as_ref().is_ok_and(std::process::ExitStatus::success) {
            println!("skipped: this machine lets nobody trace: {tried:?}");
            return None;
        }
        Some(binary)
    });
    built.as_deref()
}

/// Starts the daemon of a root with a fault on its way; the trace goes to a file beside the root's folders.
pub fn start(root: &Root, fault: &Fault) -> Daemon {
    let (action, number) = match fault.action {
        Action::None => ("none", 0),
        Action::Kill => ("kill", 0),
        Action::Error(error) => ("error", i64::from(error)),
        Action::Late(error) => ("late", i64::from(error)),
        Action::Short(bytes) => ("short", i64::try_from(bytes).expect("small")),
    };
    let plain = root.command(&["run"]);
    let mut command = Command::new(tracer().expect("asked before"));
    command.arg(log_of(root)).arg(root.path("")).args([&fault.call, &fault.first.to_string(), &fault.last.to_string()]);
    command.args([action, &number.to_string(), fault.part.as_deref().unwrap_or("-"), "--"]);
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(plain.get_current_dir().expect("set"));
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let stderr = fs::File::options().create(true).append(true).open(outside(root, "stderr.txt")).expect("file for stderr");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    Daemon::of(command.spawn().expect("the tracer starts"))
}

/// What the last traced run did.
pub fn calls(root: &Root) -> Vec<Call> {
    let text = fs::read(log_of(root)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let base = root.path("").display().to_string();
    text.lines().filter_map(|line| parse(line, &base)).collect()
}

/// One line of the tracer's log; none for a line that the end of the tracer cut.
pub fn parse(line: &str, base: &str) -> Option<Call> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, number, thread, result, flags, path, to, injected] = fields.as_slice() else { return None };
    let inside = |path: &str| path.strip_prefix(base).map_or_else(|| path.to_owned(), |path| path.trim_start_matches('/').to_owned());
    Some(Call {
        name: (*name).to_owned(),
        number: number.parse().ok()?,
        thread: thread.parse().ok()?,
        result: result.parse().ok(),
        flags: u64::from_str_radix(flags, 16).ok()?,
        path: inside(path),
        to: inside(to),
        injected: *injected == "injected",
    })
}

/// A file that belongs to a root and lies beside it, so that the tracer does not count it.
pub fn outside(root: &Root, name: &str) -> PathBuf {
    let mut path = root.path("").into_os_string();
    path.push(".");
    path.push(name);
    path.into()
}

fn log_of(root: &Root) -> PathBuf {
    outside(root, "trace")
}
