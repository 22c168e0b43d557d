//! The words made from a lead's facts: how to reach them, what to do next, why this score. And amounts, and safe text.
//!
//! Every sentence is computed from the row, the configuration or the snapshot; none is a pleasantry. Sentences are told
//! one at a time as format arguments, so that a file of a million leads is written without a string for each of them.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use crate::engine::decimal::Decimal;
use crate::engine::email;
use crate::engine::lead::{Field, Lead};
use crate::engine::learned::Basis;
use crate::engine::stages::clone_readiness::Why;
use crate::engine::stages::deal_packet::{NoOffer, Risk};
use crate::engine::stages::lead_score::Contribution;
use crate::engine::stages::{Staged, Unknown};

/// One way to reach a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel<'a> {
    /// `phone` or `email`.
    pub kind: &'static str,
    /// The number in E.164 where that is known, else as typed; or the e-mail address.
    pub address: &'a str,
}

/// The ways to reach a lead that it really has, the quickest first. A phone that cannot be read is none.
pub fn channels<'a>(lead: &Lead<'a>) -> impl Iterator<Item = Channel<'a>> {
    let number = if lead.phone_e164.is_empty() { lead.phone } else { lead.phone_e164 };
    let phone = (lead.phone_reads && !number.is_empty()).then_some(Channel { kind: "phone", address: number });
    let email = (!lead.email.is_empty()).then_some(Channel { kind: "email", address: lead.email });
    [phone, email].into_iter().flatten()
}

/// A value band in words: `below 250,000`, `250,000 to 500,000`, `1,000,000 and above`.
#[derive(Debug, Clone, Copy)]
pub struct Band<'a> {
    /// Lower bounds of the bands, ascending, above the first band.
    pub bounds: &'a [Decimal],
    /// Which band, 0 for the lowest.
    pub index: usize,
}

impl Display for Band<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.index.checked_sub(1).and_then(|below| self.bounds.get(below));
        match (low, self.bounds.get(self.index)) {
            (Some(low), Some(high)) => write!(f, "{} to {}", Grouped(*low), Grouped(*high)),
            (Some(low), None) => write!(f, "{} and above", Grouped(*low)),
            (None, Some(high)) => write!(f, "below {}", Grouped(*high)),
            (None, None) => f.write_str("all values (no bands are configured)"),
        }
    }
}

