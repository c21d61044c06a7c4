//! Values that are one of a few words, on the command line, in the settings and in a job's input.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use media::encoder::Processor;
use media::plan::Preference;
use media::probe::DeclaredKind;
use policy::BuiltIn;
use storage::s3::Dialect;
use webhook::HttpRule;

pub trait Choice: Copy + PartialEq + Send + Sync + 'static {
    const WORDS: &'static [&'static str];
    /// In the order of the words.
    const VALUES: &'static [Self];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().zip(Self::VALUES).find(|(known, _)| **known == word).map(|(_, &value)| value)
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().zip(Self::VALUES).find(|(_, value)| **value == self).map_or("", |(word, _)| word)
    }

    /// Parses an argument.
    fn argument() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(Self::WORDS).try_map(|word| Self::parse(&word).ok_or("not one of the words"))
    }
}

macro_rules! choice {
    ($name:ident { $($word:literal => $variant:ident,)+ }) => {
        impl Choice for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];
            const VALUES: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

/// The platform's environment that a worker belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Production,
    Staging,
    /// A developer's machine.
    Dev,
}

/// What a store is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    S3,
    Directory,
}

choice! { Environment { "production" => Production, "staging" => Staging, "dev" => Dev, } }
choice! { StoreKind { "s3" => S3, "directory" => Directory, } }
choice! { Preference { "auto" => Auto, "gpu" => Gpu, "cpu" => Cpu, } }
choice! { HttpRule { "never" => Never, "loopback" => Loopback, "everywhere" => Everywhere, } }
choice! { Dialect { "r2" => R2, "b2" => B2, "plain" => Plain, } }
choice! { Processor { "cpu" => Cpu, "gpu" => Gpu, } }
choice! { BuiltIn { "codex" => Codex, "codex-lean" => CodexLean, } }
choice! { DeclaredKind { "video" => Video, "audio" => Audio, } }
