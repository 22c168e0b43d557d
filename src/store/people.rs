//! Who is known: the tree of keys, and what keeps a large job from asking it for every row.
//!
//! The key of a person is the first 64 bits of their id. Keys are random, so that a tree of ten million of them is touched
//! all over by every few thousand rows. A large job therefore remembers in a filter which keys exist at all, knows a new
//! person without asking the tree, and adds the new keys in a few sorted sweeps. A filter may say "perhaps" for someone
//! new, never "no" for someone known; whoever is perhaps known is looked up, so the answer is always exact.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::{Result, Store};

/// New keys kept in memory before they are added to the tree in one sorted sweep: an eighth of those in the tree, so that
/// sweeps cost about the same for each key however large the tree is, within these bounds. The upper one is what a hash
/// table of 2^19 slots holds.
const PENDING: std::ops::RangeInclusive<i64> = 50_000..=450_000;
/// Bytes of a filter at most: good for some 25 million people; beyond, it says "perhaps" more often.
const FILTER_BYTES_MAX: usize = 32 << 20;
/// Rows from which a job is worth a filter.
const FILTER_ROWS: u64 = 50_000;

/// Who a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody we know; the row of the lead is to have this id.
    New(i64),
    /// The lead with this id, taken in by an earlier job.
    Known(i64),
    /// Someone whom this job has taken already.
    Duplicate,
}

/// The people of a store, as one job sees them.
#[derive(Debug)]
pub(super) struct People<'s> {
    store: &'s Store,
    job: i64,
    next_id: i64,
    filter: Option<Filter>,
    /// New keys that are not in the tree yet: where each stands in `rests`.
    pending: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    /// The other 64 bits of each pending person, in the order of their ids.
    rests: Vec<u64>,
    /// The id of the first pending person.
    first_pending: i64,
}

impl<'s> People<'s> {
    /// Begins for a job of about so many rows.
    pub fn of(store: &'s Store, job: i64, rows: u64) -> Result<Self> {
        let last: i64 = store.run(|c| c.prepare_cached("SELECT coalesce(max(id), 0) FROM leads")?.query_row([], |row| row.get(0)))?;
        let known = last.unsigned_abs();
        let filter = if rows >= FILTER_ROWS && rows.saturating_mul(8) >= known { Some(store.filter(known + rows)?) } else { None };
        Ok(Self { store, job, next_id: last + 1, filter, pending: HashMap::default(), rests: Vec::new(), first_pending: last + 1 })
    }

    /// Who this is. A new person is known from now on: the row with their id must be written.
    pub fn who(&mut self, lead_id: Uuid) -> Result<Who> {
        let (key, rest) = lead_id.as_u64_pair();
        let Some(filter) = &mut self.filter else { return self.ask_tree(lead_id) };
        if filter.add(key) {
            return self.remember(key, rest);
        }
        if let Some(at) = self.pending.get(&key) {
            if self.rests[*at as usize] == rest {
                return Ok(Who::Duplicate);
            }
        } else {
            match self.store.holder(key)? {
                None => return self.remember(key, rest), // the filter was wrong
                Some(holder) if self.store.lead_id_at(holder)? == Some(lead_id) => return self.known(holder),
                Some(_) => {}
            }
        }
        // Another person with the same 64 bits: the tree decides, with every key in it.
        self.settle()?;
        self.ask_tree(lead_id)
    }

    /// Adds the pending keys to the tree, sorted.
    pub fn settle(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<(i64, u32)> = self.pending.drain().map(|(key, at)| (key.cast_signed(), at)).collect();
        keys.sort_unstable();
        self.store.run(|connection| {
            let mut insert = connection.prepare_cached("INSERT INTO lead_keys (hash, lead) VALUES (?1, ?2)")?;
            keys.iter().try_for_each(|(key, at)| insert.execute(params![key, self.first_pending + i64::from(*at)]).map(drop))
        })?;
        self.rests.clear();
        self.first_pending = self.next_id;
        Ok(())
    }

    fn remember(&mut self, key: u64, rest: u64) -> Result<Who> {
        let most = (self.first_pending / 8).clamp(*PENDING.start(), *PENDING.end());
        if self.next_id - self.first_pending >= most {
            self.settle()?;
        }
        let at = u32::try_from(self.rests.len()).expect("bounded by PENDING");
        self.pending.insert(key, at);
        self.rests.push(rest);
        Ok(Who::New(self.new_id()))
    }

