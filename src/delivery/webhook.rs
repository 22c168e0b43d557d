//! An alert by HTTP. Certificates are always verified; no redirect is followed; no proxy is taken from the environment.

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};

use super::{Failure, signature};
use crate::clock;
use crate::config::Secret;
use crate::journal::{Alert, Severity};

/// Posts a body; signed where there is a secret.
pub(super) fn post(url: &str, secret: Option<&Secret>, alert: &str, body: &[u8], limit: Duration) -> Result<(), Failure> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .user_agent(concat!("valhalla/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut request = agent.post(url).content_type("application/json").header("X-Valhalla-Alert-Id", alert);
    if let Some(secret) = secret {
        let key = secret.reveal().map_err(Failure::Temporary)?;
        let timestamp = (clock::now_ms() / 1000).to_string();
        let signature = signature(key.as_bytes(), &timestamp, body);
        request = request.header("X-Valhalla-Timestamp", timestamp).header("X-Valhalla-Signature", signature);
    }
    // An error may name the address, and the address may be a key: only what kind it is gets out.
    let response = request.send(body).map_err(|error| Failure::Temporary(kind(&error)))?;
    match response.status().as_u16() {
        200..=299 => Ok(()),
        status @ (408 | 425 | 429) => Err(Failure::Temporary(format!("HTTP {status}"))),
        status @ 300..=399 => Err(Failure::Refused(format!("HTTP {status}: redirects are not followed, set url to where it leads"))),
        status @ 400..=499 => Err(Failure::Refused(format!("HTTP {status}"))),
        status => Err(Failure::Temporary(format!("HTTP {status}"))),
    }
}

/// What Slack and its kin take: one text, with the three characters escaped that mean something there.
pub(super) fn slack(alert: &Alert) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let level = match alert.severity {
        Severity::Info => "INFO",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    };
    let about = alert.file.as_ref().map_or(String::new(), |file| format!(" ({})", escaped(file)));
    let text = format!("*{level}* {}{about}\n{}\n{}", escaped(&alert.title), escaped(&alert.detail), escaped(&alert.action));
    serde_json::json!({ "text": text }).to_string()
}

fn kind(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer within timeout_seconds".to_owned(),
        ureq::Error::HostNotFound => "the host's name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Io(error) => format!("no connection: {}", error.kind()),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the address is none".to_owned(),
        _ => "the request failed".to_owned(),
    }
}
