//! `valhalla packet EMAIL|LEAD_ID`: one lead's deal packet, as a page or as JSON.

use std::io::{self, Write};

use clap::Args;

use super::leads::Restaging;
use super::{Exit, Global, Outcome, Trouble};
use crate::render::{lead_json, packet};

/// One lead's deal packet.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  valhalla packet john@example.com\n  valhalla packet john@example.com --json")]
pub(super) struct Packet {
    /// An e-mail address or a `lead_id`
    #[arg(value_name = "EMAIL|LEAD_ID")]
    who: String,
}

impl Packet {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let config = global.load()?;
        let store = global.open_store(&config)?;
        let stored = store
            .lead(&self.who)?
            .ok_or_else(|| Trouble::usage(format!("no lead '{}' is known; `valhalla leads` lists them", self.who)))?;
        let lead = stored.lead();
        let mut page = Vec::new();
        Restaging::new(&config, &store).with(&stored, |staged, from| {
            if global.json {
                lead_json::write_lead(&mut page, stored.row, &lead, staged, from);
            } else {
                page = packet::packet_page(stored.row, &lead, staged, from).into_bytes();
            }
        })?;
        io::stdout().lock().write_all(&page)?;
        Ok(Exit::Done)
    }
}
