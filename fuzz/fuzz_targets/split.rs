//! See `harness/split.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::split(data));
