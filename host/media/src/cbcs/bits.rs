//! Reads the bits of a NAL unit and keeps count of the bytes that they take in the file.

use super::Error;

const ENDS: Error = Error::Malformed("a NAL unit ends within its header");

/// Bits of a NAL unit from its first header byte on, without the emulation prevention bytes (ITU-T H.264, section 7.3.1;
/// ITU-T H.265, section 7.3.1.1).
pub(super) struct Bits<'a> {
    unit: &'a [u8],
    /// The byte of the unit that is loaded next.
    next: usize,
    current: u8,
    /// Bits of `current` that are still to be read.
    left: u32,
    /// Zero bytes in a row, up to `current`.
    zeros: u32,
}

impl<'a> Bits<'a> {
    pub fn new(unit: &'a [u8]) -> Self {
        Self { unit, next: 0, current: 0, left: 0, zeros: 0 }
    }

    /// Bytes of the unit up to the end of what was read, emulation prevention bytes included. A byte that is read in part
    /// counts in full.
    pub fn bytes_read(&self) -> usize {
        self.next
    }

    fn load(&mut self) -> Result<(), Error> {
        let mut byte = *self.unit.get(self.next).ok_or(ENDS)?;
        if self.zeros >= 2 && byte == 3 {
            self.next += 1;
            self.zeros = 0;
            byte = *self.unit.get(self.next).ok_or(ENDS)?;
        }
        self.next += 1;
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        (self.current, self.left) = (byte, 8);
        Ok(())
    }

    pub fn flag(&mut self) -> Result<bool, Error> {
        if self.left == 0 {
            self.load()?;
        }
        self.left -= 1;
        Ok((self.current >> self.left) & 1 == 1)
    }

    /// A number of up to 32 bits.
    pub fn number(&mut self, bits: u32) -> Result<u32, Error> {
        let mut value = 0;
        for _ in 0..bits {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Ok(value)
    }

    pub fn skip(&mut self, bits: u32) -> Result<(), Error> {
        for _ in 0..bits {
            self.flag()?;
        }
        Ok(())
    }

    /// An unsigned Exp-Golomb number, ue(v).
    pub fn golomb(&mut self) -> Result<u32, Error> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Error::Malformed("a number in a NAL unit is too large"));
            }
        }
        // At most 2^32 - 2.
        Ok(((1_u32 << zeros) - 1) + self.number(zeros)?)
    }

    /// The same with an upper bound that the standard sets. `wrong` says what is wrong above it.
    pub fn golomb_to(&mut self, most: u32, wrong: &'static str) -> Result<u32, Error> {
        let value = self.golomb()?;
        if value <= most { Ok(value) } else { Err(Error::Malformed(wrong)) }
    }

    /// A signed Exp-Golomb number, se(v).
    pub fn signed_golomb(&mut self) -> Result<i64, Error> {
        let value = i64::from(self.golomb()?);
        Ok(if value % 2 == 1 { value / 2 + 1 } else { -(value / 2) })
    }

    /// Passes over so many Exp-Golomb numbers, signed or not.
    pub fn skip_golomb(&mut self, count: u32) -> Result<(), Error> {
        for _ in 0..count {
            self.golomb()?;
        }
        Ok(())
    }

    /// A one and zeros up to the end of the byte (ITU-T H.265, section 7.3.2.12).
    pub fn byte_alignment(&mut self) -> Result<(), Error> {
        if !self.flag()? || self.current & ((1 << self.left) - 1) != 0 {
            return Err(Error::Malformed("a slice header doesn't end as its parameter sets say"));
        }
        Ok(())
    }
}

/// The bits that a number below `count` takes: Ceil(Log2(count)).
pub(super) fn bits_for(count: u32) -> u32 {
    count.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_across_bytes() {
        // 1, 010, 011, 00100, then 0111 and zeros.
        let bits = &mut Bits::new(&[0b1010_0110, 0b0100_0111, 0]);
        assert_eq!([(); 4].map(|()| bits.golomb().unwrap()), [0, 1, 2, 3]);
        assert_eq!((bits.number(4).unwrap(), bits.bytes_read()), (7, 2));
        assert!(bits.golomb().is_err(), "it ends");
        let signed = &mut Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([(); 5].map(|()| signed.signed_golomb().unwrap()), [0, 1, -1, 2, -2]);
        assert_eq!(Bits::new(&[0, 0, 0, 1, 255, 255, 255, 254]).golomb().unwrap(), u32::MAX - 1);
        assert!(Bits::new(&[0, 0, 0, 0, 255, 255, 255, 255, 255]).golomb().is_err(), "33 bits");
    }

    #[test]
    fn emulation_prevention_is_no_data_but_takes_a_byte() {
        let bits = &mut Bits::new(&[0, 0, 3, 0, 0, 3, 1, 3]);
        assert_eq!((bits.number(24).unwrap(), bits.bytes_read()), (0, 4));
        assert_eq!((bits.number(8).unwrap(), bits.bytes_read()), (0, 5));
        assert_eq!((bits.number(16).unwrap(), bits.bytes_read()), (0x103, 8));
        // One that comes behind the header is not part of it.
        let bits = &mut Bits::new(&[1, 0, 0, 3, 1]);
        assert_eq!((bits.number(24).unwrap(), bits.bytes_read()), (0x1_0000, 3));
        assert!(Bits::new(&[0, 0, 3]).number(24).is_err());
    }

    #[test]
    fn alignment_is_a_one_and_zeros() {
        let aligned = |byte| {
            let unit = [byte, 0x80];
            let bits = &mut Bits::new(&unit);
            bits.skip(4)?;
            bits.byte_alignment().map(|()| bits.bytes_read())
        };
        assert_eq!(aligned(0xf8), Ok(1));
        assert!(aligned(0xf0).is_err() && aligned(0xf9).is_err());
        let bits = &mut Bits::new(&[0xff, 0x80]);
        bits.skip(8).unwrap();
        assert_eq!((bits.byte_alignment(), bits.bytes_read()), (Ok(()), 2), "a byte of its own");
    }

    #[test]
    fn a_number_takes_the_bits_that_the_largest_one_needs() {
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9].map(bits_for), [0, 0, 1, 2, 2, 3, 3, 4]);
    }
}
