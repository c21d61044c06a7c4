//! DASH manifests, held against the standard (ISO/IEC 23009-1) and against the HLS playlists of the same segments.
//!
//! What a grammar can say is in `tests/schema/mpd.xsd`, which xmllint holds a manifest against. What it can't say is here:
//! whether times add up, whether files are there, and whether players of HLS are told the same.

mod segments;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use segments::Segments;
use xml::Element;

use crate::authoring::Breach;
use crate::playlist::{self, Variant};
use crate::workspace;

/// The values of the scheme of roles, urn:mpeg:dash:role:2011 (5.8.5.5).
const ROLES: [&str; 15] = [
    "caption",
    "subtitle",
    "main",
    "alternate",
    "supplementary",
    "commentary",
    "dub",
    "description",
    "sign",
    "metadata",
    "enhanced-audio-intelligibility",
    "emergency",
    "forced-subtitle",
    "easyreader",
    "karaoke",
];

/// Seconds that may be lost where times are written in thousandths.
const ROUNDING: f64 = 0.001;

/// Seconds of the longest frame of sound: E-AC-3's of 1536 samples, with 48 kHz.
const SOUND_FRAME: f64 = 0.032;

/// Asserts that a manifest is valid, and that it says what the master playlists say that are published with it.
///
/// # Panics
/// If it isn't, or if xmllint is missing.
#[track_caller]
pub fn assert_valid(manifest: &Path, masters: &[PathBuf]) {
    if let Err(said) = validate(manifest) {
        panic!("{} is no valid MPD: {said}", manifest.display());
    }
    let breaches: Vec<String> = check(manifest, masters).iter().map(Breach::to_string).collect();
    assert!(breaches.is_empty(), "{} is wrong:\n{}", manifest.display(), breaches.join("\n"));
}

/// Holds a manifest against the schema. The error is what xmllint says.
///
/// # Panics
/// If there is no xmllint.
pub fn validate(manifest: &Path) -> Result<(), String> {
    let schema = workspace::root().join("tests/schema/mpd.xsd");
    let mut xmllint = Command::new("xmllint");
    xmllint.args(["--nonet", "--noout", "--schema"]).args([&schema, manifest]);
    let output = xmllint.output().unwrap_or_else(|error| {
        panic!("xmllint is needed to check DASH manifests and can't be run ({error}): apt-get install libxml2-utils")
    });
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// What is wrong in a valid manifest. Rules have the numbers of the clauses.
pub fn check(manifest: &Path, masters: &[PathBuf]) -> Vec<Breach> {
    let text = std::fs::read_to_string(manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let mpd = xml::read(&text).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let mut found = Found { manifest, hls: Hls::of(masters), breaches: Vec::new() };
    let duration = mpd.attribute("mediaPresentationDuration").and_then(seconds).unwrap_or(0.0);
    let buffer = mpd.attribute("minBufferTime").and_then(seconds).unwrap_or(0.0);
    let sets: Vec<&Element> = mpd.all("Period").flat_map(|period| period.all("AdaptationSet")).collect();
    for set in &sets {
        found.roles(set);
        for representation in set.all("Representation") {
            found.representation(set, representation, duration, buffer);
        }
    }
    // The main sound may be there in several codecs, for players to choose from.
    let sounds = || sets.iter().filter(|set| set.attribute("contentType") == Some("audio"));
    let codecs =
        |set: &&Element| set.first("Representation").and_then(|one| one.attribute("codecs")).map(str::to_owned);
    let main: Vec<Option<String>> = sounds().filter(|set| has_role(set, "main")).map(codecs).collect();
    let is_one = sounds().count() == 0 || !main.is_empty() && main.iter().collect::<BTreeSet<_>>().len() == main.len();
    found.unless(is_one, "5.8.4.2", || format!("of all sets of sound, those with {main:?} are the main one"));
    found.breaches
}

/// `PT1H2M3.5S`.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text.strip_prefix("PT")?, 0.0);
    for (unit, worth) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((number, behind)) = rest.split_once(unit) {
            sum += number.parse::<f64>().ok()? * worth;
            rest = behind;
        }
    }
    rest.is_empty().then_some(sum)
}

fn has_role(set: &Element, role: &str) -> bool {
    set.all("Role").any(|found| found.attribute("value") == Some(role))
}

/// What HLS says, by the first segment of each playlist.
#[derive(Debug, Default)]
struct Hls(BTreeMap<PathBuf, Listed>);

