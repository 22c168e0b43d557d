//! The numbering plans: which national numbers a country has, and what is dialled before them inside the country.
//!
//! Lengths and prefixes of every calling code, as the metadata of libphonenumber 9.0.33 gives them (ITU-T E.164 and the
//! national plans behind it), kept here as a table so that a number costs nanoseconds. Which of the possible numbers
//! are in use is not our business. A test holds the table against the library's own example numbers.

use self::Writing::{Always, Plain, Tangled};

/// What is known about one calling code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The calling code, e.g. 44.
    pub code: u16,
    /// Dialled inside the country only, e.g. `0`; empty where there is nothing.
    pub trunk: &'static str,
    /// Bit `n` is set when a national number, without the trunk prefix, can have `n` digits.
    lengths: u16,
    /// How its people write their numbers.
    pub writing: Writing,
}

/// How the people of a country write their numbers among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// With or without the trunk prefix.
    Plain,
    /// Always with the zero: where it is missing, something has taken it away.
    Always,
    /// With carrier codes or figures in the middle that are no part of the number.
    Tangled,
}

impl Plan {
    /// Whether a national number can have as many digits.
    pub(super) fn has(&self, digits: usize) -> bool {
        digits < 16 && self.lengths & (1 << digits) != 0
    }

    /// The national number in what is dialled, without the trunk prefix; `None` when it cannot be one.
    ///
    /// After a calling code people write the prefix as well, `+44 (0)20 …`, also where there is none.
    pub(super) fn national<'d>(&self, dialled: &'d str) -> Option<&'d str> {
        let begins = |number: &str| match number.as_bytes().first() {
            Some(b'0') => ZERO_LED.contains(&self.code),
            Some(b'1') => self.code != 1,
            first => first.is_some(),
        };
        let fits = |number: &&str| self.has(number.len()) && begins(number);
        let trunk = if self.trunk.is_empty() { "0" } else { self.trunk };
        Some(dialled).filter(fits).or_else(|| dialled.strip_prefix(trunk).filter(fits))
    }
}

/// The plan that an international number belongs to, and the digits of its calling code.
pub(super) fn plan_of_number(digits: &str) -> Option<(&'static Plan, usize)> {
    // No calling code starts with another one, so the first that fits is the only one.
    (1..=3).find_map(|length| Some((plan_of_code(digits.get(..length)?)?, length)))
}

/// The plan of a calling code, e.g. `"44"`.
pub(super) fn plan_of_code(code: &str) -> Option<&'static Plan> {
    let code: usize = code.parse().ok()?;
    match INDEX.get(code) {
        Some(0) | None => None,
        Some(at) => PLANS.get(usize::from(*at) - 1),
    }
}

/// For each number below 1000, the place of its plan in the table, from 1.
static INDEX: [u8; 1000] = index();

#[allow(clippy::cast_possible_truncation)] // the table has fewer than 255 rows, or this does not compile
const fn index() -> [u8; 1000] {
    assert!(PLANS.len() < 255);
    let mut index = [0; 1000];
    let mut at = 0;
    while at < PLANS.len() {
        index[PLANS[at].code as usize] = at as u8 + 1;
        at += 1;
    }
    index
}

/// Where a national number itself may begin with a zero.
const ZERO_LED: &[u16] = &[39, 47, 225, 226, 227, 229, 241, 242, 247, 267, 268, 378, 501, 507, 676, 679, 687, 800, 853, 881, 888, 974, 992];

/// Lengths are given as spans, first and last.
const fn plan(code: u16, trunk: &'static str, spans: &[(u8, u8)], writing: Writing) -> Plan {
    let (mut lengths, mut at) = (0, 0);
    while at < spans.len() {
        let mut length = spans[at].0;
        while length <= spans[at].1 {
            lengths |= 1 << length;
            length += 1;
        }
        at += 1;
    }
    Plan { code, trunk, lengths, writing }
}

