//! See `harness/headers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::headers(data));
