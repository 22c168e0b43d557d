//! `[alerts]`: who is told of alerts besides `alerts.jsonl`, and how.
//!
//! Secrets given by file or environment are read when they are used, so that they can be changed without a restart; none is ever shown.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::raw::{Node, quoted};
use super::section::{Findings, Section};
use crate::journal::Severity;

/// The keys of `[alerts]`.
pub(super) const KEYS: [&str; 4] = ["time_zone", "grace_minutes", "cool_down_minutes", "channel"];

const CHANNEL_KEYS: [&str; 20] = [
    "name",
    "kind",
    "min_severity",
    "retry_seconds",
    "timeout_seconds",
    "url",
    "secret",
    "secret_file",
    "secret_env",
    "insecure",
    "host",
    "port",
    "tls",
    "from",
    "to",
    "username",
    "password",
    "password_file",
    "password_env",
    "command",
];

/// Who is told of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// The zone of the times at which files are expected.
    pub time_zone: Tz,
    /// How late an expected file may be, in minutes.
    pub grace_minutes: u32,
    /// After so many minutes a condition that nobody acknowledged is told again.
    pub cool_down_minutes: u32,
    /// In the order of the file.
    pub channels: Vec<Channel>,
}

/// One way to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// What it is called in `status`; unique.
    pub name: String,
    /// How it tells.
    pub kind: ChannelKind,
    /// The least severe alert that it takes.
    pub min_severity: Severity,
    /// Wait after the first failure, in seconds; doubled with each further one, up to 15 minutes.
    pub retry_seconds: u64,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u64,
}

impl Channel {
    /// Whether nobody on the way can read what it sends; what stays on this machine has no way.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        match &self.kind {
            ChannelKind::Webhook { url, .. } | ChannelKind::Slack { url } => url.starts_with("https://") || is_loopback(host_of(url)),
            ChannelKind::Email(email) => email.tls != EmailTls::None || is_loopback(&email.host),
            ChannelKind::Command(_) => true,
        }
    }
}

/// How a channel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelKind {
    /// The alert as JSON to an address; signed where there is a secret.
    Webhook {
        /// Where to.
        url: String,
        /// The key of the signature.
        secret: Option<Secret>,
    },
    /// A text to an address that takes Slack's messages. The address itself is a secret.
    Slack {
        /// Where to.
        url: String,
    },
    /// A mail.
    Email(Email),
    /// A program and its arguments, with the alert on its standard input. No shell.
    Command(Vec<String>),
}

/// How mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: EmailTls,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// For servers that ask who sends.
    pub username: Option<String>,
    /// For servers that ask who sends.
    pub password: Option<Secret>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// Begins in the clear and must change to TLS.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// In the clear; only to this machine.
    None,
}

/// Something that nobody else should see, or where it lies.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As typed.
    Text(String),
    /// In a file, without the newline at its end.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

impl Secret {
    /// The secret itself.
    ///
    /// # Errors
    /// A sentence when its file or variable cannot be read; it never holds the secret.
    pub fn reveal(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => Err(format!("the secret's file {}: {error}", path.display())),
            },
            Self::Variable(name) => std::env::var(name).map_err(|_| format!("the environment has no variable {name}")),
        }
    }
}

/// Reads `[alerts]`.
pub(super) fn read(findings: &Findings, section: &Section<'_>, root: &Path) -> Alerts {
    let time_zone = section
        .parsed("time_zone", "the name of a time zone", quoted("Europe/Amsterdam"), |node| node.text()?.trim().parse().ok())
        .unwrap_or(Tz::UTC);
    section.note("time_zone", Some(quoted(time_zone.name())));
    let grace_minutes = section.count("grace_minutes", 0..=10_080, 60);
    let cool_down_minutes = section.count("cool_down_minutes", 1..=43_200, 360);
    let nodes = section.list_of_tables("channel");
    let mut channels: Vec<Channel> = Vec::new();
    for node in nodes {
        let Some(channel) = channel(findings, node, root) else { continue };
        if channels.iter().any(|other| other.name == channel.name) {
            findings.mistake(node, format!("channel '{}' is there twice", channel.name), "give each a name of its own");
        }
        channels.push(channel);
    }
    section.note("channel", (!nodes.is_empty()).then(|| format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(", "))));
    Alerts { time_zone, grace_minutes, cool_down_minutes, channels }
}

/// A channel as typed, without its secrets.
fn shown(node: &Node) -> String {
    let shown = |(key, value): (&String, &Node)| match key.as_str() {
        "secret" | "password" => format!("{key} = \"***\""),
        "url" => format!("{key} = {}", quoted(&without_path(value.text().unwrap_or_default()))),
        _ => format!("{key} = {}", value.to_toml()),
    };
    let settings: Vec<String> = node.table().into_iter().flatten().map(shown).collect();
    format!("{{ {} }}", settings.join(", "))
}

