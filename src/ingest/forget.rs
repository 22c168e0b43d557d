//! `valhalla forget`: a person erased from the store, and kept from coming back.
//!
//! Who was erased is known by a keyed hash only: HMAC-SHA-256 (RFC 2104) of the `lead_id` under a key of this root, in
//! `.forget.key`. Without the key nobody can tell from the store or the journals whether an address is on the list; a plain
//! hash could be found by trying addresses. Rows of these people are rejected when they come in, and given back to nobody.
//!
//! The erasure and its audit entry are one transaction, and the entry holds enough for a rebuild to do it again. What lies in
//! the archive is the business of [`archive`].

pub mod archive;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Mutex;

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::Mode;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{Fatal, Ingest};
use crate::beneath::OpenFolder;
use crate::clock;
use crate::durable;
use crate::engine::email;
use crate::engine::lead::lead_id_of;
use crate::engine::rules::EmailRule;
use crate::journal::{Action, hex};
use crate::store::Store;
use crate::store::forget::{Erased, GoneRows, PersonHash};

/// The key's file in the root.
pub const KEY_FILE: &str = ".forget.key";

/// A person, as an address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The address as a row with it is stored.
    pub address: String,
    /// The same with its domain in ASCII, which is what identifies.
    pub identity: String,
    /// Who that is.
    pub lead_id: Uuid,
}

impl Person {
    /// Reads an address as a cell with it would be read; none for what is no address, or several.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let found = email::read_address(text.trim(), EmailRule::Minimal).filter(|found| found.others.is_empty())?;
        let identity = email::identity(&found.address).into_owned();
        Some(Self { lead_id: lead_id_of(&identity), identity, address: found.address.into_owned() })
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetTold {
    /// In one word.
    pub verdict: ForgetVerdict,
    /// By which the audit trail knows the person.
    pub person: Option<PersonHash>,
    /// What went, or would go.
    pub erased: Erased,
    /// Whether nothing of the address is left in the database's files; none where that cannot be said.
    pub bytes_gone: Option<bool>,
    /// Why not, or why it cannot be said.
    pub bytes_why: Option<String>,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgetVerdict {
    /// The person is erased.
    Forgotten,
    /// They would be; nothing was changed.
    WouldForget,
    /// They had been erased before.
    AlreadyForgotten,
    /// The store knows nothing of them.
    Unknown,
}

impl ForgetVerdict {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ["forgotten", "would_forget", "already_forgotten", "unknown"][self as usize]
    }
}

impl ForgetTold {
    /// For programs, and for whoever asked a daemon.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let total = self.erased.total();
        json!({
            "verdict": self.verdict.as_str(),
            "person": self.person.map(|hash| hex(&hash)),
            "was_lead": self.erased.was_lead,
            "rows": total.first + total.later,
            "outcomes": total.outcomes,
            "texts": self.erased.texts,
            "jobs": self.erased.jobs.iter().map(|(job, _)| job.to_string()).collect::<Vec<_>>(),
            "bytes_gone": self.bytes_gone,
            "bytes_gone_reason": self.bytes_why,
        })
    }
}

/// Who was erased, as whoever takes rows in asks.
#[derive(Default)]
pub(super) struct Forgotten {
    key: Option<Hmac<Sha256>>,
    hashes: HashSet<PersonHash>,
    /// For a rebuild: people who are erased further on in the past, with their id once a file has shown it.
    watched: Mutex<HashMap<PersonHash, Option<Uuid>>>,
}

impl std::fmt::Debug for Forgotten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forgotten").field("people", &self.hashes.len()).finish_non_exhaustive() // never the key
    }
}

impl Forgotten {
    /// Everybody whom a store knows to be erased. Without the key nobody could be recognised: then nothing is taken in.
    pub fn open(root: &Path, store: &Store) -> Result<Self, Fatal> {
        let hashes = store.forgotten()?;
        let key = read_key(root)?;
        if key.is_none() && !hashes.is_empty() {
            return Err(without_key(root));
        }
        Ok(Self { key, hashes, watched: Mutex::default() })
    }

    /// For a rebuild: nobody is erased yet, and these people will be.
    pub fn watching(root: &Path, people: impl Iterator<Item = PersonHash>) -> Result<Self, Fatal> {
        let watched: HashMap<_, _> = people.map(|hash| (hash, None)).collect();
        let key = read_key(root)?;
        if key.is_none() && !watched.is_empty() {
            return Err(without_key(root));
        }
        Ok(Self { key, hashes: HashSet::new(), watched: Mutex::new(watched) })
    }

    /// Whether nobody need be asked about.
    pub fn is_idle(&self) -> bool {
        self.hashes.is_empty() && self.watched.lock().is_ok_and(|watched| watched.is_empty())
    }

    /// Whether a person was erased.
    pub fn has(&self, person: Uuid) -> bool {
        let Some(hash) = self.hash(person) else { return false };
        if let Ok(mut watched) = self.watched.lock()
            && let Some(seen) = watched.get_mut(&hash)
        {
            *seen = Some(person);
        }
        self.hashes.contains(&hash)
    }

