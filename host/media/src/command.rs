//! Command lines, written as lists.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;

/// The arguments of one ffmpeg or ffprobe process. All values are numbers, fixed names and words from closed sets: text from
/// a policy or an upload never gets here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(Vec<OsString>);

impl Arguments {
    pub fn new() -> Self {
        Self::default()
    }

    /// One argument that stands alone.
    pub fn flag(mut self, flag: impl AsRef<OsStr>) -> Self {
        self.0.push(flag.as_ref().to_owned());
        self
    }

    /// An option and its value.
    pub fn pair(self, option: &str, value: impl Display) -> Self {
        self.flag(option).flag(value.to_string())
    }

    pub fn pair_opt(self, option: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.pair(option, value),
            None => self,
        }
    }

    /// Appends another list.
    pub fn all(mut self, other: Arguments) -> Self {
        self.0.extend(other.0);
        self
    }

    /// As `std::process::Command` takes them.
    pub fn as_slice(&self) -> &[OsString] {
        &self.0
    }
}

impl Display for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, argument) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            let text = argument.to_string_lossy();
            if text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,:/=+%".contains(c)) {
                f.write_str(&text)?;
            } else {
                write!(f, "'{}'", text.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_would_be_typed() {
        let arguments = Arguments::new()
            .pair("-c:v", "libx264")
            .pair_opt("-preset", None::<u8>)
            .pair("-filter_complex", "[0:v]split=2[a][b]");
        assert_eq!(arguments.to_string(), "-c:v libx264 -filter_complex '[0:v]split=2[a][b]'");
    }
}