/// What a sentence is told to.
pub type Tell<'t> = &'t mut dyn FnMut(fmt::Arguments<'_>);

/// What to do about this lead, in order: complete it, correct it, contact it, make the offer.
pub fn next_actions(lead: &Lead<'_>, staged: &Staged<'_>, tell: Tell<'_>) {
    let packet = &staged.deal_packet;
    for field in packet.missing.iter() {
        tell(format_args!("Ask for the {field}: the packet stays pending without it"));
    }
    for risk in packet.risks.iter() {
        match risk {
            Risk::MailSlip => {
                let meant = email::meant_domain(lead.email).unwrap_or_default();
                tell(format_args!("Check the e-mail address: {meant} may be meant"));
            }
            Risk::PhoneUnreadable => tell(format_args!("Ask for a phone number that can be dialled")),
            Risk::NoPhone if !packet.missing.contains(Field::Phone) => tell(format_args!("Ask for a phone number")),
            Risk::Outlier => tell(format_args!("Check the value: it is far from what other leads have")),
            Risk::NoPhone | Risk::FreeMail => {}
        }
    }
    contact(lead, staged, tell);
    match &packet.offer {
        Ok(offer) => tell(format_args!("Offer {}", Grouped(*offer))),
        Err(NoOffer::NoArv) => tell(format_args!("Find out the after-repair value: without it there is no offer")),
        Err(NoOffer::NotConfigured | NoOffer::NothingLeft) => {}
    }
}

/// By the channel of the lead's script where it has that channel, else by its first.
fn contact(lead: &Lead<'_>, staged: &Staged<'_>, tell: Tell<'_>) {
    let script = staged.script_promotion.script;
    let scripted = script.and_then(|script| channels(lead).find(|channel| channel.kind == script.channel).zip(Some(script)));
    let Some(channel) = scripted.map(|(channel, _)| channel).or_else(|| channels(lead).next()) else { return };
    let verb = if channel.kind == "phone" { "Call" } else { "Write to" };
    match scripted {
        Some((_, script)) => tell(format_args!("{verb} {} with script {} version {}", channel.address, script.id, script.version)),
        None => tell(format_args!("{verb} {}", channel.address)),
    }
}

/// Why the score is what it is: one sentence for each part, and one if the lead is to be worked whatever its tier.
pub fn reasons(lead: &Lead<'_>, staged: &Staged<'_>, tell: Tell<'_>) {
    for part in &staged.lead_score.contributions {
        reason(part, lacking(lead, staged), staged, tell);
    }
    explored(staged, tell);
}

/// Why a lead got what it got for one part of its score.
pub fn reason(part: &Contribution, lacking: Lacking, staged: &Staged<'_>, tell: Tell<'_>) {
    let (points, weight) = (Points(part.hundredths), Points(part.weight));
    let Some(input) = part.input else {
        let gives = format_args!("which gives half: {points} of {weight} points");
        return match why_unknown(part, staged) {
            Some(why) => tell(format_args!("{} unknown ({why}), {gives}", named(part))),
            None => tell(format_args!("{} unknown, {gives}", named(part))),
        };
    };
    let percent = Percent(input);
    match part.part {
        "outcome" => {
            let outcome = &staged.outcome;
            let chance = outcome.probability.unwrap_or_default() * 100.0;
            let basis = if outcome.basis == Basis::Learned { "learned" } else { "assumed" };
            tell(format_args!("Chance of a sale {chance:.1} % ({basis}): {points} of {weight} points"));
        }
        "value" => tell(format_args!("Value at {percent} % of the range, on a log scale: {points} of {weight} points")),
        "quality" => tell(format_args!("Row {percent} % complete and clean{lacking}: {points} of {weight} points")),
        _ => tell(format_args!("{} {percent} %: {points} of {weight} points", named(part))),
    }
}

/// That a lead was chosen to be worked whatever its tier, if it was.
pub fn explored(staged: &Staged<'_>, tell: Tell<'_>) {
    if staged.lead_score.explore {
        tell(format_args!("Chosen by hash to be worked whatever its tier, so that the score can be judged"));
    }
}

/// A share as whole percent, half to even: what `{:.0}` says, without the way of any float.
struct Percent(f64);

impl Display for Percent {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 100
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        if percent.is_sign_positive() && percent <= 100.0 {
            Display::fmt(&(percent.round_ties_even() as u8), f)
        } else {
            write!(f, "{percent:.0}")
        }
    }
}

/// A part of the score at the beginning of a sentence.
#[must_use]
pub fn named(part: &Contribution) -> &'static str {
    match part.part {
        "outcome" => "Chance of a sale",
        "value" => "Value",
        "quality" => "Quality of the row",
        _ => "Clone readiness",
    }
}

/// Why a part of the score is not known.
#[must_use]
pub fn why_unknown(part: &Contribution, staged: &Staged<'_>) -> Option<Reason> {
    match part.part {
        "outcome" => staged.outcome.reason.map(Reason::Unknown),
        "clone_readiness" => staged.clone_readiness.gates.iter().find(|gate| gate.figure.is_none()).map(|gate| Reason::Gate(gate.reason)),
        _ => None,
    }
}

/// Why a part of the score is not known: what its stage says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// Of the outcome.
    Unknown(Unknown),
    /// Of clone readiness.
    Gate(Why),
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(why) => why.fmt(f),
            Self::Gate(why) => why.fmt(f),
        }
    }
}

/// What a row lacks of the things that make it good, in brackets; nothing when it lacks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking([bool; 5]);

/// What the row of a lead lacks.
#[must_use]
pub fn lacking(lead: &Lead<'_>, staged: &Staged<'_>) -> Lacking {
    Lacking([
        lead.location.is_empty(),
        lead.phone.is_empty(),
        !lead.phone.is_empty() && !lead.phone_reads,
        !lead.source_given,
        staged.deal_packet.risks.contains(Risk::MailSlip),
    ])
}

impl Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let things = ["no location", "no phone", "unreadable phone", "no source of its own", "misspelt e-mail domain"];
        let mut before = " (";
        for (_, what) in self.0.into_iter().zip(things).filter(|(lacking, _)| *lacking) {
            f.write_str(before)?;
            f.write_str(what)?;
            before = ", ";
        }
        if before == ", " { f.write_char(')') } else { Ok(()) }
    }
}

/// Hundredths as a number with two decimals: `61.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Points(pub u16);

