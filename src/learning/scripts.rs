//! Scripts move on their ladder by what their leads did: `experimental → testing → primary → secondary → deprecated`.
//!
//! A script is measured against the primary of its channel, among the leads of one experiment that gave out both. The
//! posterior probability of converting better is its score, and opens the way to `testing`; to become the primary it takes
//! the always-valid evidence of the experiment besides. Evaluated when outcomes arrive, at most one step at a time; what is
//! not here: which script a lead gets.

use super::special::{Beta, probability_greater};
use super::trials::{ArmCounts, Trial, VersionCounts, e_value};
use crate::engine::learned::ScriptStanding;
use crate::engine::rules::{Experiment, Script, ScriptStatus};
use serde::{Deserialize, Serialize};

/// Score from which a script rises.
pub const RISES_FROM: f64 = 0.85;
/// Score below which it may fall.
pub const FALLS_BELOW: f64 = 0.65;
/// Evidence of the primary over a script, from which that script may fall.
pub const FALLS_FROM: f64 = 20.0;

/// One step of a script, with the figures that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptStep {
    /// The script.
    pub script: String,
    /// Its version.
    pub version: u32,
    /// Where it stood.
    pub from: ScriptStatus,
    /// Where it stands now.
    pub to: ScriptStatus,
    /// P(it converts better than the primary).
    pub score: Option<f64>,
    /// Evidence that it converts better than the primary.
    pub e_value: Option<f64>,
    /// Evidence that the primary converts better.
    pub reverse_e_value: Option<f64>,
    /// Its resolved mature leads.
    pub trials: u64,
    /// Those that converted.
    pub conversions: u64,
    /// What it was measured against.
    pub baseline: Option<Baseline>,
    /// In which experiment.
    pub experiment: Option<String>,
    /// In words.
    pub why: String,
}

/// The primary that a script is measured against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The script.
    pub script: String,
    /// Its resolved mature leads.
    pub trials: u64,
    /// Those that converted.
    pub conversions: u64,
}

/// Evaluates every script, and moves those whose figures say so: at most one step each.
///
/// `trials` are those of the configured `experiments`, whose order says in which of them a script is measured: the first that
/// gave out both the script and its channel's primary. Of the versions of one script only the newest is given out, so the
/// figures are its. A script begins with the status that the configuration gives it, and anew when that is changed; with a
/// new primary to be measured against, and after every step, it takes `min_trials` new outcomes before the next step.
#[must_use]
pub fn step(
    previous: &[ScriptStanding],
    scripts: &[Script],
    trials: &[Trial],
    experiments: &[Experiment],
    min_trials: u32,
) -> (Vec<ScriptStanding>, Vec<ScriptStep>) {
    let trials = experiments.iter().filter_map(|experiment| trials.iter().find(|trial| trial.id == experiment.id)).collect();
    let standings = scripts.iter().map(|script| begin(previous, script)).collect();
    let mut ladder = Ladder { standings, steps: Vec::new(), trials, min_trials };
    ladder.settle_primaries();
    for at in 0..ladder.standings.len() {
        ladder.measure(at);
        let was = previous.iter().find(|standing| is_same(standing, &ladder.standings[at]));
        if was.is_some_and(|was| begins_anew(was, previous, &ladder, at)) {
            ladder.count_anew(at);
        }
    }
    ladder.climb();
    (ladder.standings, ladder.steps)
}

/// Why a script has no score, in words; none where it has one.
#[must_use]
pub fn why_no_score(standing: &ScriptStanding, standings: &[ScriptStanding], trials: &[Trial]) -> Option<String> {
    if standing.score.is_some() {
        return None;
    }
    if standing.status == ScriptStatus::Primary {
        return Some("the primary is the baseline".into());
    }
    let Some(primary) = primary_of(standings, &standing.channel) else {
        return Some(format!("channel `{}` has no primary to compare with", standing.channel));
    };
    if !is_newest(standings, standing) || !is_newest(standings, primary) {
        return Some("only the newest version of a script is given out".into());
    }
    let Some(pair) = trials.iter().find_map(|trial| Pair::of(trial, &standing.id, &primary.id)) else {
        return Some(format!("no experiment gives out both it and `{}`", primary.id));
    };
    if pair.own.trials > 0 && pair.baseline.trials > 0 {
        return Some("insufficient outcomes: only wins".into());
    }
    let without = if pair.own.trials == 0 { &standing.id } else { &primary.id };
    Some(format!("insufficient outcomes: none for `{without}`"))
}

