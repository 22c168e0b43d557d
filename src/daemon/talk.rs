//! The daemon's ears: signals, and one JSON request a connection on `.valhalla.sock`.
//!
//! Runs on a thread of its own and never touches a file of the root but the socket. What only the writer may do is passed
//! on as an [`Event`]; what can be answered from figures is answered here, even while a large file is in hand.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::bounded;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::{Event, Shutdown};
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::progress::{Look, Progress};
use crate::risk::Pulse;

/// Bytes of one request.
const REQUEST_BYTES: u64 = 64 << 10;
/// Bytes of a socket's address that every system has room for.
const ADDRESS_BYTES: usize = 100;
/// How long a client may take to send its request.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long nobody is let in after that failed.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);
/// How long a command waits for the writer to come to its request.
const REPLY_WAIT: Duration = Duration::from_secs(3600);

/// The answer to a request.
pub type Reply = Value;

/// The talking thread; ends with [`end`](Self::end).
pub(super) struct Talker {
    thread: Option<JoinHandle<()>>,
    quit: Arc<Notify>,
    socket: PathBuf,
}

impl Talker {
    /// Stops listening and removes the socket.
    pub fn end(mut self) {
        self.quit.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has been logged by the runtime and concerns nobody's data
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Where a root's socket is.
#[must_use]
pub fn socket_path(root: &Path) -> PathBuf {
    root.join(".valhalla.sock")
}

/// Sends one request to the daemon of a root and waits for its answer.
///
/// # Errors
/// When nobody listens there, or the answer does not come.
pub fn ask(root: &Path, request: &Value) -> io::Result<Reply> {
    let (_dir, path) = reachable(root)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(REPLY_WAIT))?;
    writeln!(stream, "{request}")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// A socket's address has room for some hundred bytes: a longer path is reached through the opened folder.
fn reachable(root: &Path) -> io::Result<(Option<File>, PathBuf)> {
    let path = socket_path(root);
    if path.as_os_str().len() < ADDRESS_BYTES {
        return Ok((None, path));
    }
    let dir = File::open(root)?;
    let path = socket_path(Path::new(&format!("/proc/self/fd/{}", dir.as_raw_fd())));
    Ok((Some(dir), path))
}

/// Whether somebody listens there, however busy.
pub(super) fn is_alive(root: &Path) -> bool {
    reachable(root).and_then(|(_dir, path)| UnixStream::connect(path)).is_ok()
}

/// Starts to listen for signals and requests. Called by the holder of the lock, so a socket that stands there is stale.
pub(super) fn start(config: &Arc<Config>, progress: &Arc<Progress>, pulse: &Arc<Pulse>, shutdown: &Shutdown) -> io::Result<Talker> {
    let socket = socket_path(&config.root);
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (_dir, path) = reachable(&config.root)?;
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o660))?;
    let quit = Arc::new(Notify::new());
    let desk = Arc::new(Desk {
        config: Arc::clone(config),
        progress: Arc::clone(progress),
        pulse: Arc::clone(pulse),
        shutdown: shutdown.clone(),
        started_at_ms: clock::now_ms(),
        uptime: Stopwatch::start(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let quitting = Arc::clone(&quit);
    let thread = std::thread::Builder::new().name("talk".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(listen(listener, &desk, &quitting)) {
            tracing::error!(%error, "the socket and signals are not listened to any more");
        }
    })?;
    Ok(Talker { thread: Some(thread), quit, socket })
}

/// What requests are answered from.
struct Desk {
    config: Arc<Config>,
    progress: Arc<Progress>,
    pulse: Arc<Pulse>,
    shutdown: Shutdown,
    started_at_ms: i64,
    uptime: Stopwatch,
}

async fn listen(listener: std::os::unix::net::UnixListener, desk: &Arc<Desk>, quit: &Notify) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let (mut terminate, mut interrupt, mut hangup) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    loop {
        tokio::select! {
            () = quit.notified() => return Ok(()),
            _ = terminate.recv() => desk.stop("SIGTERM"),
            _ = interrupt.recv() => desk.stop("SIGINT"),
            _ = hangup.recv() => tracing::warn!("SIGHUP: reloading comes in a later version; restart to apply a new configuration"),
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        let desk = Arc::clone(desk);
                        tokio::spawn(async move {
                            desk.pulse.connect();
                            // A client that goes away in the middle concerns only itself.
                            let _ = tokio::time::timeout(REPLY_WAIT, desk.serve(stream)).await;
                            desk.pulse.disconnect();
                        });
                    }
                    // Too many open files: the client stays in the queue, and asking again at once would keep a core busy.
                    Err(_) => tokio::time::sleep(ACCEPT_WAIT).await,
                }
            }
        }
    }
}

impl Desk {
    fn stop(&self, signal: &str) {
        tracing::info!(signal, "stopping");
        self.shutdown.stop();
    }

    async fn serve(&self, stream: tokio::net::UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(read.take(REQUEST_BYTES));
        tokio::time::timeout(REQUEST_WAIT, reader.read_line(&mut line)).await??;
        let reply = match serde_json::from_str::<Value>(&line) {
            Ok(request) if request["command"] == "status" => json!({ "ok": true, "status": self.status() }),
            Ok(request) => self.pass_on(request).await,
            Err(error) => json!({ "ok": false, "error": format!("not a request: {error}") }),
        };
        write.write_all(format!("{reply}\n").as_bytes()).await
    }

    /// Hands a request to the working thread, which answers between two rounds.
    async fn pass_on(&self, request: Value) -> Value {
        let (reply, answer) = bounded(1);
        let events = self.shutdown.events.clone();
        let asked = tokio::task::spawn_blocking(move || {
            events.send(Event::Request(request, reply)).ok()?;
            answer.recv_timeout(REPLY_WAIT).ok()
        });
        asked.await.ok().flatten().unwrap_or_else(|| json!({ "ok": false, "error": "the daemon did not answer; it may be stopping" }))
    }

    fn status(&self) -> Value {
        let Look { bytes_done, bytes_total, rows_done, alerts: [info, warning, critical], state } = self.progress.look();
        let current =
            state.file.map(|file| json!({ "file": file, "bytes_done": bytes_done, "bytes_total": bytes_total, "rows_done": rows_done }));
        json!({
            "running": true,
            "pid": std::process::id(),
            "program": env!("CARGO_PKG_VERSION"),
            "root": self.config.root,
            "mode": self.config.mode.as_str(),
            "started_at": clock::rfc3339(self.started_at_ms),
            "uptime_ms": self.uptime.elapsed_ms(),
            "paused": state.paused,
            "waiting": state.waiting,
            "current": current,
            "since_start": { "files": state.files, "rows": state.rows },
            "alerts_since_start": { "info": info, "warning": warning, "critical": critical },
            "health": state.health.map(|verdict| json!({
                "status": verdict.health, "risk": verdict.risk, "causes": verdict.causes, "unknown": verdict.unknown
            })),
            "last": state.last,
        })
    }
}
