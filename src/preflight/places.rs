//! The folders: that they are there and take a file, who may touch them, room on their disks, and that the system tells when
//! something arrives. Each probe file is removed again, and its name begins with a dot: the inbox ignores such names.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};

use super::{Check, Held, Item};
use crate::clock::{self, Stopwatch};
use crate::config::{Config, Poll};

/// How long the system may take to tell of a file.
const EVENT_WAIT: Duration = Duration::from_secs(2);
/// Fewer free inodes are too few: each job needs several files.
const INODES_MIN: u64 = 1_000;
/// So few may be used up soon.
const INODES_LOW: u64 = 10_000;
/// How a key of the configuration is called that holds something to be kept from others.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "api_key"];

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let folders = &config.folders;
    let places = [
        ("inbox", &folders.inbox, Item::CsvIngestion),
        ("processed", &folders.processed, Item::CsvIngestion),
        ("failed", &folders.failed, Item::CsvIngestion),
        ("logs", &folders.logs, Item::AlertLogging),
    ];
    let mut checks: Vec<Check> = places.iter().map(|(name, path, item)| writable(name, path, *item)).collect();
    checks.push(one_file_system(config));
    checks.push(watch(config));
    checks.extend(inodes(config));
    checks.extend(permissions(config));
    checks.push(owners(config));
    checks.push(secrets(config));
    checks
}

/// A file is made, synced and removed.
fn writable(name: &str, path: &Path, item: Item) -> Check {
    let check =
        Check::passed(item, &format!("{name}/ takes files"), format!("{}: written, synced, removed", path.display()), "a file, synced");
    match probe(path) {
        Ok(()) => check,
        Err(error) => Check { measured: format!("{}: {error}", path.display()), ..check }.turned(
            Held::Failed,
            "Make the folder (`valhalla init`), and let the daemon's user write there; is the disk mounted read-only?",
        ),
    }
}

fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(probe_name());
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
        file.write_all(b"a probe of `valhalla preflight`\n")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

fn probe_name() -> String {
    format!(".preflight-{}-{}", std::process::id(), clock::now_ms())
}

/// Originals are renamed from folder to folder, and that works within one file system only.
fn one_file_system(config: &Config) -> Check {
    let folders = &config.folders;
    let devices: Vec<(&str, Option<u64>)> = [("inbox", &folders.inbox), ("processed", &folders.processed), ("failed", &folders.failed)]
        .map(|(name, path)| (name, fs::metadata(path).ok().map(|metadata| metadata.dev())))
        .into();
    let check = Check::passed(Item::CsvIngestion, "one file system", "inbox, processed and failed share one", "the same for all three");
    if let Some((name, _)) = devices.iter().find(|(_, device)| device.is_none()) {
        return Check { measured: format!("{name}/ cannot be looked at"), ..check }.turned(Held::NotChecked, "See there.");
    }
    let elsewhere: Vec<&str> = devices.iter().filter(|(_, device)| *device != devices[0].1).map(|(name, _)| *name).collect();
    if elsewhere.is_empty() {
        return check;
    }
    Check { measured: format!("not on the inbox's file system: {}", elsewhere.join(", ")), ..check }
        .turned(Held::Failed, "Put the three under [folders] on one file system: an original is moved whole or not at all.")
}

/// Whether the system tells of a file that appears.
fn watch(config: &Config) -> Check {
    let inbox = &config.folders.inbox;
    let check = Check::passed(Item::CsvIngestion, "inbox events", "", format!("an event within {} ms", EVENT_WAIT.as_millis()));
    if config.watch.poll == Poll::Always {
        let measured = format!("not asked for (poll = \"always\"): the inbox is looked at every {} s", config.watch.rescan_seconds);
        return Check { measured, ..check };
    }
    match event_ms(inbox) {
        Ok(Some(took)) => Check { measured: format!("told of after {took} ms"), ..check },
        Ok(None) => Check { measured: format!("no event: files are found every {} s", config.watch.rescan_seconds), ..check }.turned(
            Held::Warning,
            "On a network share set poll = \"always\" and a short rescan_seconds under [watch]; else raise fs.inotify.max_user_watches.",
        ),
        Err(why) => Check { measured: why, ..check }
            .turned(Held::Failed, "Make the inbox, and let this user read and write it; or raise fs.inotify.max_user_instances."),
    }
}

fn event_ms(inbox: &Path) -> Result<Option<u64>, String> {
    let name = probe_name();
    let (tell, told) = mpsc::channel();
    let wanted = name.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_it = event.is_ok_and(|event| event.paths.iter().any(|path| path.file_name().is_some_and(|found| found == wanted.as_str())));
        if is_it {
            let _ = tell.send(()); // nobody listens any more: the first was enough
        }
    })
    .map_err(|error| error.to_string())?;
    watcher.watch(inbox, RecursiveMode::NonRecursive).map_err(|error| format!("{}: {error}", inbox.display()))?;
    let since = Stopwatch::start();
    let path = inbox.join(name);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| format!("{}: {error}", inbox.display()))?;
    let heard = told.recv_timeout(EVENT_WAIT);
    let took = since.elapsed_ms();
    fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(heard.ok().map(|()| took))
}

