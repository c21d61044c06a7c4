//! Writing the master playlist.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use storage::{Destination, Key};

use super::measure::Rates;
use crate::info::{DynamicRange, Ratio};

/// A rung as the master playlist lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RungSummary {
    pub name: String,
    /// Width and height; `None` for sound alone.
    pub size: Option<(u32, u32)>,
    /// `None` for sound alone.
    pub frame_rate: Option<Ratio>,
    /// For `VIDEO-RANGE`; of sound alone, standard.
    #[serde(default = "standard")]
    pub range: DynamicRange,
    /// For `BANDWIDTH`: the measured peak, sound included.
    pub peak_bps: u64,
    /// For `AVERAGE-BANDWIDTH`: the measured average, sound included.
    pub average_bps: u64,
    /// For `CODECS`.
    pub codecs: String,
    /// The media playlist.
    pub playlist: Destination,
}

fn standard() -> DynamicRange {
    DynamicRange::Sdr
}

/// An I-frame playlist as the master playlist lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct IframeSummary {
    /// Width and height.
    pub size: (u32, u32),
    pub range: DynamicRange,
    /// Of the keyframes alone.
    pub peak_bps: u64,
    pub average_bps: u64,
    /// For `CODECS`.
    pub codecs: String,
    pub playlist: Destination,
}

/// A rendition of sound as the master playlist lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioSummary {
    /// For `GROUP-ID`.
    pub group: &'static str,
    pub name: String,
    pub language: Option<String>,
    pub is_default: bool,
    pub channels: u32,
    pub peak_bps: u64,
    pub average_bps: u64,
    /// For `CODECS`.
    pub codecs: String,
    pub playlist: Destination,
}

/// Subtitles as the master playlist lists them.
#[derive(Clone, Debug, PartialEq)]
pub struct SubtitleSummary {
    pub name: String,
    pub language: Option<String>,
    pub is_default: bool,
    pub is_forced: bool,
    /// Whether they also tell of sounds, for who can't hear.
    pub are_captions: bool,
    pub rates: Rates,
    pub playlist: Destination,
}

/// Everything that a master playlist lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Master {
    pub rungs: Vec<RungSummary>,
    pub iframes: Vec<IframeSummary>,
    /// With any, every rung is listed once for each of their groups.
    pub audio: Vec<AudioSummary>,
    pub subtitles: Vec<SubtitleSummary>,
    /// Of the pictures.
    pub captions: Captions,
}

/// What became of closed captions in a source's picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Captions {
    /// It had none, and players may look for some.
    #[default]
    Unknown,
    /// They are in the rungs too.
    Kept,
    /// They are not, and players need not look for any.
    Lost,
}

/// The rates and codecs of a group of sound: what is added to those of a rung is that of its heaviest rendition.
struct Group<'a> {
    name: &'static str,
    peak_bps: u64,
    average_bps: u64,
    codecs: &'a str,
}

impl Master {
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for AudioSummary { group, peak_bps, average_bps, codecs, .. } in &self.audio {
            let (peak_bps, average_bps) = (*peak_bps, *average_bps);
            match groups.iter_mut().find(|found| found.name == *group) {
                Some(found) => {
                    found.peak_bps = found.peak_bps.max(peak_bps);
                    found.average_bps = found.average_bps.max(average_bps);
                }
                None => groups.push(Group { name: group, peak_bps, average_bps, codecs }),
            }
        }
        groups
    }
}

/// What says that subtitles are captions: without it, players don't count them as such (RFC 8216, section 4.3.4.1).
const CAPTIONS: &str = ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
public.accessibility.describes-music-and-sound\"";

