//! A file of leads as text: opened safely, out of its container and its encoding, and cut between its rows.
//!
//! Read in this order:
//! - `look.rs`        is it still the file that was seen?
//! - `source_file.rs` the file, opened; hashed, and watched for changes
//! - `unpack.rs`      what is in it: compressed lists and workbooks
//! - `feed.rs`        bytes → UTF-8 text
//! - `cutter.rs`      text → chunks of whole records
//!
//! Nothing here knows the folders, the store or the journals, or decides what a row means: the daemon and other programs
//! that use this crate read through the same door.

mod cutter;
mod feed;
mod look;
mod source_file;
mod unpack;

pub(crate) use cutter::{Cutter, Cutting};
pub(crate) use feed::{Feed, Streamed};
pub use look::{Look, look_of, look_of_stat};
pub(crate) use source_file::{SourceFile, Unopened, sha256_of};
pub(crate) use unpack::file_error_in;
