//! `valhalla`
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod durable;
pub mod engine;
pub mod inbox;
pub mod ingest;
pub mod journal;
pub mod lock;
pub mod logging;
pub mod progress;
pub mod render;
pub mod risk;
pub mod store;
