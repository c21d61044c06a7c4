//! H.264 (ITU-T H.264, section 7.3).

use super::*;
use crate::cbcs::avc::Sets;

#[test]
fn any_header_of_h264_ends_where_it_was_written_to_end() {
    let mut agreement = Agreement::default();
    for seed in 1..=20 {
        let stream = Stream::random(seed);
        agreement.check::<Sets>("h264", &stream.sets, &stream.slices);
    }
    assert!(agreement.traced >= 120 && agreement.prevented >= 4, "{agreement:?}");
}

#[derive(Default)]
struct Stream {
    sets: Vec<Vec<u8>>,
    slices: Vec<Slice>,
    chroma: u32,
    separate: bool,
    frame_num_bits: u32,
    order: u32,
    order_bits: u32,
    never_delta: bool,
    only_frames: bool,
    cabac: bool,
    bottom_order: bool,
    references: [u32; 2],
    weighted_p: bool,
    weighted_b: u32,
    deblocking: bool,
    redundant: bool,
}

impl Stream {
    fn random(seed: u64) -> Self {
        let mut stream = Self::default();
        stream.sequence(Random::new(seed + 5000));
        stream.picture(Random::new(seed + 6000));
        for number in 0..8 {
            stream.slice(Random::new(seed * 100 + number + 7000), number == 0);
        }
        stream
    }

    fn scaling(writer: &mut Writer, size: usize) {
        let mut last = 8;
        for number in 0..size {
            // A scale of 0 ends the list, and 0 as the first one asks for the default.
            let delta = writer.random.within(-8, 8);
            writer.signed(delta);
            let next = (last + delta + 256) % 256;
            if next == 0 {
                return;
            }
            assert!(number < size);
            last = next;
        }
    }

    fn sequence(&mut self, random: Random) {
        let writer = &mut Writer::new(&[0x67], random);
        let high = writer.random.flag();
        // High 4:4:4 Predictive, or Main.
        writer.number(8, if high { 244 } else { 77 });
        writer.number(8, 0);
        writer.number(8, 51);
        writer.golomb(0);
        self.chroma = 1;
        if high {
            self.chroma = writer.any_golomb(3);
            self.separate = self.chroma == 3 && writer.any_flag();
            let depth = writer.any_golomb(2);
            writer.golomb(depth);
            writer.any_flag();
            if writer.any_flag() {
                for list in 0..if self.chroma == 3 { 12 } else { 8 } {
                    if writer.any_flag() {
                        Self::scaling(writer, if list < 6 { 16 } else { 64 });
                    }
                }
            }
        }
        self.frame_num_bits = writer.any_golomb(12) + 4;
        self.order = writer.any_golomb(2);
        match self.order {
            0 => self.order_bits = writer.any_golomb(12) + 4,
            1 => {
                self.never_delta = writer.any_flag();
                (0..2).for_each(|_| writer.any_signed(-9, 9));
                let cycle = writer.any_golomb(4);
                (0..cycle).for_each(|_| writer.any_signed(-9, 9));
            }
            _ => {}
        }
        writer.golomb(16);
        writer.any_flag();
        writer.golomb(19);
        writer.golomb(11);
        self.only_frames = writer.any_flag();
        if !self.only_frames {
            writer.any_flag();
        }
        // Direct inference, which fields need; no cropping and no VUI.
        writer.flag(true);
        writer.flag(false);
        writer.flag(false);
        writer.align();
        self.sets.push(writer.finish());
    }

    fn picture(&mut self, random: Random) {
        let writer = &mut Writer::new(&[0x68], random);
        writer.golomb(0);
        writer.golomb(0);
        self.cabac = writer.any_flag();
        self.bottom_order = writer.any_flag();
        writer.golomb(0);
        self.references = [writer.any_golomb(15) + 1, writer.any_golomb(15) + 1];
        self.weighted_p = writer.any_flag();
        self.weighted_b = writer.random.to(2);
        writer.number(2, self.weighted_b);
        (0..3).for_each(|_| writer.any_signed(-9, 9));
        self.deblocking = writer.any_flag();
        writer.any_flag();
        self.redundant = writer.any_flag();
        writer.align();
        self.sets.push(writer.finish());
    }