/// The scripts while they are being evaluated.
struct Ladder<'a> {
    standings: Vec<ScriptStanding>,
    steps: Vec<ScriptStep>,
    /// In the order in which a script looks for its experiment.
    trials: Vec<&'a Trial>,
    min_trials: u32,
}

impl Ladder<'_> {
    /// One primary for each channel: what the configuration says now comes before what was learned, and where the learned one
    /// is gone, the configured one is the primary again.
    fn settle_primaries(&mut self) {
        for at in 0..self.standings.len() {
            if self.standings[at].configured != ScriptStatus::Primary {
                continue;
            }
            let channel = self.standings[at].channel.clone();
            let others: Vec<usize> = (0..self.standings.len())
                .filter(|other| {
                    *other != at && self.standings[*other].channel == channel && self.standings[*other].status == ScriptStatus::Primary
                })
                .collect();
            if self.standings[at].status == ScriptStatus::Primary {
                for other in others {
                    let why = format!("the configuration makes `{}` the primary", self.standings[at].id);
                    self.move_to(other, ScriptStatus::Secondary, None, why);
                }
            } else if others.is_empty() {
                self.move_to(at, ScriptStatus::Primary, None, "the primary that had replaced it is no longer one".into());
            }
        }
    }

    /// Fills in the figures of a script as of now.
    fn measure(&mut self, at: usize) {
        let standing = &self.standings[at];
        let (counts, score) = match (self.pair(at), is_newest(&self.standings, standing)) {
            (Some((_, pair)), _) => (pair.own, pair.score()),
            (None, true) => (self.trials.iter().find_map(|trial| Counts::of(&trial.versions, &standing.id)).unwrap_or_default(), None),
            (None, false) => (Counts::default(), None),
        };
        let total = counts.trials + self.pair(at).map_or(0, |(_, pair)| pair.baseline.trials);
        let standing = &mut self.standings[at];
        (standing.trials, standing.conversions, standing.score) = (counts.trials, counts.conversions, score);
        // Where outcomes were taken back there are fewer than at the last step.
        standing.trials_at_step = standing.trials_at_step.min(total);
    }

    /// From here on a script needs new outcomes before it takes a step.
    fn count_anew(&mut self, at: usize) {
        self.standings[at].trials_at_step = self.standings[at].trials + self.pair(at).map_or(0, |(_, pair)| pair.baseline.trials);
    }

    /// A script and its channel's primary, in the experiment that they are measured in.
    fn pair(&self, at: usize) -> Option<(&Trial, Pair)> {
        let standing = &self.standings[at];
        let primary = primary_of(&self.standings, &standing.channel).filter(|primary| primary.id != standing.id)?;
        if !is_newest(&self.standings, standing) || !is_newest(&self.standings, primary) {
            return None;
        }
        self.trials.iter().find_map(|trial| Pair::of(trial, &standing.id, &primary.id).map(|pair| (*trial, pair)))
    }

    /// Takes the steps that the figures say: all of them judged before the first is taken.
    fn climb(&mut self) {
        let moves: Vec<(usize, ScriptStatus)> = (0..self.standings.len()).filter_map(|at| self.next(at).map(|to| (at, to))).collect();
        for (at, to) in moves.iter().filter(|(_, to)| *to != ScriptStatus::Primary) {
            let why = self.reason(*at, *to);
            self.move_to(*at, *to, primary_of(&self.standings, &self.standings[*at].channel).map(|primary| primary.id.clone()), why);
            self.count_anew(*at);
        }
        let mut channels: Vec<String> = Vec::new();
        let mut risers: Vec<usize> = moves.iter().filter(|(_, to)| *to == ScriptStatus::Primary).map(|(at, _)| *at).collect();
        // Of several in a channel the one that most speaks for; the sort is stable, so equal ones keep their order.
        risers.sort_by(|left, right| self.evidence(*right).total_cmp(&self.evidence(*left)));
        for at in risers {
            if !channels.contains(&self.standings[at].channel) {
                channels.push(self.standings[at].channel.clone());
                self.replace_primary(at);
            }
        }
    }

    fn evidence(&self, at: usize) -> f64 {
        self.pair(at).map_or(1.0, |(_, pair)| pair.e_value)
    }

    /// The status that a script's figures entitle it to, if it is another one.
    fn next(&self, at: usize) -> Option<ScriptStatus> {
        let standing = &self.standings[at];
        let (trial, pair) = self.pair(at)?;
        let score = standing.score?;
        if (pair.own.trials + pair.baseline.trials).saturating_sub(standing.trials_at_step) < u64::from(self.min_trials) {
            return None;
        }
        let falls = score < FALLS_BELOW && pair.reverse_e_value >= FALLS_FROM;
        match standing.status {
            ScriptStatus::Experimental if score >= RISES_FROM => Some(ScriptStatus::Testing),
            ScriptStatus::Testing if score >= RISES_FROM && pair.has_won(trial, self.min_trials) => Some(ScriptStatus::Primary),
            ScriptStatus::Testing if falls => Some(ScriptStatus::Experimental),
            ScriptStatus::Secondary if falls => Some(ScriptStatus::Deprecated),
            _ => None,
        }
    }

    /// The figures of a step, in words.
    fn reason(&self, at: usize, to: ScriptStatus) -> String {
        let Some((trial, pair)) = self.pair(at) else { return String::new() };
        let score = self.standings[at].score.unwrap_or_default();
        let counts = format!(
            "{} of {} converted against {} of {} with the primary, in `{}`",
            pair.own.conversions, pair.own.trials, pair.baseline.conversions, pair.baseline.trials, trial.id
        );
        match to {
            ScriptStatus::Testing => {
                format!("converts better than the primary with probability {score:.3} (from {RISES_FROM} on): {counts}")
            }
            ScriptStatus::Primary => format!(
                "converts better than the primary: evidence {:.1} (from {:.0} on), probability {score:.3}: {counts}",
                pair.e_value, trial.threshold
            ),
            _ => format!(
                "converts worse than the primary: evidence {:.1} (from {FALLS_FROM} on), probability of being better {score:.3} (below {FALLS_BELOW}): {counts}",
                pair.reverse_e_value
            ),
        }
    }

    /// Makes a script the primary and the old one a secondary; every other script of the channel has a new baseline.
    fn replace_primary(&mut self, at: usize) {
        let why = self.reason(at, ScriptStatus::Primary);
        let (id, channel) = (self.standings[at].id.clone(), self.standings[at].channel.clone());
        let old = (0..self.standings.len())
            .find(|other| self.standings[*other].channel == channel && self.standings[*other].status == ScriptStatus::Primary)
            .expect("it was measured against one");
        let old_id = self.standings[old].id.clone();
        self.move_to(at, ScriptStatus::Primary, Some(old_id), why);
        self.move_to(old, ScriptStatus::Secondary, Some(id.clone()), format!("replaced as the primary by `{id}`"));
        for other in 0..self.standings.len() {
            if self.standings[other].channel == channel {
                self.measure(other);
                self.count_anew(other);
            }
        }
    }

    /// Takes a step and writes it down, with the figures against another script.
    fn move_to(&mut self, at: usize, to: ScriptStatus, against: Option<String>, why: String) {
        let standing = &self.standings[at];
        let pair = against.and_then(|other| {
            self.trials.iter().find_map(|trial| Some((trial.id.clone(), Pair::of(trial, &standing.id, &other)?, other.clone())))
        });
        let step = ScriptStep {
            script: standing.id.clone(),
            version: standing.version,
            from: standing.status,
            to,
            score: standing.score,
            e_value: pair.as_ref().map(|(_, pair, _)| pair.e_value),
            reverse_e_value: pair.as_ref().map(|(_, pair, _)| pair.reverse_e_value),
            trials: pair.as_ref().map_or(standing.trials, |(_, pair, _)| pair.own.trials),
            conversions: pair.as_ref().map_or(standing.conversions, |(_, pair, _)| pair.own.conversions),
            baseline: pair.as_ref().map(|(_, pair, other)| Baseline {
                script: other.clone(),
                trials: pair.baseline.trials,
                conversions: pair.baseline.conversions,
            }),
            experiment: pair.map(|(experiment, ..)| experiment),
            why,
        };
        self.standings[at].status = to;
        self.steps.push(step);
    }
}

