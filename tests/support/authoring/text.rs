//! Rules about subtitles.

use super::Breaches;
use super::publication::{Form, Publication, Role};

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    for list in publication.of(Role::Text).filter(|list| list.form != Form::Hidden) {
        if list.form == Form::FragmentedMp4 {
            continue;
        }
        for number in 0..list.media.segments.len() {
            let bytes = list.media.bytes(number);
            let text = String::from_utf8_lossy(&bytes);
            let segment = list.segment(number);
            if !text.trim_start_matches('\u{feff}').starts_with("WEBVTT") {
                breaches.add("5.2", format!("{segment} is neither WebVTT nor IMSC1"));
                continue;
            }
            let header = text.lines().take_while(|line| !line.is_empty());
            let map = header.filter_map(|line| line.strip_prefix("X-TIMESTAMP-MAP=")).next().unwrap_or_default();
            let is_told = ["LOCAL:", "MPEGTS:"].iter().all(|clock| map.split(',').any(|part| part.starts_with(clock)));
            breaches.unless(is_told, "5.3", || format!("{segment} doesn't say what its clock is: `{map}`"));
        }
    }
}
