//! `wasi`: what a component made from Python or JavaScript needs before its own first line runs, with nothing behind it.
//!
//! No folder, no variable, no argument, no input, no socket. Clocks stand still, and random numbers are the same in
//! every call, so that a decision depends on its arguments alone here too. `wasi:http` is not there at all.

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

/// The parts of WASI that are linked. Sockets are among them because Python won't start without; none can be made.
pub const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Most random bytes in one answer. They are made on the host's side, beyond the guest's limit of memory.
const MAX_RANDOM: u64 = 64 * 1024;

/// Bytes after which random numbers begin anew.
const RANDOM_PERIOD: usize = 4096;

static SECURE: LazyLock<Vec<u8>> = LazyLock::new(|| random("secure"));
static INSECURE: LazyLock<Vec<u8>> = LazyLock::new(|| random("insecure"));

/// What one call has of WASI.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    stdout: Output,
    stderr: Output,
}

/// Adds WASI to what a policy may import.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // Its own timers wait in real time, whatever the clock says.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, Timers<'static>>(linker, |state| Timers::new(state.ctx().table))?;
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
    /// The end of what the guest wrote to stderr, where a runtime tells why it ends itself.
    pub fn last_words(&self) -> Option<String> {
        self.wasi.as_ref()?.stderr.tail()
    }
}

impl WasiView for State {
    /// Every function of WASI begins with this.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let job = self.job().to_owned();
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&job, self.meter.limits())));
        let (out, err) = (wasi.stdout.uncounted(), wasi.stderr.uncounted());
        self.meter.wasi_call(out.count + err.count, out.bytes + err.bytes);
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut self.table }
    }
}

/// What a guest did that ended itself, where the error is that.
pub fn exit(error: &wasmtime::Error) -> Option<String> {
    let I32Exit(code) = error.downcast_ref::<I32Exit>()?;
    Some(format!("it ended itself with exit code {code}, where a policy has to answer"))
}

/// The same bytes in every call, and on every machine.
fn random(seed: &str) -> Vec<u8> {
    let blocks = (0..RANDOM_PERIOD / Sha256::output_size()).map(|block| Sha256::digest(format!("{seed} {block}")));
    blocks.flatten().collect()
}