    /// The person that was seen under a hash that was watched for.
    pub fn seen(&self, hash: &PersonHash) -> Option<Uuid> {
        self.watched.lock().ok().and_then(|watched| watched.get(hash).copied().flatten())
    }

    pub fn add(&mut self, hash: PersonHash) {
        self.hashes.insert(hash);
    }

    pub fn remove(&mut self, hash: &PersonHash) {
        self.hashes.remove(hash);
    }

    fn hash(&self, person: Uuid) -> Option<PersonHash> {
        let mut mac = self.key.clone()?;
        mac.update(person.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

impl Ingest {
    /// Erases a person. Somebody of whom the store knows nothing is put on the list only with `also_unknown`: the archive may
    /// know them.
    ///
    /// # Errors
    /// [`Fatal`]. Repeating it completes what was begun.
    pub fn forget(&mut self, person: &Person, also_unknown: bool) -> Result<ForgetTold, Fatal> {
        if self.forgotten.key.is_none() {
            self.forgotten.key = Some(make_key(&self.config.root)?);
        }
        let hash = self.forgotten.hash(person.lead_id).expect("the key is there");
        let at_ms = clock::now_ms();
        let group = self.store.begin()?;
        let erased = group.erase(person.lead_id, &person.identity, &hash, at_ms)?;
        let was_forgotten = self.forgotten.hashes.contains(&hash);
        let has_something = !erased.jobs.is_empty() || erased.texts > 0;
        let verdict = match (was_forgotten, has_something || also_unknown) {
            (true, _) => ForgetVerdict::AlreadyForgotten,
            (false, true) => ForgetVerdict::Forgotten,
            (false, false) => ForgetVerdict::Unknown,
        };
        let mut told = ForgetTold { verdict, person: Some(hash), erased, bytes_gone: None, bytes_why: None };
        if verdict == ForgetVerdict::Forgotten || (was_forgotten && has_something) {
            self.audit(&group, &clock::rfc3339(at_ms), Action::Forgotten, |entry| {
                let jobs = told.erased.jobs.iter().map(|(job, gone)| (job.to_string(), json!([gone.first, gone.later, gone.outcomes])));
                entry.detail = [
                    ("person".to_owned(), json!(hex(&hash))),
                    ("jobs".to_owned(), json!(jobs.collect::<serde_json::Map<_, _>>())),
                    ("texts".to_owned(), json!(told.erased.texts)),
                ]
                .into();
            })?;
            group.commit()?;
            self.forgotten.add(hash);
            self.publish()?;
            self.go_back_to_what_is_known()?;
            tracing::info!(jobs = told.erased.jobs.len(), "a person was erased");
        } else {
            drop(group);
        }
        if verdict != ForgetVerdict::Unknown {
            (told.bytes_gone, told.bytes_why) = self.scrub(person)?;
        }
        Ok(told)
    }

    /// Lets a person in again who was erased. Whether they were on the list.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn allow(&mut self, person: &Person) -> Result<bool, Fatal> {
        let Some(hash) = self.forgotten.hash(person.lead_id).filter(|hash| self.forgotten.hashes.contains(hash)) else { return Ok(false) };
        let group = self.store.begin()?;
        group.allow(&hash)?;
        self.audit(&group, &clock::rfc3339(clock::now_ms()), Action::ForgottenAllowed, |entry| {
            entry.detail = [("person".to_owned(), json!(hex(&hash)))].into();
        })?;
        group.commit()?;
        self.forgotten.remove(&hash);
        self.publish()?;
        Ok(true)
    }

    /// Moves the write-ahead log into the database, and looks whether the address still stands anywhere in its files: in a
    /// free part of a page, then, which writing the database anew takes away.
    fn scrub(&self, person: &Person) -> Result<(Option<bool>, Option<String>), Fatal> {
        if let Err(error) = self.store.checkpoint_fully() {
            let why = format!("the write-ahead log could not be emptied ({error}): run the same command again");
            return Ok((None, Some(why)));
        }
        let is_held = |store: &Store| -> Result<bool, Fatal> {
            Ok(store.holds_bytes(&person.identity)? || (person.address != person.identity && store.holds_bytes(&person.address)?))
        };
        if !is_held(&self.store)? {
            return Ok((Some(true), None));
        }
        if let Err(error) = self.store.write_anew().and_then(|()| self.store.checkpoint_fully()) {
            let why =
                format!("the letters of the address are left in a free part of the database, which could not be written anew ({error})");
            return Ok((Some(false), Some(why)));
        }
        if !is_held(&self.store)? {
            return Ok((Some(true), None));
        }
        Ok((Some(false), Some("the letters of the address stand in rows of other people, or in a longer address".to_owned())))
    }
}

/// What would go if a person were erased: all of it is done, and none of it kept. The caller holds the root's lock, or is the
/// writer.
///
/// # Errors
/// [`Fatal`].
pub fn look(store: &Store, root: &Path, person: &Person) -> Result<ForgetTold, Fatal> {
    let forgotten = Forgotten::open(root, store)?;
    let hash = forgotten.hash(person.lead_id);
    let erased = store.begin()?.erase(person.lead_id, &person.identity, &hash.unwrap_or_default(), clock::now_ms())?;
    let is_known = !erased.jobs.is_empty() || erased.texts > 0;
    let verdict = match hash.is_some_and(|hash| forgotten.hashes.contains(&hash)) {
        true => ForgetVerdict::AlreadyForgotten,
        false if is_known => ForgetVerdict::WouldForget,
        false => ForgetVerdict::Unknown,
    };
    Ok(ForgetTold { verdict, person: hash, erased, bytes_gone: None, bytes_why: None })
}

/// What an audit entry tells of an erasure; none for an entry that does not.
pub(super) fn told_in(detail: &std::collections::BTreeMap<String, Value>) -> Option<(PersonHash, Vec<(Uuid, GoneRows)>)> {
    let hash = hash_in(detail)?;
    let jobs = detail.get("jobs").and_then(Value::as_object).into_iter().flatten();
    let count = |counts: &Value, at: usize| counts[at].as_u64().unwrap_or(0);
    let jobs = jobs.filter_map(|(job, counts)| {
        Some((Uuid::parse_str(job).ok()?, GoneRows { first: count(counts, 0), later: count(counts, 1), outcomes: count(counts, 2) }))
    });
    Some((hash, jobs.collect()))
}

/// Whom an audit entry is about.
pub(super) fn hash_in(detail: &std::collections::BTreeMap<String, Value>) -> Option<PersonHash> {
    bytes_of(detail.get("person")?.as_str()?)
}

const KEY_BYTES: usize = 32;

fn keyed(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length will do")
}

fn read_key(root: &Path) -> Result<Option<Hmac<Sha256>>, Fatal> {
    let path = root.join(KEY_FILE);
    let broken = |source| Fatal::Machine { what: format!("{}: reading the key of forgotten people", path.display()), source };
    let (file, _) = match OpenFolder::open(root).and_then(|root| root.open_file(Path::new(KEY_FILE))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(broken)?,
    };
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).map_err(broken)?;
    let key = bytes_of(text.trim()).ok_or_else(|| broken(io::Error::new(io::ErrorKind::InvalidData, "it is not 64 hexadecimal digits")))?;
    Ok(Some(keyed(&key)))
}

/// Makes the key, durably, before anything is hashed with it. One that is there is used.
fn make_key(root: &Path) -> Result<Hmac<Sha256>, Fatal> {
    if let Some(key) = read_key(root)? {
        return Ok(key);
    }
    let broken = |source| Fatal::Machine { what: format!("{}: making the key of forgotten people", root.join(KEY_FILE).display()), source };
    let mut key = [0; KEY_BYTES];
    std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut key)).map_err(broken)?;
    let staged = Path::new(".forget.key.new");
    let made = OpenFolder::open(root).and_then(|root| {
        root.remove_file(staged)?; // of a making that died
        let mut file = root.create_new(staged, Mode::from_raw_mode(0o600))?;
        file.write_all(format!("{}\n", hex(&key)).as_bytes())?;
        file.sync_all()?;
        durable::rename_noreplace_at(&root, staged, &root, Path::new(KEY_FILE))?;
        root.open_any(Path::new(""))?.sync_all()
    });
    made.map_err(broken)?;
    Ok(keyed(&key))
}

