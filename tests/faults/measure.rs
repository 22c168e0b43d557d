//! Precision and recall of a reading, and what they come to per class of faults.
//!
//! Header cells, whole records and single cells are compared as multisets: neither order nor place counts, every copy does.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hash::Hash;

use super::variation::Reading;

/// How much of what was read is right, and how much of what is right was read.
#[derive(Clone, Copy, Default)]
pub struct Share {
    pub precision: f64,
    pub recall: f64,
}

impl Share {
    /// Their harmonic mean.
    pub fn f1(self) -> f64 {
        let sum = self.precision + self.recall;
        if sum > 0.0 { 2.0 * self.precision * self.recall / sum } else { 0.0 }
    }

    /// Compares two multisets, which have so many elements in common besides.
    fn of<T: Eq + Hash>(expected: impl Iterator<Item = T>, got: impl Iterator<Item = T>, in_common: usize) -> Share {
        let mut left: HashMap<T, usize> = HashMap::new();
        let (mut wanted, mut found, mut right) = (in_common, in_common, in_common);
        for one in expected {
            *left.entry(one).or_default() += 1;
            wanted += 1;
        }
        for one in got {
            found += 1;
            if let Some(count) = left.get_mut(&one).filter(|count| **count > 0) {
                *count -= 1;
                right += 1;
            }
        }
        // Nothing where nothing was to be found is right; something there is all wrong.
        let share = |of: usize, other: usize| if of > 0 { as_f64(right) / as_f64(of) } else { f64::from(u8::from(other == 0)) };
        Share { precision: share(found, wanted), recall: share(wanted, found) }
    }
}

/// The three shares of one reading: of the header's cells, of records, of cells.
#[derive(Clone, Copy, Default)]
pub struct Score {
    pub shares: [Share; 3],
    pub is_exact: bool,
}

impl Score {
    const PERFECT: Score = Score { shares: [Share { precision: 1.0, recall: 1.0 }; 3], is_exact: true };

    fn of(expected: &Reading, got: &Reading) -> Score {
        if expected == got {
            return Score::PERFECT;
        }
        // Most records are the same in both: those at both ends need no counting, which is most of the work.
        let (wanted, found) = (&expected.records[..], &got.records[..]);
        let first = wanted.iter().zip(found).take_while(|(left, right)| left == right).count();
        let (wanted, found) = (&wanted[first..], &found[first..]);
        let last = wanted.iter().rev().zip(found.iter().rev()).take_while(|(left, right)| left == right).count();
        let (wanted, found) = (&wanted[..wanted.len() - last], &found[..found.len() - last]);
        let cells_in_common =
            expected.records[..first].iter().chain(&expected.records[expected.records.len() - last..]).map(|row| row.len()).sum();
        let header = Share::of(expected.header.iter(), got.header.iter(), 0);
        let records = Share::of(wanted.iter(), found.iter(), first + last);
        let cells = Share::of(wanted.iter().flat_map(|row| row.iter()), found.iter().flat_map(|row| row.iter()), cells_in_common);
        Score { shares: [header, records, cells], is_exact: false }
    }

    /// The score against the expected reading that is nearest, and which that is.
    pub fn nearest(expected: &[Reading], got: &Reading) -> (Score, usize) {
        let scores = expected.iter().map(|reading| Score::of(reading, got));
        scores.zip(0..).reduce(|best, next| if next.0.f1() > best.0.f1() { next } else { best }).expect("every variation has a reading")
    }

    /// The mean of the three harmonic means.
    pub fn f1(&self) -> f64 {
        self.shares.iter().map(|share| share.f1()).sum::<f64>() / 3.0
    }
}

/// What was found of one class of faults.
#[derive(Default)]
struct Class {
    scores: Vec<Score>,
    second_readings: usize,
    worst: Option<(f64, String)>,
}