/// Free inodes of each file system that we write to.
fn inodes(config: &Config) -> Vec<Check> {
    file_systems(config)
        .into_iter()
        .map(|(name, path)| {
            let name = format!("inodes of {name}");
            let check = Check::passed(Item::SystemPerformance, &name, "", format!("at least {INODES_LOW} free"));
            match rustix::fs::statvfs(&path) {
                Err(error) => Check { measured: format!("{}: {error}", path.display()), ..check }.turned(Held::NotChecked, "See there."),
                Ok(room) if room.f_files == 0 => Check { measured: "this file system has no fixed number of them".to_owned(), ..check },
                Ok(room) => {
                    let check = Check { measured: format!("{} of {} free", room.f_favail, room.f_files), ..check };
                    let action = "Remove small files that nobody needs, or move the root to a file system with more inodes.";
                    match room.f_favail {
                        ..INODES_MIN => check.turned(Held::Failed, action),
                        INODES_MIN..INODES_LOW => check.turned(Held::Warning, action),
                        _ => check,
                    }
                }
            }
        })
        .collect()
}

/// One folder of each file system that we write to, with a name for people.
pub(super) fn file_systems(config: &Config) -> Vec<(&'static str, std::path::PathBuf)> {
    let store = config.store.path.parent().unwrap_or(&config.root).to_path_buf();
    let folders = &config.folders;
    let all =
        [("processed", folders.processed.clone()), ("store", store), ("failed", folders.failed.clone()), ("logs", folders.logs.clone())];
    let mut devices = Vec::new();
    let is_new = |path: &Path| {
        let device = fs::metadata(path).ok().map(|metadata| metadata.dev());
        let is_new = device.is_some() && !devices.contains(&device);
        devices.push(device);
        is_new
    };
    let mut is_new = is_new;
    all.into_iter().filter(|(_, path)| is_new(path)).collect()
}

/// Everything of ours, by what others could do with it.
fn permissions(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, path) in ours(config) {
        let Ok(metadata) = fs::metadata(&path) else { continue }; // what must be there has a check of its own
        let mode = metadata.mode() & 0o7777;
        let check = Check::passed(Item::Security, &format!("mode of {name}"), format!("{mode:o}"), "not writable by others");
        let result = if name == "inbox" { Held::Warning } else { Held::Failed };
        let check =
            check.unless(mode & 0o002 == 0, result, "Take the right to write away from others (chmod o-w), or set group under [folders].");
        let is_open_store = name == "store" && mode & 0o004 != 0 && check.result == Held::Passed;
        checks.push(if is_open_store {
            check.turned(Held::Warning, "Everyone on this machine can read the leads: chmod o-r the store.")
        } else {
            check
        });
    }
    checks
}

fn ours(config: &Config) -> Vec<(&'static str, std::path::PathBuf)> {
    let folders = &config.folders;
    let mut all = vec![
        ("root", config.root.clone()),
        ("inbox", folders.inbox.clone()),
        ("claims", folders.claimed.clone()),
        ("processed", folders.processed.clone()),
        ("failed", folders.failed.clone()),
        ("logs", folders.logs.clone()),
        ("store", config.store.path.clone()),
    ];
    all.extend(config.config_file.clone().map(|file| ("configuration", file)));
    all
}

/// All of it belongs to one user; the configuration may be the administrator's.
fn owners(config: &Config) -> Check {
    let found: Vec<(&str, Metadata)> = ours(config).into_iter().filter_map(|(name, path)| Some((name, fs::metadata(path).ok()?))).collect();
    let check = Check::passed(Item::Security, "owners", "", "one user owns all of it; the inbox and the configuration may be another's");
    let Some(owner) = found.iter().find(|(name, _)| *name == "logs").map(|(_, metadata)| metadata.uid()) else {
        return Check { measured: "logs/ is not there".to_owned(), ..check }.turned(Held::NotChecked, "See there.");
    };
    let others: Vec<String> = found
        .iter()
        .filter(|(name, metadata)| metadata.uid() != owner && !matches!(*name, "inbox" | "configuration" | "root"))
        .map(|(name, metadata)| format!("{name}: user {}", metadata.uid()))
        .collect();
    if others.is_empty() {
        return Check { measured: format!("user {owner}"), ..check };
    }
    Check { measured: format!("logs: user {owner}, {}", others.join(", ")), ..check }
        .turned(Held::Warning, "Give all of it to the user that the daemon runs as (chown).")
}

/// Secrets that stand in the configuration, and who may read them.
fn secrets(config: &Config) -> Check {
    let check = Check::passed(Item::Security, "secrets", "", "a configuration with secrets is readable by its owner and group only");
    let Some(file) = &config.config_file else { return Check { measured: "no configuration file".to_owned(), ..check } };
    let (Ok(text), Ok(metadata)) = (fs::read_to_string(file), fs::metadata(file)) else {
        return Check { measured: format!("{}: cannot be read", file.display()), ..check }
            .turned(Held::NotChecked, "Let this user read it.");
    };
    let is_secret = |line: &&str| {
        let line = line.trim_start().to_lowercase();
        let value = line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty() && *value != "\"\"");
        !line.starts_with('#')
            && value.is_some_and(|_| SECRET_WORDS.iter().any(|word| line.split('=').next().is_some_and(|key| key.contains(word))))
    };
    let count = text.lines().filter(is_secret).count();
    let is_open = metadata.mode() & 0o004 != 0;
    Check { measured: format!("{count} in the configuration, mode {:o}", metadata.mode() & 0o7777), ..check }.unless(
        count == 0 || !is_open,
        Held::Failed,
        "chmod o-r the configuration, and change the secrets: others may have read them.",
    )
}