    fn new_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A person in the store: taken in by this job, or by an earlier one.
    fn known(&self, holder: i64) -> Result<Who> {
        let job: i64 =
            self.store.run(|c| c.prepare_cached("SELECT job FROM leads WHERE id = ?1")?.query_row([holder], |row| row.get(0)))?;
        Ok(if job == self.job { Who::Duplicate } else { Who::Known(holder) })
    }

    /// Takes the person's key, or finds who has it. Keys of others with the same 64 bits are stepped over.
    fn ask_tree(&mut self, lead_id: Uuid) -> Result<Who> {
        let mut key = lead_id.as_u64_pair().0;
        while let Some(holder) = self.store.holder(key)? {
            if self.store.lead_id_at(holder)? == Some(lead_id) {
                return self.known(holder);
            }
            key = key.wrapping_add(1);
        }
        let id = self.new_id();
        self.first_pending = self.next_id; // nothing is pending here
        self.store.run(|connection| {
            connection.prepare_cached("INSERT INTO lead_keys (hash, lead) VALUES (?1, ?2)")?.execute(params![key.cast_signed(), id])
        })?;
        Ok(Who::New(id))
    }
}

impl Store {
    /// The lead that has a key.
    pub(super) fn holder(&self, key: u64) -> Result<Option<i64>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT lead FROM lead_keys WHERE hash = ?1")?;
            statement.query_row([key.cast_signed()], |row| row.get(0)).optional()
        })
    }

    /// A filter of all keys there are, with room for so many people.
    fn filter(&self, people: u64) -> Result<Filter> {
        let mut filter = Filter::for_people(people);
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT hash FROM lead_keys")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                filter.add(row.get::<_, i64>(0)?.cast_unsigned());
            }
            Ok(())
        })?;
        Ok(filter)
    }
}

/// A Bloom filter (Bloom 1970) in blocks of one cache line (Putze, Sanders, Singler 2007): eight bits set in 512 for each key.
#[derive(Debug)]
struct Filter {
    blocks: Vec<[u64; 8]>,
}

impl Filter {
    /// About twelve bits a person: one new person in a few hundred is looked up for nothing.
    fn for_people(people: u64) -> Self {
        let bytes = usize::try_from(people.saturating_mul(3) / 2).unwrap_or(FILTER_BYTES_MAX).clamp(4096, FILTER_BYTES_MAX);
        Self { blocks: vec![[0; 8]; bytes.div_ceil(64)] }
    }

    /// Adds a key; whether it was certainly not there before.
    fn add(&mut self, key: u64) -> bool {
        // The version nibble of a UUID is constant: mix before use (the finaliser of SplitMix64).
        let mut mixed = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        #[allow(clippy::cast_possible_truncation)] // below the number of blocks
        let block = ((u128::from(mixed) * self.blocks.len() as u128) >> 64) as usize;
        let mut bits = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut is_new = false;
        for word in &mut self.blocks[block] {
            let bit = 1u64 << (bits >> 58);
            is_new |= *word & bit == 0;
            *word |= bit;
            bits <<= 6;
        }
        is_new
    }
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only u64 keys are hashed; anything else still gives a usable, if poor, hash.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::scratch;

    #[test]
    fn a_filter_never_forgets_and_is_seldom_wrong() {
        let mut filter = Filter::for_people(20_000);
        let key = |n: u64| crate::engine::lead::lead_id_of(&format!("p{n}@example.com")).as_u64_pair().0;
        let wrong_while_filling = (0..20_000).filter(|n| !filter.add(key(*n))).count();
        assert!((0..20_000).all(|n| !filter.add(key(n))), "every key that was added is perhaps there");
        assert!(wrong_while_filling < 200, "{wrong_while_filling} of 20 000 new people were looked up for nothing");
    }

    #[test]
    fn people_with_the_same_first_64_bits_are_told_apart() {
        let (_dir, store) = scratch();
        let person = |rest: u64| Uuid::from_u64_pair(42, rest);
        for rows in [1, FILTER_ROWS] {
            let group = store.begin().expect("begin");
            let mut people = People::of(&store, 1, rows).expect("people");
            let first = people.who(person(1)).expect("first");
            assert!(matches!(first, Who::New(_)));
            // The lead's row is not written in this test, so a holder can only be confirmed while it is pending.
            if rows == FILTER_ROWS {
                assert_eq!(people.who(person(1)).expect("again"), Who::Duplicate);
            }
            assert!(matches!(people.who(person(2)).expect("second"), Who::New(_)), "stands at the next free key");
            people.settle().expect("settle");
            drop(group);
        }
    }
}
