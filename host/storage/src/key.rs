//! Object keys, validated when they are made.

use std::fmt;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use serde::{Deserialize, Serialize};

use super::escaped;
use super::local::UNFINISHED;

/// In bytes. Webhook receivers store keys of up to 500 characters.
const MAX_BYTES: usize = 512;

/// Begins the first segment of the host's own records. Creator ids have no dot, so no creator's prefix collides with it.
pub const RESERVED: &str = ".codex";

/// An object's name: segments separated by `/`. Safe as a path below a folder, and in a URL if it is
/// [plain](Self::plain).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` can't be the name of an object: {reason}")]
pub struct BadKey {
    /// Escaped and shortened.
    pub text: String,
    pub reason: &'static str,
}

impl Key {
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let reason = if text.is_empty() {
            Some("it is empty")
        } else if text.len() > MAX_BYTES {
            Some("it is longer than 512 bytes")
        } else if text.chars().any(char::is_control) {
            Some("it has a control character")
        } else if text.chars().any(is_invisible) {
            Some("it has an invisible character that changes how text is displayed")
        } else if text.contains('\\') {
            Some(r"it has a \")
        } else if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            Some("it has an empty segment, `.` or `..`")
        } else {
            None
        };
        match reason {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(BadKey { text: escaped(text, 80), reason }),
        }
    }

    /// The key, if it means the same in a URL. Originals have the names that people gave them; what we write is plain.
    pub fn plain(self) -> Result<Self, BadKey> {
        if self.0.contains(['?', '#', '%']) {
            return Err(BadKey { text: escaped(&self.0, 80), reason: "it has one of ? # %" });
        }
        Ok(self)
    }

    /// The key with case, Unicode normal form and compatibility forms folded away. Keys with the same folded form look
    /// alike to a person, and are the same file on a case-insensitive or normalising file system.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Whether the key is reserved for the host: a segment begins with [`RESERVED`], or with [`UNFINISHED`] as the
    /// temporary files of a directory store do, in any case or normal form.
    pub fn is_reserved(&self) -> bool {
        let folded = self.folded();
        folded.split('/').any(|segment| segment.starts_with(RESERVED) || segment.starts_with(UNFINISHED))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the object `name` in the same folder.
    pub fn sibling(&self, name: &str) -> Result<Self, BadKey> {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => Self::parse(&format!("{folder}/{name}")),
            None => Self::parse(name),
        }
    }

    /// Whether both objects are in the same folder.
    pub fn is_beside(&self, other: &Key) -> bool {
        let folder = |key: &Key| key.0.rsplit_once('/').map_or(0, |(folder, _)| folder.len());
        self.0.get(..folder(self)) == other.0.get(..folder(other))
    }

    /// The relative path by which a playlist at this key refers to `other`.
    pub fn relative(&self, other: &Key) -> String {
        let mine: Vec<&str> = self.0.split('/').collect();
        let theirs: Vec<&str> = other.0.split('/').collect();
        let folders = mine.len().saturating_sub(1);
        let shared =
            mine.iter().zip(&theirs).take(folders.min(theirs.len().saturating_sub(1))).take_while(|(a, b)| a == b);
        let shared = shared.count();
        let up = std::iter::repeat_n("..", folders - shared);
        let down = theirs.iter().skip(shared).copied();
        up.chain(down).collect::<Vec<_>>().join("/")
    }

    /// By file extension.
    pub fn content_type(&self) -> &'static str {
        match self.0.rsplit_once('.').map(|(_, ending)| ending) {
            Some("m3u8") => "application/vnd.apple.mpegurl",
            Some("mpd") => "application/dash+xml",
            Some("ts") => "video/mp2t",
            Some("m4s" | "mp4") => "video/mp4",
            Some("json") => "application/json",
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("vtt") => "text/vtt; charset=utf-8",
            Some("webp") => "image/webp",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        }
    }
}

/// Format characters (such as bidirectional overrides) and line separators. The two joiners are allowed because emoji and
/// several scripts need them; [`fold`] ignores them.
fn is_invisible(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let breaks = matches!(
        category,
        GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
    );
    breaks && !JOINERS.contains(&c)
}

