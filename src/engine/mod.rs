//! The pure core: bytes in, values out. No file, network, clock, environment or global state.
//!
//! In reading order: what is decided once per file ([`plan`], from [`decode`], [`dialect`], [`table`] and [`headers`]); how
//! text becomes chunks of whole records ([`split`], with [`repair`]) and a chunk its rows ([`records`], a [`record`] each); what one worker does
//! with a chunk ([`chunk`]); how a row becomes a [`Lead`](lead::Lead) or a list of issues ([`check`], with [`cells`],
//! [`email`], [`phone`] and [`amount`]); what is worth knowing about rows that are taken ([`notes`]) and about the file as a
//! whole ([`findings`]); the six [`stages`]; the file's [`quality`]; what [`drift`] there is between a source's files; and
//! the rows given back to people ([`rejects`]).
//!
//! Because a chunk is a pure function of its bytes, the plan, the rules and the snapshot, the same file gives the same
//! result in any chunking, on any number of workers, on any machine.

pub mod amount;
pub mod cells;
pub mod check;
pub mod chunk;
pub mod decimal;
pub mod decode;
pub mod dialect;
pub mod drift;
pub mod email;
pub mod features;
pub mod file_error;
pub mod findings;
pub mod headers;
pub mod kinds;
pub mod lead;
pub mod learned;
pub mod mojibake;
pub mod notes;
pub mod outcomes;
pub mod phone;
pub mod plan;
pub mod quality;
pub mod record;
pub mod records;
pub mod rejects;
pub mod repair;
pub mod rules;
pub mod split;
pub mod stages;
pub mod table;
