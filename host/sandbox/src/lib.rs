//! Confines a child process that reads hostile files.
//!
//! The host starts a child by starting itself once more, as a helper: it gives up everything that the child must not have,
//! and then becomes the child's program by `execve`. So nothing of the host's memory, descriptors or rights is there when
//! the first byte of an upload is read. The parts, from the outside in:
//!
//! 1. an unprivileged user, if the host is root, and no capabilities;
//! 2. resource limits: memory, CPU time, file size, processes, descriptors, no core file;
//! 3. Landlock: which files may be read, written and executed;
//! 4. seccomp: which system calls may be made. No sockets, no new processes, no second `execve`.
//!
//! What a kernel offers is found out once, at start ([`Sandbox::detect`]); a child whose confinement turns out weaker than
//! that is not started.
//!
//! A program that uses this must call [`run_if_helper`] first thing in `main`, while it has one thread.

mod confinement;
mod level;

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod system_calls;
#[cfg(target_os = "linux")]
mod user;

pub use confinement::{Confinement, Limits, Profile};
pub use level::{Level, Sandbox};

/// Exit code of a helper that could not become the program. Its reason is on stderr, after [`FAILURE_PREFIX`].
pub const FAILURE_EXIT: i32 = 126;

/// Begins the last line of stderr when a helper failed.
pub const FAILURE_PREFIX: &str = "codex-sandbox: ";

/// Becomes the confined program if this process was started as a helper, and never returns then. Otherwise does nothing.
pub fn run_if_helper() {
    #[cfg(target_os = "linux")]
    child::run_if_helper();
}
