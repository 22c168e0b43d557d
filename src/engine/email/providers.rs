//! The large mail providers: who is known to be one, and which slips of the hand meant them.
//!
//! A slip is only told, never corrected, so it is better to miss one than to doubt a right address: short names and plain
//! words (`me.com`, `orange.fr`, `live.de`) are never guessed at, only endings that do not exist.

use super::super::cells::places;

/// Whether anyone can get an address at this address's domain: a risk worth knowing, not a fault.
#[must_use]
pub fn is_free_mail(address: &str) -> bool {
    is_listed(domain_of(address))
}

/// The domain that was probably meant, when this one is a slip of a large provider's: one letter missing, added, wrong
/// or exchanged with its neighbour, or an ending such as `.con`.
#[must_use]
pub fn meant_domain(address: &str) -> Option<&'static str> {
    let domain = domain_of(address);
    let dot = domain.bytes().position(|byte| byte == b'.')?;
    let (name, ending) = (&domain[..dot], &domain[dot + 1..]);
    let repaired = repaired_ending(ending);
    let meant = meant_brand(name, ending, repaired).or_else(|| meant_ending(name, repaired?))?;
    (meant != domain && !is_listed(domain)).then_some(meant)
}

fn is_listed(domain: &str) -> bool {
    let Some(first) = domain.as_bytes().first() else { return false };
    let (start, end) = FREE_MAIL_PLACES[usize::from(*first)];
    FREE_MAIL[usize::from(start)..usize::from(end)].contains(&domain)
}

fn domain_of(address: &str) -> &str {
    memchr::memrchr(b'@', address.as_bytes()).map_or("", |at| &address[at + 1..])
}

/// A provider whose name is a word of its own, so that a near miss can hardly be anything else.
fn meant_brand(name: &str, ending: &str, repaired: Option<&str>) -> Option<&'static str> {
    let mut possible = BRANDS_OF[usize::from(*name.as_bytes().first()?)];
    let (brand, domains) = loop {
        let found = BRANDS.get(possible.trailing_zeros() as usize)?;
        if is_meant(name, found.0) {
            break found;
        }
        possible &= possible - 1; // the next one
    };
    let at = |ending: &str| domains.iter().find(|domain| domain[brand.len() + 1..] == *ending).copied();
    // Colombia, Cameroon and Oman have their domains, but these providers are not there.
    let shortened = matches!(ending, "co" | "cm" | "om").then_some("com");
    at(ending).or_else(|| at(repaired.or(shortened)?))
}

/// The name itself, or one slip away; the first letter may be missing where the name stays unmistakable.
fn is_meant(name: &str, brand: &str) -> bool {
    let (a, b) = (name.as_bytes(), brand.as_bytes());
    // Most names are settled by their length and first letter.
    a.len().abs_diff(b.len()) <= 1
        && a.first().is_some_and(|first| b[..2].contains(first))
        && (a == b || is_one_slip(a, b) || (b.len() >= 7 && &b[1..] == a))
}

/// Any known provider, when its ending does not exist.
fn meant_ending(name: &str, ending: &str) -> Option<&'static str> {
    let is_meant = |domain: &&&str| domain.split_once('.') == Some((name, ending));
    FREE_MAIL.iter().find(is_meant).copied()
}

/// What an ending meant that no country or registry has.
fn repaired_ending(ending: &str) -> Option<&'static str> {
    if matches!(ending, "com" | "net" | "org" | "de" | "fr" | "it") {
        return None;
    }
    Some(match ending {
        "c0m" | "ccom" | "cim" | "clm" | "cmo" | "coj" | "cok" | "coma" | "comm" | "como" | "coml" | "comn" | "con" | "conm" | "coom"
        | "cop" | "cpm" | "dom" | "fom" | "kom" | "ocm" | "vom" | "xom" => "com",
        "ent" | "ner" | "nett" | "ney" | "nrt" | "nte" => "net",
        "dde" | "dee" | "ed" => "de",
        "ffr" | "frr" | "ft" => "fr",
        "itt" => "it",
        _ => return None,
    })
}