/// Two scripts in the versions of an experiment that gave out both.
struct Pair {
    own: Counts,
    baseline: Counts,
    e_value: f64,
    reverse_e_value: f64,
}

impl Pair {
    fn of(trial: &Trial, script: &str, other: &str) -> Option<Self> {
        let gives = |version: &VersionCounts, id: &str| version.arms.iter().any(|arm| arm.share > 0.0 && has(arm, id));
        let shared: Vec<VersionCounts> =
            trial.versions.iter().filter(|version| gives(version, script) && gives(version, other)).cloned().collect();
        Some(Self {
            own: Counts::of(&shared, script)?,
            baseline: Counts::of(&shared, other)?,
            e_value: e_value(&shared, |arm| has(arm, script), |arm| has(arm, other)),
            reverse_e_value: e_value(&shared, |arm| has(arm, other), |arm| has(arm, script)),
        })
    }

    /// P(the script converts better); none without outcomes, and where only wins were ever reported.
    fn score(&self) -> Option<f64> {
        let (own, baseline) = (self.own, self.baseline);
        let has_losses = own.trials + baseline.trials > own.conversions + baseline.conversions;
        (own.trials > 0 && baseline.trials > 0 && has_losses)
            .then(|| probability_greater(Beta::after(own.conversions, own.trials), Beta::after(baseline.conversions, baseline.trials)))
    }

