//! Reading playlists as a player does, with code of its own: the host's reader must not vouch for its writer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A rendition as a master playlist lists it.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its media playlist.
    pub path: PathBuf,
    attributes: BTreeMap<String, String>,
}

impl Variant {
    /// The name of its folder, which is the rung's.
    pub fn name(&self) -> String {
        self.path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// An attribute without its quotes.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// An attribute that is a number.
    pub fn number(&self, name: &str) -> f64 {
        self.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

/// A media playlist.
#[derive(Clone, Debug)]
pub struct Media {
    /// EXT-X-TARGETDURATION.
    pub target: u64,
    /// EXT-X-PLAYLIST-TYPE.
    pub kind: Option<String>,
    /// Whether it ends.
    pub ended: bool,
    /// Seconds and file of each segment.
    pub segments: Vec<(f64, PathBuf)>,
}

impl Media {
    /// Seconds of all segments.
    pub fn duration(&self) -> f64 {
        self.segments.iter().map(|(seconds, _)| seconds).sum()
    }

    /// Bits per second of each segment, and over all of them.
    pub fn rates(&self) -> (Vec<f64>, f64) {
        let bits = |path: &PathBuf| fs::metadata(path).unwrap().len() as f64 * 8.0;
        let each = self.segments.iter().map(|(seconds, path)| bits(path) / seconds).collect();
        (each, self.segments.iter().map(|(_, path)| bits(path)).sum::<f64>() / self.duration())
    }
}

/// The renditions of a master playlist, in its order.
pub fn master(path: &Path) -> Vec<Variant> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    let mut variants = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let path = path.with_file_name(lines.next().unwrap());
            variants.push(Variant { path, attributes: attributes(list) });
        }
    }
    variants
}

/// A media playlist.
pub fn media(path: &Path) -> Media {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag)?.strip_prefix(':'));
    let mut segments = Vec::new();
    let mut seconds = None;
    for line in text.lines() {
        if let Some(duration) = line.strip_prefix("#EXTINF:") {
            seconds = duration.trim_end_matches(',').parse().ok();
        } else if !line.starts_with('#') {
            segments.push((seconds.take().unwrap(), path.with_file_name(line)));
        }
    }
    Media {
        target: value("#EXT-X-TARGETDURATION").unwrap().parse().unwrap(),
        kind: value("#EXT-X-PLAYLIST-TYPE").map(str::to_owned),
        ended: text.lines().any(|line| line == "#EXT-X-ENDLIST"),
        segments,
    }
}

/// Everything that a viewer who has a master playlist will ask for, itself included.
pub fn reachable(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    for variant in master(path) {
        all.extend(media(&variant.path).segments.into_iter().map(|(_, segment)| segment));
        all.push(variant.path);
    }
    all
}

/// `A=1,B="x,y"`: commas inside quotes part nothing.
fn attributes(list: &str) -> BTreeMap<String, String> {
    let mut quoted = false;
    let parts = list.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}