/// Whether one letter is missing, added, wrong or exchanged with its neighbour. The first letter may only be exchanged:
/// other names begin otherwise (`ymail`, `email`, `cloud`).
fn is_one_slip(a: &[u8], b: &[u8]) -> bool {
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let is_exchanged = || {
        a.len() == b.len()
            && front + 2 <= a.len()
            && (a[front], a[front + 1]) == (b[front + 1], b[front])
            && a[front + 2..] == b[front + 2..]
    };
    // All but one letter of the longer one is in front of the slip or behind it.
    (front > 0 && a != b && front + back + 1 >= a.len().max(b.len())) || is_exchanged()
}

/// For each first byte of a name, a bit for each brand that it can be meant for, see [`is_meant`].
static BRANDS_OF: [u32; 256] = {
    assert!(BRANDS.len() < 32);
    let (mut brands, mut at) = ([0; 256], 0);
    while at < BRANDS.len() {
        let brand = BRANDS[at].0.as_bytes();
        brands[brand[0] as usize] |= 1 << at;
        brands[brand[1] as usize] |= 1 << at;
        at += 1;
    }
    brands
};

static FREE_MAIL_PLACES: [(u8, u8); 256] = places(FREE_MAIL);

/// Names that mean one provider, with its domains.
const BRANDS: &[(&str, &[&str])] = &[
    ("gmail", &["gmail.com"]),
    ("googlemail", &["googlemail.com"]),
    (
        "hotmail",
        &[
            "hotmail.com",
            "hotmail.co.uk",
            "hotmail.fr",
            "hotmail.it",
            "hotmail.es",
            "hotmail.de",
            "hotmail.be",
            "hotmail.nl",
            "hotmail.ca",
            "hotmail.ch",
            "hotmail.com.ar",
            "hotmail.com.br",
        ],
    ),
    (
        "outlook",
        &[
            "outlook.com",
            "outlook.fr",
            "outlook.de",
            "outlook.es",
            "outlook.it",
            "outlook.pt",
            "outlook.at",
            "outlook.be",
            "outlook.com.ar",
            "outlook.com.br",
        ],
    ),
    (
        "yahoo",
        &[
            "yahoo.com",
            "yahoo.co.uk",
            "yahoo.fr",
            "yahoo.de",
            "yahoo.it",
            "yahoo.es",
            "yahoo.ca",
            "yahoo.ie",
            "yahoo.in",
            "yahoo.co.in",
            "yahoo.com.ar",
            "yahoo.com.au",
            "yahoo.com.br",
            "yahoo.com.mx",
        ],
    ),
    ("icloud", &["icloud.com"]),
    ("protonmail", &["protonmail.com", "protonmail.ch"]),
    ("rocketmail", &["rocketmail.com"]),
    ("rediffmail", &["rediffmail.com"]),
    ("btinternet", &["btinternet.com"]),
    ("comcast", &["comcast.net"]),
    ("verizon", &["verizon.net"]),
    ("sbcglobal", &["sbcglobal.net"]),
    ("bellsouth", &["bellsouth.net"]),
    ("bigpond", &["bigpond.com"]),
    ("wanadoo", &["wanadoo.fr"]),
    ("laposte", &["laposte.net"]),
    ("t-online", &["t-online.de"]),
    ("freenet", &["freenet.de"]),
    ("virgilio", &["virgilio.it"]),
    ("tiscali", &["tiscali.it"]),
    ("yandex", &["yandex.ru", "yandex.com"]),
];

