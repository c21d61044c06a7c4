//! The only place that configures wasmtime.

use std::time::Duration;

use wasmtime::{Config, Engine};

/// The clock that ends guests: a deadline is checked once in this time.
pub const TICK: Duration = Duration::from_millis(10);

/// A guest's stack in bytes: deep recursion ends here, long before the host's own stack does.
pub const STACK: usize = 512 << 10;

/// An engine for policies, with the clock that interrupts them.
///
/// The clock is a thread of its own, so that no load on the async threads can hold it up, and it ends with the engine.
pub fn new() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK);
    config.async_stack_size(2 * 1024 * 1024);
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
