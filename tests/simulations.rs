//! How often the decisions of the learning loop are wrong, and how long they take, on simulated leads.
//!
//! The real rules look at the counts after every simulated day, as a daemon would after a daily outcome file; outcomes are
//! known at once. Seeds are fixed. A short run is part of the suite; the full one, with the figures that the documentation
//! gives, takes some minutes:
//!
//! ```sh
//! TEST_SIMULATIONS=full cargo test --release --test simulations -- --nocapture --test-threads 1
//! ```

use valhalla_ingest::engine::learned::ScriptStanding;
use valhalla_ingest::engine::rules::{Experiment, Script, ScriptStatus};
use valhalla_ingest::learning::trials::{ArmCounts, ExperimentCounts, VersionCounts, judge};
use valhalla_ingest::learning::{scripts, trials};

/// As configured by default.
const MIN_TRIALS: u32 = 30;

/// How much is simulated.
fn size(full: u64, short: u64) -> u64 {
    if std::env::var("TEST_SIMULATIONS").as_deref() == Ok("full") { full } else { short }
}

/// `SplitMix64` (Steele, Lea & Flood 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    /// One stream of its own for each run.
    fn of(seed: u64, run: u64) -> Self {
        let mut random = Self(seed ^ run.wrapping_mul(0xD134_2543_DE82_EF95));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to 1.
    #[allow(clippy::cast_precision_loss)] // 53 bits
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One simulated experiment with arms of equal weight: leads fall to an arm at random and convert by its rate.
struct World {
    random: Random,
    rates: Vec<f64>,
    /// Bounds of the arms on 0..1, as leads really fall.
    bounds: Vec<f64>,
    counts: ExperimentCounts,
}

impl World {
    #[allow(clippy::cast_precision_loss)] // two or three arms
    fn new(random: Random, rates: &[f64]) -> Self {
        let share = 1.0 / rates.len() as f64;
        let names = ["control", "second", "third"];
        let arms = names.iter().take(rates.len()).map(|name| ArmCounts {
            variant: (*name).into(),
            script: Some((*name).into()),
            share,
            ..ArmCounts::default()
        });
        let counts = ExperimentCounts { id: "test".into(), versions: vec![VersionCounts { version: 1, arms: arms.collect() }] };
        let bounds = (1..=rates.len()).map(|arm| arm as f64 * share).collect();
        Self { random, rates: rates.to_vec(), bounds, counts }
    }

    fn day(&mut self, leads: u64) {
        for _ in 0..leads {
            let point = self.random.unit();
            let at = self.bounds.iter().position(|bound| point < *bound).unwrap_or(self.bounds.len() - 1);
            let converts = self.random.unit() < self.rates[at];
            let arm = &mut self.counts.versions[0].arms[at];
            for count in [&mut arm.exposed, &mut arm.mature, &mut arm.resolved] {
                *count += 1;
            }
            for count in [&mut arm.converted, &mut arm.wins] {
                *count += u64::from(converts);
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)] // counts of runs
fn percent(part: usize, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// No difference: how often does looking every day for a year declare a winner at some time?
#[test]
fn without_a_difference_hardly_ever_a_winner() {
    const SEED: u64 = 0x5EED_0001;
    const DAILY: u64 = 100;
    let runs = size(2000, 60);
    println!("no difference, {runs} runs of 365 daily looks, {DAILY} leads a day, seed {SEED:#x}");
    for (arms, rate) in [(2, 0.03), (2, 0.10), (3, 0.03), (3, 0.10)] {
        let ever_a_winner = |run: &u64| {
            let mut world = World::new(Random::of(SEED, *run), &vec![rate; arms]);
            (0..365).any(|_| {
                world.day(DAILY);
                judge(&world.counts, MIN_TRIALS).winner.is_some()
            })
        };
        let wrong = (0..runs).filter(ever_a_winner).count();
        println!("  {arms} arms, base rate {:>4.0} %: false winners {wrong} of {runs} = {:.2} %", rate * 100.0, percent(wrong, runs));
        assert!(percent(wrong, runs) <= 5.0, "{arms} arms at {rate}: {wrong} false winners of {runs}");
    }
}

/// What became of the better script, from `experimental` on.
struct Climb {
    /// Leads until it was the primary, if it ever was.
    primary_after: Option<u64>,
    /// Whether it stood at `testing` at some time.
    was_testing: bool,
}

fn climb(seed: u64, run: u64, rates: &[f64; 2], daily: u64, most: u64) -> Climb {
    let script = |id: &str, status| Script { id: id.into(), version: 1, channel: "email".into(), status };
    let ladder = [script("control", ScriptStatus::Primary), script("second", ScriptStatus::Experimental)];
    let experiments =
        [Experiment { id: "test".into(), version: 1, salt: "test".into(), variants: Vec::new(), thresholds: Vec::new(), filter: None }];
    let mut world = World::new(Random::of(seed, run), rates);
    let mut standings: Vec<ScriptStanding> = Vec::new();
    let mut climb = Climb { primary_after: None, was_testing: false };
    for day in 1..=most / daily {
        world.day(daily);
        let trial = judge(&world.counts, MIN_TRIALS);
        (standings, _) = scripts::step(&standings, &ladder, &[trial], &experiments, MIN_TRIALS);
        climb.was_testing |= standings[1].status == ScriptStatus::Testing;
        if standings[1].status == ScriptStatus::Primary {
            climb.primary_after = Some(day * daily);
            return climb;
        }
    }
    climb
}

/// The whole ladder, with looks as often as outcomes come in: 300 leads a month are ten a day.
#[test]
fn the_better_script_becomes_primary_and_an_equal_one_does_not() {
    const SEED: u64 = 0x5EED_0002;
    const MOST: u64 = 15_000;
    let (runs, daily) = (size(1000, 40), size(10, 100));
    println!("scripts, {runs} runs of at most {MOST} leads, {daily} leads and one look a day, seed {SEED:#x}");
    let better: Vec<Climb> = (0..runs).map(|run| climb(SEED, run, &[0.10, 0.13], daily, MOST)).collect();
    let mut after: Vec<u64> = better.iter().filter_map(|climb| climb.primary_after).collect();
    after.sort_unstable();
    println!("  10 % against 13 %: primary within {MOST} leads in {} of {runs} = {:.1} %", after.len(), percent(after.len(), runs));
    for (name, of_runs) in [("half", runs / 2), ("nine in ten", runs * 9 / 10)] {
        if let Some(leads) = usize::try_from(of_runs).ok().and_then(|at| after.get(at)) {
            println!("    {name} of the runs within {leads} leads: {} months at 300 leads a month", leads.div_ceil(300));
        }
    }
    let equal: Vec<Climb> = (0..runs).map(|run| climb(SEED + 1, run, &[0.10, 0.10], daily, MOST)).collect();
    let wrong = equal.iter().filter(|climb| climb.primary_after.is_some()).count();
    let tested = equal.iter().filter(|climb| climb.was_testing).count();
    println!(
        "  10 % against 10 %: primary in {wrong} of {runs} = {:.1} %; at `testing` for a time in {:.0} %",
        percent(wrong, runs),
        percent(tested, runs)
    );
    assert!(percent(after.len(), runs) >= 95.0, "{} of {runs} became primary", after.len());
    assert!(percent(wrong, runs) <= 5.0, "{wrong} of {runs} equal scripts became primary");
}

/// The mismatch check: quiet where leads fall as they should, awake where they do not.
#[test]
fn a_mismatch_is_raised_when_there_is_one() {
    const SEED: u64 = 0x5EED_0003;
    const LOOKS: u64 = 1000;
    const EACH: u64 = 100;
    let runs = size(1000, 40);
    println!("mismatch, {runs} runs of {LOOKS} looks, {EACH} leads each, seed {SEED:#x}");
    let raised_after = |run: u64, split: f64| {
        let mut world = World::new(Random::of(SEED, run), &[0.10, 0.10]);
        world.bounds[0] = split;
        (1..=LOOKS).find(|_| {
            world.day(EACH);
            let trial = judge(&world.counts, MIN_TRIALS);
            trial.mismatch_assigned >= trials::MISMATCH_FROM
        })
    };
    let alerts = (0..runs).filter(|run| raised_after(*run, 0.50).is_some()).count();
    println!("  50/50 as configured: {alerts} alerts in {runs} runs");
    assert!(alerts <= 3, "{alerts} false alerts");
    let mut looks: Vec<u64> = (0..runs).filter_map(|run| raised_after(run, 0.52)).collect();
    looks.sort_unstable();
    println!(
        "  52/48 instead: raised in {} of {runs}, half of them within {} leads, the last after {}",
        looks.len(),
        looks.get(looks.len() / 2).map_or(0, |look| look * EACH),
        looks.last().map_or(0, |look| look * EACH)
    );
    assert_eq!(looks.len() as u64, runs, "raised in all");
}
