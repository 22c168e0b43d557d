//! What `ingest` prints, in the original system's words, and the tables of the other commands. All of it text, made safe
//! to show: a cell cannot move the cursor or forge a line.

use std::borrow::Cow;

use super::words::{self, Band, Grouped, Points, shown};
pub use super::words::{money, thousands};
use crate::engine::lead::{Field, Lead};
use crate::engine::learned::Basis;
use crate::engine::rules::{PacketRules, ScriptStatus};
use crate::engine::stages::Staged;
use crate::engine::stages::clone_readiness::Scope;
use crate::engine::stages::outcome::Method;
use crate::journal::report::Outcomes;

/// `[STARTING] CSV Ingestion from: path/to/file.csv`
#[must_use]
pub fn starting(path: &str) -> String {
    format!("[STARTING] CSV Ingestion from: {}", shown(path))
}

/// `[HEADERS] name, email, value, location, phone`
#[must_use]
pub fn headers(header: &[String]) -> String {
    format!("[HEADERS] {}", header.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", "))
}

/// `[PROCESSING] John Doe - john@example.com - Value: $500,000.00`
#[must_use]
pub fn processing(lead: &Lead<'_>) -> String {
    let value = lead.value.map_or_else(|| "unknown".to_owned(), |value| priced(&money(value), lead.currency));
    format!("[PROCESSING] {} - {} - Value: {value}", shown(lead.name), shown(lead.email))
}