/// All calling codes in use. In Mexico a `1` before mobile numbers was dropped in 2019 and is still written.
const PLANS: &[Plan] = &[
    plan(1, "1", &[(10, 10)], Plain),
    plan(7, "8", &[(10, 10), (14, 14)], Plain),
    plan(20, "0", &[(8, 10)], Always),
    plan(27, "0", &[(5, 10)], Always),
    plan(30, "", &[(10, 12)], Plain),
    plan(31, "0", &[(5, 11)], Always),
    plan(32, "0", &[(8, 9)], Always),
    plan(33, "0", &[(9, 9)], Always),
    plan(34, "", &[(9, 9)], Plain),
    plan(36, "06", &[(8, 9)], Plain),
    plan(39, "", &[(6, 12)], Plain),
    plan(40, "0", &[(6, 6), (9, 9)], Always),
    plan(41, "0", &[(9, 9), (12, 12)], Always),
    plan(43, "0", &[(4, 13)], Always),
    plan(44, "0", &[(7, 7), (9, 10)], Always),
    plan(45, "", &[(8, 8)], Plain),
    plan(46, "0", &[(6, 10), (12, 12)], Always),
    plan(47, "", &[(5, 5), (8, 8)], Plain),
    plan(48, "", &[(6, 10)], Plain),
    plan(49, "0", &[(4, 13)], Always),
    plan(51, "0", &[(8, 9)], Plain),
    plan(52, "1", &[(10, 10)], Plain),
    plan(53, "0", &[(6, 8), (10, 10)], Always),
    plan(54, "0", &[(10, 11)], Tangled),
    plan(55, "0", &[(8, 11)], Tangled),
    plan(56, "", &[(9, 11)], Plain),
    plan(57, "0", &[(8, 8), (10, 11)], Tangled),
    plan(58, "0", &[(10, 10)], Always),
    plan(60, "0", &[(8, 10)], Always),
    plan(61, "0", &[(5, 10), (12, 12)], Always),
    plan(62, "0", &[(7, 13)], Always),
    plan(63, "0", &[(6, 6), (8, 13)], Always),
    plan(64, "0", &[(5, 10)], Always),
    plan(65, "", &[(8, 8), (10, 11)], Plain),
    plan(66, "0", &[(8, 10), (13, 13)], Always),
    plan(81, "0", &[(8, 13)], Always),
    plan(82, "0", &[(5, 6), (8, 13)], Tangled),
    plan(84, "0", &[(7, 10)], Plain),
    plan(86, "0", &[(7, 12)], Plain),
    plan(90, "0", &[(7, 7), (10, 10), (12, 13)], Plain),
    plan(91, "0", &[(8, 13)], Plain),
    plan(92, "0", &[(8, 12)], Always),
    plan(93, "0", &[(9, 9)], Always),
    plan(94, "0", &[(9, 9)], Always),
    plan(95, "0", &[(6, 10)], Always),
    plan(98, "0", &[(4, 7), (10, 10)], Always),
    plan(211, "0", &[(9, 9)], Always),
    plan(212, "0", &[(9, 9)], Always),
    plan(213, "0", &[(8, 9)], Always),
    plan(216, "", &[(8, 8)], Plain),
    plan(218, "0", &[(9, 9)], Always),
    plan(220, "", &[(7, 7)], Plain),
    plan(221, "", &[(9, 9)], Plain),
    plan(222, "", &[(8, 8)], Plain),
    plan(223, "", &[(8, 8)], Plain),
    plan(224, "", &[(8, 9)], Plain),
    plan(225, "", &[(10, 10)], Plain),
    plan(226, "", &[(8, 8)], Plain),
    plan(227, "", &[(8, 8)], Plain),
    plan(228, "", &[(8, 8)], Plain),
    plan(229, "", &[(8, 8), (10, 10)], Plain),
    plan(230, "", &[(7, 8), (10, 10)], Plain),
    plan(231, "0", &[(7, 9)], Always),
    plan(232, "0", &[(8, 8)], Always),
    plan(233, "0", &[(8, 9)], Always),
    plan(234, "0", &[(10, 12)], Always),
    plan(235, "", &[(8, 8)], Plain),
    plan(236, "", &[(8, 8)], Plain),
    plan(237, "", &[(8, 9)], Plain),
    plan(238, "", &[(7, 7)], Plain),
    plan(239, "", &[(7, 7)], Plain),
    plan(240, "", &[(9, 9)], Plain),
    plan(241, "", &[(7, 8)], Plain),
    plan(242, "", &[(9, 9)], Plain),
    plan(243, "0", &[(7, 10)], Always),
    plan(244, "", &[(9, 9)], Plain),
    plan(245, "", &[(7, 7), (9, 9)], Plain),
    plan(246, "", &[(7, 7)], Plain),
    plan(247, "", &[(5, 6)], Plain),
    plan(248, "", &[(7, 7)], Plain),
    plan(249, "0", &[(9, 9)], Always),
    plan(250, "0", &[(8, 9)], Plain),
    plan(251, "0", &[(9, 9)], Always),
    plan(252, "0", &[(6, 9)], Plain),
    plan(253, "", &[(8, 8)], Plain),
    plan(254, "0", &[(7, 10)], Always),
    plan(255, "0", &[(9, 9)], Always),
    plan(256, "0", &[(9, 9)], Always),
    plan(257, "", &[(8, 8)], Plain),
    plan(258, "", &[(8, 9)], Plain),
    plan(260, "0", &[(9, 9)], Always),
    plan(261, "0", &[(9, 9)], Always),
    plan(262, "0", &[(9, 9)], Always),
    plan(263, "0", &[(5, 10)], Always),
    plan(264, "0", &[(8, 9)], Always),
    plan(265, "0", &[(7, 7), (9, 9)], Always),
    plan(266, "", &[(8, 8)], Plain),
    plan(267, "", &[(7, 8), (10, 10)], Plain),
    plan(268, "", &[(8, 9)], Plain),
    plan(269, "", &[(7, 7)], Plain),
    plan(290, "", &[(4, 5)], Plain),
    plan(291, "0", &[(7, 7)], Always),
    plan(297, "", &[(7, 7)], Plain),
    plan(298, "", &[(6, 6)], Plain),
    plan(299, "", &[(6, 6)], Plain),
    plan(350, "", &[(8, 8)], Plain),
    plan(351, "", &[(9, 9)], Plain),
    plan(352, "", &[(4, 11)], Plain),
    plan(353, "0", &[(7, 10)], Always),
    plan(354, "", &[(7, 7), (9, 9)], Plain),
    plan(355, "0", &[(6, 9)], Always),
    plan(356, "", &[(8, 8)], Plain),
    plan(357, "", &[(8, 8)], Plain),
    plan(358, "0", &[(5, 12)], Always),
    plan(359, "0", &[(6, 9), (12, 12)], Always),
    plan(370, "0", &[(8, 8)], Plain),
    plan(371, "", &[(8, 8)], Plain),
    plan(372, "", &[(7, 8), (10, 10)], Plain),
    plan(373, "0", &[(8, 8)], Always),
    plan(374, "0", &[(8, 8)], Always),
    plan(375, "8", &[(6, 11)], Tangled),
    plan(376, "", &[(6, 6), (8, 9)], Plain),
    plan(377, "0", &[(8, 9)], Plain),
    plan(378, "", &[(8, 8), (10, 10)], Tangled),
    plan(380, "0", &[(9, 10)], Always),
    plan(381, "0", &[(6, 12)], Always),
    plan(382, "0", &[(8, 9)], Always),
    plan(383, "0", &[(8, 12)], Always),
    plan(385, "0", &[(7, 9)], Always),
    plan(386, "0", &[(5, 8)], Always),
    plan(387, "0", &[(8, 9)], Always),
    plan(389, "0", &[(8, 8)], Always),
    plan(420, "", &[(9, 12)], Plain),
    plan(421, "0", &[(6, 7), (9, 9)], Always),
    plan(423, "0", &[(7, 7), (9, 9)], Plain),
    plan(500, "", &[(5, 5)], Plain),
    plan(501, "", &[(7, 7), (11, 11)], Plain),
    plan(502, "", &[(8, 8), (11, 11)], Plain),
    plan(503, "", &[(7, 8), (11, 11)], Plain),
    plan(504, "", &[(8, 8), (11, 11)], Plain),
    plan(505, "", &[(8, 8)], Plain),
    plan(506, "", &[(8, 8), (10, 10)], Plain),
    plan(507, "", &[(7, 8), (10, 11)], Plain),
    plan(508, "0", &[(6, 6), (9, 9)], Always),
    plan(509, "", &[(8, 8)], Plain),
    plan(590, "0", &[(9, 9)], Always),
    plan(591, "0", &[(8, 9)], Tangled),
    plan(592, "", &[(7, 7)], Plain),
    plan(593, "0", &[(8, 11)], Always),
    plan(594, "0", &[(9, 9)], Always),
    plan(595, "0", &[(6, 11)], Always),
    plan(596, "0", &[(9, 9)], Always),
    plan(597, "", &[(6, 7)], Plain),
    plan(598, "0", &[(4, 12)], Plain),
    plan(599, "", &[(7, 8)], Plain),
    plan(670, "", &[(7, 8)], Plain),
    plan(672, "", &[(6, 6)], Plain),
    plan(673, "", &[(7, 7)], Plain),
    plan(674, "", &[(7, 7)], Plain),
    plan(675, "", &[(7, 8)], Plain),
    plan(676, "", &[(5, 5), (7, 7)], Plain),
    plan(677, "", &[(5, 5), (7, 7)], Plain),
    plan(678, "", &[(5, 5), (7, 7)], Plain),
    plan(679, "", &[(7, 7), (11, 11)], Plain),
    plan(680, "", &[(7, 7)], Plain),
    plan(681, "", &[(6, 6), (9, 9)], Plain),
    plan(682, "", &[(5, 5)], Plain),
    plan(683, "", &[(4, 4), (7, 7)], Plain),
    plan(685, "", &[(5, 7), (10, 10)], Plain),
    plan(686, "0", &[(5, 5), (8, 8)], Plain),
    plan(687, "", &[(6, 6)], Plain),
    plan(688, "", &[(5, 7)], Plain),
    plan(689, "", &[(6, 6), (8, 9)], Plain),
    plan(690, "", &[(4, 7)], Plain),
    plan(691, "", &[(7, 7)], Plain),
    plan(692, "1", &[(7, 7)], Plain),
    plan(800, "", &[(8, 8)], Plain),
    plan(808, "", &[(8, 8)], Plain),
    plan(850, "0", &[(8, 8), (10, 10)], Always),
    plan(852, "", &[(5, 9), (11, 11)], Plain),
    plan(853, "", &[(7, 8)], Plain),
    plan(855, "0", &[(8, 10)], Always),
    plan(856, "0", &[(8, 10)], Always),
    plan(870, "", &[(9, 9), (12, 12)], Plain),
    plan(878, "", &[(12, 12)], Plain),
    plan(880, "0", &[(6, 10)], Always),
    plan(881, "", &[(9, 10)], Plain),
    plan(882, "", &[(7, 12)], Plain),
    plan(883, "", &[(8, 12)], Plain),
    plan(886, "0", &[(7, 11)], Always),
    plan(888, "", &[(11, 11)], Plain),
    plan(960, "", &[(7, 7), (10, 10)], Plain),
    plan(961, "0", &[(7, 8)], Plain),
    plan(962, "0", &[(8, 9)], Always),
    plan(963, "0", &[(8, 9)], Plain),
    plan(964, "0", &[(8, 10)], Always),
    plan(965, "", &[(7, 8)], Plain),
    plan(966, "0", &[(9, 10)], Always),
    plan(967, "0", &[(7, 9)], Always),
    plan(968, "", &[(7, 9)], Plain),
    plan(970, "0", &[(8, 10)], Always),
    plan(971, "0", &[(5, 12)], Always),
    plan(972, "0", &[(7, 12)], Always),
    plan(973, "", &[(8, 8)], Plain),
    plan(974, "", &[(7, 9), (11, 11)], Plain),
    plan(975, "", &[(7, 8)], Plain),
    plan(976, "0", &[(8, 10)], Plain),
    plan(977, "0", &[(8, 8), (10, 11)], Plain),
    plan(979, "", &[(9, 9)], Plain),
    plan(992, "", &[(9, 9)], Plain),
    plan(993, "8", &[(8, 8)], Plain),
    plan(994, "0", &[(9, 9)], Always),
    plan(995, "0", &[(9, 9)], Plain),
    plan(996, "0", &[(9, 10)], Always),
    plan(998, "", &[(9, 9)], Plain),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The library's example numbers of every country and kind, which a plan must call possible.
    #[test]
    fn the_table_agrees_with_the_library() {
        let mut examples = 0;
        for metadata in phonenumber::metadata::DATABASE.iter().filter(|metadata| metadata.id() != "001") {
            let plan = plan_of_code(&metadata.country_code().to_string()).expect("every country has a plan");
            let kinds = metadata.descriptors();
            for kind in [kinds.fixed_line(), kinds.mobile(), kinds.voip(), kinds.personal_number()].into_iter().flatten() {
                let Some(example) = kind.example() else { continue };
                examples += 1;
                assert!(plan.has(example.len()), "+{} {example}", plan.code);
            }
            let trunk = metadata.national_prefix().unwrap_or_default();
            assert!(trunk == plan.trunk || plan.code == 52, "the trunk prefix of +{}: {trunk}", plan.code);
        }
        assert!(examples > 400, "only {examples} examples");
    }

    #[test]
    fn no_calling_code_starts_with_another_one() {
        for plan in PLANS {
            let code = plan.code.to_string();
            let (found, length) = plan_of_number(&format!("{code}1234567")).expect("its own number");
            assert_eq!((found.code, length), (plan.code, code.len()));
        }
        assert!(plan_of_number("28123456789").is_none() && plan_of_number("").is_none());
    }
}
