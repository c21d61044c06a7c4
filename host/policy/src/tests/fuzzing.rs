//! Fuzz targets of what names and describes a policy.

use serde_json::Value;
use storage::Key;

use crate::limits::{IMPORTS, TABLE};
use crate::signature::{self, PublicKey};
use crate::{Deployment, Limits, Manifest, PolicyLocation};

/// A location has no credentials, and one in a store is written as it reads.
pub fn policy_location(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(location) = PolicyLocation::parse(&text) else { return };
    let written = location.to_string();
    match &location {
        PolicyLocation::Url(url) => {
            assert!(matches!(url.scheme(), "https" | "http"));
            assert!(url.username().is_empty() && url.password().is_none());
            assert_eq!(location.plain_http().is_some(), url.scheme() == "http");
            assert!(!written.contains('?'), "{written}");
        }
        PolicyLocation::Object { .. } => assert_eq!(PolicyLocation::parse(&written), Ok(location)),
        PolicyLocation::BuiltIn(_) | PolicyLocation::Component(_) | PolicyLocation::File(_) => {}
    }
}

/// A manifest is written as it reads, its limits are under the host's caps, and no text is a signature.
pub fn policy_manifest(bytes: &[u8]) {
    let _ = PublicKey::parse(&String::from_utf8_lossy(bytes));
    let Ok(deployment) = Deployment::parse(bytes) else { return };
    if serde_json::from_slice(bytes).is_ok_and(|document| is_exact(&document)) {
        assert_eq!(Deployment::parse(deployment.to_json().as_bytes()).as_ref(), Ok(&deployment));
    }
    let canary = deployment.canary.iter().map(|canary| &canary.manifest);
    for manifest in [&deployment.current].into_iter().chain(canary).chain(&deployment.previous) {
        check(manifest);
    }
}

/// Whether all numbers are whole. Of others serde_json may miss the last bit.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn check(manifest: &Manifest) {
    assert!(Key::parse(&manifest.module).is_ok());
    if let Ok(limits) = Limits::from_json(&manifest.limits) {
        assert!(TABLE.iter().all(|spec| limits.get(spec.limit) <= spec.cap));
        assert!(IMPORTS.iter().zip(limits.import_calls).all(|(import, calls)| calls <= import.cap));
    }
    // That of the author of minisign, who has signed none of these.
    let key = PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
    let keys: Vec<PublicKey> = key.into_iter().collect();
    assert!(!keys.is_empty());
    let text = manifest.signature.as_deref().unwrap_or_default();
    assert!(signature::verify(&keys, manifest.module.as_bytes(), text).is_err());
}

#[cfg(test)]
mod tests {
    #[test]
    fn locations_of_any_bytes() {
        fuzz_smoke::run("policy_location", super::policy_location);
    }

    #[test]
    fn manifests_of_any_bytes() {
        fuzz_smoke::run("policy_manifest", super::policy_manifest);
    }
}
