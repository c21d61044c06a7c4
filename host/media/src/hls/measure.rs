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
    let cuts = cuts(segments);
    let mut peak = 0;
    // A later start never has an earlier first end, so the ends that are too near are passed once for all starts. What is
    // left for each start are the few ends within a target duration of the first.
    let mut ends = cuts.as_slice();
    for start in &cuts {
        while let Some((end, later)) = ends.split_first()
            && end.nanos.saturating_sub(start.nanos) < shortest
        {
            ends = later;
        }
        let runs =
            ends.iter().map(|end| (end.behind.saturating_sub(start.before), end.nanos.saturating_sub(start.nanos)));
        for (bytes, nanos) in runs.take_while(|(_, nanos)| *nanos <= longest) {
            peak = peak.max(bits_per_second(bytes, nanos));
        }
    }
    let average_bps = cuts.last().map_or(0, |end| bits_per_second(end.behind, end.nanos));
    Rates { peak_bps: peak.max(average_bps), average_bps }
}

/// A moment at which a run may start or end.
#[derive(Clone, Copy, Default)]
struct Cut {
    /// Since the beginning.
    nanos: u128,
    /// Bytes of everything that has played before.
    before: u128,
    /// The same with the segments that play for no time at this moment. The heaviest run that starts or ends here has them.
    behind: u128,
}

/// The moments between segments, each once however many segments play for no time at it.
fn cuts(segments: &[(Duration, u64)]) -> Vec<Cut> {
    let mut cuts = Vec::with_capacity(segments.len() + 1);
    let mut now = Cut::default();
    for (duration, size) in segments {
        let bytes = now.behind + u128::from(*size);
        if duration.is_zero() {
            now.behind = bytes;
        } else {
            cuts.push(now);
            now = Cut { nanos: now.nanos + duration.as_nanos(), before: bytes, behind: bytes };
        }
    }
    cuts.push(now);
    cuts
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
    #[test]
    fn segments_that_play_for_no_time_count_with_what_is_beside_them() {
        assert_eq!(rates(&[(6000, 600), (0, 300), (6000, 900), (0, 300)]).0, 2000);
    }

    #[test]
    fn hundreds_of_thousands_of_segments_that_play_for_no_time_are_measured_at_once() {
        let mut segments = vec![(0, 1); 300_000];
        segments.insert(0, (6000, 6000));
        segments.push((6000, 12_000));
        assert_eq!(rates(&segments).0, 312_000 * 8 / 6);
    }

    /// The peak as RFC 8216 defines it, over every run of neighbours.
    fn peak_by_definition(segments: &[(u64, u64)]) -> u64 {
        let runs = (0..segments.len()).flat_map(|start| (start + 1..=segments.len()).map(move |end| start..end));
        let sums = runs.map(|run| segments[run].iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)));
        let counted = sums.filter(|(ms, _)| (3000..=9000).contains(ms));
        counted.map(|(ms, bytes)| (bytes * 8000).div_ceil(ms)).max().unwrap_or(0)
    }

    proptest::proptest! {
        #[test]
        fn the_peak_is_that_of_the_definition(
            segments in proptest::collection::vec((proptest::prop_oneof![0..=1_u64, 0..7000_u64], 0..1_000_000_u64), 0..30),
        ) {
            let (peak, average) = rates(&segments);
            proptest::prop_assert_eq!(peak, peak_by_definition(&segments).max(average));
        }
    }
}
