//! Stage 3, deal packet: what a salesperson needs on one page, what is missing, and what to do next.
//!
//! The words for people are made by `render/`; here stand the facts. An offer comes only from a configured
//! after-repair-value column, never from the budget or the asking price.

use uuid::Uuid;

use crate::engine::amount::{AmountRules, read_amount};
use crate::engine::decimal::Decimal;
use crate::engine::email;
use crate::engine::lead::{self, Field, FieldSet, Lead};
use crate::engine::learned::Learned;
use crate::engine::rules::{PacketRules, Rules};

/// The facts of one deal packet.
#[derive(Debug, Clone, PartialEq)]
pub struct DealPacket {
    /// Required fields that the lead does not have; the packet is `pending` while there are any.
    pub missing: FieldSet,
    /// Index of the value band, 0 for the lowest; `None` without a value.
    pub band: Option<usize>,
    /// What to offer, or why that cannot be said.
    pub offer: Result<Decimal, NoOffer>,
    /// What to be careful about.
    pub risks: Risks,
}

/// Robust deviations beyond which a value is far from the others.
const OUTLIER_DEVIATIONS: f64 = 3.5;

/// Why there is no offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOffer {
    /// `[packet] arv` names no column.
    NotConfigured,
    /// The lead has no after-repair value in that column.
    NoArv,
    /// Repairs and fee leave nothing to offer, or the figures do not fit.
    NothingLeft,
}

impl NoOffer {
    /// The reason in words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotConfigured => "no after-repair value column is configured ([packet] arv)",
            Self::NoArv => "this lead has no after-repair value",
            Self::NothingLeft => "repairs and fee leave nothing to offer",
        }
    }
}

/// Something in the row to be careful about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// The address is at a provider where anyone can get one.
    FreeMail,
    /// The domain looks like a slip of a common one.
    MailSlip,
    /// The phone cannot be read as a number.
    PhoneUnreadable,
    /// There is no phone at all.
    NoPhone,
    /// The value is far from what other leads have.
    Outlier,
}

/// The risks of one lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Risks([bool; 5]);

impl Risks {
    /// Whether there is this one.
    #[must_use]
    pub fn contains(self, risk: Risk) -> bool {
        self.0[risk as usize]
    }

    /// Those there are, in the order they are told.
    pub fn iter(self) -> impl Iterator<Item = Risk> {
        Risk::ALL.into_iter().zip(self.0).filter_map(|(risk, is_there)| is_there.then_some(risk))
    }
}

impl Risk {
    /// All five, in the order they are told.
    pub const ALL: [Risk; 5] = [Risk::FreeMail, Risk::MailSlip, Risk::PhoneUnreadable, Risk::NoPhone, Risk::Outlier];

    /// The risk in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::FreeMail => "free-mail address",
            Self::MailSlip => "the e-mail domain looks misspelt",
            Self::PhoneUnreadable => "the phone cannot be read as a number",
            Self::NoPhone => "no phone number",
            Self::Outlier => "the value is far from what other leads have",
        }
    }
}

impl DealPacket {
    /// Whether nothing required is missing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.missing.is_empty()
    }
}

/// The id of a lead's packet: `UUIDv5` in the namespace of the lead's own id.
#[must_use]
pub fn packet_id(lead_id: Uuid) -> Uuid {
    lead::uuid_v5(lead_id, b"deal-packet")
}

/// Gathers the facts.
#[must_use]
pub fn prepare(lead: &Lead<'_>, rules: &Rules, learned: &Learned) -> DealPacket {
    let packet = &rules.packet;
    DealPacket {
        missing: packet.required.iter().filter(|field| !has(lead, *field)).collect(),
        band: band_of(lead, packet),
        offer: offer(lead, packet),
        risks: risks(lead, learned),
    }
}

/// The value band of a lead, 0 for the lowest.
#[must_use]
pub fn band_of(lead: &Lead<'_>, packet: &PacketRules) -> Option<usize> {
    let value = lead.value?.micros();
    Some(packet.bands.partition_point(|bound| bound.micros() <= value))
}

fn has(lead: &Lead<'_>, field: Field) -> bool {
    match field {
        Field::Name => !lead.name.is_empty(),
        Field::Email => !lead.email.is_empty(),
        Field::Value => lead.value.is_some(),
        Field::Location => !lead.location.is_empty(),
        Field::Phone => !lead.phone.is_empty(),
        Field::Source => lead.source_given,
    }
}

/// `offer_ratio` of the after-repair value, less repairs and fee.
fn offer(lead: &Lead<'_>, packet: &PacketRules) -> Result<Decimal, NoOffer> {
    let amount = |column: &str| {
        let cell = lead.extra.get(column)?.trim();
        read_amount(cell, AmountRules::default()).ok().map(|amount| amount.value)
    };
    let column = packet.arv_column.as_deref().ok_or(NoOffer::NotConfigured)?;
    let arv = amount(column).filter(|arv| arv.is_positive()).ok_or(NoOffer::NoArv)?;
    let zero = Decimal::new(0, 0).expect("zero");
    let repairs = packet.repairs_column.as_deref().and_then(amount).unwrap_or(zero);
    let share = arv.times(packet.offer_ratio).ok_or(NoOffer::NothingLeft)?;
    let offer = share.minus(repairs).and_then(|left| left.minus(packet.fee));
    offer.filter(|offer| offer.is_positive()).ok_or(NoOffer::NothingLeft)
}

fn risks(lead: &Lead<'_>, learned: &Learned) -> Risks {
    let mut risks = Risks::default();
    risks.0[Risk::FreeMail as usize] = email::is_free_mail(lead.email);
    risks.0[Risk::MailSlip as usize] = email::meant_domain(lead.email).is_some();
    risks.0[Risk::PhoneUnreadable as usize] = !lead.phone.is_empty() && !lead.phone_reads;
    risks.0[Risk::NoPhone as usize] = lead.phone.is_empty();
    risks.0[Risk::Outlier as usize] = is_outlier(lead, learned);
    risks
}

/// Whether the value is further from the median of the history than 3.5 of its robust deviations, on a log scale (Iglewicz &
/// Hoaglin 1993).
fn is_outlier(lead: &Lead<'_>, learned: &Learned) -> bool {
    let known = learned.value_log10_spread.filter(|(_, spread)| *spread > 0.0).zip(lead.value);
    known.is_some_and(|((median, spread), value)| ((value.log10() - median) / spread).abs() > OUTLIER_DEVIATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lead_has_a_packet_of_its_own_and_always_the_same() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(packet_id(one), packet_id(one));
        assert!(packet_id(one) != packet_id(other) && packet_id(one) != one);
    }
}
