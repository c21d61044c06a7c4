//! The packets of an upload, summed up by track, on one clock.

use std::collections::BTreeMap;

use crate::info::may_start_over;

/// How many packets followed the one before after which time, on a scale of 8 steps an octave from a millisecond on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Steps {
    counts: [u32; 96],
    last: Option<f64>,
}

impl Default for Steps {
    fn default() -> Self {
        Self { counts: [0; 96], last: None }
    }
}

impl Steps {
    pub(crate) fn take(&mut self, at: f64) {
        if let Some(last) = self.last.replace(at) {
            let place = ((at - last) * 1000.0).log2() * 8.0;
            if let Some(count) = self.counts.get_mut(place.round().max(0.0) as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The packets in a second while there is motion: by the median of the times, which pauses don't change.
    pub(crate) fn rate(&self) -> Option<f64> {
        let half = self.counts.iter().map(|&count| u64::from(count)).sum::<u64>().div_ceil(2);
        let mut sum = 0;
        let place = self.counts.iter().position(|&count| {
            sum += u64::from(count);
            sum >= half && sum > 0
        })?;
        Some(1000.0 / (place as f64 / 8.0).exp2())
    }
}

/// The packets of a stream, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Packets {
    pub(crate) count: u64,
    /// Of the count: packets that are decoded and not shown, because an edit list cuts them off. They have no part in the
    /// times.
    pub(crate) hidden: u64,
    /// Whether any is encrypted.
    pub(crate) encrypted: bool,
    /// Seconds from the container's own zero to the end of the last packet.
    pub(crate) end: f64,
    /// The first timestamp.
    pub(crate) start: Option<f64>,
    /// The last timestamp.
    pub(crate) last: Option<f64>,
    /// The times between two packets.
    pub(crate) steps: Steps,
    /// All durations in seconds.
    pub(crate) total: f64,
    /// The longest time between the end of a packet and the next one, from and to.
    pub(crate) gap: (f64, f64),
}

impl Packets {
    pub(crate) fn take(&mut self, at: Option<f64>, duration: f64) {
        self.count += 1;
        self.total += duration;
        if let Some(at) = at {
            if self.start.is_some() && at - self.end > self.gap.1 - self.gap.0 {
                self.gap = (self.end, at);
            }
            self.start = Some(self.start.map_or(at, |start| start.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
            self.end = self.end.max(at + duration);
        }
    }

    /// The same packets where their times say nothing, so that their durations count: demuxers work out times as if rate
    /// and block size never changed.
    pub(crate) fn untimed(self) -> Self {
        let start = self.start.unwrap_or(0.0);
        let length = if self.total > 0.0 { self.total } else { self.end - start };
        Self { end: start + length, last: Some(start + length), gap: (start, start), ..self }
    }

    /// Seconds from the container's zero to the end; 0 if all packets have the same time.
    pub(crate) fn length(&self, origin: f64) -> f64 {
        if self.count > 1 && self.start == self.last { 0.0 } else { (self.end - origin).max(0.0) }
    }

    /// The longest time without a packet, from and to, within a timeline.
    pub(crate) fn longest_gap(&self, (begin, end): (f64, f64)) -> (f64, f64) {
        let gaps = [(begin, self.start.unwrap_or(end)), self.gap, (self.end, end)];
        gaps.into_iter().max_by(|one, other| (one.1 - one.0).total_cmp(&(other.1 - other.0))).unwrap_or_default()
    }
}

/// The clock of a container whose times may start over, as ffmpeg keeps it: where the next packet of a track is not where
/// it should be, everything from there on is shifted.
#[derive(Debug)]
pub(crate) struct Clock {
    is_continuous: bool,
    shift: f64,
    /// When the next packet of each track is due.
    due: BTreeMap<u32, f64>,
    /// When the last packet of any track was decoded.
    last: Option<f64>,
}

/// In seconds. ffmpeg's `dts_delta_threshold`, and how far a packet may come too early.
const JUMP: f64 = 10.0;
const BACKWARDS: f64 = 0.1;

impl Clock {
    pub(crate) fn of(container: &str) -> Self {
        let is_continuous = !may_start_over(container);
        Self { is_continuous, shift: 0.0, due: BTreeMap::new(), last: None }
    }

    /// How much a packet that is decoded at `at` seconds comes later than its container says.
    pub(crate) fn shift(&mut self, track: u32, at: f64, duration: f64) -> f64 {
        if self.is_continuous {
            return 0.0;
        }
        let late = |due: f64| at + self.shift - due;
        self.shift -= match self.due.get(&track) {
            Some(&due) if late(due).abs() > JUMP || late(due) < -BACKWARDS => late(due),
            Some(_) => 0.0,
            None => self.last.map(late).filter(|late| late.abs() > JUMP).unwrap_or(0.0),
        };
        self.due.insert(track, at + self.shift + duration);
        self.last = Some(at + self.shift);
        self.shift
    }
}

/// ffprobe's name of what goes with an encrypted packet.
const ENCRYPTED: &str = "side_data_type=Encryption info";

pub(crate) fn take_packet(packets: &mut BTreeMap<u32, Packets>, clock: &mut Clock, line: &str) {
    let field = |name: &str| line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::trim);
    let seconds = |name: &str| field(name).and_then(|text| text.parse::<f64>().ok()).filter(|s| s.is_finite());
    if let Some(index) = field("stream_index").and_then(|text| text.parse().ok()) {
        let packets: &mut Packets = packets.entry(index).or_default();
        packets.encrypted |= line.contains(ENCRYPTED);
        if field("flags").is_some_and(|flags| flags.contains('D')) {
            packets.count += 1;
            packets.hidden += 1;
        } else {
            let duration = seconds("duration_time").unwrap_or(0.0).max(0.0);
            let decoded_at = seconds("dts_time").or_else(|| seconds("pts_time"));
            let shift = decoded_at.map_or(0.0, |at| clock.shift(index, at, duration));
            packets.take(seconds("pts_time").or(decoded_at).map(|at| at + shift), duration);
            decoded_at.into_iter().for_each(|at| packets.steps.take(at + shift));
        }
    }
}
