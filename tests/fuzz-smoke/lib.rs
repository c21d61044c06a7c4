//! Runs the body of a fuzz target on stable: on its seeds, and for a second on mutations of them.
//!
//! The n-th input depends only on the seeds and on n. A body that panics on an input fails the test, which prints both.
#![allow(clippy::expect_used, reason = "it runs in tests only, and a test may fail")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

/// Long enough for some thousand inputs of an unoptimised body.
const BUDGET: Duration = Duration::from_secs(1);

/// Longest input, as a multiple of the largest seed: mutations of mutations would grow without end.
const MAX_GROWTH: usize = 4;

/// Numbers at which arithmetic fails, as they stand in binary formats and in texts.
const EDGES: [u64; 9] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_fff8, u64::MAX];

/// Runs the body on the seeds in `host/fuzz/seeds/{target}`, and on mutations.
pub fn run(target: &str, body: impl Fn(&[u8])) {
    run_with(target, Vec::new(), body);
}

/// The same with more seeds, which a test makes. With the variable `FUZZ_CORPUS` they are also written to the folder of the
/// target in that one, for libFuzzer.
pub fn run_with(target: &str, mut seeds: Vec<Vec<u8>>, body: impl Fn(&[u8])) {
    if let Some(corpus) = env::var_os("FUZZ_CORPUS") {
        write_seeds(&Path::new(&corpus).join(target), &seeds).expect("FUZZ_CORPUS");
    }
    seeds.extend(seeds_of(target));
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for (index, seed) in seeds.iter().enumerate() {
        check(&format!("seed {index} of {target}"), seed, &body);
    }
    let end = Instant::now() + BUDGET;
    let mut number = 0;
    while Instant::now() < end {
        check(&format!("input {number} of {target}"), &mutated(&seeds, number), &body);
        number += 1;
    }
}

fn seeds_of(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/fuzz/seeds").join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().flat_map(fs::read).collect()
}

fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut files = seeds.iter().enumerate().map(|(index, seed)| (folder.join(format!("seed-{index}")), seed));
    files.try_for_each(|(path, seed)| fs::write(path, seed))
}

fn check(name: &str, input: &[u8], body: impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        eprintln!("{name} fails: b\"{}\"", input.escape_ascii());
        resume_unwind(panic);
    }
}

/// A seed with one to eight changes.
fn mutated(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let mut input = random.pick(seeds).cloned().unwrap_or_default();
    let longest = MAX_GROWTH * seeds.iter().map(Vec::len).max().unwrap_or(0);
    for _ in 0..=random.below(8) {
        mutate(&mut input, seeds, &mut random);
        input.truncate(longest);
    }
    input
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let length = random.below(1 + 32.min(input.len() - at));
    let edge = random.pick(&EDGES).copied().unwrap_or(0);
    match random.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        2 => input.truncate(at),
        3 => drop(input.drain(at..at + length)),
        4 => {
            let again: Vec<u8> = input.iter().skip(at).take(length).copied().collect();
            input.splice(at..at, again);
        }
        5 => {
            let width = 1 << random.below(4);
            let bytes = edge.to_be_bytes().into_iter().skip(8 - width);
            input.splice(at..(at + width).min(input.len()), bytes);
        }
        6 => drop(input.splice(at..at + length, edge.to_string().into_bytes())),
        _ => {
            let Some(other) = random.pick(seeds) else { return };
            let from = random.below(other.len() + 1);
            let piece: Vec<u8> = other.iter().skip(from).take(random.below(64)).copied().collect();
            input.splice(at..at, piece);
        }
    }
}

/// SplitMix64, after Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, without it.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}