/// A playlist with where it is listed.
#[derive(Debug)]
struct Listed {
    files: Vec<PathBuf>,
    durations: Vec<f64>,
    /// For a rendition of sound, it itself; else every variant that names the playlist.
    by: Vec<Variant>,
    /// The codecs of all variants that play it.
    codecs: Vec<String>,
}

impl Hls {
    fn of(masters: &[PathBuf]) -> Self {
        let mut lists = BTreeMap::new();
        for master in masters {
            let variants = playlist::master(master);
            let codecs = |wanted: &dyn Fn(&Variant) -> bool| -> Vec<String> {
                let named = variants.iter().filter(|one| wanted(one)).filter_map(|one| one.attribute("CODECS"));
                named.flat_map(|list| list.split(',').map(str::to_owned)).collect()
            };
            for variant in &variants {
                let by: Vec<Variant> = variants.iter().filter(|other| other.path == variant.path).cloned().collect();
                let codecs = codecs(&|other| other.path == variant.path);
                insert(&mut lists, &variant.path, by, codecs);
            }
            for rendition in playlist::renditions(master) {
                let group = rendition.attribute("GROUP-ID");
                let codecs = codecs(&|variant| variant.attribute("AUDIO") == group);
                let path = rendition.path.clone();
                insert(&mut lists, &path, vec![rendition], codecs);
            }
        }
        Self(lists)
    }
}

fn insert(lists: &mut BTreeMap<PathBuf, Listed>, path: &Path, by: Vec<Variant>, codecs: Vec<String>) {
    let (durations, files): (Vec<f64>, Vec<PathBuf>) = playlist::media(path).segments.into_iter().unzip();
    let Some(first) = files.first().cloned() else { return };
    lists.insert(first, Listed { files, durations, by, codecs });
}

/// Collects what is wrong.
struct Found<'a> {
    manifest: &'a Path,
    hls: Hls,
    breaches: Vec<Breach>,
}

