//! ffmpeg's `-progress` blocks.

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Media time written so far.
    pub at: Duration,
    /// Frames of the first video output so far.
    pub frames: u64,
    /// Media seconds per second; 0 while unknown.
    pub speed: f64,
}

impl Progress {
    /// Applies a line. Returns true when it ends a block. What can't be read changes nothing, such as the N/A that stands
    /// for everything while nothing is written.
    pub fn take(&mut self, line: &str) -> bool {
        let (name, value) = line.trim().split_once('=').unwrap_or_default();
        let value = value.trim();
        match name {
            // Negative before the first packet.
            "out_time_us" => {
                let micros = value.parse::<i64>().map_or(0, |micros| micros.max(0).unsigned_abs());
                self.at = self.at.max(Duration::from_micros(micros));
            }
            "frame" => self.frames = self.frames.max(value.parse().unwrap_or(0)),
            "speed" => self.speed = value.trim_end_matches('x').trim().parse().unwrap_or(self.speed),
            _ => {}
        }
        name == "progress"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line makes of a progress, and whether it ends a block.
    fn after(line: &str) -> (u64, u64, f64, bool) {
        let mut progress = Progress { at: Duration::from_millis(1000), frames: 5, speed: 2.0 };
        let ended = progress.take(line);
        (progress.at.as_millis() as u64, progress.frames, progress.speed, ended)
    }

    #[test]
    fn lines_as_ffmpeg_writes_them_are_read() {
        assert_eq!(after("out_time_us=2500000\n"), (2500, 5, 2.0, false));
        assert_eq!(after("speed=   0x"), (1000, 5, 0.0, false));
        assert_eq!(after("speed=1.25x"), (1000, 5, 1.25, false));
        assert_eq!(after("frame=17"), (1000, 17, 2.0, false));
        assert_eq!(after("progress=continue"), (1000, 5, 2.0, true));
    }

    #[test]
    fn other_lines_and_those_without_a_value_change_nothing() {
        let others = ["out_time_us=-21333", "out_time_us=N/A", "speed=N/A", "frame=N/A", "bitrate= 12.1kbits/s"];
        for line in others.into_iter().chain(["no equals sign", "progress", ""]) {
            assert_eq!(after(line), (1000, 5, 2.0, false), "{line}");
        }
    }

    #[test]
    fn media_time_never_runs_backwards() {
        let mut progress = Progress::default();
        for line in ["out_time_us=3000000", "progress=continue", "out_time_us=2000000"] {
            progress.take(line);
        }
        assert_eq!(progress.at, Duration::from_secs(3));
    }
}
