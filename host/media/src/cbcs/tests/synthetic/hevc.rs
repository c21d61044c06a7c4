//! HEVC (ITU-T H.265, section 7.3).

use super::*;
use crate::cbcs::hevc::Sets;

#[test]
fn any_header_of_hevc_ends_where_it_was_written_to_end() {
    let mut agreement = Agreement::default();
    for seed in 1..=20 {
        let stream = Stream::random(seed);
        agreement.check::<Sets>("hevc", &stream.sets, &stream.slices);
    }
    assert!(agreement.traced >= 100 && agreement.prevented >= 60, "{agreement:?}");
}

/// Short-term references: distance, and whether they are used.
type References = Vec<(i32, bool)>;

struct Stream {
    sets: Vec<Vec<u8>>,
    slices: Vec<Slice>,
    chroma: u32,
    separate: bool,
    blocks: [u32; 2],
    order_bits: u32,
    sao: bool,
    references: Vec<References>,
    long_term: Option<Vec<bool>>,
    temporal_mvp: bool,
    picture: Picture,
}

#[derive(Default)]
struct Picture {
    dependent: bool,
    output_flag: bool,
    extra_bits: u32,
    cabac_init: bool,
    references: [u32; 2],
    chroma_offsets: bool,
    weighted: [bool; 2],
    tiles: Option<u32>,
    wavefronts: bool,
    across: bool,
    deblocking_override: bool,
    deblocking_off: bool,
    lists: bool,
    extension: bool,
    chroma_lists: bool,
}

/// The header of a NAL unit of the base layer.
fn header(kind: u8) -> [u8; 2] {
    [kind << 1, 1]
}

