//! See `harness/dialect.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::dialect(data));
