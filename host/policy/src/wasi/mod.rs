//! A restricted WASI, without which components made from Python or JavaScript don't start.
//!
//! There are no files, variables, arguments, input or sockets. Clocks are fixed and random numbers are the same in
//! every call, so that results depend only on arguments. `wasi:http` is not linked.

mod clocks;
mod output;

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::{Deterministic, I32Exit, WasiCtx, WasiCtxView, WasiView};

use self::clocks::{FixedClock, Timers};
use self::output::{Output, Stream};
use crate::Limits;
use crate::limits::Limit;
use crate::state::State;

/// The linked parts of WASI. Python doesn't start without sockets, but none can be opened.
pub const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Most random bytes per call. They are in the host's memory, which the guest's memory limit doesn't count.
const MAX_RANDOM: u64 = 64 * 1024;

/// The random bytes repeat after this many.
const RANDOM_PERIOD: usize = 4096;

static SECURE: LazyLock<Vec<u8>> = LazyLock::new(|| random("secure"));
static INSECURE: LazyLock<Vec<u8>> = LazyLock::new(|| random("insecure"));

/// The WASI state of one call.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    stdout: Output,
    stderr: Output,
}

/// Adds WASI to the linker.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // wasmtime's own timers wait in real time, whatever the clock shows.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, Timers<'static>>(linker, |state| Timers(state.ctx().table))?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Wasi {
    fn new(job: &str, limits: &Limits) -> Self {
        let output = |stream| Output::new(stream, job, limits.size(Limit::LogLines));
        let (stdout, stderr) = (output(Stream::Stdout), output(Stream::Stderr));
        let ctx = WasiCtx::builder()
            .stdin(ClosedInputStream)
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .wall_clock(FixedClock)
            .monotonic_clock(FixedClock)
            .secure_random(Deterministic::new(SECURE.clone()))
            .insecure_random(Deterministic::new(INSECURE.clone()))
            .insecure_random_seed(0)
            .max_random_size(MAX_RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .socket_addr_check(|_, _| Box::pin(async { false }))
            .build();
        Self { ctx, stdout, stderr }
    }
}

impl State {
    /// The end of the guest's stderr, where language runtimes report why they exit.
    pub fn stderr_tail(&self) -> Option<String> {
        self.wasi.as_ref()?.stderr.tail()
    }
}

impl WasiView for State {
    /// Called at the start of every WASI function.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let job = self.job().to_owned();
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&job, self.meter.limits())));
        let (out, err) = (wasi.stdout.take_uncounted(), wasi.stderr.take_uncounted());
        self.meter.wasi_call(out.count + err.count, out.bytes + err.bytes);
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut self.table }
    }
}

/// The message for a guest that exited, if that is the error.
pub fn exit_message(error: &wasmtime::Error) -> Option<String> {
    let I32Exit(code) = error.downcast_ref::<I32Exit>()?;
    Some(format!("it exited with code {code} instead of returning a result"))
}

/// Bytes that are the same in every call and on every machine.
fn random(seed: &str) -> Vec<u8> {
    let blocks = (0..RANDOM_PERIOD / Sha256::output_size()).map(|block| Sha256::digest(format!("{seed} {block}")));
    blocks.flatten().collect()
}
