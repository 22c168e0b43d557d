//! What a lead holds, and rules of your own: `cargo run --example using_the_type`.
//!
//! The value is made optional, `notes` may have at most 20 characters, and phones without a country are read as American.

use valhalla_ingest::engine::rules::{Constraint, ConstraintRule};
use valhalla_ingest::ingestion::{Field, Ingestion, IngestionError, OwnedLead, Rules};

fn main() -> Result<(), IngestionError> {
    let mut rules = Rules::default();
    rules.columns.required.remove(Field::Value);
    rules.columns.phone_country = Some("1".to_owned());
    rules.columns.constraints.push(Constraint { column: "notes".to_owned(), rule: ConstraintRule::MaxLength(20) });

    let ingestion = Ingestion::open_with(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/leads.csv"), rules)?;
    let leads = ingestion.collect_valid()?;
    println!("{} leads hold to these rules. The first of them:\n", leads.len());
    if let Some(lead) = leads.first() {
        print(lead);
    }
    println!("\nRows that do not:");
    for error in ingestion.leads().filter_map(Result::err) {
        println!("  {error}");
    }
    Ok(())
}

fn print(lead: &OwnedLead) {
    println!("lead_id     {}", lead.lead_id);
    println!("name        {}", lead.name);
    println!("email       {}", lead.email);
    println!("value       {}", lead.value.map_or("not given".to_owned(), |value| value.to_string()));
    println!("location    {}", lead.location);
    println!("phone       {} ({})", lead.phone, lead.phone_e164);
    println!("source      {}", lead.source);
    for (name, cell) in &lead.extra {
        println!("{name:<12}{cell}");
    }
    println!("score       {} of 100, tier {}", lead.score, lead.tier.as_str());
    println!("from        row {}, line {}", lead.row, lead.line);
}
