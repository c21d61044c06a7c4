//! Transport streams (ISO/IEC 13818-1), as far as their rules need it.

use std::collections::BTreeMap;

const PACKET: usize = 188;

/// Packets of this number are only there to fill a line.
const PADDING: u16 = 0x1fff;

/// How much of a picture's beginning is kept: what it is comes behind its parameter sets.
const HEAD: usize = 64 << 10;

/// Ticks after which the clock starts over: it has 33 bits.
const CLOCK: i64 = 1 << 33;

/// What is kept from segment to segment.
#[derive(Debug, Default)]
pub(super) struct Stream {
    program: Option<u16>,
    /// The numbers of the streams of a picture and of sound.
    video: Option<u16>,
    media: Vec<u16>,
    counters: BTreeMap<u16, u8>,
    decoded: BTreeMap<u16, i64>,
}

/// What was found in a segment.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The first jump of a counter or of a clock, if there is one.
    pub jump: Option<String>,
    /// The beginning of the first picture.
    pub first_picture: Vec<u8>,
    /// How many pictures begin in it.
    pub pictures: usize,
}

impl Stream {
    /// Forgets what was before: after a break everything may be new.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Reads the next segment.
    pub fn read(&mut self, bytes: &[u8]) -> Segment {
        let mut segment = Segment::default();
        for (number, packet) in bytes.chunks(PACKET).enumerate() {
            if packet.len() != PACKET || packet[0] != 0x47 {
                segment.jump.get_or_insert(format!("packet {number} does not begin with the byte 0x47"));
                break;
            }
            if let Some(jump) = self.packet(packet, &mut segment) {
                segment.jump.get_or_insert(format!("packet {number}: {jump}"));
            }
        }
        segment
    }

    fn packet(&mut self, packet: &[u8], segment: &mut Segment) -> Option<String> {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let begins = packet[1] & 0x40 != 0;
        let (has_extra, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        if pid == PADDING || !has_payload {
            return None;
        }
        let is_break = has_extra && packet[4] > 0 && packet[5] & 0x80 != 0;
        let count = packet[3] & 15;
        let before = self.counters.insert(pid, count);
        let payload = &packet[if has_extra { (5 + usize::from(packet[4])).min(PACKET) } else { 4 }..];
        let jump = self.payload(pid, begins, payload, segment);
        match before {
            Some(before) if !is_break && count != (before + 1) & 15 => {
                Some(format!("the continuity counter of stream {pid} goes from {before} to {count}"))
            }
            _ => jump,
        }
    }

    fn payload(&mut self, pid: u16, begins: bool, payload: &[u8], segment: &mut Segment) -> Option<String> {
        if pid == 0 && begins {
            self.program = program(payload);
        } else if Some(pid) == self.program && begins {
            (self.video, self.media) = streams(payload);
        }
        let is_video = Some(pid) == self.video;
        if is_video && begins {
            segment.pictures += 1;
        }
        if is_video && segment.pictures == 1 && segment.first_picture.len() < HEAD {
            let header = if begins { payload.get(8).map_or(0, |length| 9 + usize::from(*length)) } else { 0 };
            segment.first_picture.extend(payload.get(header..).unwrap_or_default());
        }
        if !begins || !self.media.contains(&pid) {
            return None;
        }
        let now = decoded(payload)?;
        let before = self.decoded.insert(pid, now)?;
        // Of two times, the later one is less than half of the clock ahead.
        let step = (now - before).rem_euclid(CLOCK);
        let is_later = step > 0 && step < CLOCK / 2;
        (!is_later).then(|| format!("the time of stream {pid} goes from {before} to {now} ticks"))
    }
}

/// The number of the first program's table.
fn program(table: &[u8]) -> Option<u16> {
    let body = table.get(1 + usize::from(*table.first()?)..)?;
    Some(u16::from_be_bytes([body.get(10)? & 0x1f, *body.get(11)?]))
}

/// The stream of the picture, and all streams of picture and sound.
fn streams(table: &[u8]) -> (Option<u16>, Vec<u16>) {
    let body = table.first().and_then(|skip| table.get(1 + usize::from(*skip)..)).unwrap_or_default();
    let twelve = |at: usize| match body.get(at..at + 2) {
        Some([high, low]) => usize::from(high & 15) << 8 | usize::from(*low),
        _ => 0,
    };
    // The last four bytes are a check sum.
    let end = (3 + twelve(1)).saturating_sub(4).min(body.len());
    let (mut at, mut video, mut media) = (12 + twelve(10), None, Vec::new());
    while at + 5 <= end {
        let pid = u16::from_be_bytes([body[at + 1] & 0x1f, body[at + 2]]);
        // MPEG-2, H.264 and HEVC; AAC, AC-3 and E-AC-3.
        match body[at] {
            0x02 | 0x1b | 0x24 => {
                video = video.or(Some(pid));
                media.push(pid);
            }
            0x0f | 0x11 | 0x81 | 0x87 => media.push(pid),
            _ => {}
        }
        at += 5 + twelve(at + 3);
    }
    (video, media)
}

/// When the unit that begins here is decoded, in ticks.
fn decoded(unit: &[u8]) -> Option<i64> {
    let at = match unit.get(7)? >> 6 {
        2 => 9,
        3 => 14,
        _ => return None,
    };
    let bytes = unit.get(at..at + 5)?;
    let part = |at: usize, mask: u8| i64::from(bytes[at] & mask);
    Some(part(0, 0x0e) << 29 | part(1, 0xff) << 22 | part(2, 0xfe) << 14 | part(3, 0xff) << 7 | part(4, 0xfe) >> 1)
}