impl Stream {
    fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut stream = Self {
            sets: Vec::new(),
            slices: Vec::new(),
            chroma: random.to(3),
            separate: false,
            blocks: [0, 0],
            order_bits: 4 + random.to(12),
            sao: random.flag(),
            references: Vec::new(),
            long_term: None,
            temporal_mvp: random.flag(),
            picture: Picture::default(),
        };
        stream.video(Random::new(seed + 1000));
        stream.sequence(Random::new(seed + 2000));
        stream.picture(Random::new(seed + 3000));
        for number in 0..8 {
            stream.slice(Random::new(seed * 100 + number + 4000), number == 0);
        }
        stream
    }

    fn profile(writer: &mut Writer, sub_layers: u32) {
        writer.number(3, 0);
        writer.number(5, 4);
        writer.number(32, 0x0800_0000);
        writer.number(32, 0x9000_0000);
        writer.number(16, 0);
        writer.number(8, 93);
        let there: Vec<[bool; 2]> = (0..sub_layers).map(|_| [writer.any_flag(), writer.any_flag()]).collect();
        if sub_layers > 0 {
            writer.number(2 * (8 - sub_layers), 0);
        }
        for [profile, level] in there {
            if profile {
                [32, 32, 24].into_iter().for_each(|bits| writer.number(bits, 0));
            }
            if level {
                writer.number(8, 93);
            }
        }
    }

    fn ordering(writer: &mut Writer, sub_layers: u32) {
        let layers = if writer.any_flag() { sub_layers + 1 } else { 1 };
        for _ in 0..layers {
            writer.golomb(15);
            writer.golomb(2);
            writer.golomb(0);
        }
    }

    fn video(&mut self, random: Random) {
        let writer = &mut Writer::new(&header(32), random);
        writer.number(4, 0);
        writer.number(2, 3);
        writer.number(6, 0);
        writer.number(3, 0);
        writer.flag(true);
        writer.number(16, 0xffff);
        Self::profile(writer, 0);
        Self::ordering(writer, 0);
        writer.number(6, 0);
        writer.golomb(0);
        writer.flag(false);
        writer.flag(false);
        writer.align();
        self.sets.push(writer.finish());
    }

    fn sequence(&mut self, random: Random) {
        let writer = &mut Writer::new(&header(33), random);
        let sub_layers = writer.random.to(3);
        writer.number(4, 0);
        writer.number(3, sub_layers);
        writer.flag(true);
        Self::profile(writer, sub_layers);
        writer.golomb(0);
        writer.golomb(self.chroma);
        self.separate = self.chroma == 3 && writer.any_flag();
        let (min, beyond) = (3 + writer.random.to(1), 1 + writer.random.to(1));
        let block = 1 << (min + beyond);
        let sizes = [64, 64].map(|least| (least + writer.random.to(30) * 8) >> min << min);
        self.blocks = sizes.map(|size| u32::div_ceil(size, block));
        sizes.into_iter().for_each(|size| _ = writer.golomb(size));
        if writer.any_flag() {
            (0..4).for_each(|_| _ = writer.any_golomb(2));
        }
        let depth = writer.any_golomb(2);
        writer.golomb(depth);
        writer.golomb(self.order_bits - 4);
        Self::ordering(writer, sub_layers);
        writer.golomb(min - 3);
        writer.golomb(beyond);
        writer.golomb(0);
        writer.golomb(1);
        writer.golomb(1);
        writer.golomb(1);
        if writer.any_flag() && writer.any_flag() {
            Self::scaling(writer);
        }
        writer.any_flag();
        writer.flag(self.sao);
        if writer.any_flag() {
            writer.number(8, 0x77);
            writer.golomb(0);
            writer.golomb(0);
            writer.any_flag();
        }
        let count = writer.any_golomb(6);
        for _ in 0..count {
            let next = self.reference_set(writer, false);
            self.references.push(next);
        }
        if writer.any_flag() {
            let known = writer.any_golomb(5);
            let used = (0..known).map(|_| {
                writer.any(self.order_bits);
                writer.any_flag()
            });
            self.long_term = Some(used.collect());
        }
        writer.flag(self.temporal_mvp);
        writer.any_flag();
        writer.flag(false);
        writer.flag(false);
        writer.align();
        self.sets.push(writer.finish());
    }

    fn scaling(writer: &mut Writer) {
        for size in 0..4 {
            for matrix in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
                if !writer.any_flag() {
                    writer.any_golomb(if size == 3 { matrix / 3 } else { matrix });
                    continue;
                }
                if size > 1 {
                    writer.any_signed(-7, 247);
                }
                (0..if size == 0 { 16 } else { 64 }).for_each(|_| writer.any_signed(-128, 127));
            }
        }
    }

    fn reference_set(&self, writer: &mut Writer, in_slice: bool) -> References {
        let count = self.references.len();
        if count > 0 && writer.any_flag() {
            let back = if in_slice { writer.any_golomb(count as u32 - 1) as usize } else { 0 };
            let from = &self.references[count - 1 - back];
            let sign = writer.any_flag();
            let shift = writer.any_golomb(15) as i32 + 1;
            let shift = if sign { -shift } else { shift };
            let mut set = References::new();
            for distance in from.iter().map(|(distance, _)| *distance).chain([0]) {
                let used = writer.any_flag();
                if (used || writer.any_flag()) && distance + shift != 0 {
                    set.push((distance + shift, used));
                }
            }
            // In the order of the flags of the next set: backwards from the picture, then forwards.
            set.sort_by_key(|(distance, _)| (*distance > 0, distance.abs()));
            return set;
        }
        let counts = [writer.any_golomb(4), writer.any_golomb(4)];
        let mut set = References::new();
        for (count, sign) in counts.into_iter().zip([-1, 1]) {
            let mut distance = 0;
            for _ in 0..count {
                distance += sign * (writer.any_golomb(9) as i32 + 1);
                set.push((distance, writer.any_flag()));
            }
        }
        set
    }

    fn picture(&mut self, random: Random) {
        let writer = &mut Writer::new(&header(34), random);
        let mut picture = Picture::default();
        writer.golomb(0);
        writer.golomb(0);
        picture.dependent = writer.any_flag();
        picture.output_flag = writer.any_flag();
        picture.extra_bits = writer.random.to(2);
        writer.number(3, picture.extra_bits);
        writer.any_flag();
        picture.cabac_init = writer.any_flag();
        picture.references = [writer.any_golomb(14) + 1, writer.any_golomb(14) + 1];
        writer.any_signed(-9, 9);
        writer.any_flag();
        let transform_skip = writer.any_flag();
        if writer.any_flag() {
            writer.any_golomb(1);
        }
        writer.any_signed(-12, 12);
        writer.any_signed(-12, 12);
        picture.chroma_offsets = writer.any_flag();
        picture.weighted = [writer.any_flag(), writer.any_flag()];
        writer.any_flag();
        let tiles = writer.any_flag();
        picture.wavefronts = writer.any_flag();
        if tiles {
            let [columns, rows] = self.blocks.map(|most| writer.any_golomb((most - 1).min(3)) + 1);
            picture.tiles = Some(columns * rows);
            if !writer.any_flag() {
                (2..columns + rows).for_each(|_| _ = writer.golomb(0));
            }
            writer.any_flag();
        }
        picture.across = writer.any_flag();
        if writer.any_flag() {
            picture.deblocking_override = writer.any_flag();
            picture.deblocking_off = writer.any_flag();
            if !picture.deblocking_off {
                (0..2).for_each(|_| writer.any_signed(-6, 6));
            }
        }
        if writer.any_flag() {
            Self::scaling(writer);
        }
        picture.lists = writer.any_flag();
        writer.golomb(0);
        picture.extension = writer.any_flag();
        if writer.any_flag() {
            let range = writer.any_flag();
            writer.number(7, 0);
            if range {
                if transform_skip {
                    writer.golomb(0);
                }
                let cross = self.chroma == 3 && writer.random.flag();
                writer.flag(cross);
                let lists = self.chroma > 0 && writer.random.flag();
                picture.chroma_lists = writer.flag(lists);
                if lists {
                    writer.golomb(0);
                    let entries = writer.any_golomb(3);
                    (0..2 * (entries + 1)).for_each(|_| writer.any_signed(-12, 12));
                }
                (0..2).for_each(|_| _ = writer.golomb(0));
            }
        }
        writer.align();
        self.sets.push(writer.finish());
        self.picture = picture;
    }

    fn width(count: usize) -> u32 {
        (count as u32).next_power_of_two().ilog2()
    }

    /// Whether there is a chroma of its own.
    fn in_colour(&self) -> bool {
        self.chroma > 0 && !self.separate
    }

    fn slice(&mut self, mut random: Random, is_first: bool) {
        // Types of leading, trailing and random access pictures.
        let kind = if is_first { 19 } else { [0, 1, 6, 7, 8, 9, 16, 19, 20, 21][random.to(9) as usize] };
        let is_first = is_first || random.to(3) == 0;
        let picture = &self.picture;
        let writer = &mut Writer::new(&header(kind), random);
        writer.flag(is_first);
        if (16..24).contains(&kind) {
            writer.any_flag();
        }
        writer.golomb(0);
        let mut dependent = false;
        if !is_first {
            dependent = picture.dependent && writer.any_flag();
            let count = self.blocks[0] * self.blocks[1];
            let address = 1 + writer.random.to(count - 2);
            writer.number(Self::width(count as usize), address);
        }
        if !dependent {
            self.independent(writer, kind);
        }
        let most = match (picture.tiles, picture.wavefronts) {
            (None, false) => None,
            (None, true) => Some(self.blocks[1] - 1),
            (Some(tiles), false) => Some(tiles - 1),
            (Some(_), true) => Some(self.blocks[1] - 1),
        };
        if let Some(most) = most {
            let count = writer.any_golomb(most);
            if count > 0 {
                let width = writer.any_golomb(31) + 1;
                // Small numbers make zeros, which need emulation prevention.
                let small = writer.random.flag();
                for _ in 0..count {
                    if small { writer.number(width, 0) } else { writer.any(width) }
                }
            }
        }
        if picture.extension {
            let length = writer.any_golomb(5);
            writer.number(8 * length.min(4), 0);
            writer.number(8 * (length - length.min(4)), 0);
        }
        writer.align();
        let slice = writer.slice();
        self.slices.push(slice);
    }

    fn independent(&self, writer: &mut Writer, kind: u8) {
        let picture = &self.picture;
        writer.number(picture.extra_bits, 0);
        let is_idr = kind == 19 || kind == 20;
        // 0 is B, 1 is P, 2 is I.
        let slice = if is_idr { 2 } else { writer.random.to(2) };
        writer.golomb(slice);
        if picture.output_flag {
            writer.any_flag();
        }
        if self.separate {
            writer.number(2, 1);
        }
        let (mut current, mut temporal_mvp) = (0, false);
        if !is_idr {
            current = self.references(writer);
            temporal_mvp = self.temporal_mvp && writer.any_flag();
        }
        let mut sao = false;
        if self.sao {
            sao = writer.any_flag();
            sao |= self.in_colour() && writer.any_flag();
        }
        if slice < 2 {
            self.prediction(writer, slice == 0, current, temporal_mvp);
        }
        writer.any_signed(-9, 9);
        if picture.chroma_offsets {
            (0..2).for_each(|_| writer.signed(0));
        }
        if picture.chroma_lists {
            writer.any_flag();
        }
        let mut off = picture.deblocking_off;
        if picture.deblocking_override && writer.any_flag() {
            off = writer.any_flag();
            if !off {
                (0..2).for_each(|_| writer.any_signed(-6, 6));
            }
        }
        if picture.across && (sao || !off) {
            writer.any_flag();
        }
    }

    fn references(&self, writer: &mut Writer) -> usize {
        writer.any(self.order_bits);
        let own;
        let short = if !self.references.is_empty() && writer.any_flag() {
            let index = writer.random.to(self.references.len() as u32 - 1);
            writer.number(Self::width(self.references.len()), index);
            &self.references[index as usize]
        } else {
            if self.references.is_empty() {
                writer.flag(false);
            }
            own = self.reference_set(writer, true);
            &own
        };
        let mut current = short.iter().filter(|(_, used)| *used).count();
        if let Some(known) = &self.long_term {
            let room = 15_u32.saturating_sub(short.len() as u32);
            let named = if known.is_empty() { 0 } else { writer.any_golomb(room.min(known.len() as u32)) };
            let own = writer.any_golomb((room - named).min(3));
            for number in 0..named + own {
                current += usize::from(if number < named {
                    let index = writer.random.to(known.len() as u32 - 1);
                    writer.number(Self::width(known.len()), index);
                    known[index as usize]
                } else {
                    writer.any(self.order_bits);
                    writer.any_flag()
                });
                if writer.any_flag() {
                    writer.any_golomb(9);
                }
            }
        }
        current
    }

    fn prediction(&self, writer: &mut Writer, is_b: bool, current: usize, temporal_mvp: bool) {
        let picture = &self.picture;
        let lists = if is_b { 2 } else { 1 };
        let mut references = picture.references;
        if writer.any_flag() {
            references.iter_mut().take(lists).for_each(|count| *count = writer.any_golomb(14) + 1);
        }
        if picture.lists && current > 1 {
            for count in references.iter().take(lists) {
                if writer.any_flag() {
                    for _ in 0..*count {
                        let entry = writer.random.to(current as u32 - 1);
                        writer.number(Self::width(current), entry);
                    }
                }
            }
        }
        if is_b {
            writer.any_flag();
        }
        if picture.cabac_init {
            writer.any_flag();
        }
        if temporal_mvp {
            let list = usize::from(is_b && !writer.any_flag());
            if references[list] > 1 {
                writer.any_golomb(references[list] - 1);
            }
        }
        if picture.weighted[usize::from(is_b)] {
            self.weights(writer, &references[..lists]);
        }
        writer.any_golomb(4);
    }

    fn weights(&self, writer: &mut Writer, references: &[u32]) {
        writer.golomb(3);
        if self.in_colour() {
            writer.signed(0);
        }
        for count in references {
            let luma: Vec<bool> = (0..*count).map(|_| writer.any_flag()).collect();
            let chroma: Vec<bool> = (0..*count).map(|_| self.in_colour() && writer.any_flag()).collect();
            for (luma, chroma) in luma.into_iter().zip(chroma) {
                if luma {
                    (0..2).for_each(|_| writer.any_signed(-99, 99));
                }
                if chroma {
                    (0..4).for_each(|_| writer.any_signed(-99, 99));
                }
            }
        }
    }
}
