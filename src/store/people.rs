//! Who is known: the tree of keys, and what keeps a large job from asking it for every row.
//!
//! The key of a person is the first 64 bits of their id. Keys are random, so that a tree of ten million of them is touched
//! all over by every few thousand rows. A large job therefore remembers in a filter which keys exist at all, knows a new
//! person without asking the tree, and adds the new keys in a few sorted sweeps. A filter may say "perhaps" for someone
//! new, never "no" for someone known; whoever is perhaps known is looked up, so the answer is always exact.

use std::collections::VecDeque;

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::{Result, Store};

/// New keys kept in memory before they are added to the tree in one sorted sweep: an eighth of those in the tree, so that
/// sweeps cost about the same for each key however large the tree is, within these bounds. The upper one is a memory of
/// 12 MiB, and of 8 more while they are sorted.
const PENDING: std::ops::RangeInclusive<i64> = 50_000..=1 << 19;
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
    /// New people whose keys are not in the tree yet, in the order of their ids.
    pending: Pending,
    /// The id of the first pending person.
    first_pending: i64,
    /// What the filter said of the people who come next.
    foreseen: VecDeque<(u64, bool)>,
}

impl<'s> People<'s> {
    /// Begins for a job of about so many rows.
    pub fn of(store: &'s Store, job: i64, rows: u64) -> Result<Self> {
        let last: i64 = store.run(|c| c.prepare_cached("SELECT coalesce(max(id), 0) FROM leads")?.query_row([], |row| row.get(0)))?;
        let known = last.unsigned_abs();
        let filter = if rows >= FILTER_ROWS && rows.saturating_mul(8) >= known { Some(store.filter(known + rows)?) } else { None };
        let (next_id, first_pending) = (last + 1, last + 1);
        Ok(Self { store, job, next_id, filter, pending: Pending::default(), first_pending, foreseen: VecDeque::new() })
    }

    /// Asks the filter about everybody who comes next at once: it is large and touched all over, and so many independent
    /// questions wait for memory together instead of one after the other. It only saves time: whoever is not asked about
    /// in this order later is looked up.
    pub fn foresee(&mut self, lead_ids: impl Iterator<Item = Uuid>) {
        self.foreseen.clear();
        if let Some(filter) = &mut self.filter {
            let keys = lead_ids.map(|lead_id| lead_id.as_u64_pair().0);
            self.foreseen.extend(keys.map(|key| (key, filter.add(key))));
        }
    }