fn without_key(root: &Path) -> Fatal {
    let what = format!(
        "{}: without this key nobody who was forgotten can be recognised, so nothing is taken in. Put it back from a backup",
        root.join(KEY_FILE).display()
    );
    Fatal::Machine { what, source: io::ErrorKind::NotFound.into() }
}

/// Reads hexadecimal digits.
fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?; // not text: no digits
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_however_the_address_is_written() {
        let ada = Person::of("ada@example.com").expect("an address");
        for text in [" Ada@Example.COM ", "mailto:ada@example.com", "Ada Lovelace <ada@example.com>"] {
            assert_eq!(Person::of(text).map(|person| person.lead_id), Some(ada.lead_id), "{text}");
        }
        for text in ["", "ada", "ada@example.com, bo@example.com"] {
            assert_eq!(Person::of(text), None, "{text}");
        }
        assert_eq!(Person::of("jürgen@münchen.de").expect("an address").identity, "jürgen@xn--mnchen-3ya.de");
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().expect("a folder");
        assert!(read_key(root.path()).expect("read").is_none());
        let person = lead_id_of("ada@example.com");
        let hash = |key: Hmac<Sha256>| Forgotten { key: Some(key), ..Forgotten::default() }.hash(person);
        let first = hash(make_key(root.path()).expect("made"));
        assert_eq!(hash(make_key(root.path()).expect("found")), first);
        let mode = root.path().join(KEY_FILE).metadata().expect("key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(root.path().join(KEY_FILE), "short").expect("write");
        assert!(read_key(root.path()).is_err());
    }
}
