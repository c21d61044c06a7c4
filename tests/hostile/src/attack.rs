//! The faults that need no plan.

use std::hint::black_box;
use std::mem;

use policy_sdk::prelude::*;

use crate::Behaviour;

/// Commits the fault, if it is one of these. Returns from those that a host may survive.
pub fn attack<P: Powers>(behaviour: Behaviour, powers: &P, job: &Job) {
    match behaviour {
        Behaviour::EndlessLoop => endless_loop(),
        Behaviour::EndlessHostCalls => loop {
            black_box(powers.cancelled());
        },
        Behaviour::MemoryGrowth => grow(),
        Behaviour::Panic | Behaviour::PanicInFailed => panic!("the ladder has no rungs"),
        Behaviour::PanicLong => panic!("{}", "no rungs".repeat(1 << 17)),
        Behaviour::DeepRecursion => {
            recurse(0);
        }
        Behaviour::Trap => trap(),
        Behaviour::HandleLeak => leak(powers, job),
        Behaviour::LogFlood => flood(powers),
        _ => {}
    }
}

/// Never returns. The optimiser must not see that nothing comes of it.
pub fn endless_loop() {
    let mut round = 0_u64;
    while black_box(true) {
        round = black_box(round.wrapping_add(1));
    }
}

fn grow() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        // Written to, so that a host which only promises memory has to find it.
        held.push(black_box(vec![1; 1 << 20]));
    }
}

#[allow(unconditional_recursion, reason = "it ends with the stack")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    let below = recurse(black_box(depth.wrapping_add(1)));
    // Used after the call, so that it is no tail call and the frame stays.
    black_box(frame).iter().fold(below, |sum, word| sum.wrapping_add(*word))
}

fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    std::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort();
}

fn leak<P: Powers>(powers: &P, job: &Job) {
    while let Ok(source) = powers.open(&job.source.store, &job.source.key) {
        mem::forget(source);
    }
}

fn flood<P: Powers>(powers: &P) {
    // Clears the screen, sets the window's title, and ends the line to forge another.
    let message = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\nERROR forged line \u{9b}31m".repeat(400);
    for _ in 0..1000 {
        powers.log(Level::Warn, &message, &[("field\n\u{1b}[31m", &message)]);
    }
}
