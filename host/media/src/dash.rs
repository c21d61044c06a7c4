//! Writing DASH manifests (ISO/IEC 23009-1).

use std::fmt::Write as _;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::utf8_percent_encode;
use uuid::Uuid;

use crate::cbcs::{self, Scheme};
use crate::hls::ESCAPED;
use crate::info::{DynamicRange, Ratio};

/// The end of the first segment's name, which its number is put in place of.
const FIRST: &str = "00000.m4s";

/// An MPD of one period.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    pub duration: Duration,
    /// How much players should hold before they begin: a segment, so that peaks of a segment's length are covered.
    pub buffer: Duration,
    pub sets: Vec<AdaptationSet>,
}

/// Renditions that players change between while they play, or a file of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AdaptationSet {
    /// As in BCP 47.
    pub language: Option<String>,
    /// What players show.
    pub label: Option<String>,
    /// Of several, the one to start with.
    pub is_main: bool,
    pub is_forced: bool,
    /// Of a picture.
    pub range: Option<DynamicRange>,
    pub representations: Vec<Representation>,
    /// A WebVTT file, from the manifest.
    pub text: Option<String>,
    /// How the samples are encrypted, if they are.
    pub scheme: Option<Scheme>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Representation {
    pub id: String,
    /// As in RFC 6381.
    pub codecs: String,
    /// Bits per second at the peak.
    pub bandwidth: u64,
    pub content: Content,
    pub timing: Timing,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Picture { size: (u32, u32), frame_rate: Ratio },
    Sound { channels: u32, is_dolby: bool },
}

/// The segments of a representation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timing {
    /// The initialisation segment, from the manifest.
    pub init: String,
    /// The first segment, from the manifest; it ends in [`FIRST`].
    pub first: String,
    pub durations: Vec<Duration>,
}

/// What XML may not hold in an attribute or a text.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A path as a URI. It holds no `$`, which would be taken for a part of a template.
fn uri(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

fn seconds(duration: Duration) -> String {
    format!("PT{:.3}S", duration.as_secs_f64())
}

impl Manifest {
    pub fn render(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"{}\" \
minBufferTime=\"{}\">\n  <Period id=\"0\" start=\"PT0S\">\n",
            seconds(self.duration),
            seconds(self.buffer),
        );
        for (number, set) in self.sets.iter().enumerate() {
            set.render(number, &mut out);
        }
        out.push_str("  </Period>\n</MPD>\n");
        out
    }
}

impl AdaptationSet {
    // Writing to a String can't fail, so the results below are dropped.
    fn render(&self, number: usize, out: &mut String) {
        let (kind, mime) = match self.representations.first().map(|first| &first.content) {
            Some(Content::Picture { .. }) => ("video", "video/mp4"),
            Some(Content::Sound { .. }) => ("audio", "audio/mp4"),
            None => ("text", "text/vtt"),
        };
        let language = self.language.as_ref().map_or(String::new(), |language| format!(" lang=\"{}\"", text(language)));
        let aligned = if self.text.is_none() { " segmentAlignment=\"true\" startWithSAP=\"1\"" } else { "" };
        let _ = writeln!(
            out,
            "    <AdaptationSet id=\"{number}\" contentType=\"{kind}\" mimeType=\"{mime}\"{language}{aligned}>"
        );
        if let Some(scheme) = &self.scheme {
            protection(scheme, out);
        }
        // By ITU-T H.273. Without them a player assumes BT.709.
        let colours = match self.range {
            Some(DynamicRange::Pq) => Some(16),
            Some(DynamicRange::Hlg) => Some(18),
            Some(DynamicRange::Sdr) | None => None,
        };
        if let Some(transfer) = colours {
            for (name, value) in
                [("ColourPrimaries", 9), ("TransferCharacteristics", transfer), ("MatrixCoefficients", 9)]
            {
                let scheme = format!("urn:mpeg:mpegB:cicp:{name}");
                let _ = writeln!(out, "      <EssentialProperty schemeIdUri=\"{scheme}\" value=\"{value}\"/>");
            }
        }
        // In front of the role: what sets and representations have in common comes before what only sets have (5.3.3.3).
        if let Some(label) = &self.label {
            let _ = writeln!(out, "      <Label>{}</Label>", text(label));
        }
        let role = match (kind, self.is_forced, self.is_main) {
            (_, true, _) => Some("forced-subtitle"),
            ("text", ..) => Some("subtitle"),
            ("audio", _, true) => Some("main"),
            ("audio", ..) => Some("alternate"),
            _ => None,
        };
        if let Some(role) = role {
            let _ = writeln!(out, "      <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>");
        }
        for representation in &self.representations {
            representation.render(out);
        }
        if let Some(file) = &self.text {
            let _ = writeln!(
                out,
                "      <Representation id=\"text{number}\" bandwidth=\"256\">\n        <BaseURL>{}</BaseURL>\n      \
</Representation>",
                text(&uri(file))
            );
        }
        out.push_str("    </AdaptationSet>\n");
    }
}

