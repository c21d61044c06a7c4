//! Whose fault a failure is.

use std::fmt;

use serde::Serialize;

/// Whose fault a failure is. It decides the exit code and who is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The uploaded file is not media, is damaged, or exceeds the limits. Also a job with unusable input.
    Upload,
    /// The policy trapped, hit a limit, or asked for something impossible.
    Policy,
    /// A store failed.
    Storage,
    /// The receiver of a webhook failed, or its address is wrong.
    Receiver,
    /// The machine, its settings, ffmpeg, or a bug of this program.
    Host,
}

impl Blame {
    pub const ALL: [Self; 5] = [Self::Upload, Self::Policy, Self::Storage, Self::Receiver, Self::Host];

    /// The exit code, unless the failure's code has one of its own.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Receiver => 2,
            Self::Upload => 3,
            Self::Policy => 4,
            Self::Storage | Self::Host => 5,
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Writes the name of the variant as in JSON.
        self.serialize(f)
    }
}
