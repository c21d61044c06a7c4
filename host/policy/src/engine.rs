//! The only place that configures wasmtime.

use std::num::NonZeroUsize;
use std::time::Duration;

use wasmtime::{Config, Engine, WasmBacktraceDetails};

/// The interval at which guests are interrupted and their deadlines checked.
pub const TICK: Duration = Duration::from_millis(10);

/// A guest's stack in bytes. Deep recursion hits this limit long before the host's stack runs out.
pub const STACK: usize = 512 << 10;

/// Most frames of a guest that an error has. A panic of Rust is about eight frames away from its cause.
const MAX_FRAMES: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Creates an engine and starts the thread that interrupts its guests.
///
/// A dedicated thread keeps ticking when the async threads are busy. It ends when the engine is dropped.
pub fn new() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK);
    config.async_stack_size(2 * 1024 * 1024);
    config.wasm_backtrace_max_frames(Some(MAX_FRAMES));
    // Names of functions are enough. Debug information of a hostile component is never parsed.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    std::thread::Builder::new().name("policy-clock".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}
