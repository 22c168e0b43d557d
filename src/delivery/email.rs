//! An alert as a mail. STARTTLS and TLS verify the server's certificate; in the clear only to this machine.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use super::Failure;
use crate::config::{Email, EmailTls};
use crate::journal::Alert;

/// Sends an alert and waits until the server has taken it.
pub(super) fn send(email: &Email, alert: &Alert, limit: Duration) -> Result<(), Failure> {
    let message = message(email, alert)?;
    let tls = || TlsParameters::new(email.host.clone()).map_err(|error| Failure::Temporary(format!("TLS: {error}")));
    let tls = match email.tls {
        EmailTls::None => Tls::None,
        EmailTls::StartTls => Tls::Required(tls()?),
        EmailTls::Tls => Tls::Wrapper(tls()?),
    };
    let mut transport = SmtpTransport::builder_dangerous(&email.host).port(email.port).tls(tls).timeout(Some(limit));
    if let (Some(username), Some(password)) = (&email.username, &email.password) {
        transport = transport.credentials(Credentials::new(username.clone(), password.reveal().map_err(Failure::Temporary)?));
    }
    transport.build().send(&message).map(drop).map_err(|error| {
        let status = error.status().map_or(String::new(), |code| format!("SMTP {code}: "));
        let text = if error.is_timeout() { "no answer within timeout_seconds".to_owned() } else { format!("{status}{error}") };
        if error.is_permanent() { Failure::Refused(text) } else { Failure::Temporary(text) }
    })
}

fn message(email: &Email, alert: &Alert) -> Result<Message, Failure> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|error| Failure::Refused(format!("'{text}': {error}")));
    let domain = email.from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    let level = format!("{:?}", alert.severity).to_uppercase();
    let about = alert.file.as_ref().map_or(String::new(), |file| format!("About:  {file}\n"));
    let mut message = Message::builder()
        .from(mailbox(&email.from)?)
        .subject(format!("[valhalla {level}] {}", alert.title))
        .message_id(Some(format!("<{}@{domain}>", alert.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &email.to {
        message = message.to(mailbox(to)?);
    }
    let text = format!(
        "{}\n\n{about}At:     {}\nCode:   {}\nAlert:  {}\n\nTo do:  {}\n",
        alert.detail,
        alert.at,
        alert.code.as_str(),
        alert.id,
        alert.action
    );
    message.body(text).map_err(|error| Failure::Refused(error.to_string()))
}
