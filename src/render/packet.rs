//! A deal packet as a page: what a salesperson reads on a terminal or prints before the call.
//!
//! Sections in the order in which they are needed: who, how to reach them, value and offer, script, what is missing, what
//! to do, what to be careful about; then why the score is what it is, and what the evaluation rests on. A section never
//! disappears: where there is nothing, it says so. Every cell is made safe to show.

use std::fmt::{Display, Write};

use super::Provenance;
use super::words::{self, Band, Grouped, Points, estimate, shown};
use crate::clock;
use crate::engine::lead::Lead;
use crate::engine::rules::ScriptStatus;
use crate::engine::stages::Staged;
use crate::engine::stages::deal_packet::packet_id;
use crate::engine::stages::outcome::{Method, Outcome};

/// The page of one lead, some fifty lines of text. `row` is its row in its job's file.
#[must_use]
pub fn packet_page(row: u64, lead: &Lead<'_>, staged: &Staged<'_>, from: &Provenance<'_>) -> String {
    let mut page = Page(String::with_capacity(4096));
    page.head(lead, staged);
    page.who(row, lead, from);
    page.reach(lead);
    page.value(lead, staged, from);
    page.script(staged);
    page.section("MISSING");
    page.list("nothing", staged.deal_packet.missing.iter().map(|field| field.name().to_owned()));
    page.section("NEXT");
    page.list("nothing to do", sentences(|tell| words::next_actions(lead, staged, tell)));
    page.section("RISKS");
    page.list("none seen in the row", staged.deal_packet.risks.iter().map(|risk| risk.text().to_owned()));
    page.score(lead, staged);
    page.evaluation(staged, from);
    page.others(lead);
    page.0
}

/// A page being written.
struct Page(String);

impl Page {
    fn head(&mut self, lead: &Lead<'_>, staged: &Staged<'_>) {
        let status = if staged.deal_packet.is_ready() { "READY" } else { "PENDING" };
        let tier = staged.lead_score.tier.as_str();
        self.line(format_args!("DEAL PACKET: {} ({status}, tier {tier})", known(lead.name)));
        self.line(format_args!("packet {}", packet_id(lead.lead_id)));
    }

    fn who(&mut self, row: u64, lead: &Lead<'_>, from: &Provenance<'_>) {
        self.section("WHO");
        self.fact("Name", known(lead.name));
        self.fact("Location", known(lead.location));
        self.fact("Source", if lead.source_given { shown(lead.source) } else { format!("{} (from the drop)", shown(lead.source)).into() });
        let when = clock::parse_ms(from.ingested_at).map_or_else(String::new, clock::local_short);
        self.fact("Came in", format_args!("{when}, row {row} of job {}", shown(from.job_id)));
        self.fact("Lead", lead.lead_id);
    }

    fn reach(&mut self, lead: &Lead<'_>) {
        self.section("HOW TO REACH THEM, IN THIS ORDER");
        self.list("no way is known", words::channels(lead).map(|channel| format!("{:<6} {}", channel.kind, channel.address)));
        if !lead.phone.is_empty() && !lead.phone_reads {
            self.line(format_args!("     the phone '{}' cannot be read as a number", shown(lead.phone)));
        }
    }

    fn value(&mut self, lead: &Lead<'_>, staged: &Staged<'_>, from: &Provenance<'_>) {
        let packet = &staged.deal_packet;
        self.section("VALUE AND OFFER");
        match lead.value {
            Some(value) => self.fact("Value", format_args!("{}{}", Grouped(value), currency_behind(lead.currency))),
            None => self.fact("Value", "unknown"),
        }
        match packet.band {
            Some(index) => self.fact("Band", Band { bounds: &from.packet.bands, index }),
            None => self.fact("Band", "unknown"),
        }
        match packet.offer {
            Ok(offer) => self.fact("Offer", Grouped(offer)),
            Err(why) => self.fact("Offer", format_args!("none: {}", why.reason())),
        }
        self.fact(
            "Terms",
            if from.packet.terms.is_empty() { "none configured ([packet] terms)".into() } else { shown(&from.packet.terms) },
        );
    }

