//! Rehearsals: a real policy component in the real host, with nothing behind the host calls.
//!
//! The host makes all of its checks, applies all limits, and records every call. Slow work and side effects are left
//! out: originals are given by their description, a plan is accepted and reported as done without being executed,
//! objects are written to memory, and messages are checked but not sent.
//!
//! Authors rehearse with scripts of their own; an environment rehearses every policy before jobs run under it ([`Trial`]).

mod host;
mod level;
mod nominal;
mod scene;
mod smoke;
mod source;
mod trial;

pub use host::{RehearsalHost, processor};
pub use scene::{NOMINAL_LOUDNESS, NoScript, Scene, Script, assumed_gpu};
pub use smoke::{SmokeTest, assets};
pub use source::source_info;
pub use trial::Trial;
