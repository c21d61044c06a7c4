//! MPEG transport streams: finds the first picture and the first sound.
//!
//! Written for what ffmpeg's muxer makes: one program, tables that fit into one packet and are repeated at the head of
//! every segment. The bytes are not trusted: what is missing or malformed gives `None`, never a panic.

/// Bytes of a packet.
pub(super) const PACKET: usize = 188;
/// What every packet begins with.
pub(super) const SYNC: u8 = 0x47;

/// H.264 in a program map.
const TYPE_H264: u8 = 0x1b;
/// AAC with ADTS headers.
const TYPE_AAC: u8 = 0x0f;

/// Most bytes of one unit that are put together. An IDR picture may be larger; its header is near its front.
const MAX_UNIT: usize = 1 << 20;

/// The streams of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// The packet identifier of the H.264 stream.
    pub video: Option<u16>,
    /// The packet identifier of the AAC stream.
    pub audio: Option<u16>,
}

pub(super) struct Packet<'a> {
    pub pid: u16,
    /// Whether a table or an elementary unit begins in it.
    pub begins: bool,
    /// Counts the packets of one stream, modulo 16.
    pub continuity: u8,
    pub payload: &'a [u8],
}

/// The packets, up to the first that is cut off or out of step.
pub(super) fn packets(stream: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    stream.chunks_exact(PACKET).map_while(|packet| {
        let (&[sync, high, low, control], rest) = packet.split_first_chunk::<4>()?;
        if sync != SYNC {
            return None;
        }
        let payload = match (control >> 4) & 3 {
            1 => rest,
            // An adaptation field first, with its length in front.
            3 => rest.get(1 + usize::from(*rest.first()?)..).unwrap_or_default(),
            _ => &[],
        };
        Some(Packet { pid: pid(high, low), begins: high & 0x40 != 0, continuity: control & 15, payload })
    })
}

/// Whether all whole packets are in step.
pub(super) fn in_step(stream: &[u8]) -> bool {
    stream.chunks_exact(PACKET).all(|packet| packet.first() == Some(&SYNC))
}

/// Packets that are looked at for the tables. ffmpeg writes three: services, programs, and the streams of the program.
const MOST_TABLES: usize = 16;

/// Reads the tables.
pub(super) fn program(stream: &[u8]) -> Option<Program> {
    let associations = table(stream, 0, 0x00)?;
    // Pairs of program number and packet identifier; number 0 is not a program.
    let map_pid = associations.chunks_exact(4).find_map(|entry| match entry {
        [0, 0, _, _] => None,
        [_, _, high, low] => Some(pid(*high, *low)),
        _ => None,
    })?;
    let map = table(stream, map_pid, 0x02)?;
    // The clock's identifier, then descriptors of the program behind their length, then the streams.
    let [_, _, high, low] = *map.first_chunk::<4>()?;
    let mut streams = map.get(4 + length(high, low)..)?;
    let mut program = Program::default();
    while let Some((&[kind, high, low, length_high, length_low], rest)) = streams.split_first_chunk::<5>() {
        match kind {
            TYPE_H264 => program.video = program.video.or(Some(pid(high, low))),
            TYPE_AAC => program.audio = program.audio.or(Some(pid(high, low))),
            _ => {}
        }
        streams = rest.get(length(length_high, length_low)..).unwrap_or_default();
    }
    Some(program)
}

/// The bytes at the start of a stream that its tables take. `None` if they are not there.
pub(super) fn tables(stream: &[u8]) -> Option<u64> {
    let packets = (1..=MOST_TABLES).find(|packets| stream.get(..packets * PACKET).and_then(program).is_some())?;
    Some((packets * PACKET) as u64)
}

/// The body of the first table with this identifier, between its header and its checksum.
fn table(stream: &[u8], wanted: u16, id: u8) -> Option<&[u8]> {
    let packet = packets(stream).find(|packet| packet.pid == wanted && packet.begins)?;
    let section = packet.payload.get(1 + usize::from(*packet.payload.first()?)..)?;
    let [found, high, low] = *section.first_chunk::<3>()?;
    let length = length(high, low);
    // Five more bytes of header, and four of checksum at the end.
    (found == id).then(|| section.get(8..(3 + length).checked_sub(4)?))?
}