impl Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match f.width() {
            None => {
                Display::fmt(&whole, f)?;
                let digit = |value: u16| char::from_digit(u32::from(value), 10).unwrap_or_default();
                f.write_char('.').and_then(|()| f.write_char(digit(hundredths / 10))).and_then(|()| f.write_char(digit(hundredths % 10)))
            }
            Some(_) => f.pad(&format!("{whole}.{hundredths:02}")),
        }
    }
}

/// An amount with thousands separators and its own decimals: `500,000.50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouped(pub Decimal);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let (whole, decimals) = text.split_at(text.find('.').unwrap_or(text.len()));
        f.pad(&format!("{}{decimals}", grouped(whole)))
    }
}

/// A count with thousands separators: `1,234,567`.
#[must_use]
pub fn thousands(count: u64) -> String {
    grouped(&count.to_string())
}

/// An amount for people, with thousands separators and two decimals (half to even): `500,000.00`.
#[must_use]
pub fn money(amount: Decimal) -> String {
    let micros = amount.micros().unsigned_abs();
    let (cents, rest) = (micros / 10_000, micros % 10_000);
    let cents = cents + u128::from(rest > 5_000 || (rest == 5_000 && cents % 2 == 1));
    let sign = if amount.micros() < 0 && cents > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", grouped(&(cents / 100).to_string()), cents % 100)
}

/// An estimate in money, grouped, with two decimals.
#[must_use]
pub fn estimate(amount: f64) -> String {
    let text = format!("{amount:.2}");
    let (whole, decimals) = text.split_at(text.find('.').unwrap_or(text.len()));
    format!("{}{decimals}", grouped(whole))
}

/// A count with its noun: `1 row`, `1,200 rows`.
#[must_use]
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Text safe to show on a terminal or in a message: what could forge a line, move the cursor or reorder the text is
/// written as an escape, so `\n` stays visible as two characters.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe_to_show) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe_to_show(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// [`shown`] for a text of several lines: line ends stay, everything else that could play a trick on a terminal goes.
#[must_use]
pub fn page_shown(page: &str) -> Cow<'_, str> {
    if !page.contains(|character| character != '\n' && is_unsafe_to_show(character)) {
        return Cow::Borrowed(page);
    }
    Cow::Owned(page.split('\n').map(shown).collect::<Vec<_>>().join("\n"))
}

