//! Left and right as two mono tracks, as cameras and broadcasts record them (MXF, MOV, AVI).
//!
//! Players of such files play all tracks together, on the left and on the right. Nothing in them says so, hence a rule:
//! the first two mono tracks of an even number belong together if they are of one kind, run at the same time, and none
//! of them is marked as another language, a commentary, or the like. Of four and more, the first two are the programme
//! by convention (EBU R 123), and the others are its parts or a second one. Where the rule is wrong and two microphones
//! were recorded, both are heard at least; by itself, the first track would lose half of what was said.

use crate::description::{Track, is_usable};

/// Most seconds between the starts of the two, and between their ends. An encoder's delay differs by less.
const APART: f64 = 0.1;

/// The right channel of the track that was chosen for the sound, if that is the left one of a pair.
pub(crate) fn right_of<'a>(chosen: Track<'a>, sounds: &[Track<'a>]) -> Option<Track<'a>> {
    let mono: Vec<_> = sounds.iter().filter(|sound| is_usable(sound) && sound.0.channels == 1).collect();
    let [left, right, ..] = mono.as_slice() else { return None };
    let is_pair = mono.len() % 2 == 0 && left.0.index == chosen.0.index && belong_together(left, right);
    is_pair.then_some(**right)
}

fn belong_together((left, of_left): &Track<'_>, (right, of_right): &Track<'_>) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= APART;
    let is_of_one_kind = left.codec_or_tag() == right.codec_or_tag() && left.sample_rate() == right.sample_rate();
    let starts = of_left.start.zip(of_right.start);
    is_of_one_kind
        && starts.is_some_and(|(left, right)| near(left, right))
        && near(of_left.end, of_right.end)
        && left.language() == right.language()
        && !left.has_a_purpose()
        && !right.has_a_purpose()
}
