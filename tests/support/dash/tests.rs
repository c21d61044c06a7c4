//! A manifest that is right, and each rule on one that isn't.

use std::fs;
use std::path::{Path, PathBuf};

use super::{check, validate};
use crate::authoring::tests::{copy_of, edit, rates, separate};
use crate::playlist;

/// A timeline in microseconds, and the template that names the segments.
fn template(folder: &Path, list: &str, stem: &str) -> String {
    let list = folder.join(list);
    let base = list.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let mut at = 0;
    let mut runs = String::new();
    for (seconds, _) in playlist::media(&list).segments {
        let lasts = (seconds * 1e6).round() as u64;
        runs += &format!("<S t=\"{at}\" d=\"{lasts}\"/>\n");
        at += lasts;
    }
    format!(
        "<SegmentTemplate timescale=\"1000000\" initialization=\"{base}/{stem}-init.mp4\" \
media=\"{base}/{stem}-$Number%05d$.m4s\" startNumber=\"0\">\n<SegmentTimeline>\n{runs}</SegmentTimeline>\n</SegmentTemplate>\n"
    )
}

const PQ: &str = "<EssentialProperty schemeIdUri=\"urn:mpeg:mpegB:cicp:ColourPrimaries\" value=\"9\"/>\n\
<EssentialProperty schemeIdUri=\"urn:mpeg:mpegB:cicp:TransferCharacteristics\" value=\"16\"/>\n";

fn picture(folder: &Path, number: u32, name: &str, codecs: &str, properties: &str) -> String {
    let bandwidth = rates(&[folder.join(name).join("index.m3u8")]).0;
    format!(
        "<AdaptationSet id=\"{number}\" contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\">\n\
{properties}<Representation id=\"{name}\" codecs=\"{codecs}\" bandwidth=\"{bandwidth}\" width=\"320\" height=\"180\" \
frameRate=\"25\" sar=\"1:1\">\n{}</Representation>\n</AdaptationSet>\n",
        template(folder, &format!("{name}/index.m3u8"), "index")
    )
}

fn sound(folder: &Path, number: u32, name: &str, language: &str, role: &str, channels: &str) -> String {
    let list = format!("sound/{name}.m3u8");
    let bandwidth = rates(&[folder.join(&list)]).0;
    let codecs = if name == "six" { "ec-3" } else { "mp4a.40.2" };
    format!(
        "<AdaptationSet id=\"{number}\" contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"{language}\" \
segmentAlignment=\"true\" startWithSAP=\"1\">\n<Label>{name}</Label>\n\
<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>\n\
<Representation id=\"{name}\" codecs=\"{codecs}\" bandwidth=\"{bandwidth}\" audioSamplingRate=\"48000\">\n\
<AudioChannelConfiguration {channels}/>\n{}</Representation>\n</AdaptationSet>\n",
        template(folder, &list, name)
    )
}

/// A manifest of all renditions in a folder, beside their master playlist.
fn publish(folder: &Path) -> PathBuf {
    let text = "<AdaptationSet id=\"9\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"en\">\n\
<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"subtitle\"/>\n\
<Representation id=\"text\" bandwidth=\"256\"><BaseURL>text/0.vtt</BaseURL></Representation>\n</AdaptationSet>\n";
    let mpeg = "schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"2\"";
    let dolby = "schemeIdUri=\"tag:dolby.com,2014:dash:audio_channel_configuration:2011\" value=\"F801\"";
    let sets = [
        picture(folder, 0, "standard", "avc1.42C01E", ""),
        picture(folder, 1, "high", "hvc1.2.4.L90.90", PQ),
        sound(folder, 2, "en", "en", "main", mpeg),
        sound(folder, 3, "fr", "fr", "alternate", mpeg),
        sound(folder, 4, "six", "en", "alternate", dolby),
        text.to_owned(),
    ];
    let manifest = folder.join("manifest.mpd");
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"PT12.000S\" \
minBufferTime=\"PT6.000S\">\n<Period id=\"0\" start=\"PT0S\">\n";
    fs::write(&manifest, format!("{head}{}</Period>\n</MPD>\n", sets.concat())).unwrap();
    manifest
}

/// What a change of the manifest breaks: the schema, or the rules, each once.
#[track_caller]
fn broken_by(from: &str, to: &str) -> Result<Vec<&'static str>, String> {
    let copy = copy_of(separate());
    let manifest = publish(copy.path());
    edit(&manifest, from, to);
    validate(&manifest)?;
    let mut rules: Vec<&str> =
        check(&manifest, &[copy.path().join("master.m3u8")]).into_iter().map(|breach| breach.rule).collect();
    rules.dedup();
    Ok(rules)
}

