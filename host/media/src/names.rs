//! The names of segments in a store.

use crate::graph::STREAM;

/// The name of a segment: the rung's stem, the publication's name, and the name that ffmpeg gave it. Of a file that holds
/// all segments, only the ending.
pub fn segment_name(stem: &str, publication: &str, file: &str) -> String {
    let prefix = segment_prefix(stem, publication);
    match file.split_once('.') {
        Some((STREAM, ending)) => format!("{prefix}.{ending}"),
        _ => format!("{prefix}-{file}"),
    }
}

/// The beginning of the names of all segments of a rung in a publication. A playlist that contains it is of that publication.
pub fn segment_prefix(stem: &str, publication: &str) -> String {
    format!("{stem}-{publication}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_the_names_of_its_rung_and_its_publication() {
        assert_eq!(segment_name("720p", "abc", "00017.ts"), "720p-abc-00017.ts");
        assert_eq!(segment_name("720p", "abc", "init.mp4"), "720p-abc-init.mp4");
        assert_eq!(segment_name("stream", "abc", "stream.ts"), "stream-abc.ts");
        for file in ["00017.ts", "stream.m4s"] {
            assert!(segment_name("720p", "abc", file).starts_with(&segment_prefix("720p", "abc")), "{file}");
        }
    }
}