    /// Whether stage 1 calls the script better than the primary.
    fn has_won(&self, trial: &Trial, min_trials: u32) -> bool {
        let enough = |mature: u64| mature >= u64::from(min_trials);
        !trial.is_mismatched
            && self.e_value >= trial.threshold
            && enough(self.own.mature)
            && enough(self.baseline.mature)
            && trial.compared().all(|arm| enough(arm.mature))
    }
}

/// What the leads of one script did.
#[derive(Clone, Copy, Default)]
struct Counts {
    mature: u64,
    trials: u64,
    conversions: u64,
}

impl Counts {
    /// Over all arms with this script; none where there is no such arm.
    fn of(versions: &[VersionCounts], script: &str) -> Option<Self> {
        let arms = versions.iter().flat_map(|version| version.arms.iter().filter(|arm| has(arm, script)));
        arms.fold(None, |sum, arm| {
            let sum = sum.unwrap_or_default();
            Some(Self { mature: sum.mature + arm.mature, trials: sum.trials + arm.resolved, conversions: sum.conversions + arm.converted })
        })
    }
}

fn has(arm: &ArmCounts, script: &str) -> bool {
    arm.script.as_deref() == Some(script)
}

/// Where a script stands before today's outcomes: where it stood, or where the configuration puts it.
#[must_use]
pub fn begin(previous: &[ScriptStanding], script: &Script) -> ScriptStanding {
    let fresh = ScriptStanding {
        id: script.id.clone(),
        version: script.version,
        channel: script.channel.clone(),
        configured: script.status,
        status: script.status,
        score: None,
        trials: 0,
        conversions: 0,
        trials_at_step: 0,
    };
    let was = previous.iter().find(|standing| is_same(standing, &fresh));
    was.filter(|was| was.configured == fresh.configured && was.channel == fresh.channel).cloned().unwrap_or(fresh)
}

/// Whether a script that was known must wait for new outcomes: somebody set it anew, or it has a new primary beside it.
fn begins_anew(was: &ScriptStanding, previous: &[ScriptStanding], ladder: &Ladder<'_>, at: usize) -> bool {
    let now = &ladder.standings[at];
    let primary = |standings, channel| primary_of(standings, channel).map(|primary: &ScriptStanding| (primary.id.clone(), primary.version));
    was.configured != now.configured || primary(previous, &was.channel) != primary(&ladder.standings, &now.channel)
}

fn is_same(left: &ScriptStanding, right: &ScriptStanding) -> bool {
    left.id == right.id && left.version == right.version
}

fn primary_of<'s>(standings: &'s [ScriptStanding], channel: &str) -> Option<&'s ScriptStanding> {
    standings.iter().find(|standing| standing.channel == channel && standing.status == ScriptStatus::Primary)
}

/// Whether it is the newest version of its script: the one that leads get.
fn is_newest(standings: &[ScriptStanding], standing: &ScriptStanding) -> bool {
    standings.iter().all(|other| other.id != standing.id || other.version <= standing.version)
}

#[cfg(test)]
mod tests {
    use super::super::trials::{ExperimentCounts, judge};
    use super::*;
    use ScriptStatus::{Deprecated, Experimental, Primary, Secondary, Testing};