impl Found<'_> {
    fn unless(&mut self, is_kept: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !is_kept {
            self.breaches.push(Breach { rule, message: message() });
        }
    }

    fn roles(&mut self, set: &Element) {
        for role in set.all("Role").filter(|role| role.attribute("schemeIdUri") == Some("urn:mpeg:dash:role:2011")) {
            let value = role.attribute("value").unwrap_or_default();
            self.unless(ROLES.contains(&value), "5.8.5.5", || format!("`{value}` is no role"));
        }
    }

    fn representation(&mut self, set: &Element, representation: &Element, duration: f64, buffer: f64) {
        let id = representation.attribute("id").unwrap_or_default();
        if let Some(base) = representation.first("BaseURL") {
            let file = segments::file(self.manifest, &base.text);
            let size = std::fs::metadata(&file).map_or(0, |found| found.len());
            self.unless(size > 0, "5.6", || format!("{id} is {}, which is not there", file.display()));
            return;
        }
        let Some(template) = representation.first("SegmentTemplate") else { return };
        let segments = Segments::of(self.manifest, template);
        let missing: Vec<&PathBuf> = segments.missing();
        self.unless(missing.is_empty(), "5.3.9.4", || format!("{id} names {missing:?}, and they are not there"));
        let is_sound = set.attribute("contentType") == Some("audio");
        // Sound has a frame of silence in front, and ends with a frame of its own.
        let tolerance = ROUNDING + if is_sound { 2.0 * SOUND_FRAME } else { 0.0 };
        let lasts = segments.seconds();
        self.unless((lasts - duration).abs() <= tolerance, "5.3.9.6", || {
            format!("the segments of {id} last {lasts:.3} s, and the presentation {duration:.3} s")
        });
        self.unless(segments.is_seamless(), "5.3.9.6", || format!("between the segments of {id} is a gap"));
        if missing.is_empty() {
            let off = segments.off_by();
            self.unless(off < 0.1, "5.3.9.6", || format!("a segment of {id} is {off:.3} s from where it should be"));
            let (needed, told) = (segments.needed_rate(buffer), representation.number("bandwidth").unwrap_or(0));
            self.unless(needed <= told as f64 + 1.0, "5.3.5.2", || {
                format!("{id} needs {needed:.0} bit/s for a buffer of {buffer} s, and its @bandwidth is {told}")
            });
            self.same_as_hls(set, representation, &segments);
        }
    }

    /// The same segments, and the same said of them.
    fn same_as_hls(&mut self, set: &Element, representation: &Element, segments: &Segments) {
        let id = representation.attribute("id").unwrap_or_default();
        let listed = segments.files.first().and_then(|first| self.hls.0.remove(first));
        let Some(listed) = listed.filter(|listed| listed.files == segments.files) else {
            self.unless(false, "HLS", || format!("no playlist has the segments of {id}, in this order"));
            return;
        };
        let apart = listed.durations.iter().zip(&segments.durations).map(|(one, other)| (one - other).abs());
        let apart = apart.fold(0.0, f64::max);
        self.unless(apart < ROUNDING, "HLS", || format!("a segment of {id} is {apart:.3} s longer or shorter in HLS"));
        let codecs = representation.attribute("codecs").unwrap_or_default();
        let is_listed =
            !codecs.is_empty() && codecs.split(',').all(|codec| listed.codecs.iter().any(|one| one == codec));
        self.unless(is_listed, "5.3.7.2", || {
            format!("{id} has the codecs `{codecs}`, and in HLS are {:?}", listed.codecs)
        });
        let Some(first) = listed.by.first() else { return };
        // A language that isn't known is no attribute, or the word for it.
        let known = |language: Option<&str>| language.filter(|language| *language != "und").map(str::to_owned);
        let [ours, theirs] = [known(set.attribute("lang")), known(first.attribute("LANGUAGE"))];
        self.unless(ours == theirs, "5.3.3.2", || format!("{id} has the language {ours:?}, and in HLS {theirs:?}"));
        if set.attribute("contentType") == Some("video") {
            self.picture(set, representation, first);
        } else if let Some(said) = first.attribute("CHANNELS") {
            let configuration = representation.first("AudioChannelConfiguration");
            let channels = configuration.and_then(channels).map(|count| count.to_string());
            self.unless(channels.as_deref() == Some(said), "5.8.4.7", || {
                format!("{id} has {channels:?} channels, and in HLS {said}")
            });
        }
    }

    fn picture(&mut self, set: &Element, representation: &Element, variant: &Variant) {
        let id = representation.attribute("id").unwrap_or_default();
        let side = |name: &str| representation.attribute(name).unwrap_or_default();
        let (ours, theirs) = (format!("{}x{}", side("width"), side("height")), variant.attribute("RESOLUTION"));
        self.unless(theirs == Some(&ours), "5.3.7.2", || format!("{id} has {ours} pixels, and in HLS {theirs:?}"));
        let (ours, theirs) = (side("frameRate"), variant.attribute("FRAME-RATE").unwrap_or_default());
        let frames = |text: &str| -> Option<f64> {
            let (above, below) = text.split_once('/').unwrap_or((text, "1"));
            Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?)
        };
        let is_same = frames(ours).zip(frames(theirs)).is_some_and(|(one, other)| (one - other).abs() < 0.001);
        self.unless(is_same, "5.3.7.2", || format!("{id} has {ours} frames per second, and in HLS {theirs}"));
        let property = |name: &str| {
            let scheme = format!("urn:mpeg:mpegB:cicp:{name}");
            let mut all = set.all("EssentialProperty").chain(set.all("SupplementalProperty"));
            let found = all.find(|one| one.attribute("schemeIdUri") == Some(&scheme));
            found.and_then(|one| one.attribute("value"))
        };
        // By ISO/IEC 23091-2; without a word it is BT.709.
        let ours = match property("TransferCharacteristics") {
            Some("16") => "PQ",
            Some("18") => "HLG",
            _ => "SDR",
        };
        let theirs = variant.attribute("VIDEO-RANGE").unwrap_or("SDR");
        self.unless(ours == theirs, "5.8.4.8", || format!("{id} has the range {ours}, and in HLS {theirs}"));
    }
}

/// How many channels a configuration has: a number of MPEG's scheme, or Dolby's bits, of which some are pairs.
fn channels(configuration: &Element) -> Option<u32> {
    let value = configuration.attribute("value")?;
    if !configuration.attribute("schemeIdUri")?.starts_with("tag:dolby.com") {
        // Of the values to 6, each is its number of channels.
        return value.parse().ok().filter(|count| *count <= 6);
    }
    // ETSI TS 102 366, table E.1.5: from the highest bit on, these places are two speakers each.
    const PAIRS: u32 = 0b0000_0110_0110_1010;
    let bits = u32::from_str_radix(value, 16).ok()?;
    Some(bits.count_ones() + (bits & PAIRS).count_ones())
}
