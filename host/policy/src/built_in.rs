//! The policies that are part of the program.

use sha2::{Digest as _, Sha256};

use crate::manifest::Manifest;

/// A policy that is part of the program. It needs no signature: whoever trusts the program trusts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuiltIn {
    /// The default policy, which implements contract 1 of the platform.
    #[default]
    Codex,
    /// Makes less, for platforms whose messages are those of the worker before.
    CodexLean,
}

impl BuiltIn {
    pub const ALL: [Self; 2] = [Self::Codex, Self::CodexLean];

    /// Its name in settings and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::CodexLean => "codex-lean",
        }
    }

    /// The one of this name. The default policy is also called `built-in`.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "built-in" { Self::default().name() } else { name };
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Its component.
    pub fn component(self) -> &'static [u8] {
        match self {
            Self::Codex => crate::DEFAULT,
            Self::CodexLean => include_bytes!(concat!(env!("OUT_DIR"), "/codex-lean-policy.wasm")),
        }
    }

    /// Its manifest, as if it were shipped.
    pub fn manifest(self) -> Manifest {
        Manifest {
            name: format!("{} (built in)", self.name()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            module: format!("{}.wasm", self.name()),
            sha256: hex::encode(Sha256::digest(self.component())),
            ..Manifest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_component_of_its_own() {
        for policy in BuiltIn::ALL {
            assert_eq!(BuiltIn::named(policy.name()), Some(policy));
        }
        assert_eq!(BuiltIn::named("built-in"), Some(BuiltIn::Codex));
        assert_eq!(BuiltIn::named("codex.wasm"), None);
        assert_ne!(BuiltIn::Codex.component(), BuiltIn::CodexLean.component());
    }
}
