//! What is said of the tracks of an upload that nothing is made from.

use fault::text::printable;

use crate::containment::is_decoded;
use crate::description::{Track, is_usable};
use crate::header::{Header, Kind, Stream};
use crate::info::TrackNote;
use crate::probe::DeclaredKind;

/// Most tracks that get a sentence of their own. A broadcast has dozens.
const MOST: usize = 8;

/// Longest name of a codec, and of a language: containers keep any text.
const CODEC: usize = 32;
const LANGUAGE: usize = 16;

/// A sentence for each track of picture, sound and subtitles that isn't among the used ones. Cover pictures, time codes
/// and other data are no loss.
pub(crate) fn notes(
    header: &Header,
    tracks: &[Track<'_>],
    used: &[Track<'_>],
    declared: DeclaredKind,
) -> Vec<TrackNote> {
    let is_used = |stream: &Stream| used.iter().any(|(used, _)| used.index == stream.index);
    let unused = header.streams.iter().filter(|stream| stream.kind != Kind::Other && !stream.is_cover());
    let unused: Vec<&Stream> = unused.filter(|stream| !is_used(stream)).collect();
    let sentence = |stream: &&Stream| {
        let why = reason(header, stream, tracks, used, declared);
        TrackNote { track: Some(stream.index), text: format!("{} isn't used: {why}", described(header, stream)) }
    };
    let mut notes: Vec<TrackNote> = unused.iter().take(MOST).map(sentence).collect();
    if unused.len() > MOST {
        notes.push(TrackNote { track: None, text: format!("{} more tracks aren't used", unused.len() - MOST) });
    }
    notes
}

/// A track as uploaders count them: by kind, from 1.
pub(crate) fn name(header: &Header, stream: &Stream) -> String {
    let of_kind = header.streams.iter().filter(|other| other.kind == stream.kind && !other.is_cover());
    format!("{} track {}", stream.kind.name(), of_kind.take_while(|other| other.index != stream.index).count() + 1)
}

fn described(header: &Header, stream: &Stream) -> String {
    let codec = printable(&stream.codec_or_tag(), CODEC);
    let language = stream.language().map_or(String::new(), |language| format!(", {}", printable(language, LANGUAGE)));
    format!("{} ({codec}{language})", name(header, stream))
}

fn reason(
    header: &Header,
    stream: &Stream,
    tracks: &[Track<'_>],
    used: &[Track<'_>],
    declared: DeclaredKind,
) -> String {
    let kind = stream.kind.name();
    if stream.kind == Kind::Subtitle {
        let is_picture = stream.is_picture_text();
        let reason = if is_picture { "it consists of pictures, not of text" } else { "subtitles aren't published" };
        return reason.to_owned();
    }
    if stream.kind == Kind::Video && declared == DeclaredKind::Audio {
        return "the file was uploaded as audio".to_owned();
    }
    let track = tracks.iter().find(|(other, _)| other.index == stream.index);
    let Some(track) = track.filter(|(_, packets)| packets.count > 0) else {
        return "there is nothing in it".to_owned();
    };
    if !is_usable(track) {
        let is_known = is_decoded(&stream.codec_or_tag());
        let reason = if is_known { "nothing of it could be decoded" } else { "its codec is not supported" };
        return reason.to_owned();
    }
    let taken = used.iter().find(|(used, _)| used.kind == stream.kind);
    taken.map_or_else(String::new, |(taken, _)| {
        format!("one {kind} track is published, and it is {}", name(header, taken))
    })
}
