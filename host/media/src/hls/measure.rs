//! The rates that the master playlist promises, from the sizes and durations of the segments.

use std::time::Duration;

/// Bits per second of a rendition, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// For `BANDWIDTH`.
    pub peak_bps: u64,
    /// For `AVERAGE-BANDWIDTH`.
    pub average_bps: u64,
}

/// Measures segments, given in playing order as duration and bytes.
///
/// RFC 8216, section 4.1, defines both rates without the overhead of delivery but with that of the container:
/// - the average is all bits over the whole duration;
/// - the peak is the highest rate of any run of neighbouring segments that together play between half and one and a
///   half times the target duration, where the rate of a run is its bits over its duration. So a tail of a few frames,
///   whose own rate is mostly its one keyframe, counts only together with what is before it.
///
/// Where no run has such a length the whole counts, and the peak is never lower than the average.
pub fn measure(segments: &[(Duration, u64)], target: Duration) -> Rates {
    let shortest = target.as_nanos().div_ceil(2);
    let longest = target.as_nanos().saturating_mul(3) / 2;
    let mut peak = 0;
    for start in 0..segments.len() {
        let (mut nanos, mut bytes) = (0_u128, 0_u128);
        for (duration, size) in segments.iter().skip(start) {
            nanos += duration.as_nanos();
            bytes += u128::from(*size);
            if nanos > longest {
                break;
            }
            if nanos >= shortest {
                peak = peak.max(bits_per_second(bytes, nanos));
            }
        }
    }
    let nanos = segments.iter().map(|(duration, _)| duration.as_nanos()).sum();
    let bytes = segments.iter().map(|(_, size)| u128::from(*size)).sum();
    let average_bps = bits_per_second(bytes, nanos);
    Rates { peak_bps: peak.max(average_bps), average_bps }
}

/// Rounded up; 0 for no time at all.
fn bits_per_second(bytes: u128, nanos: u128) -> u64 {
    if nanos == 0 {
        return 0;
    }
    let bits = bytes.saturating_mul(8 * 1_000_000_000);
    u64::try_from(bits.div_ceil(nanos)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_secs(6);

    fn rates(segments: &[(u64, u64)]) -> (u64, u64) {
        let segments: Vec<_> = segments.iter().map(|(ms, bytes)| (Duration::from_millis(*ms), *bytes)).collect();
        let Rates { peak_bps, average_bps } = measure(&segments, TARGET);
        (peak_bps, average_bps)
    }

    #[test]
    fn the_peak_is_the_heaviest_full_segment() {
        assert_eq!(rates(&[(6000, 600_000), (6000, 900_000), (6000, 300_000)]), (1_200_000, 800_000));
    }

    #[test]
    fn a_short_tail_counts_only_with_what_is_before_it() {
        // Alone, the tail would be 8 Mbps. With its neighbour: 640,000 bytes in 6.04 s.
        let (peak, _) = rates(&[(6000, 600_000), (6000, 600_000), (40, 40_000)]);
        assert_eq!(peak, (640_000_u64 * 8 * 1000).div_ceil(6040));
    }

    #[test]
    fn a_run_may_be_as_short_as_half_and_as_long_as_one_and_a_half_targets() {
        assert_eq!(rates(&[(6000, 600), (3000, 3000)]).0, 8000, "exactly half counts alone");
        assert_eq!(rates(&[(6000, 600), (2999, 3000)]).0, (3600_u64 * 8000).div_ceil(8999), "less does not");
        assert_eq!(rates(&[(2000, 10), (2000, 1000), (2000, 1000), (2000, 10)]).0, 4000, "two of four are the peak");
        // With a neighbour the heavy one plays 9.4 s, which is too long, and alone it is too short.
        assert_eq!(rates(&[(6500, 6500), (2900, 9000), (6500, 6500), (6500, 0)]).0, 8000);
        assert_eq!(rates(&[(6500, 6500), (2500, 9000)]).0, (15_500_u64 * 8000).div_ceil(9000), "exactly 9 s counts");
    }

    #[test]
    fn without_a_run_of_that_length_the_whole_counts() {
        assert_eq!(rates(&[(1000, 1000)]), (8000, 8000));
        assert_eq!(rates(&[(20_000, 1000)]), (400, 400));
        assert_eq!(rates(&[]), (0, 0));
        assert_eq!(rates(&[(0, 1000)]), (0, 0));
    }

    #[test]
    fn rates_are_rounded_up() {
        assert_eq!(rates(&[(3001, 1)]), (3, 3));
    }
}