    fn script(id: &str, status: ScriptStatus) -> Script {
        Script { id: id.into(), version: 1, channel: "email".into(), status }
    }

    fn experiment() -> Experiment {
        Experiment { id: "x".into(), version: 1, salt: "x".into(), variants: Vec::new(), thresholds: Vec::new(), filter: None }
    }

    /// Scripts in equal parts, each with its resolved leads and conversions.
    fn trial(arms: &[(&str, u64, u64)]) -> Trial {
        #[allow(clippy::cast_precision_loss)]
        let share = 1.0 / arms.len() as f64;
        let arms = arms.iter().map(|(script, leads, converted)| ArmCounts {
            variant: format!("with-{script}"),
            script: Some((*script).into()),
            share,
            exposed: *leads,
            mature: *leads,
            resolved: *leads,
            converted: *converted,
            wins: *converted,
            ..ArmCounts::default()
        });
        judge(&ExperimentCounts { id: "x".into(), versions: vec![VersionCounts { version: 1, arms: arms.collect() }] }, 30)
    }

    fn run(previous: &[ScriptStanding], scripts: &[Script], arms: &[(&str, u64, u64)]) -> (Vec<ScriptStanding>, Vec<ScriptStep>) {
        step(previous, scripts, &[trial(arms)], &[experiment()], 30)
    }

    fn statuses(standings: &[ScriptStanding]) -> Vec<ScriptStatus> {
        standings.iter().map(|standing| standing.status).collect()
    }

    #[test]
    fn one_step_as_the_figures_say() {
        for (status, own, primary, expected, steps) in [
            (Experimental, (400, 60), (400, 40), Testing, 1),
            (Experimental, (400, 45), (400, 40), Experimental, 0),
            (Experimental, (14, 14), (15, 0), Experimental, 0), // 29 of 30 outcomes
            (Experimental, (15, 15), (15, 0), Testing, 1),
            (Experimental, (1000, 20), (1000, 100), Experimental, 0), // there is nothing below
            (Testing, (1000, 160), (1000, 100), Primary, 2),
            (Testing, (1000, 125), (1000, 100), Testing, 0), // probable, not yet evident
            (Testing, (1000, 50), (1000, 100), Experimental, 1),
            (Testing, (1000, 85), (1000, 100), Testing, 0), // worse, not yet evident
            (Secondary, (1000, 50), (1000, 100), Deprecated, 1),
            (Secondary, (1000, 160), (1000, 100), Secondary, 0), // no way back up
            (Deprecated, (1000, 160), (1000, 100), Deprecated, 0),
        ] {
            let scripts = [script("new", status), script("old", Primary)];
            let (standings, taken) = run(&[], &scripts, &[("new", own.0, own.1), ("old", primary.0, primary.1)]);
            assert_eq!((standings[0].status, taken.len()), (expected, steps), "{status:?} {own:?} {primary:?}: {taken:?}");
            assert_eq!(standings[1].status, if expected == Primary { Secondary } else { Primary });
            for step in &taken {
                assert!(!step.why.is_empty() && step.baseline.is_some() && step.experiment.as_deref() == Some("x"), "{step:?}");
            }
        }
    }

    #[test]
    fn a_promotion_carries_its_figures() {
        let scripts = [script("new", Testing), script("old", Primary)];
        let (standings, steps) = run(&[], &scripts, &[("new", 1000, 160), ("old", 1000, 100)]);
        let [up, down] = &steps[..] else { panic!("two steps: {steps:?}") };
        assert_eq!((up.from, up.to, up.trials, up.conversions), (Testing, Primary, 1000, 160));
        assert_eq!(up.baseline, Some(Baseline { script: "old".into(), trials: 1000, conversions: 100 }));
        assert!(up.score.is_some_and(|score| score > 0.999) && up.e_value.is_some_and(|e| e >= 40.0), "{up:?}");
        assert_eq!((down.script.as_str(), down.from, down.to), ("old", Primary, Secondary));
        assert!(standings[0].score.is_none(), "the primary has no score");
        assert!(standings[1].score.is_some_and(|score| score < 0.001), "the old one is now measured against the new one");
    }