/// The text of the master playlist with this key. Players start with the first rung.
pub fn render_master(master: &Key, listed: &Master) -> String {
    let Master { rungs, iframes, audio, subtitles, captions } = listed;
    // Nothing here needs more than version 1. Version 3 keeps away players that don't support fractional seconds, which
    // the media playlists have.
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    // A player that isn't told assumes standard dynamic range, so only a mixture has to be told apart.
    let is_mixed = rungs.iter().any(|rung| rung.range != DynamicRange::Sdr);
    let range_of = |range: DynamicRange| if is_mixed { video_range(range) } else { "" };
    for AudioSummary { group, name, language, is_default, channels, playlist, .. } in audio {
        let (language, default) = (language_of(language.as_deref()), yes_or_no(*is_default));
        // Writing to a String can't fail, so the results here and below are dropped.
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME=\"{name}\",LANGUAGE=\"{language}\",DEFAULT={default},\
AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{}\"",
            escaped(&master.relative(&playlist.key))
        );
    }
    for SubtitleSummary { name, language, is_default, is_forced, are_captions, playlist, .. } in subtitles {
        let language = language_of(language.as_deref());
        let (default, forced) = (yes_or_no(*is_default), yes_or_no(*is_forced));
        let characteristics = if *are_captions { CAPTIONS } else { "" };
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{SUBTITLES}\",NAME=\"{name}\",LANGUAGE=\"{language}\",DEFAULT={default},\
AUTOSELECT=YES,FORCED={forced}{characteristics},URI=\"{}\"",
            escaped(&master.relative(&playlist.key))
        );
    }
    let mut shown = if subtitles.is_empty() { String::new() } else { format!(",SUBTITLES=\"{SUBTITLES}\"") };
    match captions {
        Captions::Unknown => {}
        Captions::Lost => shown.push_str(",CLOSED-CAPTIONS=NONE"),
        Captions::Kept => {
            // The first channel is the one that all others are added to.
            text.push_str(
                "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\",LANGUAGE=\"und\",DEFAULT=NO,\
AUTOSELECT=YES,INSTREAM-ID=\"CC1\"\n",
            );
            shown.push_str(",CLOSED-CAPTIONS=\"captions\"");
        }
    }
    // The rates of a variant are those of everything that may be played with it (RFC 8216, section 4.3.4.2).
    let heaviest = |rate: fn(&Rates) -> u64| subtitles.iter().map(|text| rate(&text.rates)).max().unwrap_or(0);
    let text_rates =
        Rates { peak_bps: heaviest(|rates| rates.peak_bps), average_bps: heaviest(|rates| rates.average_bps) };
    let groups = listed.groups();
    let groups: Vec<Option<&Group<'_>>> =
        if groups.is_empty() { vec![None] } else { groups.iter().map(Some).collect() };
    let variants = groups.iter().flat_map(|group| rungs.iter().map(move |rung| (rung, group)));
    for (rung, group) in variants {
        let RungSummary { size, frame_rate, range, codecs, playlist, .. } = rung;
        let (peak_bps, average_bps) = group.map_or((0, 0), |group| (group.peak_bps, group.average_bps));
        let peak_bps = rung.peak_bps + peak_bps + text_rates.peak_bps;
        let average_bps = rung.average_bps + average_bps + text_rates.average_bps;
        let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={average_bps}");
        if let Some((width, height)) = size {
            let _ = write!(text, ",RESOLUTION={width}x{height}");
        }
        if let Some(thousandths) = frame_rate.and_then(thousandths) {
            let _ = write!(text, ",FRAME-RATE={}.{:03}", thousandths / 1000, thousandths % 1000);
        }
        let range = if size.is_some() { range_of(*range) } else { "" };
        let (more, sound) = group.map_or((String::new(), String::new()), |group| {
            (format!(",{}", group.codecs), format!(",AUDIO=\"{}\"", group.name))
        });
        let _ = writeln!(
            text,
            "{range},CODECS=\"{codecs}{more}\"{sound}{shown}\n{}",
            escaped(&master.relative(&playlist.key))
        );
    }
    for IframeSummary { size: (width, height), range, peak_bps, average_bps, codecs, playlist } in iframes {
        let uri = escaped(&master.relative(&playlist.key)).to_string();
        let _ = writeln!(
            text,
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={average_bps},\
RESOLUTION={width}x{height}{},CODECS=\"{codecs}\",URI=\"{uri}\"",
            range_of(*range)
        );
    }
    text
}

/// The group of all subtitles.
const SUBTITLES: &str = "subtitles";

fn yes_or_no(is: bool) -> &'static str {
    if is { "YES" } else { "NO" }
}

