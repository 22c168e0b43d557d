//! The inbox: how a file that somebody drops becomes a claim, and how a claim ends in the archive.
//!
//! Read in this order:
//! - `watch.rs`   events → hints; a hint only says that a look is worth while
//! - `listing.rs` the look: what is a drop, what is left alone and why
//! - `writers.rs` what the system knows about who else is writing (the one part that depends on the platform)
//! - `settle.rs`  looks and proofs → is the drop complete? (pure)
//! - `names.rs`   the final names that a drop leads to (pure)
//! - `spool.rs`   the sole owner of the folders: scan, claim, finish, give back, recover
//!
//! Nothing here parses a file, knows the store or the journals, or decides a fate; that is `ingest.rs`.

mod listing;
mod names;
mod settle;
mod spool;
mod watch;
mod writers;

pub use listing::{Drop, DropKind, Ignored, IgnoredWhy, NotRegular, count as waiting_count, ignored_by_name};
pub use names::{Folder, LeadsFormat, Names, Place, PlaceError, Wants, display_name, path_from_text, path_text};
pub use settle::{Arrival, Settle, SettleRules, Verdict, WriterProof};
pub use spool::{
    Claim, Finding, Finished, Found, Held, HoldMark, Layout, Move, Output, STATUS_FILE, Scan, Source, Spool, SpoolError, deaths, held,
    mark_death, mark_of,
};
pub use watch::{Hint, PollMode, Watch, WatchError};