/// Scores of many variations, by class.
#[derive(Default)]
pub struct Tally(BTreeMap<&'static str, Class>);

/// Means over many variations.
pub struct Means {
    /// Precision and recall of header, records and cells.
    pub shares: [Share; 3],
    pub f1: f64,
    pub exact: f64,
}

impl Tally {
    pub fn add(&mut self, class: &'static str, name: &str, score: Score, reading: usize) {
        let class = self.0.entry(class).or_default();
        class.scores.push(score);
        class.second_readings += usize::from(score.is_exact && reading > 0);
        if !score.is_exact && class.worst.as_ref().is_none_or(|worst| score.f1() < worst.0) {
            class.worst = Some((score.f1(), name.to_string()));
        }
    }

    pub fn merge(&mut self, other: Tally) {
        for (name, found) in other.0 {
            let class = self.0.entry(name).or_default();
            class.scores.extend(found.scores);
            class.second_readings += found.second_readings;
            let worse = found.worst.filter(|other| class.worst.as_ref().is_none_or(|worst| other.0 < worst.0));
            class.worst = worse.or(class.worst.take());
        }
    }

    /// Means of each class.
    pub fn classes(&self) -> impl Iterator<Item = (&'static str, Means)> {
        self.0.iter().map(|(name, class)| (*name, means(class.scores.iter())))
    }

    /// Means over all variations: classes with many count more.
    pub fn over_variations(&self) -> Means {
        means(self.0.values().flat_map(|class| &class.scores))
    }

    /// Means over the means of the classes: all kinds of faults count alike.
    pub fn over_classes(&self) -> Means {
        let all: Vec<Means> = self.classes().map(|(_, means)| means).collect();
        let mean = |of: &dyn Fn(&Means) -> f64| all.iter().map(of).sum::<f64>() / as_f64(all.len());
        let share = |n: usize| Share { precision: mean(&|means| means.shares[n].precision), recall: mean(&|means| means.shares[n].recall) };
        Means { shares: [share(0), share(1), share(2)], f1: mean(&|means| means.f1), exact: mean(&|means| means.exact) }
    }

    pub fn len(&self) -> usize {
        self.0.values().map(|class| class.scores.len()).sum()
    }

    /// The table: per class how many, F1 of header, records and cells, the share read exactly, of these by the second reading,
    /// and the worst variation.
    pub fn table(&self) -> String {
        let mut text = format!("{:<46}{:>6}{:>8}{:>8}{:>8}{:>8}{:>6}  worst\n", "class", "n", "header", "records", "cells", "exact", "2nd");
        for ((name, found), class) in self.classes().zip(self.0.values()) {
            let [header, records, cells] = [0, 1, 2].map(|n| mean(class.scores.iter().map(|score| score.shares[n].f1())));
            let worst = class.worst.as_ref().map_or_else(String::new, |(f1, name)| format!("{f1:.3} {name}"));
            let (count, exact, second) = (class.scores.len(), found.exact, class.second_readings);
            writeln!(text, "{name:<46}{count:>6}{header:>8.4}{records:>8.4}{cells:>8.4}{exact:>8.3}{second:>6}  {worst}")
                .expect("memory takes it");
        }
        for (what, means) in [("over variations", self.over_variations()), ("over classes", self.over_classes())] {
            write!(text, "mean {what:<16}").expect("memory takes it");
            for (name, share) in ["header", "records", "cells"].iter().zip(means.shares) {
                write!(text, "  {name}: precision {:.4} recall {:.4}", share.precision, share.recall).expect("memory takes it");
            }
            writeln!(text, "  F1 {:.4}  exact {:.4}", means.f1, means.exact).expect("memory takes it");
        }
        text
    }
}

fn means<'a>(scores: impl Iterator<Item = &'a Score>) -> Means {
    let scores: Vec<&Score> = scores.collect();
    let share = |n: usize| Share {
        precision: mean(scores.iter().map(|score| score.shares[n].precision)),
        recall: mean(scores.iter().map(|score| score.shares[n].recall)),
    };
    Means {
        shares: [share(0), share(1), share(2)],
        f1: mean(scores.iter().map(|score| score.f1())),
        exact: mean(scores.iter().map(|score| f64::from(u8::from(score.is_exact)))),
    }
}

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = of.fold((0.0, 0_usize), |(sum, count), one| (sum + one, count + 1));
    sum / as_f64(count.max(1))
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("there are fewer"))
}
