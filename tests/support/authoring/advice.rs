//! What should be so and need not be.

use super::Breaches;
use super::media::Kind;
use super::publication::Publication;
use crate::playlist::Variant;

/// Seconds of a segment, and from keyframe to keyframe.
const SEGMENT: f64 = 6.0;
const KEYFRAME: f64 = 2.0;

/// Bits per second of the variant to start with.
const START: f64 = 2_000_000.0;

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    for list in publication.played() {
        let (name, media) = (&list.name, &list.media);
        breaches.unless(media.target == 6, "7.5", || format!("{name} has the target duration {}", media.target));
        for (seconds, _) in media.segments.iter().rev().skip(1) {
            breaches.unless((seconds - SEGMENT).abs() <= 0.5, "7.6", || format!("{name} has a segment of {seconds} s"));
        }
        let Some(picture) = list.track(Kind::Picture) else { continue };
        let keys: Vec<f64> = picture.packets.iter().filter(|one| one.is_key).map(|one| one.shown).collect();
        let longest = keys.windows(2).map(|two| two[1] - two[0]).fold(0.0, f64::max);
        breaches.unless(longest <= KEYFRAME + picture.frame(), "1.13", || {
            format!("{name} has {longest:.3} s from one keyframe to the next")
        });
        let tag = picture.says("codec_tag_string");
        breaches.unless(!matches!(tag, "avc3" | "hev1" | "dvhe"), "1.10", || {
            format!("{name} has its parameters in the samples: {tag}")
        });
    }
    for variant in &publication.variants {
        let rates = publication.list(variant).rates;
        breaches.unless(rates.peak <= 2.0 * rates.average, "1.30", || {
            let name = &publication.list(variant).name;
            format!("{name} has {:.0} bit/s at its peak and {:.0} on average", rates.peak, rates.average)
        });
    }
    first_variant(publication, breaches);
    let is_said = publication.tags.iter().any(|line| line == "#EXT-X-INDEPENDENT-SEGMENTS");
    breaches.unless(is_said, "9.11", || "the master playlist has no EXT-X-INDEPENDENT-SEGMENTS".to_owned());
}

/// Players start with the variant that is listed first.
fn first_variant(publication: &Publication, breaches: &mut Breaches) {
    let average = |variant: &Variant| variant.attribute("AVERAGE-BANDWIDTH").and_then(|text| text.parse::<f64>().ok());
    let distance = |variant: &&Variant| average(variant).map_or(f64::MAX, |rate| (rate - START).abs());
    let pictures: Vec<&Variant> =
        publication.variants.iter().filter(|variant| publication.has_picture(variant)).collect();
    let nearest = pictures.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)));
    if let Some((first, nearest)) = pictures.first().zip(nearest) {
        breaches.unless(first.path == nearest.path, "1.32", || {
            let [first, nearest] = [first, nearest].map(|variant| publication.list(variant).name.clone());
            format!("{first} is listed first, and {nearest} is nearer to 2000 kbit/s")
        });
    }
}