#[test]
fn what_is_right_is_valid_and_breaks_no_rule() {
    let copy = copy_of(separate());
    let manifest = publish(copy.path());
    validate(&manifest).unwrap();
    let found = check(&manifest, &[copy.path().join("master.m3u8")]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_a_grammar_can_tell_the_schema_finds() {
    let label = "<Label>en</Label>\n";
    let role = "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>\n";
    for (from, to, said) in [
        (format!("{label}{role}"), format!("{role}{label}"), "This element is not expected"),
        (" minBufferTime=\"PT6.000S\"".into(), String::new(), "'minBufferTime' is required"),
        ("PT12.000S".into(), "12".into(), "mediaPresentationDuration"),
        ("type=\"static\"".into(), "type=\"vod\"".into(), "'type'"),
        ("start=\"PT0S\"".into(), "begin=\"PT0S\"".into(), "'begin' is not allowed"),
        ("lang=\"en\"".into(), "lang=\"en_US\"".into(), "xs:language"),
        ("id=\"standard\"".into(), "id=\"a b\"".into(), "'id'"),
        ("id=\"3\"".into(), "id=\"2\"".into(), "Duplicate key-sequence"),
        ("id=\"fr\"".into(), "id=\"en\"".into(), "Duplicate key-sequence"),
        ("bandwidth=\"256\"".into(), "bandwidth=\"1.5\"".into(), "'bandwidth'"),
        ("frameRate=\"25\"".into(), "frameRate=\"25/0\"".into(), "'frameRate'"),
        ("$Number%05d$".into(), "$Numbers$".into(), "'media'"),
        (" startNumber=\"0\"".into(), String::new(), "'startNumber' is required"),
        (" schemeIdUri=\"urn:mpeg:dash:role:2011\"".into(), String::new(), "'schemeIdUri' is required"),
        ("</Period>".into(), String::new(), "parser error"),
        ("dash:schema:mpd:2011".into(), "dash:schema:mpd:2012".into(), "No matching global declaration"),
    ] {
        let found = broken_by(&from, &to).unwrap_err();
        assert!(found.contains(said), "`{from}` became `{to}`: {found}");
    }
}

#[test]
fn what_a_grammar_can_not_tell_is_found_too() {
    for (from, to, rule) in [
        ("PT12.000S", "PT12.100S", "5.3.9.6"),
        ("startNumber=\"0\"", "startNumber=\"1\"", "5.3.9.4"),
        ("standard/index-init", "standard/other-init", "5.3.9.4"),
        ("text/0.vtt", "text/2.vtt", "5.6"),
        ("<S t=\"6000000\"", "<S t=\"6500000\"", "5.3.9.6"),
        ("value=\"main\"", "value=\"alternate\"", "5.8.4.2"),
        ("value=\"subtitle\"", "value=\"subtitles\"", "5.8.5.5"),
        ("codecs=\"avc1.42C01E\"", "codecs=\"avc1.42C01F\"", "5.3.7.2"),
        ("width=\"320\"", "width=\"322\"", "5.3.7.2"),
        ("frameRate=\"25\"", "frameRate=\"30000/1001\"", "5.3.7.2"),
        ("lang=\"fr\"", "lang=\"de\"", "5.3.3.2"),
        ("lang=\"fr\" ", "", "5.3.3.2"),
        ("value=\"16\"", "value=\"18\"", "5.8.4.8"),
        ("value=\"F801\"", "value=\"A000\"", "5.8.4.7"),
    ] {
        assert_eq!(broken_by(from, to).unwrap(), [rule], "`{from}` became `{to}`");
    }
}

#[test]
fn a_bandwidth_that_is_too_low_for_the_buffer_is_found() {
    let copy = copy_of(separate());
    let manifest = publish(copy.path());
    let text = fs::read_to_string(&manifest).unwrap();
    let told = text.split("bandwidth=\"").nth(1).unwrap().split('"').next().unwrap();
    let half = format!("bandwidth=\"{}\"", told.parse::<u64>().unwrap() / 2);
    assert_eq!(broken_by(&format!("bandwidth=\"{told}\""), &half).unwrap(), ["5.3.5.2"]);
}

/// The segments of one are named twice, and those of the other by nobody.
#[test]
fn segments_in_another_order_than_in_hls_are_found() {
    let found = broken_by("sound/fr-$Number", "sound/en-$Number").unwrap();
    assert!(found.contains(&"HLS"), "{found:?}");
}