    fn script(&mut self, staged: &Staged<'_>) {
        self.section("SCRIPT");
        let reason = staged.script_promotion.reason.map(|why| why.to_string()).unwrap_or_default();
        match staged.script_promotion.script {
            Some(script) => {
                let status = staged.script_promotion.status.map_or("", ScriptStatus::as_str);
                let (id, channel) = (shown(&script.id), shown(&script.channel));
                self.fact("Script", format_args!("{id} version {} ({channel}, {status})", script.version));
                match staged.script_promotion.score {
                    Some(score) => self.fact("Standing", format_args!("better than the primary with probability {score:.3}")),
                    None => self.fact("Standing", reason),
                }
            }
            None => self.fact("Script", format_args!("none: {reason}")),
        }
        for given in &staged.ab_test.arms {
            let (experiment, variant) = (shown(&given.experiment.id), shown(&given.variant_id));
            self.fact("Test", format_args!("{experiment} = {variant} (version {})", given.version));
        }
        if let Some(reason) = staged.ab_test.reason {
            self.fact("Test", format_args!("none: {reason}"));
        }
    }

    fn score(&mut self, lead: &Lead<'_>, staged: &Staged<'_>) {
        let score = &staged.lead_score;
        self.section("SCORE");
        for part in &score.contributions {
            let unknown = if part.input.is_none() { "  unknown: half is given" } else { "" };
            self.line(format_args!("  {:<20}{:>8} of {:>6}{unknown}", words::named(part), Points(part.hundredths), Points(part.weight)));
        }
        self.line(format_args!("  {:<20}{:>8} of 100.00  tier {}", "Score", Points(score.hundredths), score.tier.as_str()));
        self.list("", sentences(|tell| words::reasons(lead, staged, tell)));
    }

    fn evaluation(&mut self, staged: &Staged<'_>, from: &Provenance<'_>) {
        let (outcome, clone) = (&staged.outcome, &staged.clone_readiness);
        self.section("EVALUATION");
        let reason = outcome.reason.map(|why| why.to_string()).unwrap_or_default();
        match outcome.probability {
            Some(chance) => {
                let (basis, why) = (outcome.basis.as_str(), how(outcome, from, reason));
                self.fact("Chance", format_args!("{:.1} % (basis: {basis}; {why})", chance * 100.0));
            }
            None => self.fact("Chance", format_args!("unknown: {reason}")),
        }
        match outcome.lift {
            Some(lift) => {
                let base = outcome.base_rate.unwrap_or_default() * 100.0;
                self.fact("Lift", format_args!("{lift:.2} times the base rate of {base:.1} %"));
            }
            None => self.fact("Lift", "unknown: there is no base rate yet"),
        }
        match outcome.expected_value {
            Some(value) => self.fact("Expected", format_args!("{} (chance times value, not a commission)", estimate(value))),
            None => self.fact("Expected", "unknown: it needs the chance and the value"),
        }
        let recommendation = if clone.promote { "PROMOTE" } else { "BLOCK" };
        match clone.segment {
            Some(segment) => {
                let outcomes = words::counted(clone.outcomes, "outcome", "outcomes");
                self.fact("Clone", format_args!("{recommendation} (segment: {}, {outcomes})", segment.as_str()));
            }
            None => self.fact("Clone", recommendation),
        }
        for gate in &clone.gates {
            let state = if gate.passed { "open" } else { "closed" };
            self.line(format_args!("    {:<12} {state}: {}", gate.name, gate.reason));
        }
    }

    fn others(&mut self, lead: &Lead<'_>) {
        self.section("ALSO IN THE ROW");
        let filled = lead.extra.iter().filter(|(_, cell)| !cell.trim().is_empty());
        self.list("nothing", filled.map(|(name, cell)| format!("{name}: {cell}")));
    }

    fn section(&mut self, title: &str) {
        self.line(format_args!("\n{title}"));
    }