/// How samples are encrypted, for any system of keys (ISO/IEC 23009-1, 5.8.5.2), and for the one that every browser has.
fn protection(scheme: &Scheme, out: &mut String) {
    let key_id = Uuid::from_bytes(scheme.key_id);
    let start = "      <ContentProtection xmlns:cenc=\"urn:mpeg:cenc:2013\" schemeIdUri=";
    let _ = writeln!(
        out,
        "{start}\"urn:mpeg:dash:mp4protection:2011\" value=\"cbcs\" cenc:default_KID=\"{key_id}\"/>\n\
{start}\"urn:uuid:{CLEAR_KEY}\" value=\"ClearKey1.0\">\n        <cenc:pssh>{}</cenc:pssh>\n      </ContentProtection>",
        BASE64_STANDARD.encode(cbcs::pssh(scheme))
    );
}

/// The number of the DASH Industry Forum for keys that players get in the clear.
const CLEAR_KEY: &str = "e2719d58-a985-b3c9-781a-b030af78d30e";

impl Representation {
    fn render(&self, out: &mut String) {
        let Self { id, codecs, bandwidth, content, timing } = self;
        let form = match content {
            Content::Picture { size: (width, height), frame_rate } => {
                format!("width=\"{width}\" height=\"{height}\" frameRate=\"{frame_rate}\" sar=\"1:1\"")
            }
            Content::Sound { .. } => "audioSamplingRate=\"48000\"".to_owned(),
        };
        let (id, codecs) = (text(id), text(codecs));
        let _ =
            writeln!(out, "      <Representation id=\"{id}\" codecs=\"{codecs}\" bandwidth=\"{bandwidth}\" {form}>");
        if let Content::Sound { channels, is_dolby } = content {
            let (scheme, value) = if *is_dolby {
                // A bit for each place: left and right, and with 5.1 centre, both surrounds and the low frequencies.
                let places = if *channels > 2 { "F801" } else { "A000" };
                ("tag:dolby.com,2014:dash:audio_channel_configuration:2011", places.to_owned())
            } else {
                ("urn:mpeg:dash:23003:3:audio_channel_configuration:2011", channels.to_string())
            };
            let _ = writeln!(out, "        <AudioChannelConfiguration schemeIdUri=\"{scheme}\" value=\"{value}\"/>");
        }
        timing.render(out);
        out.push_str("      </Representation>\n");
    }
}

