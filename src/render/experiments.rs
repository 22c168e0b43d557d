//! Experiments and scripts on a page for people: tables, the intervals as a picture, and what follows in sentences.

use super::console::table;
use super::words::{counted, money, thousands};
use crate::engine::learned::ScriptStanding;
use crate::learning::scripts::ScriptStep;
use crate::learning::trials::{ArmFindings, MISMATCH_FROM, Trial};

/// Columns that a picture is at least, not to be mistaken for noise, and at most, to stay beside its names.
const PICTURE: std::ops::RangeInclusive<usize> = 20..=72;

/// All experiments. A terminal of this many columns gets the intervals as a picture.
#[must_use]
pub fn experiments_page(trials: &[Trial], coverage_min: f64, terminal_columns: Option<usize>) -> String {
    if trials.is_empty() {
        return "No experiments are configured ([[experiments]] in valhalla.toml).\n".into();
    }
    let pages = trials.iter().map(|trial| {
        let version = trial.versions.last().map_or(0, |version| version.version);
        let mut page = format!("{}, version {version}\n{}", trial.id, arms(trial));
        if let Some(columns) = terminal_columns {
            page += &picture(&trial.arms, columns);
        }
        page + &sentences(trial, coverage_min)
    });
    pages.collect::<Vec<_>>().join("\n")
}

/// Where scripts stand, why some have no score, and their latest steps.
#[must_use]
pub fn scripts_page(standings: &[ScriptStanding], reasons: &[Option<String>], steps: &[ScriptStep]) -> String {
    if standings.is_empty() {
        return "No scripts are configured ([[scripts]] in valhalla.toml).\n".into();
    }
    let rows: Vec<Vec<String>> = standings
        .iter()
        .zip(reasons)
        .map(|(standing, reason)| {
            vec![
                standing.id.clone(),
                standing.version.to_string(),
                standing.channel.clone(),
                standing.status.as_str().to_owned(),
                thousands(standing.trials),
                thousands(standing.conversions),
                standing.score.map_or("-".into(), |score| format!("{score:.3}")),
                reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let mut page = table(&["SCRIPT", "VERSION", "CHANNEL", "STATUS", "KNOWN", "CONVERTED", "SCORE", "WHY NO SCORE"], &rows);
    if !steps.is_empty() {
        page += "\nLatest steps\n";
    }
    for step in steps.iter().rev() {
        page += &format!("  {} {}: {} -> {}: {}\n", step.script, step.version, step.from.as_str(), step.to.as_str(), step.why);
    }
    page
}

fn arms(trial: &Trial) -> String {
    let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share));
    let amount = |amount: Option<crate::engine::decimal::Decimal>| amount.map_or("-".into(), money);
    let rows: Vec<Vec<String>> = trial
        .arms
        .iter()
        .map(|arm| {
            vec![
                arm.variant.clone(),
                arm.script.clone().unwrap_or("-".into()),
                if arm.share > 0.0 { percent(Some(arm.share)) } else { "retired".into() },
                thousands(arm.exposed),
                thousands(arm.mature),
                thousands(arm.resolved),
                thousands(arm.converted),
                percent(arm.rate),
                arm.interval.map_or("-".into(), |(low, high)| format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)),
                percent(arm.p_best),
                arm.expected_loss.map_or("-".into(), |loss| format!("{:.2} %", 100.0 * loss)),
                amount(arm.revenue),
                amount(arm.cost),
                amount(arm.cost_per_action),
            ]
        })
        .collect();
    let headers = [
        "VARIANT",
        "SCRIPT",
        "SHARE",
        "LEADS",
        "MATURE",
        "KNOWN",
        "CONVERTED",
        "RATE",
        "95 % INTERVAL",
        "P(BEST)",
        "LOSS",
        "REVENUE",
        "COST",
        "COST PER WIN",
    ];
    // Money that nobody reports would only take room.
    let is_told: Vec<bool> = (0..headers.len()).map(|at| at < 11 || rows.iter().any(|row| row[at] != "-")).collect();
    let kept = |row: &[String]| row.iter().zip(&is_told).filter(|(_, told)| **told).map(|(cell, _)| cell.clone()).collect::<Vec<_>>();
    let heads: Vec<&str> = headers.iter().zip(&is_told).filter(|(_, told)| **told).map(|(head, _)| *head).collect();
    table(&heads, &rows.iter().map(|row| kept(row)).collect::<Vec<_>>())
}

/// The intervals on one scale; nothing where there is none, or no room.
fn picture(arms: &[ArmFindings], columns: usize) -> String {
    let shown: Vec<(&str, f64, (f64, f64))> =
        arms.iter().filter_map(|arm| Some((arm.variant.as_str(), arm.rate?, arm.interval?))).collect();
    let names = shown.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    let room = columns.saturating_sub(names + 3).min(*PICTURE.end());
    if shown.is_empty() || room < *PICTURE.start() {
        return String::new();
    }
    let low = shown.iter().map(|(_, _, (low, _))| *low).fold(f64::INFINITY, f64::min);
    let high = shown.iter().map(|(_, _, (_, high))| *high).fold(0.0, f64::max);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the room
    let place = |rate: f64| ((rate - low) / (high - low) * (room - 1) as f64).round().clamp(0.0, (room - 1) as f64) as usize;
    let mut text = String::from("\n");
    for (name, rate, (from, to)) in &shown {
        let (from, at, to) = (place(*from), place(*rate), place(*to));
        let line: String = (0..=to)
            .map(|column| match column {
                _ if column == at => 'o',
                _ if column == from || column == to => '|',
                _ if column > from => '-',
                _ => ' ',
            })
            .collect();
        text += &format!("  {name}{} {line}\n", " ".repeat(names - name.chars().count()));
    }
    let (left, right) = (format!("{:.1} %", 100.0 * low), format!("{:.1} %", 100.0 * high));
    let gap = room.saturating_sub(left.len() + right.len());
    text + &format!("  {} {left}{}{right}\n", " ".repeat(names), " ".repeat(gap))
}

