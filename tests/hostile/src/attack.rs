//! The faults that need no plan.

use std::hint::black_box;
use std::mem;

use policy_sdk::prelude::*;

use crate::Behaviour;

/// Commits the fault, if it is one of these. Returns from those that a host may survive.
pub fn attack<P: Powers>(behaviour: Behaviour, powers: &P, job: &Job) -> Result<(), Failure> {
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
        Behaviour::ForgeJournal => return forge_journal(powers, job),
        _ => {}
    }
    Ok(())
}

/// Tries every way to reach a record of the host. The failure says which one worked, or that it may be tried again.
fn forge_journal<P: Powers>(powers: &P, job: &Job) -> Result<(), Failure> {
    let record = format!(
        r#"{{"version":1,"creator":"{creator}","job":"{job}","probed":null,"published":null,"begun":[{{
            "publication":"aaaaaaaaaaaa","rungs":[{{"playlist":{{"store":"media","key":"victim/hls/m/none.m3u8"}},
            "prefix":""}}],"objects":[{{"store":"media","key":"victim/hls/m/master.m3u8"}}],"staged":null,
            "staged_at":0,"masters":[]}}]}}"#,
        creator = job.creator_id,
        job = job.id
    );
    let names = [
        format!("{}/.codex/jobs/{}.json", job.creator_id, job.id),
        format!("{}/.CODEX/jobs/{}.json", job.creator_id, job.id),
        format!("{}/\u{ff0e}codex/jobs/{}.json", job.creator_id, job.id),
        format!(".codex/jobs/{}/{}.json", job.creator_id, job.id),
        ".codex/outbox/x.json".to_owned(),
    ];
    let worked = |call: &str, key: &str| Failure {
        code: "hostile.worked".into(),
        blame: Blame::Policy,
        message: format!("{call} of {key} was allowed"),
        retryable: false,
    };
    for key in &names {
        for store in ["media", "archive", "originals"] {
            if powers.put(store, key, "application/json", record.as_bytes()).is_ok() {
                return Err(worked("put", key));
            }
            if powers.head(store, key).is_ok() {
                return Err(worked("head", key));
            }
            if powers.delete(store, key).is_ok() {
                return Err(worked("delete", key));
            }
            if powers.open(store, key).is_ok() {
                return Err(worked("open", key));
            }
        }
    }
    let message = "nothing worked".to_owned();
    Err(Failure { code: "hostile.again".into(), blame: Blame::Host, message, retryable: true })
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
