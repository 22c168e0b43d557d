//! Filtering and adding up, exactly: `cargo run --example processing_the_data`.
//!
//! Amounts are exact decimals. They are added in millionths, as integers, so that no cent is lost to a float.

use valhalla_ingest::ingestion::{Decimal, Ingestion, IngestionError};

fn main() -> Result<(), IngestionError> {
    let ingestion = Ingestion::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/leads.csv"))?;
    let leads = ingestion.collect_valid()?;

    let least = 750_000 * MILLIONTHS;
    let large: Vec<_> = leads.iter().filter_map(|lead| Some((lead, lead.value.filter(|value| value.micros() >= least)?))).collect();
    println!("Leads of at least {}:", amount(least));
    for (lead, value) in &large {
        println!("  {:<16} {:>14}  {}", lead.name, amount(value.micros()), lead.location);
    }

    let total = |values: &mut dyn Iterator<Item = Decimal>| values.map(Decimal::micros).sum::<i128>();
    let (of_large, of_all) = (total(&mut large.iter().map(|(_, value)| *value)), total(&mut leads.iter().filter_map(|lead| lead.value)));
    println!("\n{:>3} large leads, in total {:>14}", large.len(), amount(of_large));
    println!("{:>3} leads in all, in total {:>13}", leads.len(), amount(of_all));
    Ok(())
}

const MILLIONTHS: i128 = 1_000_000;

/// A positive amount of millionths with thousands separators and whole cents: `1,250,000.00`.
fn amount(micros: i128) -> String {
    let (units, cents) = ((micros / MILLIONTHS).to_string(), micros % MILLIONTHS / 10_000);
    let grouped: Vec<&str> = units.as_bytes().rchunks(3).rev().map(|digits| std::str::from_utf8(digits).expect("digits")).collect();
    format!("{}.{cents:02}", grouped.join(","))
}