/// What follows from the figures, and what they cannot say.
fn sentences(trial: &Trial, coverage_min: f64) -> String {
    let mut text = String::new();
    let mismatch =
        |what: &str, e: f64| format!("{what}: e-value {}, alert from {MISMATCH_FROM:.0}. Look for the cause before the rates.\n", short(e));
    if trial.mismatch_assigned >= MISMATCH_FROM {
        text += &mismatch("LEADS ARE NOT SHARED OUT AS CONFIGURED", trial.mismatch_assigned);
    }
    if trial.mismatch_outcomes >= MISMATCH_FROM {
        text += &mismatch("OUTCOMES COME IN FROM ONE VARIANT MORE THAN FROM ANOTHER", trial.mismatch_outcomes);
    }
    for arm in trial.arms.iter().filter(|arm| arm.coverage.is_some_and(|coverage| coverage < coverage_min)) {
        let coverage = 100.0 * arm.coverage.unwrap_or_default();
        text += &format!("Of the mature leads of {} only {coverage:.0} % have a known outcome: its rate may mislead.\n", arm.variant);
    }
    let other: u64 = trial.arms.iter().map(|arm| arm.delivered_other).sum();
    if other > 0 {
        text +=
            &format!("{} another variant or script than the one that was assigned.\n", counted(other, "outcome names", "outcomes name"));
    }
    match (&trial.winner, &trial.why_no_winner) {
        (Some(winner), _) => {
            let over = trial.compared().filter(|arm| arm.variant != *winner);
            let weakest = over.map(|arm| trial.e_value(winner, &arm.variant)).fold(f64::INFINITY, f64::min);
            text += &format!("Winner: {winner}; evidence {} (from {:.0} on).\n", short(weakest), trial.threshold);
        }
        (None, why) => text += &format!("No winner yet: {}.\n", why.as_deref().unwrap_or("no outcomes")),
    }
    if let Some(leads) = trial.leads_needed {
        text +=
            &format!("If rates stay what they are, about {} it takes.\n", counted(leads, "further lead is what", "further leads are what"));
    }
    text
}

/// An e-value in few characters.
fn short(e: f64) -> String {
    if e < 1e6 { format!("{e:.1}") } else { format!("{e:.0e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::trials::{ArmCounts, ExperimentCounts, VersionCounts, assess};

    fn trial(control: (u64, u64), warm: (u64, u64)) -> Trial {
        let arm = |variant: &str, (leads, converted): (u64, u64)| ArmCounts {
            variant: variant.into(),
            share: 0.5,
            exposed: leads,
            mature: leads,
            resolved: leads,
            converted,
            wins: converted,
            ..ArmCounts::default()
        };
        let versions = vec![VersionCounts { version: 1, arms: vec![arm("control", control), arm("warm", warm)] }];
        assess(&ExperimentCounts { id: "first-contact".into(), versions }, 30)
    }

    #[test]
    fn a_page_with_a_picture_on_a_terminal_only() {
        let page = experiments_page(&[trial((1000, 100), (1000, 120))], 0.8, Some(60));
        let expected = "\
first-contact, version 1
VARIANT  SCRIPT   SHARE  LEADS  MATURE  KNOWN  CONVERTED    RATE  95 % INTERVAL   P(BEST)    LOSS
control  -       50.0 %  1,000   1,000  1,000        100  10.0 %  8.3 to 12.0 %     7.7 %  2.04 %
warm     -       50.0 %  1,000   1,000  1,000        120  12.0 %  10.1 to 14.2 %   92.3 %  0.05 %

  control |-------------o----------------|
  warm                   |---------------o-----------------|
          8.3 %                                       14.2 %
No winner yet: the evidence for `warm` is 1.3 of the 40 that it takes.
If rates stay what they are, about 9,136 further leads are what it takes.
";
        assert_eq!(page, expected);
        let piped = experiments_page(&[trial((1000, 100), (1000, 120))], 0.8, None);
        assert!(!piped.contains("|--"), "{piped}");
        let narrow = experiments_page(&[trial((1000, 100), (1000, 120))], 0.8, Some(20));
        assert!(!narrow.contains("|--"), "{narrow}");
    }

    #[test]
    fn unknown_is_a_dash_and_a_reason() {
        let page = experiments_page(&[trial((0, 0), (0, 0))], 0.8, Some(80));
        assert!(page.contains("No winner yet: insufficient outcomes: 0 of 30 mature leads in `control`."), "{page}");
        assert!(!page.contains("NaN") && page.contains("          0  -     -              -        -\n"), "{page}");
    }

    #[test]
    fn a_winner_and_a_mismatch_are_said() {
        let page = experiments_page(&[trial((1000, 100), (1000, 180))], 0.8, None);
        assert!(page.contains("Winner: warm; evidence "), "{page}");
        let page = experiments_page(&[trial((1000, 100), (1500, 180))], 0.8, None);
        assert!(page.contains("LEADS ARE NOT SHARED OUT AS CONFIGURED: e-value "), "{page}");
    }
}