    fn fact(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("  {name:<10} {value}"));
    }

    /// One numbered line for each item, made safe to show; `none` where there is none.
    fn list(&mut self, none: &str, items: impl IntoIterator<Item = String>) {
        let mut count = 0;
        for item in items {
            count += 1;
            self.line(format_args!("  {count:>2}. {}", shown(&item)));
        }
        if count == 0 {
            self.line(format_args!("  {none}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("writing to memory cannot fail");
        self.0.push('\n');
    }
}

/// What a chance rests on.
fn how(outcome: &Outcome, from: &Provenance<'_>, reason: String) -> String {
    match outcome.method {
        Some(Method::Model) => format!("by model {}", from.model),
        Some(Method::Segment) => "by the rate of its segment".to_owned(),
        Some(Method::Prior) | None => reason,
    }
}

fn sentences(told: impl FnOnce(words::Tell<'_>)) -> Vec<String> {
    let mut sentences = Vec::new();
    told(&mut |sentence| sentences.push(sentence.to_string()));
    sentences
}

fn known(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_empty() { "unknown".into() } else { shown(text) }
}

fn currency_behind(currency: &str) -> String {
    if currency.is_empty() { String::new() } else { format!(" {}", shown(currency)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture;

    fn page(lead: &Lead<'_>, texts: &fixture::Texts) -> String {
        packet_page(lead.row, lead, &fixture::staged(lead, &texts.rules), &fixture::provenance(texts))
    }

    #[test]
    fn a_page_with_everything() {
        let texts = fixture::texts(&[("ARV", "600,000"), ("Beds", "3"), ("Baths", " ")], true);
        let lead = fixture::full(&texts);
        let when = clock::local_short(clock::parse_ms(fixture::AT).expect("a time"));
        let expected = format!(
            r#"DEAL PACKET: John "JD" Doe (READY, tier B)
packet {}

WHO
  Name       John "JD" Doe
  Location   Houston TX
  Source     trade_show
  Came in    {when}, row 7 of job 01980000-0000-7000-8000-000000000001
  Lead       {}

HOW TO REACH THEM, IN THIS ORDER
   1. phone  +17135550123
   2. email  john@example.com

VALUE AND OFFER
  Value      500,000.50 $
  Band       500,000 to 1,000,000
  Offer      420,000.00
  Terms      cash, 30 days

SCRIPT
  Script     hello version 2 (email, testing)
  Standing   insufficient outcomes: 0 of 30
  Test       first-contact = control (version 1)

MISSING
  nothing

NEXT
   1. Write to john@example.com with script hello version 2
   2. Offer 420,000.00

RISKS
  none seen in the row

SCORE
  Chance of a sale       20.00 of  40.00
  Value                  15.60 of  25.00
  Quality of the row     20.00 of  20.00
  Clone readiness         7.50 of  15.00  unknown: half is given
  Score                  63.10 of 100.00  tier B
   1. Chance of a sale 5.0 % (assumed): 20.00 of 40.00 points
   2. Value at 62 % of the range, on a log scale: 15.60 of 25.00 points
   3. Row 100 % complete and clean: 20.00 of 20.00 points
   4. Clone readiness unknown (insufficient outcomes: 0 of 30), which gives half: 7.50 of 15.00 points

EVALUATION
  Chance     5.0 % (basis: prior; insufficient outcomes: 0 of 30)
  Lift       unknown: there is no base rate yet
  Expected   25,000.03 (chance times value, not a commission)
  Clone      BLOCK
    readiness    closed: insufficient outcomes: 0 of 30
    performance  closed: insufficient outcomes: 0 of 30
    safety       closed: insufficient outcomes: 0 of 30

ALSO IN THE ROW
   1. ARV: 600,000
   2. Beds: 3
"#,
            packet_id(lead.lead_id),
            lead.lead_id
        );
        assert_eq!(page(&lead, &texts), expected);
    }

    #[test]
    fn a_page_says_what_is_not_known() {
        let texts = fixture::texts(&[], false);
        let page = page(&fixture::bare(&texts), &texts);
        for said in [
            "DEAL PACKET: Ann (PENDING, tier C)",
            "Location   unknown",
            "Source     csv (from the drop)",
            "Value      unknown",
            "Offer      none: no after-repair value column is configured ([packet] arv)",
            "Script     none: no scripts configured",
            "Test       none: no experiments configured",
            "MISSING\n   1. value\n",
            "   1. the e-mail domain looks misspelt\n   2. no phone number\n",
            "Chance     unknown: insufficient outcomes: 0 of 30, and no prior is configured ([model] prior)",
            "ALSO IN THE ROW\n  nothing\n",
        ] {
            assert!(page.contains(said), "{said:?} in:\n{page}");
        }
    }

    #[test]
    fn a_hostile_cell_cannot_move_the_cursor_or_forge_a_line() {
        let evil = "x\u{1b}[2J\nSCORE\r\u{202e}";
        let texts = fixture::texts(&[("no\nte", evil)], false);
        let lead = Lead {
            name: evil,
            email: evil,
            location: evil,
            phone: evil,
            phone_reads: false,
            source: evil,
            currency: evil,
            ..fixture::full(&texts)
        };
        let page = page(&lead, &texts);
        assert!(page.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{page}");
        assert_eq!(page.lines().filter(|line| line.trim() == "SCORE").count(), 1);
    }
}