/// The six lines under a lead, `  [1/6] A/B Test Tracking: first-contact=control` and so on, without a last newline.
#[must_use]
pub fn stages(lead: &Lead<'_>, staged: &Staged<'_>, rules: &PacketRules) -> String {
    let found = [
        ("A/B Test Tracking", ab_test(staged)),
        ("Script Promotion", script(staged)),
        ("Deal Packet", packet(lead, staged, rules)),
        ("Outcome Evaluation", outcome(staged)),
        ("Clone Readiness", clone(staged)),
        ("Lead Scoring", score(staged)),
    ];
    let lines = found.iter().zip(1..).map(|((name, found), at)| format!("  [{at}/6] {name}: {}", shown(found)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The block that ends an ingestion: totals and the share of valid rows, without a last newline.
#[must_use]
pub fn complete(total: u64, valid: u64) -> String {
    let rate = match (u128::from(valid) * 1000 + u128::from(total) / 2).checked_div(u128::from(total)) {
        Some(tenths) => format!("{}.{}%", tenths / 10, tenths % 10),
        None => "none (no rows)".to_owned(),
    };
    let invalid = total.saturating_sub(valid);
    format!("[INGESTION COMPLETE]\n  Total records: {total}\n  Valid leads: {valid}\n  Invalid leads: {invalid}\n  Success rate: {rate}")
}

/// The same for a list of outcomes, and the line about outcomes that came beside leads.
#[must_use]
pub fn outcomes_complete(total: u64, valid: u64, outcomes: &Outcomes) -> String {
    complete(total, valid).replace(" leads: ", " outcomes: ") + "\n" + &self::outcomes(outcomes)
}

/// `  Outcomes: 3 won, 7 lost, 2 open (4 wait for their leads)`
#[must_use]
pub fn outcomes(taken: &Outcomes) -> String {
    let Outcomes { won, lost, open, waiting, .. } = taken;
    let waits = match waiting {
        0 => String::new(),
        1 => " (1 waits for its lead)".to_owned(),
        _ => format!(" ({waiting} wait for their leads)"),
    };
    format!("  Outcomes: {won} won, {lost} lost, {open} open{waits}")
}

/// `[ERROR] The file 'path/to/file.csv' was not found.`
#[must_use]
pub fn not_found(path: &str) -> String {
    format!("[ERROR] The file '{}' was not found.", shown(path))
}

/// Columns aligned with two spaces between them, numbers to the right, each line with its newline. A row may be short.
#[must_use]
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let cells: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let cell = |row: usize, at: usize| cells[row].get(at).map_or("", |cell| &**cell);
    let columns: Vec<(usize, bool)> = headers
        .iter()
        .enumerate()
        .map(|(at, header)| {
            let column = (0..cells.len()).map(|row| cell(row, at));
            let width = column.clone().chain([*header]).map(width).max().unwrap_or_default();
            (width, column.clone().any(is_number) && column.clone().all(|cell| cell.is_empty() || cell == "-" || is_number(cell)))
        })
        .collect();
    let line = |cell: &dyn Fn(usize) -> String| {
        let aligned = columns.iter().enumerate().map(|(at, (wide, right))| {
            let text = cell(at);
            let room = " ".repeat(wide.saturating_sub(width(&text)));
            if *right { room + &text } else { text + &room }
        });
        aligned.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head = line(&|at| headers[at].to_owned());
    (0..cells.len()).fold(head, |text, row| text + &line(&|at| cell(row, at).to_owned()))
}

/// `$` in front where the currency is unknown, a sign in front, a code with a space.
fn priced(amount: &str, currency: &str) -> String {
    let currency = if currency.is_empty() { "$" } else { currency };
    let code = currency.chars().all(char::is_alphabetic);
    format!("{}{}{amount}", shown(currency), if code { " " } else { "" })
}

fn ab_test(staged: &Staged<'_>) -> String {
    match staged.ab_test.reason {
        Some(reason) => reason.to_owned(),
        None => {
            staged.ab_test.arms.iter().map(|given| format!("{}={}", given.experiment.id, given.variant_id)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn script(staged: &Staged<'_>) -> String {
    let reason = staged.script_promotion.reason.map(|why| why.to_string()).unwrap_or_default();
    match staged.script_promotion.script {
        Some(script) => {
            let status = staged.script_promotion.status.map_or("", ScriptStatus::as_str);
            let standing =
                staged.script_promotion.score.map_or(reason, |score| format!("better than the primary with probability {score:.3}"));
            format!("{} version {} ({}, {status}); {standing}", script.id, script.version, script.channel)
        }
        None => reason,
    }
}

fn packet(lead: &Lead<'_>, staged: &Staged<'_>, rules: &PacketRules) -> String {
    let packet = &staged.deal_packet;
    let missing = packet.missing.iter().map(Field::name).collect::<Vec<_>>().join(", ");
    let status = if packet.is_ready() { "ready".to_owned() } else { format!("pending, missing {missing}") };
    let channels = words::channels(lead).map(|channel| channel.kind).collect::<Vec<_>>().join(", ");
    let band = packet.band.map_or_else(|| "value unknown".to_owned(), |index| Band { bounds: &rules.bands, index }.to_string());
    let offer = packet.offer.map_or_else(|why| format!("no offer ({})", why.reason()), |offer| format!("offer {}", Grouped(offer)));
    format!("{status}; reach by {channels}; {band}; {offer}")
}

fn outcome(staged: &Staged<'_>) -> String {
    let outcome = &staged.outcome;
    let reason = outcome.reason.map(|why| why.to_string()).unwrap_or_default();
    match outcome.probability {
        Some(chance) if outcome.basis == Basis::Learned => {
            let method = outcome.method.map_or("", Method::as_str);
            let lift = outcome.lift.map_or(String::new(), |lift| format!("; {lift:.2} times the base rate"));
            format!("{:.1} % (basis: learned, by {method}){lift}", chance * 100.0)
        }
        Some(chance) => format!("{:.1} % (basis: {}); {reason}", chance * 100.0, outcome.basis.as_str()),
        None => format!("unknown: {reason}"),
    }
}

fn clone(staged: &Staged<'_>) -> String {
    let clone = &staged.clone_readiness;
    let segment = clone.segment.map_or("", Scope::as_str);
    match clone.gates.iter().find(|gate| !gate.passed) {
        Some(gate) if clone.segment.is_none() => format!("BLOCK ({})", gate.reason),
        Some(gate) => format!("BLOCK ({}: {}; segment: {segment})", gate.name, gate.reason),
        None => format!("PROMOTE (segment: {segment})"),
    }
}

fn score(staged: &Staged<'_>) -> String {
    let score = &staged.lead_score;
    let parts = score.contributions.iter().map(|part| format!("{} {}", part.part, Points(part.hundredths))).collect::<Vec<_>>().join(" + ");
    format!("{} of 100, tier {} ({parts})", Points(score.hundredths), score.tier.as_str())
}

/// Characters, as far as every terminal agrees on them.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Digits with separators, a sign, a percent or currency sign.
fn is_number(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '+', '$', '€', '£']).trim_end_matches(['%', ' ']);
    digits.starts_with(|first: char| first.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture;

    #[test]
    fn the_original_systems_lines() {
        let texts = fixture::texts(&[], false);
        let lead = Lead { name: "John Doe", value: Some("500000".parse().expect("an amount")), ..fixture::full(&texts) };
        assert_eq!(starting("in/x.csv"), "[STARTING] CSV Ingestion from: in/x.csv");
        assert_eq!(headers(&["name".into(), "e\nmail".into()]), "[HEADERS] name, e\\nmail");
        assert_eq!(processing(&lead), "[PROCESSING] John Doe - john@example.com - Value: $500,000.00");
        assert_eq!(not_found("no.csv"), "[ERROR] The file 'no.csv' was not found.");
        assert_eq!(
            complete(10, 10),
            "[INGESTION COMPLETE]\n  Total records: 10\n  Valid leads: 10\n  Invalid leads: 0\n  Success rate: 100.0%"
        );
        assert!(complete(3, 2).ends_with("Invalid leads: 1\n  Success rate: 66.7%"));
        assert!(complete(0, 0).ends_with("Success rate: none (no rows)"));
    }

    #[test]
    fn values_with_their_currency() {
        let texts = fixture::texts(&[], false);
        let lead = fixture::full(&texts);
        for (currency, value) in
            [("", "$500,000.50"), ("$", "$500,000.50"), ("€", "€500,000.50"), ("EUR", "EUR 500,000.50"), ("CA$", "CA$500,000.50")]
        {
            assert!(processing(&Lead { currency, ..lead }).ends_with(&format!("Value: {value}")), "{currency}");
        }
        let hostile = Lead { name: "x\n[ERROR] forged\u{1b}[2J", value: None, ..lead };
        assert_eq!(processing(&hostile), "[PROCESSING] x\\n[ERROR] forged\\u{1b}[2J - john@example.com - Value: unknown");
    }

    #[test]
    fn the_six_stages_say_what_they_found() {
        let texts = fixture::texts(&[], true);
        let lead = fixture::full(&texts);
        let expected = "  [1/6] A/B Test Tracking: first-contact=control
  [2/6] Script Promotion: hello version 2 (email, testing); insufficient outcomes: 0 of 30
  [3/6] Deal Packet: ready; reach by phone, email; 500,000 to 1,000,000; no offer (this lead has no after-repair value)
  [4/6] Outcome Evaluation: 5.0 % (basis: prior); insufficient outcomes: 0 of 30
  [5/6] Clone Readiness: BLOCK (insufficient outcomes: 0 of 30)
  [6/6] Lead Scoring: 63.10 of 100, tier B (outcome 20.00 + value 15.60 + quality 20.00 + clone_readiness 7.50)";
        assert_eq!(stages(&lead, &fixture::staged(&lead, &texts.rules), &texts.rules.packet), expected);
        let texts = fixture::texts(&[], false);
        let lead = fixture::bare(&texts);
        let expected = "  [1/6] A/B Test Tracking: no experiments configured
  [2/6] Script Promotion: no scripts configured
  [3/6] Deal Packet: pending, missing value; reach by email; value unknown; no offer (no after-repair value column is configured ([packet] arv))
  [4/6] Outcome Evaluation: unknown: insufficient outcomes: 0 of 30, and no prior is configured ([model] prior)
  [5/6] Clone Readiness: BLOCK (insufficient outcomes: 0 of 30)
  [6/6] Lead Scoring: 40.00 of 100, tier C (outcome 20.00 + value 12.50 + quality 0.00 + clone_readiness 7.50)";
        assert_eq!(stages(&lead, &fixture::staged(&lead, &texts.rules), &texts.rules.packet), expected);
    }

    #[test]
    fn tables_align_numbers_right_and_text_left() {
        let rows = [
            vec!["Zoë".to_owned(), "1,200".into(), "x".into()],
            vec!["a\tb\u{1b}[m".into(), "-".into()],
            vec!["c".into(), "7.5%".into(), String::new()],
        ];
        let expected = "NAME           ROWS  NOTE
Zoë           1,200  x
a\\tb\\u{1b}[m      -
c              7.5%
";
        assert_eq!(table(&["NAME", "ROWS", "NOTE"], &rows), expected);
        assert_eq!(table(&["A", "B"], &[]), "A  B\n");
        assert_eq!(table(&["N"], &[vec!["text".into()], vec!["1".into()]]), "N\ntext\n1\n", "a column with one text is text");
    }
}
