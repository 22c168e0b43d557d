//! What only the writer of a root may do: by ourselves, or through the daemon that holds the lock.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::{Global, Trouble};
use crate::config::{Config, LogLevel};
use crate::daemon;
use crate::ingest::{Ingest, Start};
use crate::lock::LockError;
use crate::logging;
use crate::progress::Progress;

/// Does `work` as the writer, after whatever an interrupted run left and before whatever it leaves to learn; where a daemon
/// is the writer, it is asked with `request` instead. What came of it, as JSON.
pub(super) fn as_writer(
    global: &Global,
    config: &Arc<Config>,
    request: &Value,
    work: impl FnOnce(&mut Ingest) -> Result<Value, Trouble>,
) -> Result<Value, Trouble> {
    let lock = match daemon::take_lock(&config.root) {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return ask(config, request),
        Err(error) => return Err(error.into()),
    };
    let _log = logging::start(global.console_level(LogLevel::Warn), Some((&config.folders.logs, &config.log)))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (mut writer, recovered) = Ingest::open(Arc::clone(config), Arc::new(Progress::default()), stop, "cli", Start::of(&lock))?;
    for job in recovered.again.into_iter().chain(recovered.doubtful) {
        writer.run(&[job])?;
    }
    writer.learn()?; // what waits is part of what is known now
    let done = work(&mut writer);
    writer.learn()?;
    writer.close()?;
    done
}

/// What the daemon did, or why it did not.
fn ask(config: &Config, request: &Value) -> Result<Value, Trouble> {
    let reply = daemon::ask(&config.root, request)?;
    if reply["ok"] != true {
        return Err(Trouble::environment(reply["error"].as_str().unwrap_or("the daemon did not answer").to_owned()));
    }
    Ok(reply["done"].clone())
}
