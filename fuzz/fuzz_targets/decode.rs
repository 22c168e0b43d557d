//! See `harness/decode.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::decode(data));
