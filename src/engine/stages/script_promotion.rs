//! Stage 2, script promotion: the script a lead gets, and where that script stands.
//!
//! Steps on the ladder are taken when outcomes arrive, never per row; this stage only reads where a script stands: as learned,
//! and as configured where nothing was learned of it.

use super::Unknown;
use super::ab_test::AbTest;
use crate::engine::learned::Learned;
use crate::engine::rules::{Rules, Script, ScriptStatus};

/// The script of one lead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScriptPromotion<'r> {
    /// The script of the assigned variant, else the first channel's primary.
    pub script: Option<&'r Script>,
    /// Where it stands now.
    pub status: Option<ScriptStatus>,
    /// Posterior probability that it converts better than the primary; `None` without outcomes, and for the primary.
    pub score: Option<f64>,
    /// Whether outcomes have measured or moved it.
    pub is_learned: bool,
    /// Why there is no script, or no score.
    pub reason: Option<Unknown>,
}

/// Where every configured script stands, the same for all leads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ladder {
    /// One for each script, in their order; empty where nothing was learned of any.
    standings: Vec<Standing>,
    /// The primary that leads get whom no variant names a script.
    primary: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Standing {
    status: ScriptStatus,
    score: Option<f64>,
    trials: u64,
    is_learned: bool,
}

impl Ladder {
    /// What was learned of a script holds as long as its configured status is the one that it was learned under.
    #[must_use]
    pub fn of(rules: &Rules, learned: &Learned) -> Self {
        let configured = |script: &Script| script.status == ScriptStatus::Primary;
        let first = rules.scripts.iter().position(configured);
        if learned.scripts.is_empty() {
            return Self { standings: Vec::new(), primary: first };
        }
        let standing = |script: &Script| {
            let known = learned.standing(&script.id, script.version).filter(|known| known.configured == script.status);
            known.map_or(Standing { status: script.status, score: None, trials: 0, is_learned: false }, |known| Standing {
                status: known.status,
                score: known.score,
                trials: known.trials,
                is_learned: known.score.is_some() || known.status != script.status,
            })
        };
        let standings: Vec<Standing> = rules.scripts.iter().map(standing).collect();
        let is_primary = |at: &usize| standings[*at].status == ScriptStatus::Primary;
        let channel = first.map(|first| rules.scripts[first].channel.as_str());
        let is_of_channel = |at: &usize| channel.is_none_or(|channel| rules.scripts[*at].channel == channel);
        let all = || 0..standings.len();
        let primary = all().filter(is_primary).find(is_of_channel).or_else(|| all().find(is_primary));
        Self { standings, primary }
    }

    fn standing(&self, at: usize, script: &Script) -> Standing {
        let configured = Standing { status: script.status, score: None, trials: 0, is_learned: false };
        self.standings.get(at).copied().unwrap_or(configured)
    }
}

/// Chooses the lead's script.
#[must_use]
pub fn choose<'r>(ab_test: &AbTest<'r>, rules: &'r Rules, ladder: &Ladder) -> ScriptPromotion<'r> {
    let named = ab_test.arms.iter().find_map(|given| given.variant?.script.as_deref());
    let at = match named {
        Some(id) => newest(rules, id),
        None => ladder.primary,
    };
    let Some((at, script)) = at.and_then(|at| Some((at, rules.scripts.get(at)?))) else {
        let none =
            if rules.scripts.is_empty() { "no scripts configured" } else { "no variant names a script and no channel has a primary" };
        return ScriptPromotion { script: None, status: None, score: None, is_learned: false, reason: Some(Unknown::Because(none)) };
    };
    let Standing { status, score, trials, is_learned } = ladder.standing(at, script);
    let reason = match (status, score) {
        (ScriptStatus::Primary, _) => Some(Unknown::Because("the primary is the baseline and has no score")),
        (_, Some(_)) => None,
        (_, None) if trials < u64::from(rules.outcome.min_trials) => {
            Some(Unknown::Outcomes { have: trials, need: rules.outcome.min_trials })
        }
        (_, None) => Some(Unknown::Because("its channel has no primary with outcomes to be compared with")),
    };
    ScriptPromotion { script: Some(script), status: Some(status), score, is_learned, reason }
}

fn newest(rules: &Rules, id: &str) -> Option<usize> {
    let named = rules.scripts.iter().enumerate().filter(|(_, script)| script.id == id);
    named.max_by_key(|(_, script)| script.version).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::learned::ScriptStanding;

    const NO_ARMS: AbTest<'static> = AbTest { arms: Vec::new(), reason: None };

    fn script(id: &str, channel: &str, status: ScriptStatus) -> Script {
        Script { id: id.into(), version: 1, channel: channel.into(), status }
    }

    fn standing(script: &Script, status: ScriptStatus, score: Option<f64>) -> ScriptStanding {
        let Script { id, version, channel, status: configured } = script.clone();
        ScriptStanding { id, version, channel, configured, status, score, trials: 40, conversions: 8, trials_at_step: 0 }
    }

    #[test]
    fn a_learned_primary_takes_the_place_of_the_configured_one_in_its_channel() {
        use ScriptStatus::{Primary, Secondary, Testing};
        let scripts = vec![script("call", "phone", Testing), script("new", "email", Testing), script("old", "email", Primary)];
        let learned =
            Learned { scripts: vec![standing(&scripts[1], Primary, None), standing(&scripts[2], Secondary, Some(0.1))], ..Learned::none() };
        let mut rules = Rules { scripts, ..Rules::default() };
        let chosen = |rules: &Rules, learned: &Learned| {
            let found = choose(&NO_ARMS, rules, &Ladder::of(rules, learned));
            (found.script.map(|script| script.id.clone()), found.status, found.is_learned)
        };
        assert_eq!(chosen(&rules, &Learned::none()), (Some("old".into()), Some(Primary), false));
        assert_eq!(chosen(&rules, &learned), (Some("new".into()), Some(Primary), true));
        rules.scripts[1].status = Secondary; // configured anew: what was learned under another status is over
        rules.scripts[2].status = Primary;
        assert_eq!(chosen(&rules, &learned).0, None, "the old one was demoted, the new one begins anew");
    }

    #[test]
    fn a_score_is_shown_with_its_reason_where_there_is_none() {
        use ScriptStatus::Testing;
        let scripts = vec![script("new", "email", Testing)];
        let rules = Rules { scripts, ..Rules::default() };
        let said = |standings: Vec<ScriptStanding>| {
            let learned = Learned { scripts: standings, ..Learned::none() };
            let mut ladder = Ladder::of(&rules, &learned);
            ladder.primary = Some(0);
            let found = choose(&NO_ARMS, &rules, &ladder);
            (found.score, found.reason.map(|why| why.to_string()))
        };
        assert_eq!(said(vec![]), (None, Some("insufficient outcomes: 0 of 30".into())));
        assert_eq!(said(vec![standing(&rules.scripts[0], Testing, Some(0.9))]), (Some(0.9), None));
        let few = ScriptStanding { trials: 12, ..standing(&rules.scripts[0], Testing, None) };
        assert_eq!(said(vec![few]).1, Some("insufficient outcomes: 12 of 30".into()));
    }
}
