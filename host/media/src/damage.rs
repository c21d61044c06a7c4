//! How much of an upload its decoders could not decode, by what ffmpeg logs of it.
//!
//! ffmpeg itself counts over all tracks together, so that whole sound hides a broken picture; here each kind of track
//! counts for itself. Decoders notice only a part of the damage, hence the limit at a half.

use std::collections::BTreeMap;

use crate::error::UploadError;
use crate::info::{Audio, MediaInfo};

/// A track of which a larger share is damaged isn't published: nobody would watch or hear it.
const MOST: f64 = 0.5;

/// A smaller share isn't worth a note: a recording may begin or end in the middle of a picture.
const LEAST: f64 = 0.001;

/// What ffmpeg 5 to 9 log once for each packet that gave no frame, and for each frame that was patched up.
const COMPLAINTS: [&str; 3] =
    ["Error while decoding stream", "Error submitting packet to decoder", "corrupt decoded frame"];

/// How ffmpeg logs that the line before came again.
const REPEATED: &str = "Last message repeated ";

/// Complaints of decoders, counted by stream while ffmpeg runs: only the end of its log is kept.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    counts: BTreeMap<u32, u64>,
    /// The stream of the last line, if that was a complaint.
    last: Option<u32>,
}

impl Complaints {
    /// Takes the next line of the log.
    pub(crate) fn take(&mut self, line: &str) {
        let times = match line.trim().strip_prefix(REPEATED) {
            Some(rest) => rest.split(' ').next().and_then(|times| times.parse().ok()).unwrap_or(0),
            None => {
                self.last = COMPLAINTS.iter().any(|complaint| line.contains(complaint)).then(|| stream(line)).flatten();
                1
            }
        };
        if let Some(stream) = self.last {
            *self.counts.entry(stream).or_default() += times;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn of(&self, streams: impl Iterator<Item = u32>) -> u64 {
        streams.filter_map(|stream| self.counts.get(&stream)).sum()
    }
}

/// The stream that a line is about: `#0:1` with the input before it, or `in stream 1`.
fn stream(line: &str) -> Option<u32> {
    let by_input = line.split_once('#').and_then(|(_, rest)| rest.split_once(':'));
    let (_, rest) = by_input.or_else(|| line.split_once("in stream "))?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Refuses a source of which nearly nothing decodes. Of one with some damage, returns what to say about it.
pub(crate) fn judge(info: &MediaInfo, complaints: &Complaints) -> Result<Vec<String>, UploadError> {
    let video = info.video.as_ref().map(|video| ("video", complaints.of([video.index].into_iter()), video.packets));
    let sound = info.audio.as_ref().map(|audio| ("audio", complaints.of(audio.streams()), packets(audio)));
    let mut notes = Vec::new();
    // A source that an earlier release probed has no count of its packets.
    for (kind, damaged, packets) in [video, sound].into_iter().flatten().filter(|(_, _, packets)| *packets > 0) {
        let share = (damaged as f64 / packets as f64).min(1.0);
        let percent = percent(share);
        if share > MOST {
            return Err(UploadError::Damaged { detail: format!("{percent} of its {kind} can't be decoded") });
        }
        if share >= LEAST {
            notes.push(format!(
                "{percent} of the {kind} is damaged ({damaged} of {packets} packets): it is published as far as it can be decoded"
            ));
        }
    }
    Ok(notes)
}

fn packets(audio: &Audio) -> u64 {
    audio.packets.saturating_mul(audio.streams().count() as u64)
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Lines;
    use crate::tests::testkit::info;

    fn counts(log: &str) -> Vec<(u32, u64)> {
        let mut complaints = Complaints::default();
        let mut lines = Lines::default();
        // In pieces, as a pipe gives them.
        log.as_bytes().chunks(7).for_each(|piece| lines.take(piece, |line| complaints.take(line)));
        complaints.counts.into_iter().collect()
    }

    #[test]
    fn complaints_are_counted_by_stream_in_the_words_of_every_version() {
        let five = "[h264 @ 0x5] Invalid NAL unit size (12 > 3).\n\
Error while decoding stream #0:0: Invalid data found when processing input\n    Last message repeated 2 times\n\
[h264 @ 0x5] concealing 182 DC, 182 AC, 182 MV errors in P frame\n    Last message repeated 5 times\n\
file:input: corrupt decoded frame in stream 0\nError while decoding stream #1:2: Invalid data\n";
        assert_eq!(counts(five), [(0, 4), (2, 1)]);
        let seven = "[vist#0:0/h264 @ 0x5] [dec:h264 @ 0x6] Error submitting packet to decoder: Invalid data\n\
[vist#0:0/h264 @ 0x5] [dec:h264 @ 0x6] corrupt decoded frame\n\
[aist#1:12/aac @ 0x5] [dec:aac @ 0x6] Error submitting packet to decoder: Invalid data\n";
        assert_eq!(counts(seven), [(0, 2), (12, 1)]);
        assert_eq!(counts("Stream #0:0: Video: h264\n  Last message repeated 9 times\ncorrupt decoded frame\n"), []);
    }

    /// What is said where so many of 1000 packets of the picture, and of the sound, are damaged.
    fn judged(picture: u64, sound: u64) -> Result<Vec<String>, String> {
        let mut info = info();
        info.video.as_mut().unwrap().packets = 1000;
        info.audio.as_mut().unwrap().packets = 1000;
        let counts = BTreeMap::from([(0, picture), (1, sound)]);
        judge(&info, &Complaints { counts, ..Complaints::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn some_damage_gets_a_figure_and_more_than_a_half_is_refused() {
        assert_eq!(judged(0, 0), Ok(Vec::new()));
        assert_eq!(judged(0, 1).unwrap().len(), 1);
        let note = &judged(104, 0).unwrap()[0];
        assert!(note.starts_with("10 % of the video is damaged (104 of 1000 packets)"), "{note}");
        assert!(judged(500, 500).is_ok());
        assert!(judged(501, 0).unwrap_err().contains("50 % of its video can't be decoded"));
        assert!(judged(0, 2000).unwrap_err().contains("100 % of its audio can't be decoded"));
    }
}
