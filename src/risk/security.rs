//! The installation's safety: who may read and write what, what was dropped, whether the audit chain holds, where the data lies.
//!
//! Looks only; nothing is mended. The content of a cell or a secret is never told, only the file it stands in.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Finding, Level, Pulse};
use crate::config::{Config, Risk};
use crate::journal::{self, AlertCode, ChainFault, Journal};

/// Endings of files that run something when they are opened.
const PROGRAMS: &[&str] =
    &["exe", "com", "scr", "bat", "cmd", "js", "jse", "vbs", "vbe", "wsf", "hta", "lnk", "pif", "ps1", "jar", "msi", "sh"];
/// Words in the name of a setting whose value nobody else should read.
const SECRETS: &[&str] = &["secret", "password", "token"];
/// Devices under devices that are followed: LVM on LUKS on RAID are three.
const DEVICES_DEEP: usize = 8;
/// A configuration is never longer.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// What is remembered of the audit journal: how its files looked when they were last read, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Chain {
    looked_at: Vec<(PathBuf, u64, Option<SystemTime>)>,
    verdict: Option<Result<(u64, Option<String>), String>>,
}

impl Chain {
    /// Follows the chain, if the journal is another than at the last look.
    pub(super) fn follow(&mut self, logs: &Path) -> Finding {
        let files = audit_files(logs);
        if self.verdict.is_none() || files != self.looked_at {
            let read = journal::read(logs, Journal::Audit).and_then(|records| journal::verify_chain(records, None));
            // The last line may be half written at this moment.
            let broken = |faults: Vec<ChainFault>| faults.into_iter().find(|fault| !matches!(fault, ChainFault::Torn(..)));
            let verdict = read.map(|verdict| (verdict.lines, broken(verdict.faults).map(|fault| fault.to_string())));
            (self.looked_at, self.verdict) = (files, Some(verdict.map_err(|error| error.to_string())));
        }
        let (level, detail) = match self.verdict.as_ref() {
            Some(Ok((_, Some(fault)))) => (Level::Critical, fault.clone()),
            Some(Ok((lines, None))) => (Level::Fine, format!("the audit chain holds: {lines} entries")),
            Some(Err(why)) => (Level::Unknown, why.clone()),
            None => (Level::Unknown, "the audit journal was not read yet".to_owned()),
        };
        Finding::new(AlertCode::JournalTampered, level, detail)
    }
}

/// Why a name hides what the file is; `None` for an honest one.
#[must_use]
pub fn hidden_in_name(name: &OsStr) -> Option<&'static str> {
    let text = name.to_string_lossy();
    if text.chars().any(|character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Some("characters that turn the direction of writing");
    }
    if text.chars().any(char::is_control) {
        return Some("control characters");
    }
    if text.contains('\\') || text.contains("..%2f") || text.starts_with("..") || text.to_lowercase().contains("%2e%2e") {
        return Some("a way out of the folder");
    }
    let mut endings = text.rsplit('.');
    let is_program = endings.next().is_some_and(|ending| PROGRAMS.iter().any(|program| ending.eq_ignore_ascii_case(program)));
    (is_program && text.contains('.') && !name.as_bytes().starts_with(b".")).then_some("the ending of a program")
}

/// What `data_encryption` says: a word, or why it cannot be known.
///
/// # Errors
/// When the system does not tell.
pub fn encryption(data: &Path) -> Result<&'static str, String> {
    let device = fs::metadata(data).map_err(|error| format!("the data's folder cannot be looked at: {error}"))?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let node = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    if !node.exists() {
        return Err(format!("the file system (device {major}:{minor}) shows no block device: in memory, on the network, or layered"));
    }
    Ok(if is_crypt(&node, DEVICES_DEEP) { "encrypted (LUKS)" } else { "not encrypted" })
}