    /// Who this is. A new person is known from now on: the row with their id must be written.
    pub fn who(&mut self, lead_id: Uuid) -> Result<Who> {
        let (key, rest) = lead_id.as_u64_pair();
        let Some(filter) = &mut self.filter else { return self.ask_tree(lead_id) };
        let is_new = match self.foreseen.pop_front() {
            Some((foreseen, is_new)) if foreseen == key => is_new,
            _ => {
                self.foreseen.clear();
                filter.add(key)
            }
        };
        if is_new {
            return self.remember(key, rest);
        }
        if let Some(pending) = self.pending.rest_of(key) {
            if pending == rest {
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
        let keys = self.pending.drain_sorted();
        if keys.is_empty() {
            return Ok(());
        }
        self.store.run(|connection| {
            let mut insert = connection.prepare_cached("INSERT INTO lead_keys (hash, lead) VALUES (?1, ?2)")?;
            keys.iter().try_for_each(|(key, at)| insert.execute(params![key, self.first_pending + i64::from(*at)]).map(drop))
        })?;
        self.first_pending = self.next_id;
        Ok(())
    }

    fn remember(&mut self, key: u64, rest: u64) -> Result<Who> {
        let most = (self.first_pending / 8).clamp(*PENDING.start(), *PENDING.end());
        if self.next_id - self.first_pending >= most {
            self.settle()?;
        }
        self.pending.push(key, rest);
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
    /// The lead of a person; `None` for somebody who is none.
    pub(super) fn lead_of(&self, lead_id: Uuid) -> Result<Option<i64>> {
        let mut key = lead_id.as_u64_pair().0;
        while let Some(holder) = self.holder(key)? {
            if self.lead_id_at(holder)? == Some(lead_id) {
                return Ok(Some(holder));
            }
            key = key.wrapping_add(1);
        }
        Ok(None)
    }

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

/// People by key, in the order in which they came: a hash table that holds places in a list, so that it stays small.
#[derive(Debug, Default)]
struct Pending {
    /// Both halves of each person's id.
    people: Vec<(u64, u64)>,
    /// Places in `people`, from 1, at the slot of their key or the next free one; 0 is free. Twice as many as people, at least.
    slots: Vec<u32>,
}

impl Pending {
    /// Adds a person whose key is not there yet.
    fn push(&mut self, key: u64, rest: u64) {
        self.people.push((key, rest));
        if self.people.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            self.place(self.people.len());
        }
    }

    /// The other half of the id of the person with this key.
    fn rest_of(&self, key: u64) -> Option<u64> {
        let mut slot = self.slot_of(key)?;
        while let Some(at) = self.slots[slot].checked_sub(1) {
            let (found, rest) = self.people[at as usize];
            if found == key {
                return Some(rest);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Takes everybody out: signed keys in ascending order, each with its place, from 0.
    fn drain_sorted(&mut self) -> Vec<(i64, u32)> {
        let mut keys: Vec<(i64, u32)> = self.people.drain(..).zip(0..).map(|((key, _), at)| (key.cast_signed(), at)).collect();
        keys.sort_unstable();
        self.slots.fill(0);
        keys
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(1024);
        self.slots.clear();
        self.slots.resize(slots, 0);
        (1..=self.people.len()).for_each(|place| self.place(place));
    }

    fn place(&mut self, place: usize) {
        let Some(mut slot) = self.slot_of(self.people[place - 1].0) else { return };
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = u32::try_from(place).expect("bounded by PENDING");
    }

    /// Keys are hashes already; their first bits choose among the slots, whose number is a power of two.
    #[allow(clippy::cast_possible_truncation)] // below the number of slots
    fn slot_of(&self, key: u64) -> Option<usize> {
        let bits = self.slots.len().checked_ilog2()?;
        Some((key >> (64 - bits)) as usize)
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
    fn pending_people_are_found_until_they_are_taken_out() {
        let mut pending = Pending::default();
        // Keys close together want the same slot; those at the end go on at the beginning.
        let keys: Vec<u64> = (0..3000).map(|n| if n % 2 == 0 { n } else { u64::MAX - n }).collect();
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(pending.rest_of(*key), None);
            pending.push(*key, at as u64);
        }
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(pending.rest_of(*key), Some(at as u64));
        }
        let drained = pending.drain_sorted();
        assert!(drained.is_sorted() && drained.len() == keys.len());
        assert!(drained.iter().all(|(key, at)| keys[*at as usize] == key.cast_unsigned()));
        assert_eq!(pending.rest_of(keys[0]), None);
    }

    #[test]
    fn what_was_foreseen_changes_nothing_but_the_time() {
        let (_dir, store) = scratch();
        let person = |n: u64| Uuid::from_u64_pair(n << 40, n);
        let group = store.begin().expect("begin");
        let mut people = People::of(&store, 1, FILTER_ROWS).expect("people");
        people.foresee([person(1), person(2), person(1), person(3)].into_iter());
        assert!(matches!(people.who(person(1)).expect("first"), Who::New(1)));
        assert!(matches!(people.who(person(2)).expect("second"), Who::New(2)));
        assert_eq!(people.who(person(1)).expect("again"), Who::Duplicate);
        assert!(matches!(people.who(person(4)).expect("not foreseen"), Who::New(3)));
        assert!(matches!(people.who(person(3)).expect("foreseen, but not in this order"), Who::New(4)));
        assert_eq!(people.who(person(3)).expect("again"), Who::Duplicate);
        drop(group);
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
