//! The shortest way from a file to its leads: `cargo run --example basic`.

use valhalla_ingest::ingestion::{Ingestion, IngestionError};

fn main() -> Result<(), IngestionError> {
    let ingestion = Ingestion::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/leads.csv"))?;
    for row in ingestion.leads() {
        match row {
            Ok(lead) => println!("{:>2}  {:<16} {:<30} tier {}", lead.row, lead.name, lead.email, lead.tier.as_str()),
            Err(error) => println!("{error}"),
        }
    }
    println!("\n{}", ingestion.summary()?);
    Ok(())
}
