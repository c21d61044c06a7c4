//! Settings that are one of a few words.

use storage::s3::Dialect;

/// One of a few words, each with a meaning.
pub trait Choice: Copy + 'static {
    /// The words, as they are written.
    const WORDS: &'static [&'static str];
    /// The meanings, in the order of the words.
    const ALL: &'static [Self];

    /// What a word means.
    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().zip(Self::ALL).find(|(known, _)| **known == word).map(|(_, &meaning)| meaning)
    }
}

/// Declares an enum together with the words for it, so that each word is written once.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$meaning])* $variant,)+ }

        impl $crate::settings::choice::Choice for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }
    };
}

choice! {
    /// Which of the platform's environments a worker belongs to.
    Environment {
        /// The one that viewers use.
        Production = "production",
        /// The rehearsal of it.
        Staging = "staging",
        /// Work on one's own machine.
        Dev = "dev",
    }
}

choice! {
    /// What to encode video on.
    EncoderSetting {
        /// As the policy prefers.
        Auto = "auto",
        /// The GPU, or fail.
        Gpu = "gpu",
        /// The CPU.
        Cpu = "cpu",
    }
}

choice! {
    /// Which webhooks may go out over plain http.
    AllowHttp {
        /// None.
        Never = "never",
        /// Those to this machine.
        Loopback = "loopback",
        /// All.
        Everywhere = "everywhere",
    }
}

choice! {
    /// What stands behind the name of a store.
    StoreKind {
        /// A bucket that speaks S3.
        S3 = "s3",
        /// A folder of this machine.
        Directory = "directory",
    }
}

impl Choice for Dialect {
    const WORDS: &'static [&'static str] = &["r2", "b2", "plain"];
    const ALL: &'static [Self] = &[Self::R2, Self::B2, Self::Plain];
}
