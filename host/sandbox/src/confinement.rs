//! What a child may do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which program is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Only listed system calls, no devices. For everything that runs on the CPU.
    Strict,
    /// Everything but listed system calls, and what NVIDIA's driver needs: its devices, `/proc`, unix sockets.
    Gpu,
}

/// Resource limits of a child, as `setrlimit` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Writable memory in bytes (`RLIMIT_DATA`). `None` for the GPU: its driver reserves address space without end.
    pub memory_bytes: Option<u64>,
    /// Seconds of CPU time over all threads (`RLIMIT_CPU`).
    pub cpu_seconds: u64,
    /// Size of one file in bytes (`RLIMIT_FSIZE`).
    pub file_bytes: u64,
    /// Threads of the child's user (`RLIMIT_NPROC`). The kernel doesn't hold root to it.
    pub threads: u64,
    /// Open descriptors (`RLIMIT_NOFILE`).
    pub descriptors: u64,
}

/// Everything that the helper needs to know. Relative paths start at the child's working directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    pub profile: Profile,
    /// Files and folders that may be read, besides the program, its libraries and a few harmless devices.
    pub read: Vec<PathBuf>,
    /// Folders in which files may be made, changed and removed, and so in the folders below. A child of root gets those
    /// directly below handed over, none deeper.
    pub write: Vec<PathBuf>,
    pub limits: Limits,
}