    fn slice(&mut self, mut random: Random, is_first: bool) {
        let is_idr = is_first || random.to(3) == 0;
        let importance = if is_idr { 1 + random.to(2) } else { random.to(3) } as u8;
        let writer = &mut Writer::new(&[importance << 5 | if is_idr { 5 } else { 1 }], random);
        writer.golomb(0);
        // 0 is P, 1 is B, 2 is I; from 5 on all slices of the picture are alike.
        let slice = if is_idr { 2 } else { writer.random.to(2) };
        let alike = if writer.random.flag() { 5 } else { 0 };
        writer.golomb(slice + alike);
        writer.golomb(0);
        if self.separate {
            writer.number(2, 2);
        }
        if is_idr {
            writer.number(self.frame_num_bits, 0)
        } else {
            writer.any(self.frame_num_bits)
        }
        let mut is_field = false;
        if !self.only_frames {
            is_field = writer.any_flag();
            if is_field {
                writer.any_flag();
            }
        }
        if is_idr {
            writer.any_golomb(65535);
        }
        let both = self.bottom_order && !is_field;
        if self.order == 0 {
            writer.any(self.order_bits);
            if both {
                writer.any_signed(-99999, 99999);
            }
        }
        if self.order == 1 && !self.never_delta {
            (0..if both { 2 } else { 1 }).for_each(|_| writer.any_signed(-99, 99));
        }
        if self.redundant {
            writer.golomb(0);
        }
        if slice == 1 {
            writer.any_flag();
        }
        self.references(writer, slice, is_field);
        if importance > 0 {
            Self::marking(writer, is_idr);
        }
        if self.cabac && slice != 2 {
            writer.any_golomb(2);
        }
        writer.any_signed(-9, 9);
        if self.deblocking && writer.any_golomb(2) != 1 {
            (0..2).for_each(|_| writer.any_signed(-6, 6));
        }
        let slice = writer.slice();
        self.slices.push(slice);
    }

    fn references(&self, writer: &mut Writer, slice: u32, is_field: bool) {
        let lists = [1, 2, 0][slice as usize];
        let mut references = self.references;
        if lists > 0 && writer.any_flag() {
            let most = if is_field { 31 } else { 15 };
            references.iter_mut().take(lists).for_each(|count| *count = writer.any_golomb(most) + 1);
        }
        for _ in 0..lists {
            if writer.any_flag() {
                for _ in 0..writer.random.to(4) {
                    writer.any_golomb(2);
                    writer.any_golomb(9);
                }
                writer.golomb(3);
            }
        }
        if !(slice == 0 && self.weighted_p || slice == 1 && self.weighted_b == 1) {
            return;
        }
        let in_colour = self.chroma > 0 && !self.separate;
        writer.any_golomb(7);
        if in_colour {
            writer.any_golomb(7);
        }
        for _ in 0..references.iter().take(lists).sum() {
            if writer.any_flag() {
                (0..2).for_each(|_| writer.any_signed(-99, 99));
            }
            if in_colour && writer.any_flag() {
                (0..4).for_each(|_| writer.any_signed(-99, 99));
            }
        }
    }

    fn marking(writer: &mut Writer, is_idr: bool) {
        if is_idr {
            (0..2).for_each(|_| _ = writer.any_flag());
            return;
        }
        if writer.any_flag() {
            for _ in 0..writer.random.to(5) {
                let operation = 1 + writer.random.to(5);
                writer.golomb(operation);
                let numbers = [1, 1, 2, 1, 0, 1][operation as usize - 1];
                (0..numbers).for_each(|_| _ = writer.any_golomb(9));
            }
            writer.golomb(0);
        }
    }
}
