//! What segments are called in a store.

use crate::graph::STREAM;

/// What a segment is called: the rung's stem, the publication's name, and what ffmpeg called it; of a file with all
/// segments in it only the ending.
pub fn segment_name(stem: &str, publication: &str, file: &str) -> String {
    let prefix = segment_prefix(stem, publication);
    match file.split_once('.') {
        Some((STREAM, ending)) => format!("{prefix}.{ending}"),
        _ => format!("{prefix}-{file}"),
    }
}

/// What the names of all segments of a rung in a publication begin with. A playlist with this in it is of that
/// publication.
pub fn segment_prefix(stem: &str, publication: &str) -> String {
    format!("{stem}-{publication}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_by_rung_publication_and_number_and_one_file_for_all_by_its_ending() {
        assert_eq!(segment_name("720p", "abc", "00017.ts"), "720p-abc-00017.ts");
        assert_eq!(segment_name("720p", "abc", "init.mp4"), "720p-abc-init.mp4");
        assert_eq!(segment_name("stream", "abc", "stream.ts"), "stream-abc.ts");
        for file in ["00017.ts", "stream.m4s"] {
            assert!(segment_name("720p", "abc", file).starts_with(&segment_prefix("720p", "abc")), "{file}");
        }
    }
}
