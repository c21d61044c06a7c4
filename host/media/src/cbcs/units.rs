//! Which bytes of a video sample are protected (ISO/IEC 23001-7, section 9.5.2).

use std::collections::{BTreeMap, BTreeSet};

use super::Error;

/// What a codec's parameter sets say of its NAL units.
pub(super) trait ParameterSets: Default {
    /// Reads a unit of the decoder's configuration. Units that are no parameter sets are passed over.
    fn add(&mut self, unit: &[u8]) -> Result<(), Error>;

    /// What a unit is, which must not be empty. `Err` if that can't be told for certain.
    fn unit(&self, unit: &[u8]) -> Result<Unit, Error>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Picture data. So many bytes from the unit's header on stay clear.
    Slice { clear: usize },
    /// Clear as a whole. Allowed in a sample only if the init segment has the same one.
    ParameterSet,
    /// Clear as a whole.
    Other,
}

/// Keeps a parameter set. `Err` for two sets with one number: which of them counts depends on the time.
pub(super) fn keep<T>(sets: &mut BTreeMap<u32, T>, id: u32, set: T) -> Result<(), Error> {
    match sets.insert(id, set) {
        None => Ok(()),
        Some(_) => Err(Error::Unsupported("two parameter sets with one number")),
    }
}

/// How the samples of a track are cut into NAL units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Structure<S> {
    pub sets: S,
    /// Bytes of the length before each unit: 1, 2 or 4.
    pub length_size: usize,
    /// The units of the decoder configuration in the init segment.
    pub known: BTreeSet<Vec<u8>>,
}

/// A part of a sample: bytes that are clear, and bytes behind them that are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Subsample {
    pub clear: usize,
    pub protected: usize,
}

impl<S: ParameterSets> Structure<S> {
    /// Adds a parameter set of the init segment.
    pub fn add(&mut self, unit: &[u8]) -> Result<(), Error> {
        // The same set may be there twice.
        if self.known.insert(unit.to_vec()) { self.sets.add(unit) } else { Ok(()) }
    }

    /// Cuts a sample into parts, which fill it. Only the last one may protect nothing.
    pub fn subsamples(&self, sample: &[u8]) -> Result<Vec<Subsample>, Error> {
        let mut all = Vec::new();
        let mut current = Subsample::default();
        let mut rest = sample;
        while !rest.is_empty() {
            let (unit, behind) = self.split_unit(rest)?;
            rest = behind;
            let clear = match self.sets.unit(unit)? {
                Unit::Slice { clear } => clear,
                Unit::ParameterSet if !self.known.contains(unit) => {
                    return Err(Error::Unsupported("a parameter set in a sample that the init segment doesn't have"));
                }
                Unit::ParameterSet | Unit::Other => unit.len(),
            };
            current.clear += self.length_size + clear;
            current.protected = unit.len() - clear;
            if current.protected > 0 {
                all.push(std::mem::take(&mut current));
            }
        }
        if current.clear > 0 {
            all.push(current);
        }
        Ok(all)
    }

    /// The first unit, and what is behind it.
    fn split_unit<'a>(&self, sample: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Error> {
        const CUT_OFF: Error = Error::Malformed("a NAL unit is cut off");
        let (length, rest) = sample.split_at_checked(self.length_size).ok_or(CUT_OFF)?;
        let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        rest.split_at_checked(length).ok_or(CUT_OFF)
    }
}
