#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| publish::journal::fuzzing::journal_record(bytes));