/// Permissions, owners, secrets, the user, and the disk.
pub(super) fn installation(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let folders = &config.folders;
    let inbox_mode = fs::metadata(&folders.inbox).map(|metadata| metadata.mode());
    found.push(match inbox_mode {
        Ok(mode) if mode & 0o002 != 0 => Finding::new(AlertCode::WorldWritableInbox, Level::Warning, "anyone may write to the inbox"),
        Ok(_) => Finding::new(AlertCode::WorldWritableInbox, Level::Fine, "not everyone may write to the inbox"),
        Err(error) => Finding::new(AlertCode::WorldWritableInbox, Level::Unknown, format!("the inbox: {error}")),
    });
    let store = config.store.path.as_path();
    let ours = [
        ("root", config.root.as_path(), 0o002),
        ("processed", &folders.processed, 0o002),
        ("failed", &folders.failed, 0o002),
        ("logs", &folders.logs, 0o002),
        ("claimed", &folders.claimed, 0o002),
        ("store", store, 0o006),
    ];
    for (name, path, wide) in ours.into_iter().chain(config.config_file.as_deref().map(|file| ("configuration", file, 0o002))) {
        found.extend(access(name, path, wide));
    }
    if let Some(file) = config.config_file.as_deref() {
        found.push(secret(file));
    }
    found.push(user(rustix::process::geteuid().is_root(), std::env::var_os("INVOCATION_ID").is_some()));
    found.push(match encryption(store.parent().unwrap_or(&config.root)) {
        Ok(word) => Finding::new(AlertCode::DataNotEncrypted, Level::Fine, word),
        Err(why) => Finding::new(AlertCode::DataNotEncrypted, Level::Unknown, why),
    });
    found
}

/// What goes over the network: each with its name and whether it is encrypted.
pub(super) fn remote(channels: &[(String, bool)]) -> Vec<Finding> {
    let one = |(name, is_encrypted): &(String, bool)| {
        let (level, detail) = if *is_encrypted { (Level::Fine, "encrypted") } else { (Level::Warning, "not encrypted") };
        Finding::new(AlertCode::PlainRemote, level, format!("{name}: {detail}")).about(name)
    };
    channels.iter().map(one).collect()
}

/// What was dropped lately.
pub(super) fn drops(pulse: &Pulse, limits: &Risk) -> Vec<Finding> {
    let [irregular, names, formulas] = pulse.suspicions();
    let (drops, rejects) = (pulse.drops_per_minute(), pulse.rejects_per_minute());
    let (source, rejected) = rejects.unwrap_or_default();
    let all = irregular + names + formulas;
    let of = |code: AlertCode, bad: Level, is_bad: bool, metric: u64, limit: u64, detail: String| {
        #[allow(clippy::cast_precision_loss)] // counts
        Finding::new(code, if is_bad { bad } else { Level::Fine }, detail).measured(metric as f64, limit as f64)
    };
    let suspicious = format!(
        "{all} suspicious activities within an hour, the limit is {}: {irregular} links, pipes or devices, {names} hiding names, {formulas} files with formulas",
        limits.suspicious_max
    );
    let burst = format!("{drops} drops within a minute, the limit is {}", limits.drops_per_minute_max);
    let rejecting =
        format!("{rejected} rejected rows of one source within a minute ({source}), the limit is {}", limits.rejects_per_minute_max);
    let (many, most) = (limits.drops_per_minute_max, limits.rejects_per_minute_max);
    vec![
        of(AlertCode::SuspiciousName, Level::Warning, names > 0, names, 0, format!("{names} names within an hour hide what the file is")),
        of(AlertCode::SuspiciousActivity, Level::Critical, all >= limits.suspicious_max, all, limits.suspicious_max, suspicious),
        of(AlertCode::DropBurst, Level::Warning, drops > many, drops, many, burst),
        of(AlertCode::RejectBurst, Level::Warning, rejected > most, rejected, most, rejecting),
    ]
}

/// Who may use a thing of ours. A missing one is somebody else's finding.
fn access(name: &str, path: &Path, wide: u32) -> Vec<Finding> {
    let Ok(metadata) = fs::metadata(path) else { return Vec::new() };
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    let level = if mode & wide == 0 { Level::Fine } else { Level::Critical };
    let own = rustix::process::geteuid().as_raw();
    let owner_level = if owner == own || owner == 0 { Level::Fine } else { Level::Warning };
    vec![
        Finding::new(AlertCode::PermissionsTooWide, level, format!("{name}: permissions {mode:04o}, none of {wide:04o} allowed"))
            .about(name),
        Finding::new(AlertCode::ForeignOwner, owner_level, format!("{name}: owned by user {owner}, the daemon is user {own}")).about(name),
    ]
}