/// Zero width non-joiner and joiner.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// NFKD, then full case folding by way of upper case (`ß` and `ẞ` equal `SS`, `ς` equals `Σ`), then NFKD again.
fn fold(text: &str) -> String {
    let nfkd = DecomposingNormalizerBorrowed::new_nfkd();
    let decomposed = nfkd.normalize_iter(text.chars().filter(|c| !JOINERS.contains(c)));
    // Upper case alone would leave `ẞ` as it is.
    let cased = decomposed.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    nfkd.normalize_iter(cased).collect()
}

impl TryFrom<String> for Key {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        Self::parse(&text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\u{7f}"] {
            assert!(Key::parse(bad).is_err(), "{bad:?} was taken");
        }
        assert!(Key::parse(&"k".repeat(513)).is_err());
        assert_eq!(Key::parse("u1/hls/m1/master.m3u8").unwrap().as_str(), "u1/hls/m1/master.m3u8");
    }

    #[test]
    fn characters_that_mean_something_in_a_url_are_not_plain() {
        for name in ["u/originals/m/Take #3.mp4", "u/100%.mov", "u/what?.mp4"] {
            let key = Key::parse(name).unwrap();
            assert_eq!(key.as_str(), name);
            assert!(key.plain().unwrap_err().to_string().contains("? # %"));
        }
        assert!(Key::parse("u/hls/m/master.m3u8").unwrap().plain().is_ok());
    }

    #[test]
    fn characters_that_change_how_a_name_is_displayed_are_refused() {
        for bad in ["a/\u{202e}gpj.exe", "a/\u{200b}b", "a/\u{feff}b", "a/\u{2066}b", "a/\u{2028}b", "a/\u{ad}b"] {
            assert!(Key::parse(bad).is_err(), "{bad:?} was taken");
        }
        for good in
            ["u/originals/m/\u{1f468}\u{200d}\u{1f469}.mp4", "u/\u{645}\u{6cc}\u{200c}\u{62e}.mp4", "u/\u{df}.ts"]
        {
            assert!(Key::parse(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn reserved_keys_are_known_in_any_case_and_normal_form() {
        let reserved = |text: &str| Key::parse(text).unwrap().is_reserved();
        for text in [
            ".codex/jobs/u/j.json",
            "u/.codex/jobs/j.json",
            "u/.CODEX/x",
            "u/a/.Codex-other",
            "u/\u{ff0e}codex/x",
            "u/.\u{217d}odex/x",
            "u/.c\u{200d}odex/x",
            "u/\u{2024}codex/x",
            "u/.code\u{1e8b}/x",
            "u/a/.unfinished-1234-index.m3u8",
        ] {
            assert!(reserved(text), "{text:?} is not reserved");
        }
        for text in ["u/codex/x", "u/a.codex/x", "u/.code/x", "u/hls/m/master.m3u8"] {
            assert!(!reserved(text), "{text:?} is reserved");
        }
    }

    #[test]
    fn keys_that_differ_in_case_or_normal_form_alone_fold_to_one() {
        let folded = |text: &str| Key::parse(text).unwrap().folded();
        for (one, other) in [
            ("u/A.ts", "u/a.ts"),
            ("u/\u{e9}", "u/e\u{301}"),
            ("u/\u{fb01}", "u/fi"),
            ("u/STRASSE", "u/stra\u{df}e"),
            ("u/STRASSE", "u/STRA\u{1e9e}E"),
            ("u/\u{3c3}\u{3c2}", "u/\u{3a3}\u{3a3}"),
            ("u/a\u{200d}b", "u/ab"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} and {other:?}");
        }
        assert_ne!(folded("u/a"), folded("u/b"));
    }

    #[test]
    fn a_refusal_escapes_control_characters() {
        assert!(Key::parse("a\u{1b}[2Jb").unwrap_err().to_string().contains(r"\u{1b}[2J"));
    }

    #[test]
    fn objects_are_neighbours_by_their_folder_alone() {
        let beside = |one: &str, other: &str| Key::parse(one).unwrap().is_beside(&Key::parse(other).unwrap());
        assert!(beside("u/a/x.ts", "u/a/y.ts") && beside("x", "y"));
        assert!(!beside("u/a/x.ts", "u/b/x.ts") && !beside("u/a", "u/a/b") && !beside("u/ab/x", "u/a/x"));
    }

    #[test]
    fn playlists_name_their_neighbours_relatively() {
        let relative = |from: &str, to: &str| Key::parse(from).unwrap().relative(&Key::parse(to).unwrap());
        assert_eq!(relative("u/hls/m/master.m3u8", "u/hls/m/720p/index.m3u8"), "720p/index.m3u8");
        assert_eq!(relative("u/hls/m/720p/index.m3u8", "u/hls/m/720p/s-0.ts"), "s-0.ts");
        assert_eq!(relative("u/a/master.m3u8", "u/b/index.m3u8"), "../b/index.m3u8");
        assert_eq!(relative("master.m3u8", "index.m3u8"), "index.m3u8");
        assert_eq!(relative("a/b", "a"), "../a");
    }

    #[test]
    fn folding_a_second_time_changes_nothing() {
        for c in '\0'..=char::MAX {
            let once = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&once), once, "{c:?}");
        }
    }

    fn arbitrary_key() -> impl Strategy<Value = Key> {
        let segment = prop_oneof![
            "[a-zA-Z0-9._-]{1,8}",
            "\\PC{1,6}",
            "(?i)\\.codex[a-z-]{0,3}",
            "(?i)\\.unfinished-[0-9]{0,3}",
            Just("a".to_owned()),
        ];
        let text = proptest::collection::vec(segment, 1..5).prop_map(|segments| segments.join("/"));
        text.prop_filter_map("not a key", |text| Key::parse(&text).ok())
    }

    /// What a URL parser makes of a relative reference.
    fn resolve(base: &Key, reference: &str) -> String {
        let mut segments: Vec<&str> = base.as_str().split('/').collect();
        segments.pop();
        for segment in reference.split('/') {
            if segment == ".." {
                segments.pop().expect("it leaves the store");
            } else {
                segments.push(segment);
            }
        }
        segments.join("/")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_text_is_refused_or_kept_as_it_is(text in any::<String>()) {
            match Key::parse(&text) {
                Ok(key) => prop_assert_eq!(key.as_str(), text),
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
        }

        #[test]
        fn relative_references_lead_back_to_the_key(from in arbitrary_key(), to in arbitrary_key()) {
            prop_assert_eq!(resolve(&from, &from.relative(&to)), to.as_str());
        }

        #[test]
        fn a_key_stays_below_the_folder_that_it_is_joined_to(key in arbitrary_key()) {
            let path = std::path::Path::new("/root").join(key.as_str());
            let is_plain = |part| matches!(part, std::path::Component::Normal(_));
            prop_assert!(path.strip_prefix("/root").unwrap().components().all(is_plain));
            prop_assert_eq!(path.strip_prefix("/root").unwrap().to_str(), Some(key.as_str()));
        }

        #[test]
        fn siblings_are_in_the_same_folder(key in arbitrary_key(), name in "[a-z0-9.-]{1,8}") {
            if let Ok(sibling) = key.sibling(&name) {
                prop_assert!(sibling.is_beside(&key));
            }
        }

        #[test]
        fn folding_is_idempotent_and_ignores_case(key in arbitrary_key()) {
            let folded = key.folded();
            prop_assert_eq!(&fold(&folded), &folded);
            prop_assert_eq!(&fold(&key.as_str().to_uppercase()), &folded);
            prop_assert_eq!(&fold(&key.as_str().to_lowercase()), &folded);
        }

        #[test]
        fn reserved_keys_are_reserved_in_any_case(key in arbitrary_key()) {
            for other in [key.as_str().to_uppercase(), key.as_str().to_lowercase()] {
                if let Ok(other) = Key::parse(&other) {
                    prop_assert_eq!(other.is_reserved(), key.is_reserved(), "{} and {}", other, key);
                }
            }
        }

        #[test]
        fn a_reserved_segment_reserves_the_key_wherever_it_is(
            before in arbitrary_key(), segment in "(?i)(\\.codex|\\.unfinished-)[a-z]{0,3}", after in arbitrary_key(),
        ) {
            for text in [format!("{before}/{segment}"), format!("{segment}/{after}"), format!("{before}/{segment}/{after}")] {
                prop_assert!(Key::parse(&text).unwrap().is_reserved(), "{}", text);
            }
        }
    }
}