fn pid(high: u8, low: u8) -> u16 {
    (u16::from(high & 0x1f) << 8) | u16::from(low)
}

fn length(high: u8, low: u8) -> usize {
    (usize::from(high & 0x0f) << 8) | usize::from(low)
}

/// The elementary bytes of the first unit of a stream, without its header: one access unit of video, a few frames of
/// sound. Empty if the stream does not start at the start of a unit.
pub(super) fn first_unit(stream: &[u8], pid: u16) -> Vec<u8> {
    let mut own = packets(stream).filter(|packet| packet.pid == pid && !packet.payload.is_empty());
    let Some(first) = own.next().filter(|first| first.begins) else { return Vec::new() };
    let mut unit = first.payload.to_vec();
    for packet in own.take_while(|packet| !packet.begins) {
        if unit.len() >= MAX_UNIT {
            break;
        }
        unit.extend_from_slice(packet.payload);
    }
    elementary(&unit).unwrap_or_default().to_vec()
}

/// Behind the header of a unit: start code, stream, length, flags, and the length of what is optional.
pub(super) fn elementary(unit: &[u8]) -> Option<&[u8]> {
    let (&[0, 0, 1, _, _, _, _, _, optional], rest) = unit.split_first_chunk::<9>()? else { return None };
    rest.get(usize::from(optional)..)
}

/// Ticks in a second.
pub(super) const CLOCK: f64 = 90_000.0;

/// After so many seconds the clock starts again: its times have 33 bits.
pub(super) const CLOCK_PERIOD: f64 = (1_u64 << 33) as f64 / CLOCK;

/// The ticks from one time to another, which may lie half a period before or behind it.
pub(super) fn ticks_since(zero: u64, time: u64) -> i64 {
    (time.wrapping_sub(zero) << 31).cast_signed() >> 31
}

/// When a unit is shown, and when it is decoded, in ticks.
pub(super) fn times(unit: &[u8]) -> Option<(u64, u64)> {
    let &[0, 0, 1, _, _, _, _, flags, _] = unit.first_chunk::<9>()? else { return None };
    let shown = (flags & 0x80 != 0).then(|| time(unit.get(9..)?))??;
    let decoded = if flags & 0x40 != 0 { time(unit.get(14..)?)? } else { shown };
    Some((shown, decoded))
}

/// 3, 15 and 15 bits, each with a marker bit behind it.
fn time(bytes: &[u8]) -> Option<u64> {
    let [a, b, c, d, e] = bytes.first_chunk::<5>()?.map(u64::from);
    Some((((a >> 1) & 7) << 30) | (b << 22) | ((c >> 1) << 15) | (d << 7) | (e >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::tests::samples::{self, Kind};

    #[test]
    fn the_streams_of_a_real_segment_are_found_and_begin_with_a_picture() {
        let sample = samples::make(Kind::Ts);
        let bytes = sample.read("seg0.ts");
        let Program { video: Some(video), audio: Some(audio) } = program(&bytes).unwrap() else { panic!("not both") };
        assert_ne!(video, audio);
        assert_eq!(&first_unit(&bytes, video)[..4], [0, 0, 0, 1]);
        assert_eq!(first_unit(&bytes, audio)[0], 0xff);
    }

    #[test]
    fn a_stream_that_starts_inside_a_unit_has_no_first_unit() {
        let sample = samples::make(Kind::Ts);
        let bytes = sample.read("seg0.ts");
        let video = program(&bytes).unwrap().video.unwrap();
        let first = bytes.chunks_exact(PACKET).position(|p| pid(p[1], p[2]) == video).unwrap();
        assert!(first_unit(&bytes[(first + 1) * PACKET..], video).is_empty());
    }

    #[test]
    fn other_bytes_have_no_program() {
        for bytes in [&[][..], &[SYNC; 4 * PACKET], &[0; 4 * PACKET], &[0xff; 1000]] {
            assert_eq!(program(bytes), None);
        }
        assert!(in_step(&[SYNC; 2 * PACKET]) && !in_step(&[0; PACKET]));
    }
}
