//! A file of your own: `cargo run --example custom_file -- path/to/leads.csv`. Without a path, our sample.
//!
//! Shows what each column is read as before any row is, then the rows.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use valhalla_ingest::ingestion::{Ingestion, IngestionError};

fn main() -> ExitCode {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/leads.csv").into();
    let path = env::args_os().nth(1).unwrap_or(sample);
    match show(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("[ERROR] {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(path: &OsStr) -> Result<(), IngestionError> {
    let ingestion = Ingestion::open(path)?;
    println!("Columns:");
    for column in ingestion.columns() {
        let field = column.maps_to.map_or("extra", |field| field.name());
        println!("  {:<14} → {field:<9} {}", column.name, column.why);
    }
    println!("Rows:");
    for row in ingestion.leads() {
        match row {
            Ok(lead) => println!("  {} → {} points, tier {}", lead.name, lead.score, lead.tier.as_str()),
            Err(error) => println!("  {error}"),
        }
    }
    println!("{}", ingestion.summary()?);
    Ok(())
}
