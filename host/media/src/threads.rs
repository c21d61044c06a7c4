//! How many threads decoders, filters and encoders get.

/// More threads than this make a decoder or a filter no faster.
const MOST: usize = 16;

/// Threads of a decoder, and of a graph of filters.
pub(crate) fn of_decoder(cores: usize) -> usize {
    cores.clamp(1, MOST)
}

/// Threads of each of several encoders that run side by side on a machine.
///
/// Each thread works on a frame of its own, and the next frame's waits for what it refers to. So three for each core keep
/// all cores busy, also while ffmpeg hands out frames: until version 7 it does so for one encoder after the other, and waits
/// for the slowest. On two cores, five encodes of 1080p take 0.82 of the time that they take with two threads each (ffmpeg
/// 5.1; 0.92 with 7.1), at the same quality: 0.01 of VMAF lower, and 0.6 % smaller. On one core every thread beyond the
/// first costs 3 %. `make bench-threads` measures it.
///
/// Each thread also holds frames in memory, so there are no more than [`MOST`], unless these are too few for the cores.
pub fn of_encoder(cores: usize, encodes: usize) -> usize {
    if cores < 2 {
        return 1;
    }
    let most = MOST.max(cores * 3 / (2 * encodes.max(1)));
    (cores * 3).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_enough_threads_for_its_cores_and_not_many_more() {
        assert_eq!([1, 2, 4, 8, 32].map(|cores| of_encoder(cores, 5)), [1, 6, 12, 16, 16]);
        assert_eq!([1, 2, 4, 8, 32].map(|cores| of_encoder(cores, 1)), [1, 6, 12, 16, 48]);
        for cores in 2..=32 {
            for encodes in 1..=8 {
                let threads = of_encoder(cores, encodes);
                assert!(2 * encodes * (threads + 1) >= cores * 3, "{cores} cores, {encodes} encodes: {threads}");
            }
        }
    }
}
