//! `valhalla` takes in lead files: each row checked, cleaned, taken through six stages, stored and accounted for, exactly
//! once, whatever dies when.
//!
//! Other Rust programs read a file of leads through [`Ingestion`], without a store or a daemon:
//!
//! ```
//! use valhalla_ingest::Ingestion;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ingestion = Ingestion::open("examples/leads.csv")?;
//! let leads = ingestion.leads().filter_map(Result::ok).count();
//! assert_eq!(leads, 10);
//! # Ok(())
//! # }
//! ```
//!
//! The map, in reading order:
//!
//! 1. [`engine`] is pure: bytes in, values out. What a row must be, what the six stages find.
//! 2. [`reading`] is a file as text: opened, unpacked, decoded, cut between its rows.
//! 3. [`store`] and [`journal`] keep what came of it; [`learning`] makes of outcomes what the stages know; [`render`] says it to
//!    people and programs; [`config`] is what we were told.
//! 4. [`inbox`] owns the folders: watch, settle, claim, archive. [`risk`] looks at ourselves, [`delivery`] carries alerts to people,
//!    [`logging`] writes it down.
//! 5. [`ingest`] is the story of one file, from claim to done. Read this if you read only one file.
//! 6. [`daemon`] waits for events and hands over what is ready; [`preflight`] tries everything out before it is relied on;
//!    [`cli`] holds the commands.
//!
//! [`beneath`], [`clock`], [`durable`], [`lock`] and [`progress`] are small tools with one job each.

pub mod beneath;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod delivery;
pub mod durable;
pub mod engine;
pub mod inbox;
pub mod ingest;
pub mod ingestion;
pub mod journal;
pub mod learning;
pub mod lock;
pub mod logging;
pub mod preflight;
pub mod progress;
pub mod reading;
pub mod render;
pub mod risk;
pub mod store;

pub use ingestion::{Ingestion, IngestionError, OwnedLead, Rejected, RowError};