/// Whether others can read a secret in the configuration, or in a file that it names.
fn secret(file: &Path) -> Finding {
    let is_open = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    let is_short = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= CONFIG_BYTES_MAX);
    let text = if is_short { fs::read_to_string(file) } else { Ok(String::new()) };
    let text = match text {
        Ok(text) => text,
        Err(error) => return Finding::new(AlertCode::SecretExposed, Level::Unknown, format!("the configuration: {error}")),
    };
    let (mut named, mut has_value) = (None, false);
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().to_lowercase(), value.trim())) {
        if key.starts_with('#') || !SECRETS.iter().any(|secret| key.contains(secret)) {
            continue;
        }
        if key.ends_with("_file") {
            let path = file.parent().unwrap_or(Path::new("/")).join(value.trim_matches(['"', '\'']));
            named = named.or_else(|| is_open(&path).then_some(key));
        } else {
            has_value |= value.len() > 2 && !key.ends_with("_env");
        }
    }
    match named {
        Some(key) => Finding::new(AlertCode::SecretExposed, Level::Critical, format!("others may read the file that {key} names")),
        None if has_value && is_open(file) => {
            Finding::new(AlertCode::SecretExposed, Level::Critical, "others may read the configuration, and it holds a secret")
        }
        None => Finding::new(AlertCode::SecretExposed, Level::Fine, "no secret in the configuration can be read by others"),
    }
}

/// By hand root may be meant; a service needs no such rights.
fn user(is_root: bool, is_service: bool) -> Finding {
    let (level, detail) = match (is_root, is_service) {
        (true, true) => (Level::Warning, "the service runs as root"),
        (true, false) => (Level::Fine, "started by hand as root"),
        (false, _) => (Level::Fine, "not root"),
    };
    Finding::new(AlertCode::RunsAsRoot, level, detail)
}

/// Whether a block device, or one under it, is encrypted by dm-crypt.
fn is_crypt(node: &Path, deep: usize) -> bool {
    if fs::read_to_string(node.join("dm/uuid")).is_ok_and(|uuid| uuid.starts_with("CRYPT-")) {
        return true;
    }
    let under = fs::read_dir(node.join("slaves")).into_iter().flatten().filter_map(Result::ok);
    deep > 0 && under.map(|entry| entry.path()).any(|path| is_crypt(&path, deep - 1))
}

/// The audit journal's files, as they look from outside.
fn audit_files(logs: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let entries = fs::read_dir(logs).into_iter().flatten().filter_map(Result::ok);
    let of_audit = entries.filter(|entry| entry.file_name().as_bytes().starts_with(b"audit."));
    let mut files: Vec<_> = of_audit
        .filter_map(|entry| entry.metadata().ok().map(|metadata| (entry.path(), metadata.len(), metadata.modified().ok())))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn names_that_hide_something_are_told_from_honest_ones() {
        for name in ["leads.csv.exe", "le\u{202e}vsc.exe", "a\nb.csv", "..\\..\\passwd.csv", "%2e%2e%2fx.csv", "setup.SCR"] {
            assert!(hidden_in_name(OsStr::new(name)).is_some(), "{name:?}");
        }
        for name in ["leads.csv", "Müller & Söhne (2).csv", "leads.2024.csv.gz", "sh", "экспорт.csv", "a..b.csv"] {
            assert_eq!(hidden_in_name(OsStr::new(name)), None, "{name:?}");
        }
    }

    #[test]
    fn a_secret_that_others_may_read_is_told_until_they_may_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("valhalla.toml");
        let set = |text: &str, mode: u32| {
            fs::write(&file, text).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("permissions");
            secret(&file).level
        };
        assert_eq!(set("[a]\nsecret = \"abc\"\n", 0o644), Level::Critical);
        assert_eq!(set("[a]\nsecret = \"abc\"\n", 0o640), Level::Fine);
        assert_eq!(set("# secret = \"abc\"\n", 0o644), Level::Fine);
        fs::write(folder.path().join("key"), "abc").expect("written");
        fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o644)).expect("permissions");
        assert_eq!(set("password_file = \"key\"\n", 0o644), Level::Critical);
        fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o600)).expect("permissions");
        assert_eq!(secret(&file).level, Level::Fine);
    }

    #[test]
    fn who_may_use_it_who_runs_it_and_what_goes_out() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let level = |mode: u32| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("permissions");
            access("x", folder.path(), 0o002)[0].level
        };
        assert_eq!([level(0o777), level(0o755)], [Level::Critical, Level::Fine]);
        assert_eq!(
            [user(true, true), user(true, false), user(false, true)].map(|found| found.level),
            [Level::Warning, Level::Fine, Level::Fine]
        );
        let levels: Vec<Level> = remote(&[("a".into(), false), ("b".into(), true)]).into_iter().map(|found| found.level).collect();
        assert_eq!(levels, [Level::Warning, Level::Fine]);
    }
}
