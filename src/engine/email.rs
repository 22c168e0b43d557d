//! E-mail addresses: whether a mail system would accept one, and the form by which we know a person.
//!
//! Source of the rules: RFC 5321 (local part, lengths), RFC 1035/5891 (domain, IDN), with a dot required in the domain
//! because a lead from `user@localhost` cannot be written to. It never asks a network whether the mailbox exists.

use std::borrow::Cow;

use super::rules::EmailRule;

/// Domains that anyone can get an address at; a risk worth knowing, not a fault. Sorted.
const FREE_MAIL: &[&str] = &[
    "aol.com",
    "free.fr",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "web.de",
    "yahoo.ca",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
];

/// Common slips and what was meant. Sorted by the slip.
const TYPOS: &[(&str, &str)] = &[
    ("gamil.com", "gmail.com"),
    ("gmai.com", "gmail.com"),
    ("gmail.co", "gmail.com"),
    ("gmail.con", "gmail.com"),
    ("gmal.com", "gmail.com"),
    ("gmial.com", "gmail.com"),
    ("gnail.com", "gmail.com"),
    ("hotmai.com", "hotmail.com"),
    ("hotmal.com", "hotmail.com"),
    ("hotmial.com", "hotmail.com"),
    ("hotnail.com", "hotmail.com"),
    ("iclod.com", "icloud.com"),
    ("outlok.com", "outlook.com"),
    ("outloook.com", "outlook.com"),
    ("yaho.com", "yahoo.com"),
    ("yahoo.con", "yahoo.com"),
    ("yhaoo.com", "yahoo.com"),
    ("yahooo.com", "yahoo.com"),
];

/// The address in lower case, if it is one. Expects a trimmed cell; borrows where nothing had to change.
#[must_use]
pub fn read_address(cell: &str, rule: EmailRule) -> Option<Cow<'_, str>> {
    let valid = match rule {
        EmailRule::Minimal => cell.contains('@') && cell.contains('.') && !cell.contains(char::is_whitespace),
        EmailRule::Standard => is_address(cell),
    };
    valid.then(|| lower(cell))
}

/// The form by which a person is known: the address with its domain in IDNA ASCII.
#[must_use]
pub fn identity(address: &str) -> Cow<'_, str> {
    if address.is_ascii() {
        return Cow::Borrowed(address);
    }
    match address.rsplit_once('@').and_then(|(local, domain)| Some((local, idna::domain_to_ascii(domain).ok()?))) {
        Some((local, domain)) => Cow::Owned(format!("{local}@{domain}")),
        None => Cow::Borrowed(address),
    }
}

/// Whether anyone can get an address at this address's domain.
#[must_use]
pub fn is_free_mail(address: &str) -> bool {
    FREE_MAIL.binary_search(&domain_of(address)).is_ok()
}

/// The domain that was probably meant, when this one is a known slip.
#[must_use]
pub fn meant_domain(address: &str) -> Option<&'static str> {
    let domain = domain_of(address);
    TYPOS.iter().find(|(slip, _)| *slip == domain).map(|(_, meant)| *meant)
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn lower(cell: &str) -> Cow<'_, str> {
    if cell.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) { Cow::Borrowed(cell) } else { Cow::Owned(cell.to_lowercase()) }
}

fn is_address(cell: &str) -> bool {
    let Some(at) = memchr::memrchr(b'@', cell.as_bytes()) else { return false };
    let (local, domain) = (&cell[..at], &cell[at + 1..]);
    cell.len() <= 254 && is_local_part(local) && is_domain(domain)
}

/// Dot-separated atoms, or a quoted string.
fn is_local_part(local: &str) -> bool {
    if local.is_empty() || local.len() > 64 {
        return false;
    }
    if let Some(quoted) = local.strip_prefix('"') {
        return quoted.strip_suffix('"').is_some_and(is_quoted_content);
    }
    let mut after_dot = true;
    for c in local.chars() {
        match c {
            '.' if after_dot => return false,
            '.' => after_dot = true,
            _ if is_atom_char(c) => after_dot = false,
            _ => return false,
        }
    }
    !after_dot
}

