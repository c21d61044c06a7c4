//! How well children can be confined on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
#[cfg(target_os = "linux")]
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::Confinement;

/// The first argument of a helper that becomes a program.
pub(crate) const CONFINE: &str = "__confine";

/// The first argument of a helper that reports what it could enforce, instead of becoming a program.
pub(crate) const REPORT: &str = "__confine-report";

/// How much of the confinement a kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Neither files nor system calls are restricted.
    None,
    /// Files or system calls are restricted, but not both, or files not in every way.
    Partial,
    /// Files and system calls are restricted.
    Full,
}

impl Level {
    /// The word in logs, reports and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}

/// The layers that a helper must find enforced; the rest is best effort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layers {
    pub landlock: bool,
    pub seccomp: bool,
    /// The user that a child of root becomes.
    pub user: Option<u32>,
}

/// What a helper is started with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub confinement: Confinement,
    pub layers: Layers,
    /// The host's process: the child ends with it.
    pub parent: u32,
}

/// What a helper reports about itself after it has confined itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Version of the kernel's Landlock interface; 0 without Landlock.
    pub landlock_abi: i32,
    /// A file outside of what was granted could not be opened.
    pub files_held: bool,
    /// A socket could not be made.
    pub calls_held: bool,
    /// Why a layer failed.
    pub failures: Vec<String>,
}

/// Starts confined children. Made once, at the host's start.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// `None` where children are started directly.
    helper: Option<PathBuf>,
    layers: Layers,
    level: Level,
    /// What is missing and why; empty at [`Level::Full`].
    reason: String,
}

impl Sandbox {
    /// No confinement, for a stated reason. Children are started directly.
    #[must_use]
    pub fn none(reason: impl Into<String>) -> Self {
        Self { helper: None, layers: Layers::default(), level: Level::None, reason: reason.into() }
    }

    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// What is missing and why; empty at [`Level::Full`].
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether children get their [`Limits`](crate::Limits): a helper sets them even where it can't restrict anything else.
    #[must_use]
    pub fn sets_limits(&self) -> bool {
        self.helper.is_some()
    }

    /// A command that becomes `program` with these arguments once it is confined. Working directory, environment and the
    /// three standard streams are the caller's to set.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        confinement: &Confinement,
    ) -> std::io::Result<Command> {
        let mut command = match &self.helper {
            None => Command::new(program),
            Some(helper) => {
                let mut command = self.helper_command(helper, CONFINE, confinement)?;
                command.arg(program);
                command
            }
        };
        command.args(arguments);
        Ok(command)
    }

    fn helper_command(&self, helper: &Path, mode: &str, confinement: &Confinement) -> std::io::Result<Command> {
        let order = Order { confinement: confinement.clone(), layers: self.layers, parent: std::process::id() };
        let mut command = Command::new(helper);
        command.arg(mode).arg(serde_json::to_string(&order)?);
        Ok(command)
    }
}

#[cfg(not(target_os = "linux"))]
impl Sandbox {
    /// No helper is ever started.
    #[must_use]
    pub fn this_program() -> &'static Path {
        Path::new("")
    }

    /// There is a sandbox on Linux only.
    #[must_use]
    pub fn detect(_helper: &Path, _programs: &[&Path]) -> Self {
        Self::none("only Linux has Landlock and seccomp")
    }
}

#[cfg(target_os = "linux")]
impl Sandbox {
    /// The running program itself as the helper: the very file, even if its name leads to a newer one by now.
    #[must_use]
    pub fn this_program() -> &'static Path {
        Path::new("/proc/self/exe")
    }

    /// Finds out what this machine enforces, by a helper that confines itself and then tries what it must not.
    ///
    /// `programs` are those that will be confined. A script among them makes it [`Level::None`]: its interpreter would
    /// have to start other programs.
    #[must_use]
    pub fn detect(helper: &Path, programs: &[&Path]) -> Self {
        if let Some(script) = programs.iter().find(|program| is_script(program)) {
            let reason = format!("{} is a script, and only a program can be confined", script.display());
            return Self::none(reason);
        }
        let mut sandbox = Self {
            helper: Some(helper.to_owned()),
            layers: Layers { landlock: false, seccomp: false, user: crate::user::unprivileged(programs) },
            level: Level::None,
            reason: String::new(),
        };
        let report = match sandbox.report(helper) {
            Ok(report) => report,
            Err(error) => return Self::none(format!("the helper can't be run: {error}")),
        };
        sandbox.layers.landlock = report.files_held;
        sandbox.layers.seccomp = report.calls_held;
        let mut missing = report.failures.clone();
        if !report.files_held && report.landlock_abi == 0 {
            missing.push("the kernel has no Landlock, or the container forbids it".to_owned());
        } else if report.landlock_abi < FULL_ABI {
            missing.push(format!("the kernel's Landlock is version {}, not {FULL_ABI}", report.landlock_abi));
        }
        if !report.calls_held {
            missing.push("the container forbids seccomp, or the kernel lacks it".to_owned());
        }
        sandbox.level = match (report.files_held, report.calls_held) {
            (true, true) if report.landlock_abi >= FULL_ABI => Level::Full,
            (false, false) => Level::None,
            _ => Level::Partial,
        };
        sandbox.reason = missing.join("; ");
        sandbox
    }

    fn report(&self, helper: &Path) -> std::io::Result<Report> {
        use crate::{Limits, Profile};
        let limits =
            Limits { memory_bytes: Some(1 << 30), cpu_seconds: 10, file_bytes: 0, threads: 64, descriptors: 64 };
        let confinement = Confinement { profile: Profile::Strict, read: Vec::new(), write: Vec::new(), limits };
        let mut command = self.helper_command(helper, REPORT, &confinement)?;
        let output = command.current_dir("/").env_clear().stdin(Stdio::null()).output()?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            std::io::Error::other(format!("{}: {}", output.status, said.trim()))
        })
    }
}

/// The first version of Landlock (Linux 6.2) that restricts every way to change a file: it added truncation.
#[cfg(target_os = "linux")]
const FULL_ABI: i32 = 3;

#[cfg(target_os = "linux")]
fn is_script(program: &Path) -> bool {
    use std::io::Read;
    let mut head = [0u8; 2];
    std::fs::File::open(program).is_ok_and(|mut file| file.read_exact(&mut head).is_ok() && &head == b"#!")
}