/// An address without what often is a key: everything behind the host.
fn without_path(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/***")
}

fn channel(findings: &Findings, node: &Node, root: &Path) -> Option<Channel> {
    let section = Section::open(findings, Some(node), "alerts.channel", &CHANNEL_KEYS, false);
    let needed = |key: &str, example: &str| {
        let value = section.text(key, example);
        if value.is_none() && section.node(key).is_none() {
            section.mistake(key, "is missing", format!("write for example {key} = {}", quoted(example)));
        }
        value
    };
    let name = needed("name", "on-call");
    let severities = [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];
    let min_severity = section.choice("min_severity", &severities, Severity::Warning);
    let retry_seconds = section.whole("retry_seconds", 1..=900, 1);
    let timeout_seconds = section.whole("timeout_seconds", 1..=300, 10);
    let secret = |key: &str| {
        let typed = section.text(key, "...").map(Secret::Text);
        let file = section.text(&format!("{key}_file"), "secret.txt").map(|path| Secret::File(root.join(path)));
        let variable = section.text(&format!("{key}_env"), "ALERT_SECRET").map(Secret::Variable);
        let given: Vec<Secret> = [typed, file, variable].into_iter().flatten().collect();
        if given.len() > 1 {
            section.mistake(key, "is given more than once", format!("keep one of {key}, {key}_file, {key}_env"));
        }
        given.into_iter().next()
    };
    let is_insecure = section.flag("insecure", false);
    let kinds = [("webhook", 0), ("slack", 1), ("email", 2), ("command", 3)];
    if section.node("kind").is_none() {
        section.mistake("kind", "is missing", "write kind = \"webhook\", \"slack\", \"email\" or \"command\"");
        return None;
    }
    let kind = match section.choice("kind", &kinds, 0) {
        0 => ChannelKind::Webhook { url: url(&section, is_insecure)?, secret: secret("secret") },
        1 => ChannelKind::Slack { url: url(&section, is_insecure)? },
        2 => ChannelKind::Email(email(&section, &needed, secret("password"))?),
        _ => {
            let command = section.texts("command", "/usr/local/bin/notify");
            if command.is_empty() && section.node("command").is_none_or(|node| node.items().is_empty()) {
                section.mistake("command", "is missing", "write for example command = [\"/usr/local/bin/notify\"]");
            }
            ChannelKind::Command(command)
        }
    };
    Some(Channel { name: name?, kind, min_severity, retry_seconds, timeout_seconds })
}

fn url(section: &Section<'_>, is_insecure: bool) -> Option<String> {
    let Some(url) = section.text("url", "https://example.com/alerts") else {
        if section.node("url").is_none() {
            section.mistake("url", "is missing", "write for example url = \"https://example.com/alerts\"");
        }
        return None;
    };
    let Some((scheme, _)) = url.split_once("://") else {
        section.mistake("url", "is no address", "begin it with https://");
        return None;
    };
    let host = host_of(&url);
    match scheme {
        _ if host.is_empty() => section.mistake("url", "names no host", "write for example https://example.com/alerts"),
        "https" => {}
        "http" if is_loopback(host) || is_insecure => {}
        "http" => section.mistake("url", "would send alerts in the clear", "use https://, or allow it with insecure = true"),
        _ => section.mistake("url", format!("'{scheme}' is not a way to send alerts"), "use https://"),
    }
    Some(url)
}

fn email(section: &Section<'_>, needed: &dyn Fn(&str, &str) -> Option<String>, password: Option<Secret>) -> Option<Email> {
    let tls =
        section.choice("tls", &[("starttls", EmailTls::StartTls), ("tls", EmailTls::Tls), ("none", EmailTls::None)], EmailTls::StartTls);
    let host = needed("host", "smtp.example.com");
    let from = needed("from", "valhalla@example.com");
    let to = section.texts("to", "ops@example.com");
    if to.is_empty() {
        section.mistake("to", "names nobody", "write for example to = [\"ops@example.com\"]");
    }
    let port = section.whole("port", 1..=65_535, if tls == EmailTls::Tls { 465 } else { 587 });
    let username = section.text("username", "valhalla");
    if username.is_some() != password.is_some() {
        section.mistake("username", "username and password go together", "give both or neither");
    }
    let host = host?;
    if tls == EmailTls::None && !is_loopback(&host) {
        section.mistake("tls", "would send mail in the clear to another machine", "write tls = \"starttls\" or \"tls\"");
    }
    Some(Email { host, port: u16::try_from(port).expect("at most 65 535"), tls, from: from?, to, username, password })
}

/// The host in an address, without user and port; empty where there is none.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if let Some(v6) = host.strip_prefix('[') { v6.split(']').next() } else { host.split(':').next() }.unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
