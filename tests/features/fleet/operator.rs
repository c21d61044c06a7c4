//! An operator's commands about the policies of an environment whose place is in a bucket.

use serde_json::Value;
use testkit::platform::{Gone, Platform, Worker};

use super::{Folder, command, manifest, variant};

pub const PLACE: &str = "media:.codex/policies";
const MANIFEST: &str = ".codex/policies/policy.json";

pub struct Operator {
    pub platform: Platform,
    /// What an author hands over.
    pub author: Folder,
}

impl Operator {
    pub fn new() -> Self {
        Self { platform: Platform::default(), author: Folder::new() }
    }

    pub fn policy(&self, arguments: &[&str]) -> Gone {
        Worker::start(command(&self.platform, &[&["policy"], arguments].concat(), PLACE)).wait()
    }

    /// Hands over a module and activates it.
    pub fn ship(&self, manifest: &Value, module: &[u8], further: &[&str]) -> Gone {
        self.author.ship(manifest, module);
        self.policy(&[&["activate", self.author.path().to_str().unwrap()], further].concat())
    }

    /// The same with a version of the built-in policy.
    pub fn activate(&self, version: u8, further: &[&str]) -> Gone {
        let module = variant(version);
        self.ship(&manifest(&version.to_string(), &module), &module, further)
    }

    pub fn deployed(&self) -> Value {
        serde_json::from_slice(&self.platform.media.object(MANIFEST).unwrap()).unwrap()
    }
}

#[track_caller]
pub fn done(gone: &Gone) {
    assert!(gone.status.success(), "{}{}", gone.stdout, gone.log);
}
