//! See `harness/unpack.rs`.

#![no_main]

use std::panic;
use std::thread;

libfuzzer_sys::fuzz_target!(
    init: {
        // A library that panics over a workbook does so in a thread of its own, where it is caught: that is no fault.
        let abort = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some("workbook") {
                abort(info);
            }
        }));
    },
    |data: &[u8]| harness::unpack(data)
);