/// Control characters, line separators, and invisible marks that hide or reorder text; not the joiners that names are
/// written with in some scripts.
fn is_unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Separates an integer's digits by threes; a sign in front stays there.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    text.push_str(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::Rules;
    use crate::render::fixture;

    fn told(each: impl FnOnce(Tell<'_>)) -> Vec<String> {
        let mut sentences = Vec::new();
        each(&mut |sentence| sentences.push(sentence.to_string()));
        sentences
    }

    #[test]
    fn percents_are_rounded_as_floats_are_printed() {
        let shares = (0..=20_000).map(|step| f64::from(step) / 20_000.0).chain((0..=200).map(|half| f64::from(half) / 200.0));
        for share in shares.chain([-0.0, 1.004_999, 1.2]) {
            assert_eq!(Percent(share).to_string(), format!("{:.0}", share * 100.0), "{share}");
        }
    }

    #[test]
    fn amounts_for_people() {
        let d = |text: &str| text.parse::<Decimal>().expect("an amount");
        for (amount, as_money, as_written) in [
            ("500000", "500,000.00", "500,000"),
            ("500000.50", "500,000.50", "500,000.50"),
            ("0.005", "0.00", "0.005"),
            ("0.015", "0.02", "0.015"),
            ("999.999", "1,000.00", "999.999"),
            ("-1234.5", "-1,234.50", "-1,234.5"),
            ("-0.001", "0.00", "-0.001"),
            ("123456789012345678", "123,456,789,012,345,678.00", "123,456,789,012,345,678"),
            ("7", "7.00", "7"),
        ] {
            let amount = d(amount);
            assert_eq!((money(amount).as_str(), Grouped(amount).to_string().as_str()), (as_money, as_written));
        }
        assert_eq!(money(d("0.005001")), "0.01");
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (u64::MAX, "18,446,744,073,709,551,615")] {
            assert_eq!(thousands(count), text);
        }
        assert_eq!((counted(1, "row", "rows"), counted(0, "row", "rows")), ("1 row".into(), "0 rows".into()));
    }

    #[test]
    fn points_have_two_decimals() {
        for (hundredths, text) in [(0, "0.00"), (5, "0.05"), (50, "0.50"), (100, "1.00"), (6125, "61.25"), (10_000, "100.00")] {
            assert_eq!(Points(hundredths).to_string(), text);
        }
        assert_eq!(format!("{:>8}|", Points(75)), "    0.75|");
    }

    #[test]
    fn bands_in_words() {
        let bounds = Rules::default().packet.bands;
        let words = |index| Band { bounds: &bounds, index }.to_string();
        assert_eq!([0, 1, 2, 3].map(words), ["below 250,000", "250,000 to 500,000", "500,000 to 1,000,000", "1,000,000 and above"]);
        assert_eq!(Band { bounds: &[], index: 0 }.to_string(), "all values (no bands are configured)");
    }

    #[test]
    fn nothing_shown_can_forge_a_line() {
        for (text, safe) in [
            ("Zoë", "Zoë"),
            ("a\nb", "a\\nb"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\u{202e}gpj.exe", "a\\u{202e}gpj.exe"),
            ("x\u{2028}y", "x\\u{2028}y"),
            ("c:\\new", "c:\\new"),
        ] {
            assert_eq!(shown(text), safe);
        }
    }

    #[test]
    fn actions_come_from_the_facts() {
        let texts = fixture::texts(&[("ARV", "600,000")], true);
        let lead = fixture::full(&texts);
        let staged = fixture::staged(&lead, &texts.rules);
        assert_eq!(
            told(|tell| next_actions(&lead, &staged, tell)),
            ["Write to john@example.com with script hello version 2", "Offer 420,000.00"]
        );
        let texts = fixture::texts(&[], false);
        let lead = fixture::bare(&texts);
        let staged = fixture::staged(&lead, &texts.rules);
        assert_eq!(
            told(|tell| next_actions(&lead, &staged, tell)),
            [
                "Ask for the value: the packet stays pending without it",
                "Check the e-mail address: gmail.com may be meant",
                "Ask for a phone number",
                "Write to ann@gmial.com",
            ]
        );
    }

    #[test]
    fn a_phone_that_cannot_be_read_is_no_channel() {
        let texts = fixture::texts(&[], false);
        let kinds = |lead: &Lead<'_>| channels(lead).map(|channel| format!("{} {}", channel.kind, channel.address)).collect::<Vec<_>>();
        let full = fixture::full(&texts);
        assert_eq!(kinds(&full), ["phone +17135550123", "email john@example.com"]);
        assert_eq!(kinds(&Lead { phone_e164: "", ..full }), ["phone +1 713 555 0123", "email john@example.com"]);
        assert_eq!(kinds(&Lead { phone: "call me", phone_e164: "", phone_reads: false, ..full }), ["email john@example.com"]);
    }

    #[test]
    fn every_part_of_the_score_has_its_reason() {
        let texts = fixture::texts(&[], false);
        let lead = fixture::bare(&texts);
        let mut staged = fixture::staged(&lead, &texts.rules);
        staged.lead_score.explore = true;
        assert_eq!(
            told(|tell| reasons(&lead, &staged, tell)),
            [
                "Chance of a sale unknown (insufficient outcomes: 0 of 30, and no prior is configured ([model] prior)), which gives half: \
                 20.00 of 40.00 points",
                "Value unknown, which gives half: 12.50 of 25.00 points",
                "Row 0 % complete and clean (no location, no phone, no source of its own, misspelt e-mail domain): 0.00 of 20.00 points",
                "Clone readiness unknown (insufficient outcomes: 0 of 30), which gives half: 7.50 of 15.00 points",
                "Chosen by hash to be worked whatever its tier, so that the score can be judged",
            ]
        );
        let texts = fixture::texts(&[], true);
        let lead = fixture::full(&texts);
        let staged = fixture::staged(&lead, &texts.rules);
        let sentences = told(|tell| reasons(&lead, &staged, tell));
        assert_eq!(sentences[0], "Chance of a sale 5.0 % (assumed): 20.00 of 40.00 points");
        assert_eq!(sentences[1], "Value at 62 % of the range, on a log scale: 15.60 of 25.00 points");
        assert_eq!(sentences[2], "Row 100 % complete and clean: 20.00 of 20.00 points");
    }
}