impl Timing {
    /// In microseconds, as exact as the playlists.
    fn render(&self, out: &mut String) {
        let stem = self.first.strip_suffix(FIRST).unwrap_or(&self.first);
        let _ = writeln!(
            out,
            "        <SegmentTemplate timescale=\"1000000\" initialization=\"{}\" media=\"{}$Number%05d$.m4s\" \
startNumber=\"0\">\n          <SegmentTimeline>",
            text(&uri(&self.init)),
            text(&uri(stem))
        );
        let mut at = 0;
        for same in self.durations.chunk_by(|one, other| one == other) {
            let each = same.first().map_or(0, Duration::as_micros);
            let repeated = if same.len() > 1 { format!(" r=\"{}\"", same.len() - 1) } else { String::new() };
            let _ = writeln!(out, "            <S t=\"{at}\" d=\"{each}\"{repeated}/>");
            at += each * same.len() as u128;
        }
        out.push_str("          </SegmentTimeline>\n        </SegmentTemplate>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(durations: &[u64]) -> Timing {
        Timing {
            init: "720p/720p-p-init.mp4".into(),
            first: "720p/720p-p-00000.m4s".into(),
            durations: durations.iter().map(|ms| Duration::from_millis(*ms)).collect(),
        }
    }

    fn picture() -> Representation {
        Representation {
            id: "720p".into(),
            codecs: "avc1.64001F".into(),
            bandwidth: 3_000_000,
            content: Content::Picture { size: (1280, 720), frame_rate: Ratio::new(30_000, 1001).unwrap() },
            timing: timing(&[6_000, 6_000, 1_500]),
        }
    }

    fn render(set: AdaptationSet) -> String {
        let (duration, buffer) = (Duration::from_millis(13_500), Duration::from_secs(6));
        Manifest { duration, buffer, sets: vec![set] }.render()
    }

    #[test]
    fn segments_are_named_by_number_and_timed() {
        let text = render(AdaptationSet { representations: vec![picture()], ..AdaptationSet::default() });
        assert!(text.contains("mediaPresentationDuration=\"PT13.500S\""), "{text}");
        assert!(
            text.contains("initialization=\"720p/720p-p-init.mp4\" media=\"720p/720p-p-$Number%05d$.m4s\""),
            "{text}"
        );
        let times = "<S t=\"0\" d=\"6000000\" r=\"1\"/>\n            <S t=\"12000000\" d=\"1500000\"/>";
        assert!(text.contains(times), "{text}");
        assert!(text.contains("frameRate=\"30000/1001\""), "{text}");
    }

    #[test]
    fn high_range_sound_and_text_say_what_they_are() {
        let range = Some(DynamicRange::Pq);
        let text = render(AdaptationSet { range, representations: vec![picture()], ..AdaptationSet::default() });
        assert!(text.contains("cicp:TransferCharacteristics\" value=\"16\""), "{text}");
        let content = Content::Sound { channels: 6, is_dolby: true };
        let sound = Representation { codecs: "ec-3".into(), content, ..picture() };
        let (language, label, is_main) = (Some("en".to_owned()), Some("English".to_owned()), true);
        let representations = vec![sound];
        let text = render(AdaptationSet { language, label, is_main, representations, ..AdaptationSet::default() });
        assert!(text.find("<Label>").unwrap() < text.find("<Role").unwrap(), "the schema has labels in front: {text}");
        assert!(text.contains("mimeType=\"audio/mp4\" lang=\"en\"") && text.contains("value=\"F801\""), "{text}");
        assert!(text.contains("role:2011\" value=\"main\""), "{text}");
        let file = Some("subs/a b.vtt".to_owned());
        let text = render(AdaptationSet { is_forced: true, text: file, ..AdaptationSet::default() });
        assert!(text.contains("forced-subtitle") && text.contains("<BaseURL>subs/a%20b.vtt</BaseURL>"), "{text}");
    }

    #[test]
    fn names_cannot_become_markup() {
        let label = Some("<b> & \"c\"".to_owned());
        let text = render(AdaptationSet { label, representations: vec![picture()], ..AdaptationSet::default() });
        assert!(text.contains("<Label>&lt;b&gt; &amp; &quot;c&quot;</Label>"), "{text}");
        assert_eq!(uri("a$Number$/b"), "a%24Number%24/b");
    }
}
