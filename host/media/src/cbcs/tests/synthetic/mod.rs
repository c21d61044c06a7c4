//! Streams of random parameter sets and slice headers, with what no encoder at hand writes. Three have to agree on where each
//! header ends: what wrote it, ffmpeg and the code under test.

mod avc;
mod hevc;

use super::headers::{traced, with_prevention};
use super::{run, with_file};
use crate::cbcs::units::{ParameterSets, Unit};

/// Random numbers, the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn to(&mut self, most: u32) -> u32 {
        (self.next() % (u64::from(most) + 1)) as u32
    }

    fn within(&mut self, least: i32, most: i32) -> i32 {
        least + self.to((most - least) as u32) as i32
    }

    fn flag(&mut self) -> bool {
        self.to(1) == 1
    }
}

/// Writes a NAL unit.
struct Writer {
    bits: Vec<bool>,
    random: Random,
}

impl Writer {
    fn new(header: &[u8], random: Random) -> Self {
        let mut writer = Self { bits: Vec::new(), random };
        header.iter().for_each(|byte| writer.number(8, (*byte).into()));
        writer
    }

    fn number(&mut self, bits: u32, value: u32) {
        self.bits.extend((0..bits).rev().map(|bit| (value >> bit) & 1 == 1));
    }

    fn flag(&mut self, value: bool) -> bool {
        self.bits.push(value);
        value
    }

    fn any_flag(&mut self) -> bool {
        let value = self.random.flag();
        self.flag(value)
    }

    /// A random number of so many bits, and often 0: a long one needs emulation prevention.
    fn any(&mut self, bits: u32) {
        let value = if self.random.flag() { 0 } else { self.random.next() as u32 };
        self.number(bits, value & (((1_u64 << bits) - 1) as u32));
    }

    fn golomb(&mut self, value: u32) -> u32 {
        let length = (u64::from(value) + 1).ilog2();
        self.number(length, 0);
        self.number(length + 1, value + 1);
        value
    }

    fn any_golomb(&mut self, most: u32) -> u32 {
        let value = self.random.to(most);
        self.golomb(value)
    }

    fn signed(&mut self, value: i32) {
        self.golomb(if value > 0 { 2 * value - 1 } else { -2 * value } as u32);
    }

    fn any_signed(&mut self, least: i32, most: i32) {
        let value = self.random.within(least, most);
        self.signed(value);
    }

    /// A one, and zeros to the end of the byte.
    fn align(&mut self) {
        self.flag(true);
        while !self.bits.len().is_multiple_of(8) {
            self.flag(false);
        }
    }

    /// The slice whose header was written, with some data.
    fn slice(&mut self) -> Slice {
        let bits = self.bits.len() as u64;
        while !self.bits.len().is_multiple_of(8) {
            self.flag(true);
        }
        for _ in 0..40 {
            let byte = self.random.to(255);
            self.number(8, byte);
        }
        self.number(8, 0x80);
        Slice { unit: self.finish(), bits }
    }

    /// The unit with emulation prevention.
    fn finish(&self) -> Vec<u8> {
        assert!(self.bits.len().is_multiple_of(8));
        let (mut unit, mut zeros) = (Vec::new(), 0);
        for byte in self.bits.chunks(8).map(|bits| bits.iter().fold(0_u8, |sum, bit| sum << 1 | u8::from(*bit))) {
            if zeros >= 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            unit.push(byte);
        }
        unit
    }
}

/// A slice, and the bits of its header.
struct Slice {
    unit: Vec<u8>,
    bits: u64,
}

/// How many headers were compared.
#[derive(Debug, Default)]
struct Agreement {
    /// By all three. ffmpeg reads no stream that it couldn't decode, such as one of separate colours.
    traced: usize,
    /// With emulation prevention in them.
    prevented: usize,
}

impl Agreement {
    fn check<S: ParameterSets>(&mut self, format: &str, sets: &[Vec<u8>], slices: &[Slice]) {
        let mut known = S::default();
        sets.iter().for_each(|unit| known.add(unit).unwrap());
        let units = sets.iter().chain(slices.iter().map(|slice| &slice.unit));
        let stream: Vec<u8> = units.flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect();
        let output = with_file(&stream, "stream", |path| {
            let input = ["-hide_banner", "-nostats", "-f", format, "-i", path];
            run("ffmpeg", &[&input[..], &["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]].concat())
        });
        let trace = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let ends = traced(&trace);
            let written: Vec<u64> = slices.iter().map(|slice| slice.bits).collect();
            assert_eq!(ends, written, "the writer and ffmpeg disagree\n{trace}");
            self.traced += ends.len();
        }
        for (number, slice) in slices.iter().enumerate() {
            let clear = with_prevention(&slice.unit, slice.bits);
            assert_eq!(known.unit(&slice.unit), Ok(Unit::Slice { clear }), "slice {number}\n{trace}");
            self.prevented += usize::from(clear > slice.bits.div_ceil(8) as usize);
        }
    }
}
