#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| webhook::fuzzing::outbox_message(bytes));
