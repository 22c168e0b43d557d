//! Killed at each call, started again, and killed once more while it recovers: the final state is always the same.

use crate::points::{READING, Reference, Verdict, counts, is_full, references, sample, seed, try_all};
use crate::scenario::Act;
use crate::support::Random;
use crate::trace::{Action, Fault, tracer};

/// One kill.
#[derive(Debug, Clone)]
struct Point {
    act: Act,
    call: String,
    number: usize,
}

fn reference(act: Act) -> &'static Reference {
    references().iter().find(|reference| reference.act == act).expect("both acts are played")
}

/// Every call of an undisturbed run that changes something, by act and kind.
fn points() -> Vec<Vec<Point>> {
    let mut groups = Vec::new();
    for Reference { act, calls, .. } in references() {
        for (call, count) in counts(calls).into_iter().filter(|(call, _)| !READING.contains(&call.as_str())) {
            groups.push((1..=count).map(|number| Point { act: *act, call: call.clone(), number }).collect());
        }
    }
    groups
}

#[test]
fn killed_at_every_call() {
    if tracer().is_none() {
        return;
    }
    let points = sample(&points(), 50);
    let tried = try_all(&points, 2, |point| point.call.clone(), killed);
    tried.conclude("killed at each call");
}

fn killed(point: &Point) -> Verdict {
    let reference = reference(point.act);
    let stage = reference.set();
    let run = stage.play(&Fault::at(&point.call, point.number, Action::Kill));
    if !run.is_met() {
        return Verdict::NotMet;
    }
    let mut faults = Vec::new();
    match stage.recover() {
        Ok(()) => faults.extend(reference.judge(&stage)),
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() {
        return Verdict::Held;
    }
    let at = run.calls.iter().find(|call| call.injected);
    Verdict::Violated(format!(
        "killed at {} {} of the {:?} act, {at:?}:\n{}\n{}",
        point.call,
        point.number,
        point.act,
        faults.join("\n"),
        stage.seen()
    ))
}

/// A kill, and another one at some change of the start that recovers from it.
#[derive(Debug, Clone)]
struct Twice {
    first: Point,
    second: usize,
}

#[test]
fn killed_again_while_it_recovers() {
    /// A recovery makes fewer changes than this before it is done with what it found.
    const CHANGES: usize = 160;
    if tracer().is_none() {
        return;
    }
    let mut random = Random::from(seed() ^ 2);
    let kills: Vec<Vec<Point>> = points()
        .into_iter()
        .filter(|group| {
            ["renameat2", "unlinkat", "mkdirat", "fsync", "fdatasync", "write", "ftruncate", "openat"].contains(&group[0].call.as_str())
        })
        .collect();
    let firsts = sample(&kills, 12);
    let (most, times) = if is_full() { (150, 4) } else { (usize::MAX, 1) };
    let points: Vec<Twice> = firsts
        .into_iter()
        .take(most)
        .flat_map(|first| (0..times).map(|_| Twice { first: first.clone(), second: 1 + random.index(CHANGES) }).collect::<Vec<_>>())
        .collect();
    let tried = try_all(&points, 2, |point| point.first.call.clone(), killed_twice);
    tried.conclude("killed again while it recovers");
}

fn killed_twice(point: &Twice) -> Verdict {
    let reference = reference(point.first.act);
    let stage = reference.set();
    let first = stage.play(&Fault::at(&point.first.call, point.first.number, Action::Kill));
    let second = stage.play(&Fault::at("any", point.second, Action::Kill));
    if !first.is_met() || !second.is_met() {
        return Verdict::NotMet;
    }
    let mut faults = Vec::new();
    match stage.recover() {
        Ok(()) => faults.extend(reference.judge(&stage)),
        Err(fault) => faults.push(fault),
    }
    if faults.is_empty() {
        return Verdict::Held;
    }
    let at = |calls: &[crate::trace::Call]| calls.iter().find(|call| call.injected).cloned();
    Verdict::Violated(format!("{point:?}, at {:?} and {:?}:\n{}\n{}", at(&first.calls), at(&second.calls), faults.join("\n"), stage.seen()))
}