    #[test]
    fn steps_are_min_trials_new_outcomes_apart() {
        let scripts = [script("new", Experimental), script("old", Primary)];
        let arms = [("new", 1000, 160), ("old", 1000, 100)];
        let (first, steps) = run(&[], &scripts, &arms);
        assert_eq!((statuses(&first), steps.len()), (vec![Testing, Primary], 1));
        let (same, steps) = run(&first, &scripts, &arms);
        assert!(same == first && steps.is_empty(), "the same outcomes are no news");
        let (same, steps) = run(&first, &scripts, &[("new", 1015, 160), ("old", 1014, 100)]);
        assert!(statuses(&same) == [Testing, Primary] && steps.is_empty(), "29 are too few");
        let (second, steps) = run(&first, &scripts, &[("new", 1015, 160), ("old", 1015, 100)]);
        assert_eq!((statuses(&second), steps.len()), (vec![Primary, Secondary], 2));
        let (third, steps) = run(&second, &scripts, &[("new", 1020, 160), ("old", 1020, 100)]);
        assert!(statuses(&third) == [Primary, Secondary] && steps.is_empty(), "the old one needs new outcomes to fall further");
        let (fourth, steps) = run(&third, &scripts, &[("new", 1030, 160), ("old", 1030, 100)]);
        assert_eq!((statuses(&fourth), steps.len()), (vec![Primary, Deprecated], 1));
    }

    #[test]
    fn the_configuration_has_the_last_word() {
        let scripts = [script("new", Testing), script("old", Primary)];
        let arms = [("new", 1000, 160), ("old", 1000, 100)];
        let (learned, _) = run(&[], &scripts, &arms);
        assert_eq!(statuses(&learned), [Primary, Secondary]);
        // Somebody puts the winner back: the old one is the primary again, and nothing moves on the same outcomes.
        let (back, steps) = run(&learned, &[script("new", Experimental), script("old", Primary)], &arms);
        assert_eq!(statuses(&back), [Experimental, Primary], "{steps:?}");
        assert_eq!(steps.len(), 1, "only the old one's return: {steps:?}");
        // Somebody makes a third one the primary.
        let with_third = [script("new", Testing), script("old", Secondary), script("third", Primary)];
        let (third, steps) = run(&learned, &with_third, &arms);
        assert_eq!(statuses(&third), [Secondary, Secondary, Primary], "{steps:?}");
        assert!(third.iter().all(|standing| standing.score.is_none()), "no experiment gives out the third");
    }

    #[test]
    fn without_a_score_there_is_a_reason() {
        let scripts = [script("alone", Experimental), script("new", Experimental), script("old", Primary)];
        let trial = trial(&[("new", 0, 0), ("old", 40, 4)]);
        let (standings, steps) = step(&[], &scripts, std::slice::from_ref(&trial), &[experiment()], 30);
        let why: Vec<Option<String>> =
            standings.iter().map(|standing| why_no_score(standing, &standings, std::slice::from_ref(&trial))).collect();
        let expected =
            ["no experiment gives out both it and `old`", "insufficient outcomes: none for `new`", "the primary is the baseline"];
        assert_eq!(why, expected.map(|why| Some(why.to_owned())));
        assert!(steps.is_empty());
        let (standings, _) = step(&[], &[script("new", Testing)], &[], &[], 30);
        assert_eq!(why_no_score(&standings[0], &standings, &[]).as_deref(), Some("channel `email` has no primary to compare with"));
        let (standings, steps) = run(&[], &scripts[1..], &[("new", 100, 100), ("old", 40, 40)]);
        assert!(standings[0].score.is_none() && steps.is_empty(), "only wins say nothing");
    }

    #[test]
    fn only_the_better_of_two_becomes_primary_at_once() {
        let scripts = [script("a", Testing), script("b", Testing), script("old", Primary)];
        let (standings, steps) = run(&[], &scripts, &[("a", 1000, 170), ("b", 1000, 190), ("old", 1000, 100)]);
        assert_eq!((statuses(&standings), steps.len()), (vec![Testing, Primary, Secondary], 2), "{steps:?}");
    }

    #[test]
    fn only_the_newest_version_has_figures() {
        let scripts = [script("new", Deprecated), Script { version: 2, ..script("new", Experimental) }, script("old", Primary)];
        let (standings, _) = run(&[], &scripts, &[("new", 400, 60), ("old", 400, 40)]);
        assert_eq!(standings.iter().map(|standing| standing.trials).collect::<Vec<_>>(), [0, 400, 400]);
        assert_eq!(statuses(&standings), [Deprecated, Testing, Primary]);
    }
}
