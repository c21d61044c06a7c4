//! The fuzz target of object keys, which come from jobs, policies and stores.

use std::path::{Component, Path};

use crate::{Destination, Key, Scope};

/// Two keys, one a line. None leaves its folder, in a path or in a playlist.
pub fn storage_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, other) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(key) = Key::parse(text) else { return };
    assert_eq!(key.as_str(), text);
    assert!(Path::new(text).components().all(|part| matches!(part, Component::Normal(_))), "{text:?}");
    assert_eq!(Path::new(text).components().count(), text.split('/').count(), "{text:?}");

    let scope = Scope { creator: "u", stores: &["media".to_owned()] };
    if scope.check(&Destination { store: "media".to_owned(), key: key.clone() }).is_ok() {
        assert!(text.starts_with("u/") && !key.is_reserved());
    }
    if let Ok(beside) = key.sibling(other) {
        assert_eq!(key.is_beside(&beside), !other.contains('/'));
    }
    if let Ok(other) = Key::parse(other) {
        assert_eq!(resolved(text, &key.relative(&other)), other.as_str());
    }
}

/// What a player makes of a relative path in the playlist `from`.
fn resolved(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_of_any_bytes() {
        fuzz_smoke::run("storage_key", super::storage_key);
    }
}
