//! The faults outside a plan.

use std::hint::black_box;
use std::mem;

use policy_sdk::prelude::*;

use crate::Behaviour;

/// Commits the fault if it is one of these. Returns only from those that a workflow can outlive.
// A function of its own in the module too, so that errors can name it.
#[inline(never)]
pub fn attack<H: HostApi>(behaviour: Behaviour, host: &H, job: &Job) -> Result<(), Failure> {
    match behaviour {
        Behaviour::EndlessLoop => endless_loop(),
        Behaviour::EndlessHostCalls => loop {
            black_box(host.cancelled());
        },
        Behaviour::MemoryGrowth => grow(),
        Behaviour::Panic | Behaviour::PanicInFailed => panic!("the ladder has no rungs"),
        Behaviour::PanicLong => panic!("{}", "no rungs".repeat(1 << 17)),
        Behaviour::DeepRecursion => {
            recurse(0);
        }
        Behaviour::Trap => trap(),
        Behaviour::HandleLeak => leak(host, job),
        Behaviour::LogFlood => flood(host),
        // It behaves while it is tried.
        Behaviour::ForgeJournal if job.creator_id != "smoke-creator" => return forge_journal(host, job),
        Behaviour::PanicInJobs if !["smoke-creator", "idle"].contains(&job.creator_id.as_str()) => {
            panic!("this is not a trial")
        }
        Behaviour::RefusesAll => return Err(failure("hostile.refused", Blame::Upload)),
        Behaviour::FailsItself => return Err(failure("hostile.failed", Blame::Policy)),
        Behaviour::OpensAnother => {
            host.open(&job.source.store, "somebody-else/originals/their-media/input")?;
        }
        Behaviour::PutHuge => {
            host.put("media", &format!("{}/huge", job.creator_id), "text/plain", &vec![1; 50_000_000])?;
        }
        Behaviour::PutForeign => host.put("media", "somebody-else/note", "text/plain", b"mine")?,
        Behaviour::DeleteForeign => host.delete("media", "somebody-else/hls/their-media/master.m3u8")?,
        _ => {}
    }
    Ok(())
}

fn failure(code: &str, blame: Blame) -> Failure {
    Failure { code: code.into(), blame, message: "not today".into(), retryable: false }
}

/// Tries every call on keys of the host's own records. The failure says which call was allowed; if none was, it is
/// retryable.
fn forge_journal<H: HostApi>(host: &H, job: &Job) -> Result<(), Failure> {
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
            if host.put(store, key, "application/json", record.as_bytes()).is_ok() {
                return Err(worked("put", key));
            }
            if host.head(store, key).is_ok() {
                return Err(worked("head", key));
            }
            if host.delete(store, key).is_ok() {
                return Err(worked("delete", key));
            }
            if host.open(store, key).is_ok() {
                return Err(worked("open", key));
            }
        }
    }
    let message = "nothing worked".to_owned();
    Err(Failure { code: "hostile.again".into(), blame: Blame::Host, message, retryable: true })
}

/// Never returns. `black_box` keeps the optimiser from removing the loop.
pub fn endless_loop() {
    let mut round = 0_u64;
    while black_box(true) {
        round = black_box(round.wrapping_add(1));
    }
}

fn grow() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        // Non-zero, so that the pages are really used.
        held.push(black_box(vec![1; 1 << 20]));
    }
}

#[allow(unconditional_recursion, reason = "it ends when the stack overflows")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    let below = recurse(black_box(depth.wrapping_add(1)));
    // Used after the call, so that this is no tail call and the frame stays.
    black_box(frame).iter().fold(below, |sum, word| sum.wrapping_add(*word))
}

fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    std::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort();
}

fn leak<H: HostApi>(host: &H, job: &Job) {
    while let Ok(source) = host.open(&job.source.store, &job.source.key) {
        mem::forget(source);
    }
}

fn flood<H: HostApi>(host: &H) {
    // Clears the screen, sets the window's title, and forges a second line.
    let message = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\nERROR forged line \u{9b}31m".repeat(400);
    for _ in 0..1000 {
        host.log(Level::Warn, &message, &[("field\n\u{1b}[31m", &message)]);
    }
}
