//! How the program ends: exit codes tell whose fault it was.

use std::process::ExitCode;

use fault::{Blame, Code, Failure, Fault};

/// What `--help` says of exit codes.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    a fault of this program, or a worker that is not fit for work
  2    the command line or the settings
  3    the upload can't be used
  4    the policy failed, or can't be used
  5    the machine, ffmpeg or the storage; trying again may help
  130  called off";

/// Why the program ends before it is done. Already told where `told` says so.
#[derive(Debug)]
pub struct Ended {
    code: u8,
    message: Option<String>,
}

impl Ended {
    /// The command line or the settings are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: Some(message.into()) }
    }

    /// A failure that nobody was told of yet.
    pub fn failed(error: impl Fault) -> Self {
        let failure = Failure::from(error);
        Self { code: failure.exit_code(), message: Some(failure.to_string()) }
    }

    /// A failure that the view has shown already.
    pub fn told(failure: &Failure) -> Self {
        Self { code: failure.exit_code(), message: None }
    }

    /// A failure of which the type is gone.
    pub fn of_failure(failure: Failure) -> Self {
        Self { code: failure.exit_code(), message: Some(failure.to_string()) }
    }

    /// A worker that can't work. Code 1 makes the platform replace it.
    pub fn unfit(check: &str, failure: &Failure) -> Self {
        Self { code: 1, message: Some(format!("not fit for work: {check}: {failure}")) }
    }

    /// A job whose error was printed, as the queue would show it.
    pub fn of_job(error: &serde_json::Value) -> Self {
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let blame = Blame::ALL.into_iter().find(|blame| blame.to_string() == text("blame")).unwrap_or(Blame::Host);
        let code = text("error_type").to_owned();
        Self::told(&Failure { code, blame, message: String::new(), retryable: false })
    }

    /// Something that was compared is not the same. Told already.
    pub fn changed() -> Self {
        Self { code: 1, message: None }
    }

    /// What would be said.
    pub fn into_message(self) -> String {
        self.message.unwrap_or_default()
    }

    /// Called off.
    pub fn cancelled() -> Self {
        Self { code: 130, message: None }
    }

    /// As a failure of a part of something larger.
    pub fn into_failure(self, code: &Code) -> Failure {
        Failure::new(code, self.message.unwrap_or_default())
    }

    /// Something about this machine.
    pub fn environment(message: impl Into<String>) -> Self {
        Self { code: 5, message: Some(message.into()) }
    }

    /// Says it, if it was not said, and gives the code.
    pub fn into_exit_code(self) -> ExitCode {
        if let Some(message) = self.message {
            eprintln!("error: {message}");
        }
        ExitCode::from(self.code)
    }
}
