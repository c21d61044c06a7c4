//! What is wrong with the settings, all of it together.

use std::fmt;
use std::path::PathBuf;

use fault::secret::SecretText;
use fault::text::printable;
use fault::{Code, Fault, codes};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In the settings file.
    File {
        /// Which.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
    },
    /// In a variable of this name.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The file is not TOML, or a variable is not JSON.
    Syntax,
    /// There is no such setting.
    Unknown,
    /// It must be set and isn't.
    Missing,
    /// It is not what the setting takes.
    BadValue,
    /// It is fine by itself and forbidden here.
    Unsafe,
    /// It doesn't go together with another one.
    Contradiction,
    /// A secret stands where a policy can read it.
    SecretExposed,
}

impl ProblemKind {
    /// Stable and meant for programs.
    pub fn code(self) -> &'static Code {
        match self {
            Self::Syntax => &codes::settings::SYNTAX,
            Self::Unknown => &codes::settings::UNKNOWN,
            Self::Missing => &codes::settings::MISSING,
            Self::BadValue => &codes::settings::BAD_VALUE,
            Self::Unsafe => &codes::settings::UNSAFE,
            Self::Contradiction => &codes::settings::CONTRADICTION,
            Self::SecretExposed => &codes::settings::SECRET_EXPOSED,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// The setting's path; empty for what belongs to none.
    pub key: String,
    /// The variables that the setting can come from.
    pub variables: Vec<String>,
    /// Where the value was set; none for one that is missing.
    pub origin: Option<Origin>,
    /// What is wrong and what to do, in words that follow the setting's name.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        f.write_str(&self.message)?;
        let variables = self.variables.join(" or ");
        match (&self.origin, variables.as_str()) {
            (_, "") | (Some(Origin::Variable(_)), _) => Ok(()),
            (Some(Origin::File { .. }), _) => write!(f, " (as a variable: {variables})"),
            (None, _) => write!(f, ", or as the variable {variables}"),
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("the settings file {} can't be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// They are wrong.
    #[error("{}", listed(.0))]
    Invalid(Vec<Problem>),
}

impl SettingsError {
    /// All problems, those of the file first, as they stand in it. No text keeps one of the secrets, wherever somebody
    /// may have put it.
    pub(super) fn invalid(mut problems: Vec<Problem>, secrets: &[SecretText]) -> Self {
        // Shorter ones are words that stand in any sentence.
        let secrets = secrets.iter().map(SecretText::expose).filter(|secret| secret.len() >= 6);
        for secret in secrets {
            // A message repeats a text as it can be printed.
            for secret in [secret, &printable(secret, usize::MAX)] {
                for problem in &mut problems {
                    problem.message = without(&problem.message, secret);
                    problem.key = without(&problem.key, secret);
                }
            }
        }
        problems.sort_by(|a, b| (a.origin.is_none(), &a.origin).cmp(&(b.origin.is_none(), &b.origin)));
        Self::Invalid(problems)
    }

    /// The problems one by one.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

/// The text without the secret, also where it was cut: of a longer one, the first letters are enough to find it by.
fn without(text: &str, secret: &str) -> String {
    let beginning: String = secret.chars().take(12).collect();
    let mut clean = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find(&beginning).and_then(|at| rest.split_at_checked(at)) {
        let run = from.chars().zip(secret.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        clean.push_str(before);
        clean.push_str("***");
        rest = from.get(run..).unwrap_or_default();
    }
    clean + rest
}

fn listed(problems: &[Problem]) -> String {
    match problems {
        [only] => format!("the settings can't be used: {only}"),
        all => {
            let lines: String = all.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("the settings can't be used for {} reasons:{lines}", all.len())
        }
    }
}

impl Fault for SettingsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Unreadable { .. } => &codes::settings::UNREADABLE,
            Self::Invalid(problems) => match problems.as_slice() {
                [only] => only.kind.code(),
                _ => &codes::settings::INVALID,
            },
        }
    }
}
