//! Problems with the settings, reported all at once.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use fault::secret::SecretText;
use fault::text::printable;
use fault::{Code, Fault, codes};

use super::keys;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `line` counts from one.
    File { path: PathBuf, line: usize },
    /// The name of an environment variable.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static Code,
    /// The setting's path; empty if the problem belongs to none.
    pub key: String,
    /// `None` for a missing value.
    pub origin: Option<Origin>,
    /// What is wrong and what to do; follows the setting's name.
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
        let variables = keys::variables_at(&self.key).join(" or ");
        match (&self.origin, variables.as_str()) {
            (_, "") | (Some(Origin::Variable(_)), _) => Ok(()),
            (Some(Origin::File { .. }), _) => write!(f, " (as a variable: {variables})"),
            (None, _) => write!(f, ", or as the variable {variables}"),
        }
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct SettingsError(pub Vec<Problem>);

impl SettingsError {
    /// Sorts the problems, those of the file first, and removes the secrets from their texts.
    pub(super) fn of(mut problems: Vec<Problem>, secrets: &BTreeSet<SecretText>) -> Self {
        // A shorter one could be a word of the message itself.
        let secrets = secrets.iter().map(SecretText::expose).filter(|secret| secret.len() >= 6);
        for secret in secrets {
            // Messages quote values in printable form.
            for secret in [secret, &printable(secret, usize::MAX)] {
                for problem in &mut problems {
                    problem.message = without(&problem.message, secret);
                    problem.key = without(&problem.key, secret);
                }
            }
        }
        problems.sort_by(|a, b| (a.origin.is_none(), &a.origin).cmp(&(b.origin.is_none(), &b.origin)));
        Self(problems)
    }
}

/// Replaces the secret. Its first twelve characters are enough to find it, since a message may have cut the rest off.
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
        match self.0.as_slice() {
            [only] => only.code,
            _ => &codes::settings::INVALID,
        }
    }
}
