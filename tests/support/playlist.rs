//! Reading playlists as a player does, with code of its own: the host's reader must not vouch for its writer.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A rendition as a master playlist lists it.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its media playlist.
    pub path: PathBuf,
    attributes: Attributes,
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
    /// Which bytes of its file each segment is; none for all of them.
    pub ranges: Vec<Option<Range<usize>>>,
    /// EXT-X-MAP, and which bytes of its file it is; none for all of them.
    pub map: Option<(PathBuf, Option<Range<usize>>)>,
    /// The segments that begin behind an EXT-X-DISCONTINUITY.
    pub breaks: Vec<usize>,
    /// Every line that is a tag, with its value.
    pub tags: Vec<String>,
}

impl Media {
    /// Seconds of all segments.
    pub fn duration(&self) -> f64 {
        self.segments.iter().map(|(seconds, _)| seconds).sum()
    }

    /// Bits per second of each segment, and over all of them.
    pub fn rates(&self) -> (Vec<f64>, f64) {
        let bits: Vec<f64> = (0..self.segments.len()).map(|number| self.size(number) as f64 * 8.0).collect();
        let each = self.segments.iter().zip(&bits).map(|((seconds, _), bits)| bits / seconds).collect();
        (each, bits.iter().sum::<f64>() / self.duration())
    }

    /// The bytes of a segment.
    pub fn bytes(&self, number: usize) -> Vec<u8> {
        part(&self.segments[number].1, self.ranges[number].as_ref())
    }

    /// How many bytes a segment has.
    pub fn size(&self, number: usize) -> u64 {
        let whole = || fs::metadata(&self.segments[number].1).map_or(0, |found| found.len());
        self.ranges[number].as_ref().map_or_else(whole, |range| range.len() as u64)
    }

    /// The bytes of the map; none where there is none.
    pub fn map_bytes(&self) -> Vec<u8> {
        self.map.as_ref().map_or(Vec::new(), |(path, range)| part(path, range.as_ref()))
    }

    /// Whether it has a tag, with or without a value.
    pub fn has(&self, tag: &str) -> bool {
        self.values(tag).next().is_some()
    }

    /// The values of every tag of a name; empty ones where it has none.
    pub fn values<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        self.tags.iter().filter_map(move |line| match line.strip_prefix(tag)? {
            "" => Some(""),
            rest => rest.strip_prefix(':'),
        })
    }

    /// The attributes of every tag of a name.
    pub fn attributes(&self, tag: &str) -> Vec<Attributes> {
        self.values(tag).map(attributes).collect()
    }

    /// The only file, asserting that the segments are its parts, one after the other, and nothing else is in it.
    #[track_caller]
    pub fn only_file(&self) -> &Path {
        let file = &self.segments[0].1;
        let mut end = 0;
        for ((_, path), range) in self.segments.iter().zip(&self.ranges) {
            let range = range.clone().unwrap_or_else(|| panic!("a segment of {} has no byte range", path.display()));
            assert_eq!((path, range.start), (file, end), "{:?}", self.ranges);
            end = range.end;
        }
        assert_eq!(end as u64, fs::metadata(file).unwrap().len(), "the ranges don't add up to {}", file.display());
        file
    }
}

/// All of a file, or a range of it.
fn part(path: &Path, range: Option<&Range<usize>>) -> Vec<u8> {
    let whole = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match range {
        None => whole,
        Some(range) => whole.get(range.clone()).unwrap_or_else(|| panic!("{range:?} of {}", path.display())).to_vec(),
    }
}

/// The attributes of a tag by their names, without quotes.
pub type Attributes = BTreeMap<String, String>;

/// The renditions of a master playlist, in its order.
pub fn master(path: &Path) -> Vec<Variant> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    let mut variants = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let path = path.with_file_name(unescaped(lines.next().unwrap()));
            variants.push(Variant { path, attributes: attributes(list) });
        }
    }
    variants
}

/// The I-frame playlists of a master playlist, in its order.
pub fn iframes(path: &Path) -> Vec<Variant> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lists = text.lines().filter_map(|line| line.strip_prefix("#EXT-X-I-FRAME-STREAM-INF:")).map(attributes);
    lists.map(|attributes| Variant { path: path.with_file_name(unescaped(&attributes["URI"])), attributes }).collect()
}

/// Every EXT-X-MEDIA of a master playlist, in its order.
pub fn media_tags(path: &Path) -> Vec<Attributes> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter_map(|line| line.strip_prefix("#EXT-X-MEDIA:")).map(attributes).collect()
}

/// The renditions of sound and text that are playlists of their own, in the order of the master playlist.
pub fn renditions(path: &Path) -> Vec<Variant> {
    let of_own = |attributes: Attributes| {
        let path = path.with_file_name(unescaped(attributes.get("URI")?));
        Some(Variant { path, attributes })
    };
    media_tags(path).into_iter().filter_map(of_own).collect()
}

/// A path of a playlist, in which all but plain characters are escaped.
fn unescaped(uri: &str) -> String {
    percent_encoding::percent_decode_str(uri).decode_utf8().unwrap().into_owned()
}

/// A media playlist.
pub fn media(path: &Path) -> Media {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag)?.strip_prefix(':'));
    let mut segments = Vec::new();
    let (mut ranges, mut breaks) = (Vec::new(), Vec::new());
    let (mut seconds, mut range) = (None, None);
    for line in text.lines() {
        if let Some(duration) = line.strip_prefix("#EXTINF:") {
            seconds = duration.trim_end_matches(',').parse().ok();
        } else if let Some(bytes) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            range = Some(byte_range(bytes));
        } else if line == "#EXT-X-DISCONTINUITY" {
            breaks.push(segments.len());
        } else if !line.starts_with('#') {
            segments.push((seconds.take().unwrap(), path.with_file_name(unescaped(line))));
            ranges.push(range.take());
        }
    }
    Media {
        target: value("#EXT-X-TARGETDURATION").unwrap().parse().unwrap(),
        kind: value("#EXT-X-PLAYLIST-TYPE").map(str::to_owned),
        ended: text.lines().any(|line| line == "#EXT-X-ENDLIST"),
        segments,
        ranges,
        map: value("#EXT-X-MAP").map(attributes).map(|map| {
            let range = map.get("BYTERANGE").map(|range| byte_range(range));
            (path.with_file_name(unescaped(&map["URI"])), range)
        }),
        breaks,
        tags: text.lines().filter(|line| line.starts_with("#EXT")).map(str::to_owned).collect(),
    }
}

/// `length@start`.
fn byte_range(text: &str) -> Range<usize> {
    let (length, start) = text.split_once('@').unwrap();
    let (length, start): (usize, usize) = (length.parse().unwrap(), start.parse().unwrap());
    start..start + length
}

/// Everything that a viewer who has a master playlist will ask for, itself included.
pub fn reachable(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    for variant in master(path).into_iter().chain(iframes(path)).chain(renditions(path)) {
        all.extend(media(&variant.path).segments.into_iter().map(|(_, segment)| segment));
        all.push(variant.path);
    }
    all
}

/// `A=1,B="x,y"`: commas inside quotes part nothing.
fn attributes(list: &str) -> Attributes {
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
