//! Apple's rules for authors of HLS, held against a publication in a folder.
//!
//! The rules are those of the "HLS authoring specification for Apple devices", by their numbers, and the few of RFC 8216
//! that players fail on. docs/hls-rules.md lists all of them, and says which can't be measured here. Nothing of the host
//! has a say: the playlists are read by [`crate::playlist`], streams and packets by ffprobe, and what ffprobe doesn't
//! tell (continuity counters, decode times of fragments, kinds of pictures) by a few lines of this module.

mod advice;
mod coding;
mod fragments;
mod lists;
mod media;
mod multivariant;
mod pictures;
mod publication;
mod rates;
mod text;
mod timing;
mod transport;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::path::Path;

use publication::Publication;

/// A rule that a publication doesn't keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The number of Apple's rule, or `RFC` with the section.
    pub rule: &'static str,
    /// What was found where.
    pub message: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.rule, self.message)
    }
}

/// Collects breaches.
#[derive(Debug, Default)]
struct Breaches(Vec<Breach>);

impl Breaches {
    fn add(&mut self, rule: &'static str, message: String) {
        self.0.push(Breach { rule, message });
    }

    fn unless(&mut self, is_kept: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !is_kept {
            self.add(rule, message());
        }
    }
}

/// Every MUST that can be measured and that the publication of this master playlist doesn't keep.
pub fn check(master: &Path) -> Vec<Breach> {
    let publication = Publication::read(master);
    let mut breaches = Breaches::default();
    multivariant::check(&publication, &mut breaches);
    lists::check(&publication, &mut breaches);
    coding::check(&publication, &mut breaches);
    timing::check(&publication, &mut breaches);
    text::check(&publication, &mut breaches);
    breaches.0
}

/// What is required only of who asked for it: playlists of keyframes are left to policies.
pub fn check_trick_play(master: &Path) -> Vec<Breach> {
    let has_picture = crate::playlist::master(master).iter().any(|variant| variant.attribute("RESOLUTION").is_some());
    let mut breaches = Breaches::default();
    breaches.unless(!has_picture || !crate::playlist::iframes(master).is_empty(), "6.1", || {
        format!("{} lists no I-frame playlist", master.display())
    });
    breaches.0
}

/// Every SHOULD that can be measured and that the publication doesn't keep. Nobody has to.
pub fn advice(master: &Path) -> Vec<Breach> {
    let mut breaches = Breaches::default();
    advice::check(&Publication::read(master), &mut breaches);
    breaches.0
}

/// When each sample of a segment of fragmented MP4 is decoded, in seconds, and how many bytes of the segment a player has
/// to have by then. Of its first track.
pub(crate) fn samples(init: &[u8], segment: &[u8]) -> Vec<(f64, usize)> {
    let tracks = fragments::tracks(init);
    let Some(track) = tracks.first() else { return Vec::new() };
    let mut samples = Vec::new();
    for run in fragments::runs(segment, &tracks).into_iter().filter(|run| run.track == track.id) {
        let mut at = run.decoded;
        for (lasts, place) in &run.samples {
            samples.push((at as f64 / f64::from(track.timescale), place.end));
            at += u64::from(*lasts);
        }
    }
    samples
}

/// Asserts that every MUST is kept.
///
/// # Panics
/// If one isn't. The message has all that aren't.
#[track_caller]
pub fn assert_kept(master: &Path) {
    let breaches: Vec<String> = check(master).iter().map(Breach::to_string).collect();
    assert!(breaches.is_empty(), "{} does not keep Apple's rules:\n{}", master.display(), breaches.join("\n"));
}
