//! Exit codes, which say whose fault a failure was.

use std::fmt;
use std::process::ExitCode;

use fault::{Blame, Failure};

use super::terminal;

/// Shown by `--help`.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    a bug in this program, or a worker that failed a startup check
  2    the command line or the settings
  3    the upload can't be used
  4    the policy failed, or can't be used
  5    the machine, ffmpeg or the storage; trying again may help
  130  cancelled";

/// Ends the program with an exit code, after an error message unless it was already shown.
#[derive(Debug)]
pub struct Ended {
    code: u8,
    message: Option<String>,
}

/// A failure that hasn't been shown yet.
impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        let failure = error.into();
        Self { code: failure.exit_code(), message: Some(failure.to_string()) }
    }
}

/// For what can't be done with an argument, such as reading the file that it names.
pub trait OrUsage<T> {
    /// The error says first what was to be done.
    fn or_usage(self, what: impl fmt::Display) -> Result<T, Ended>;
}

impl<T, E: fmt::Display> OrUsage<T> for Result<T, E> {
    fn or_usage(self, what: impl fmt::Display) -> Result<T, Ended> {
        self.map_err(|error| Ended::usage(format!("{what}: {error}")))
    }
}

impl Ended {
    /// The command line or the settings are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: Some(message.into()) }
    }

    /// Ends with this code and no message.
    pub fn already_shown(code: u8) -> Self {
        Self { code, message: None }
    }

    /// Code 1 makes RunPod replace the worker.
    pub fn failed_startup_check(check: &str, failure: &Failure) -> Self {
        Self { code: 1, message: Some(format!("startup check failed: {check}: {failure}")) }
    }

    /// A failed job whose error, as the queue shows it, was already printed.
    pub fn of_job(error: &serde_json::Value) -> Self {
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let blame = Blame::ALL.into_iter().find(|blame| blame.to_string() == text("blame")).unwrap_or(Blame::Host);
        let code = text("error_type").to_owned();
        let failure = Failure { code, blame, message: String::new(), retryable: false };
        Self::already_shown(failure.exit_code())
    }

    pub fn cancelled() -> Self {
        Self::already_shown(130)
    }

    /// A problem of this machine.
    pub fn environment(message: impl Into<String>) -> Self {
        Self { code: 5, message: Some(message.into()) }
    }

    /// What went wrong, unless it was already shown.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Prints the message, if there is one.
    pub fn into_exit_code(self) -> ExitCode {
        if let Some(message) = self.message {
            eprintln!("{} {message}", terminal::error("error:"));
        }
        ExitCode::from(self.code)
    }
}
