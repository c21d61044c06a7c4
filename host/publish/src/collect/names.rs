//! Names of segments, and the names of publications in a text.

use std::collections::HashSet;

use storage::Key;

use crate::{NAME_LENGTH, is_publication_name};

/// Of segments in their containers, and of subtitles.
const ENDINGS: [&str; 4] = ["ts", "m4s", "mp4", "vtt"];

/// The folder of a creator that holds uploads under the names that people gave them.
const ORIGINALS: &str = "originals";

/// A publication's name as a number: its hex digits fit, and a bucket may have millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Publication(u64);

impl Publication {
    fn parse(name: &str) -> Option<Self> {
        is_publication_name(name).then(|| u64::from_str_radix(name, 16).ok().map(Self))?
    }
}

/// The segment that a key names: the prefix of all segments of its rung in its publication, and the publication.
/// `None` for everything else, above all for whatever the host didn't name itself.
pub(super) fn segment(key: &Key) -> Option<(&str, Publication)> {
    if !may_be_published(key) {
        return None;
    }
    let text = key.as_str();
    let (folder, file) = text.rsplit_once('/')?;
    let (name, ending) = file.rsplit_once('.')?;
    if !ENDINGS.contains(&ending) {
        return None;
    }
    // `{stem}-{publication}` where a file holds all segments, else with `-{number}` behind it.
    let prefix_of = |stem_and_publication: &str| {
        let (stem, publication) = stem_and_publication.rsplit_once('-')?;
        let publication = Publication::parse(publication)?;
        let length = folder.len() + 1 + stem_and_publication.len();
        (!stem.is_empty()).then_some((text.get(..length)?, publication))
    };
    let numbered = name.rsplit_once('-').filter(|(_, number)| is_plain(number)).and_then(|(rest, _)| prefix_of(rest));
    numbered.or_else(|| prefix_of(name))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether it is a playlist or a manifest: something that names segments.
pub(super) fn is_manifest(key: &Key) -> bool {
    let ending = key.as_str().rsplit_once('.').map(|(_, ending)| ending);
    may_be_published(key) && matches!(ending, Some("m3u8" | "mpd"))
}

fn may_be_published(key: &Key) -> bool {
    !key.is_reserved() && key.as_str().split('/').nth(1) != Some(ORIGINALS)
}

/// Adds every publication whose name is in a text, wherever it stands. A number of twelve digits counts too: what is
/// taken for a name only keeps objects.
pub(super) fn named_in(text: &[u8], found: &mut HashSet<Publication>) {
    let words = text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| word.len() == NAME_LENGTH);
    found.extend(words.filter_map(|word| Publication::parse(std::str::from_utf8(word).ok()?)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(key: &str) -> Option<String> {
        segment(&Key::parse(key).unwrap()).map(|(prefix, _)| prefix.to_owned())
    }

    #[test]
    fn segments_are_known_by_the_names_that_the_host_gives_them() {
        for (key, expected) in [
            ("u/hls/m/720p/720p-0123456789ab-00017.ts", Some("u/hls/m/720p/720p-0123456789ab")),
            ("u/hls/m/720p/720p-0123456789ab-init.mp4", Some("u/hls/m/720p/720p-0123456789ab")),
            ("u/hls/m/source/stream-0123456789ab.ts", Some("u/hls/m/source/stream-0123456789ab")),
            ("u/hls/m/a b/my-rung-0123456789ab-00001.m4s", Some("u/hls/m/a b/my-rung-0123456789ab")),
            ("u/hls/m/720p/720p-aaaaaaaaaaaa-bbbbbbbbbbbb.ts", Some("u/hls/m/720p/720p-aaaaaaaaaaaa")),
            ("u/hls/m/720p/index.m3u8", None),
            ("u/hls/m/720p/720p-0123456789ab-00017.jpg", None),
            ("u/hls/m/720p/720p-0123456789AB-00017.ts", None),
            ("u/hls/m/720p/720p-0123456789a-00017.ts", None),
            ("u/hls/m/720p/-0123456789ab.ts", None),
            ("u/originals/m/clip-0123456789ab-00001.mp4", None),
            (".codex/u/clip-0123456789ab-00001.mp4", None),
            ("720p-0123456789ab-00017.ts", None),
        ] {
            assert_eq!(prefix(key).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn a_publication_is_found_wherever_a_manifest_names_it() {
        for text in [
            "#EXTINF:6,\n720p-0123456789ab-00017.ts\n",
            "#EXT-X-MAP:URI=\"720p-0123456789ab-init.mp4\"",
            "<SegmentTemplate media=\"720p/720p-0123456789ab-$Number%05d$.m4s\"/>",
            "stream-0123456789ab.ts",
            r#"{"publication":"0123456789ab"}"#,
        ] {
            let mut found = HashSet::new();
            named_in(text.as_bytes(), &mut found);
            assert!(found.contains(&Publication::parse("0123456789ab").unwrap()), "{text}");
        }
        let mut found = HashSet::new();
        named_in(b"720p-0123456789a-1.ts x0123456789ab \xff 0123456789abc", &mut found);
        assert!(found.is_empty());
    }
}
