//! See `harness/cells.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::cells(data));
