//! Single cells as people write them: addresses, amounts, phones, and what a spreadsheet would run.

use valhalla_ingest::engine::amount::{self, AmountRules, DecimalMark};
use valhalla_ingest::engine::decimal::Decimal;
use valhalla_ingest::engine::rules::{EmailRule, Ranges};
use valhalla_ingest::engine::{cells as texts, email, lead, phone, rejects};

/// No settings: the whole input is one cell.
pub fn cells(data: &[u8]) {
    let cell = String::from_utf8_lossy(data);
    let trimmed = texts::trim(&cell);
    an_address_is_its_own_address(trimmed);
    an_amount_is_exact(trimmed);
    for country in [None, Some("1"), Some("49")] {
        let number = phone::read_phone(trimmed, country).e164().to_owned();
        let is_e164 = number.strip_prefix('+').is_some_and(|digits| digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()));
        assert!(number.is_empty() || is_e164, "{number:?} from {trimmed:?}");
    }
    let clean = texts::clean(&cell);
    assert_eq!(texts::clean(&clean), clean, "cleaning twice");
    for delimiter in [b',', b';', b'\t', b'|', b' '] {
        a_written_cell_is_harmless_and_comes_back(&cell, delimiter);
    }
}

fn an_address_is_its_own_address(cell: &str) {
    for rule in [EmailRule::Standard, EmailRule::Minimal] {
        let Some(found) = email::read_address(cell, rule) else { continue };
        assert!(found.address.contains('@') && !found.address.is_empty(), "{found:?} from {cell:?}");
        if rule == EmailRule::Standard {
            let again = email::read_address(&found.address, rule).map(|again| again.address.into_owned());
            assert_eq!(again.as_deref(), Some(&*found.address), "{found:?} from {cell:?}");
        }
        let identity = email::identity(&found.address);
        assert_eq!(email::identity(&identity), identity, "{found:?} from {cell:?}");
        let _ = (lead::lead_id_of(&identity), email::meant_domain(&found.address));
    }
}

fn an_amount_is_exact(cell: &str) {
    for mark in [DecimalMark::Unknown, DecimalMark::Point, DecimalMark::Comma] {
        for ranges in [Ranges::Low, Ranges::Mid, Ranges::High, Ranges::Reject] {
            let Ok(found) = amount::read_amount(cell, AmountRules { mark, ranges }) else { continue };
            assert!(found.value.units().unsigned_abs() < 10u64.pow(18) && found.value.scale() <= 6, "{found:?} from {cell:?}");
            assert_eq!(found.value.to_string().parse::<Decimal>().ok(), Some(found.value), "{cell:?}");
            assert!(cell.contains(found.currency), "{found:?} from {cell:?}");
        }
    }
    let _ = (amount::is_plain_number(cell), phone::is_plain_number(cell));
}

/// What we write for a spreadsheet runs nothing in it, and taking one `'` off gives the cell again.
fn a_written_cell_is_harmless_and_comes_back(cell: &str, delimiter: u8) {
    let mut line = b"x".to_vec();
    line.push(delimiter);
    rejects::write_cell(&mut line, cell, delimiter);
    line.extend_from_slice(b"\r\n");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(&line[..]);
    let record = reader.records().next().expect("a record").expect("text");
    assert_eq!(record.len(), 2, "{line:?}");
    let written = &record[1];
    assert!(!rejects::is_formula(written), "{written:?}");
    assert_eq!(written.strip_prefix('\'').unwrap_or(written), cell);
}