/// `atext` of RFC 5322, and letters of any script as RFC 6531 allows.
fn is_atom_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && c.is_alphanumeric())
}

fn is_quoted_content(quoted: &str) -> bool {
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        let ok = match c {
            '\\' => chars.next().is_some_and(|escaped| escaped.is_ascii_graphic() || escaped == ' '),
            '"' => false,
            c => c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric(),
        };
        if !ok {
            return false;
        }
    }
    !quoted.is_empty()
}

fn is_domain(domain: &str) -> bool {
    if domain.is_ascii() {
        return is_ascii_domain(domain.as_bytes());
    }
    !domain.contains(|c: char| c.is_whitespace() || c.is_control())
        && idna::domain_to_ascii(domain).is_ok_and(|ascii| is_ascii_domain(ascii.as_bytes()))
}

/// At least two labels of letters, digits and inner hyphens; the last one is not a number.
fn is_ascii_domain(domain: &[u8]) -> bool {
    if domain.len() > 253 {
        return false;
    }
    let (mut labels, mut last_has_letter) = (0, false);
    for label in domain.split(|b| *b == b'.') {
        let inner = label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        if label.is_empty() || label.len() > 63 || !inner || label[0] == b'-' || label[label.len() - 1] == b'-' {
            return false;
        }
        labels += 1;
        last_has_letter = label.iter().any(u8::is_ascii_alphabetic);
    }
    labels >= 2 && last_has_letter && domain.rsplit(|b| *b == b'.').next().is_some_and(|tld| tld.len() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (cell, expected) in [
            ("john@example.com", Some("john@example.com")),
            ("John.Doe+x@Example.COM", Some("john.doe+x@example.com")),
            ("!#$%&'*+-/=?^_`{|}~@example.org", Some("!#$%&'*+-/=?^_`{|}~@example.org")),
            ("\"john doe\"@example.com", Some("\"john doe\"@example.com")),
            ("jürgen@münchen.de", Some("jürgen@münchen.de")),
            ("john.example.com", None),
            ("john@localhost", None),
            ("john@example", None),
            (".john@example.com", None),
            ("john.@example.com", None),
            ("jo..hn@example.com", None),
            ("john@-example.com", None),
            ("john@example-.com", None),
            ("john@exa_mple.com", None),
            ("john@example..com", None),
            ("john@1.2.3.4", None),
            ("john@[1.2.3.4]", None),
            ("john doe@example.com", None),
            ("john@exam ple.com", None),
            ("a@b@example.com", None),
            ("@example.com", None),
            ("john@", None),
            ("", None),
        ] {
            assert_eq!(read_address(cell, EmailRule::Standard).as_deref(), expected, "{cell}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert_eq!(read_address(&long, EmailRule::Standard), None, "a local part has at most 64 bytes");
    }

    #[test]
    fn the_original_rule_is_the_documented_minimum() {
        for (cell, accepted) in [("a@b.c", true), ("a@b", false), ("a.b", false), ("john@1.2.3.4", true), ("a b@c.d", false)] {
            assert_eq!(read_address(cell, EmailRule::Minimal).is_some(), accepted, "{cell}");
        }
    }

    #[test]
    fn both_spellings_of_a_domain_are_one_person() {
        assert_eq!(identity("jürgen@münchen.de"), "jürgen@xn--mnchen-3ya.de");
        assert_eq!(identity("a@b.de"), "a@b.de");
    }

    #[test]
    fn free_mail_and_slips() {
        assert!(is_free_mail("x@gmail.com") && !is_free_mail("x@example.com"));
        assert!(FREE_MAIL.is_sorted(), "the list is searched by halving");
        assert_eq!(meant_domain("x@gmial.com"), Some("gmail.com"));
        assert_eq!(meant_domain("x@gmail.com"), None);
    }
}