/// Domains that anyone can get an address at. Sorted.
const FREE_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aim.com",
    "aol.com",
    "arcor.de",
    "bk.ru",
    "bol.com.br",
    "caramail.com",
    "email.com",
    "fastmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.fr",
    "gmx.net",
    "googlemail.com",
    "hotmail.be",
    "hotmail.ca",
    "hotmail.ch",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.com.ar",
    "hotmail.com.br",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "hotmail.nl",
    "hushmail.com",
    "icloud.com",
    "inbox.ru",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.ca",
    "live.co.uk",
    "live.com",
    "live.com.mx",
    "live.com.pt",
    "live.de",
    "live.fr",
    "live.it",
    "live.nl",
    "mac.com",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "outlook.at",
    "outlook.be",
    "outlook.com",
    "outlook.com.ar",
    "outlook.com.br",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "outlook.pt",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "sapo.pt",
    "seznam.cz",
    "terra.com.br",
    "tiscali.it",
    "tuta.io",
    "tutanota.com",
    "uol.com.br",
    "virgilio.it",
    "web.de",
    "wp.pl",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.ar",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.com.mx",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.ie",
    "yahoo.in",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_mail() {
        assert!(is_free_mail("x@gmail.com") && is_free_mail("x@gmx.de") && !is_free_mail("x@example.com") && !is_free_mail("gmail.com"));
        assert!(FREE_MAIL.is_sorted(), "the list is searched from its first to its last with the same first letter");
        assert!(FREE_MAIL.iter().all(|domain| is_listed(domain)) && !is_listed("") && !is_listed("zzz.com"));
    }

    #[test]
    fn slips() {
        for (domain, meant) in [
            ("gmial.com", "gmail.com"),
            ("gamil.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("mgail.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmial.con", "gmail.com"),
            ("hotmial.fr", "hotmail.fr"),
            ("otmail.com", "hotmail.com"),
            ("yaho.co.uk", "yahoo.co.uk"),
            ("outlok.com", "outlook.com"),
            ("iclod.com", "icloud.com"),
            ("protonmial.com", "protonmail.com"),
            ("t-onlin.de", "t-online.de"),
            ("comcat.net", "comcast.net"),
            ("aol.con", "aol.com"),
            ("gmx.dee", "gmx.de"),
        ] {
            assert_eq!(meant_domain(&format!("x@{domain}")), Some(meant), "{domain}");
        }
    }

    #[test]
    fn no_brand_is_passed_over() {
        let names = BRANDS.iter().flat_map(|(brand, _)| (0..brand.len()).map(|cut| [&brand[..cut], &brand[cut + 1..]].concat()));
        for name in names.chain(["x", "mgail", "amail", "utlook", ""].map(str::to_owned)) {
            let slowly = BRANDS.iter().find(|(brand, _)| is_meant(&name, brand)).map(|(brand, _)| *brand);
            let possible = name.as_bytes().first().map_or(0, |first| BRANDS_OF[usize::from(*first)]);
            let swiftly = BRANDS.iter().enumerate().find(|(at, (brand, _))| possible & (1 << at) != 0 && is_meant(&name, brand));
            assert_eq!(swiftly.map(|(_, (brand, _))| *brand), slowly, "{name}");
        }
    }

    #[test]
    fn domains_that_are_meant_as_they_are() {
        for domain in [
            "gmail.com",
            "mail.com",
            "ymail.com",
            "email.com",
            "gmx.net",
            "gmx.ch",
            "me.com",
            "web.de",
            "example.com",
            "cloud.com",
            "aon.com",
            "yahoo.com.sg",
            "hotmail.se",
            "orange.fr",
            "grange.fr",
            "live.se",
            "acme.con",
            "mall.com",
            "outlook.example.com",
            "gmail",
            "",
        ] {
            assert_eq!(meant_domain(&format!("x@{domain}")), None, "{domain}");
        }
        for (name, domains) in BRANDS {
            assert!(domains.iter().all(|domain| domain.split_once('.').is_some_and(|(first, _)| first == *name)), "{name}");
            assert!(domains.iter().all(|domain| meant_domain(&format!("x@{domain}")).is_none()), "{name}");
        }
    }
}