/// Apple's players want a language of every rendition, and `und` is the one that isn't known (BCP 47).
fn language_of(language: Option<&str>) -> &str {
    language.unwrap_or("und")
}

fn video_range(range: DynamicRange) -> &'static str {
    match range {
        DynamicRange::Sdr => ",VIDEO-RANGE=SDR",
        DynamicRange::Pq => ",VIDEO-RANGE=PQ",
        DynamicRange::Hlg => ",VIDEO-RANGE=HLG",
    }
}

/// Rounded to the nearest; none without a denominator.
fn thousandths(rate: Ratio) -> Option<u64> {
    let denominator = u64::from(rate.denominator);
    (u64::from(rate.numerator) * 1000 + denominator / 2).checked_div(denominator)
}

/// Everything but what stands for itself in every part of a path.
pub(crate) const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-').remove(b'~');

/// Keys may hold what a URI may not, such as spaces, and a `#` or `:` would change what the line means.
fn escaped(path: &str) -> PercentEncode<'_> {
    utf8_percent_encode(path, ESCAPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::testkit::{at, key};

    fn full_hd() -> RungSummary {
        RungSummary {
            name: "1080p".into(),
            size: Some((1920, 1080)),
            frame_rate: Ratio::new(30000, 1001),
            range: DynamicRange::Sdr,
            peak_bps: 5_600_001,
            average_bps: 4_100_000,
            codecs: "avc1.640028,mp4a.40.2".into(),
            playlist: at("u/1080p/video.m3u8"),
        }
    }

    fn sound() -> RungSummary {
        let playlist = at("u/audio/a ü.m3u8");
        RungSummary { playlist, codecs: "mp4a.40.2".into(), size: None, frame_rate: None, ..full_hd() }
    }

    fn master(rungs: &[RungSummary]) -> String {
        render_master(&key("u/master.m3u8"), &Master { rungs: rungs.to_vec(), ..Master::default() })
    }

    #[test]
    fn a_master_is_written_as_players_expect_it() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-STREAM-INF:BANDWIDTH=5600001,AVERAGE-BANDWIDTH=4100000,RESOLUTION=1920x1080,FRAME-RATE=29.970,\
            CODECS=\"avc1.640028,mp4a.40.2\"\n1080p/video.m3u8\n";
        assert_eq!(master(&[full_hd()]), expected);
    }

    #[test]
    fn keyframes_are_listed_behind_the_rungs() {
        let iframes = IframeSummary {
            size: (640, 360),
            range: DynamicRange::Sdr,
            peak_bps: 90_000,
            average_bps: 80_000,
            codecs: "avc1.64001E".into(),
            playlist: at("u/360p/i frames.m3u8"),
        };
        let listed = Master { rungs: vec![full_hd()], iframes: vec![iframes], ..Master::default() };
        let text = render_master(&key("u/master.m3u8"), &listed);
        let expected = "\n1080p/video.m3u8\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,AVERAGE-BANDWIDTH=80000,\
            RESOLUTION=640x360,CODECS=\"avc1.64001E\",URI=\"360p/i%20frames.m3u8\"\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn every_rung_is_listed_once_for_each_group_of_sound() {
        let audio = |group, name: &str, codecs: &str, bps| AudioSummary {
            group,
            name: name.into(),
            language: Some("en".into()),
            is_default: name == "English",
            channels: 2,
            peak_bps: bps,
            average_bps: bps / 2,
            codecs: codecs.into(),
            playlist: at(&format!("u/audio/{group}-{name}.m3u8")),
        };
        let rung = RungSummary { codecs: "avc1.640028".into(), ..full_hd() };
        let sound = vec![
            audio("aac", "English", "mp4a.40.2", 100_000),
            audio("aac", "Comment", "mp4a.40.2", 120_000),
            audio("eac3", "English", "ec-3", 400_000),
        ];
        let listed = Master { rungs: vec![rung], audio: sound, ..Master::default() };
        let text = render_master(&key("u/master.m3u8"), &listed);
        let expected = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,\
            AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/aac-English.m3u8\"\n";
        assert!(text.contains(expected), "{text}");
        let variants: Vec<&str> = text.lines().filter(|line| line.starts_with("#EXT-X-STREAM-INF")).collect();
        assert_eq!(variants.len(), 2);
        assert!(variants[0].contains("BANDWIDTH=5720001,AVERAGE-BANDWIDTH=4160000,"), "{text}");
        assert!(variants[0].ends_with("CODECS=\"avc1.640028,mp4a.40.2\",AUDIO=\"aac\""), "{text}");
        assert!(variants[1].ends_with("CODECS=\"avc1.640028,ec-3\",AUDIO=\"eac3\""), "{text}");
    }

    #[test]
    fn subtitles_are_a_group_of_every_rung() {
        let subtitles = |name: &str, language: Option<&str>, is_forced| SubtitleSummary {
            name: name.into(),
            language: language.map(str::to_owned),
            is_default: false,
            is_forced,
            are_captions: false,
            rates: Rates { peak_bps: if is_forced { 100 } else { 900 }, average_bps: 80 },
            playlist: at("u/s.m3u8"),
        };
        let listed = Master {
            rungs: vec![full_hd(), sound()],
            subtitles: vec![subtitles("Deutsch", Some("de"), false), subtitles("Signs", None, true)],
            ..Master::default()
        };
        let text = render_master(&key("u/master.m3u8"), &listed);
        let expected = "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"Deutsch\",LANGUAGE=\"de\",DEFAULT=NO,\
            AUTOSELECT=YES,FORCED=NO,URI=\"s.m3u8\"\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"Signs\",\
            LANGUAGE=\"und\",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,URI=\"s.m3u8\"\n";
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.matches(",SUBTITLES=\"subtitles\"\n").count(), 2, "{text}");
        assert_eq!(text.matches("BANDWIDTH=5600901,AVERAGE-BANDWIDTH=4100080,").count(), 2, "{text}");
    }

    #[test]
    fn every_picture_tells_its_range_where_one_is_high() {
        let high = RungSummary { range: DynamicRange::Hlg, codecs: "hvc1.2.4.L120.90".into(), ..full_hd() };
        let text = master(&[high, full_hd(), sound()]);
        let ranges: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("#EXT-X-STREAM"))
            .map(|line| line.split_once("VIDEO-RANGE=").map(|(_, rest)| rest.split(',').next().unwrap().to_owned()))
            .collect();
        assert_eq!(ranges, [Some("HLG".to_owned()), Some("SDR".to_owned()), None]);
        assert!(!master(&[full_hd()]).contains("VIDEO-RANGE"));
    }

    #[test]
    fn sound_alone_has_neither_size_nor_frame_rate() {
        let text = master(&[sound()]);
        assert!(!text.contains("RESOLUTION") && !text.contains("FRAME-RATE"), "{text}");
    }

    #[test]
    fn frame_rates_have_three_rounded_decimals() {
        let at_rate = |numerator, denominator| {
            master(&[RungSummary { frame_rate: Some(Ratio { numerator, denominator }), ..full_hd() }])
        };
        for (numerator, denominator, text) in
            [(24000, 1001, "23.976"), (60, 1, "60.000"), (25, 2, "12.500"), (2999, 50, "59.980")]
        {
            let master = at_rate(numerator, denominator);
            assert!(master.contains(&format!("FRAME-RATE={text},")), "{master}");
        }
        assert!(!at_rate(1, 0).contains("FRAME-RATE"));
    }

    #[test]
    fn what_a_uri_may_not_hold_is_escaped() {
        assert_eq!(escaped("../a#b?c:d%.m3u8").to_string(), "../a%23b%3Fc%3Ad%25.m3u8");
        assert_eq!(escaped("~a_b-c/0.m3u8").to_string(), "~a_b-c/0.m3u8");
        let text = master(&[full_hd(), sound()]);
        assert!(text.ends_with("\naudio/a%20%C3%BC.m3u8\n"), "{text}");
    }

    #[test]
    fn a_key_cannot_become_a_line_of_its_own() {
        assert_eq!(escaped("#EXT-X\n#EXT-X-ENDLIST").to_string(), "%23EXT-X%0A%23EXT-X-ENDLIST");
    }
}
