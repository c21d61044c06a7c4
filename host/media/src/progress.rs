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

/// One line of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    At(Duration),
    Frames(u64),
    Speed(f64),
    /// `progress`: the block is complete.
    EndOfBlock,
}

pub fn parse_line(line: &str) -> Option<Line> {
    let (name, value) = line.trim().split_once('=')?;
    let value = value.trim();
    match name {
        // Negative before the first packet, N/A while nothing is written.
        "out_time_us" => value.parse::<i64>().ok().map(|us| Line::At(Duration::from_micros(us.max(0).unsigned_abs()))),
        "frame" => value.parse().ok().map(Line::Frames),
        "speed" => value.trim_end_matches('x').trim().parse().ok().map(Line::Speed),
        "progress" => Some(Line::EndOfBlock),
        _ => None,
    }
}

impl Progress {
    /// Applies a line. Returns true when it ends a block.
    pub fn take(&mut self, line: &str) -> bool {
        match parse_line(line) {
            Some(Line::At(at)) => self.at = self.at.max(at),
            Some(Line::Frames(frames)) => self.frames = self.frames.max(frames),
            Some(Line::Speed(speed)) => self.speed = speed,
            Some(Line::EndOfBlock) => return true,
            None => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_ffmpeg_writes_them_are_read() {
        assert_eq!(parse_line("out_time_us=2500000\n"), Some(Line::At(Duration::from_millis(2500))));
        assert_eq!(parse_line("out_time_us=-21333"), Some(Line::At(Duration::ZERO)));
        assert_eq!(parse_line("out_time_us=N/A"), None);
        assert_eq!(parse_line("speed=   0x"), Some(Line::Speed(0.0)));
        assert_eq!(parse_line("speed=1.25x"), Some(Line::Speed(1.25)));
        assert_eq!(parse_line("speed=N/A"), None);
        assert_eq!(parse_line("frame=17"), Some(Line::Frames(17)));
        assert_eq!(parse_line("progress=continue"), Some(Line::EndOfBlock));
        assert_eq!(parse_line("bitrate= 12.1kbits/s"), None);
        assert_eq!(parse_line("no equals sign"), None);
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
