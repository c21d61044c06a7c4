//! A publication as its rules look at it: the master playlist, and every playlist that it names, once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::media::{self, Kind, Track};
use super::rates::{self, Rates};
use crate::playlist::{self, Attributes, Media, Variant};

/// Why a playlist is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An EXT-X-STREAM-INF.
    Variant,
    /// An EXT-X-MEDIA of the type AUDIO.
    Sound,
    /// An EXT-X-MEDIA of the type SUBTITLES.
    Text,
    /// An EXT-X-I-FRAME-STREAM-INF.
    Keyframes,
}

/// What segments are, by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    TransportStream,
    FragmentedMp4,
    WebVtt,
    /// Encrypted, so nobody can tell.
    Hidden,
    Other,
}

/// A playlist that a master playlist names.
pub(super) struct List {
    pub role: Role,
    /// Its folder and name, for messages.
    pub name: String,
    pub media: Media,
    pub form: Form,
    /// What it plays; empty for text, for keyframes, and where it is encrypted.
    pub tracks: Vec<Track>,
    pub rates: Rates,
}

impl List {
    fn read(path: &Path, role: Role) -> Self {
        let media = playlist::media(path);
        let form = form(&media);
        let is_played = matches!(role, Role::Variant | Role::Sound);
        let tracks = match form {
            _ if !is_played => Vec::new(),
            Form::TransportStream => media::tracks(&media, Some("mpegts")),
            Form::FragmentedMp4 => media::tracks(&media, Some("mov")),
            Form::Other => media::tracks(&media, None),
            Form::WebVtt | Form::Hidden => Vec::new(),
        };
        let rates = rates::measure(&media);
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        Self { role, name, media, form, tracks, rates }
    }

    /// The first track of a kind.
    pub fn track(&self, kind: Kind) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == kind)
    }

    /// Of the picture.
    pub fn is_high_range(&self) -> bool {
        self.track(Kind::Picture).is_some_and(Track::is_high_range)
    }

    /// The file of a segment, for messages.
    pub fn segment(&self, number: usize) -> String {
        self.media.segments[number].1.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn form(media: &Media) -> Form {
    let keys = media.attributes("#EXT-X-KEY");
    if keys.iter().any(|key| key.get("METHOD").is_some_and(|method| method != "NONE")) {
        return Form::Hidden;
    }
    let first = media.bytes(0);
    let is_box = |names: &[&[u8]]| names.iter().any(|name| first.get(4..8) == Some(*name));
    match first.first() {
        Some(0x47) => Form::TransportStream,
        _ if first.starts_with(b"WEBVTT") => Form::WebVtt,
        _ if is_box(&[b"styp", b"sidx", b"moof", b"emsg", b"prft"]) => Form::FragmentedMp4,
        _ => Form::Other,
    }
}

/// A publication, read once.
pub(super) struct Publication {
    /// The lines of the master playlist that are tags.
    pub tags: Vec<String>,
    pub variants: Vec<Variant>,
    pub keyframes: Vec<Variant>,
    /// Every EXT-X-MEDIA.
    pub media_tags: Vec<Attributes>,
    /// Renditions with a playlist of their own.
    pub renditions: Vec<Variant>,
    lists: BTreeMap<PathBuf, List>,
}

impl Publication {
    pub fn read(master: &Path) -> Self {
        let text = fs::read_to_string(master).unwrap_or_else(|error| panic!("{}: {error}", master.display()));
        let (variants, keyframes) = (playlist::master(master), playlist::iframes(master));
        let renditions = playlist::renditions(master);
        let mut lists = BTreeMap::new();
        let mut read = |path: &Path, role| {
            lists.entry(path.to_owned()).or_insert_with(|| List::read(path, role));
        };
        variants.iter().for_each(|variant| read(&variant.path, Role::Variant));
        keyframes.iter().for_each(|variant| read(&variant.path, Role::Keyframes));
        for rendition in &renditions {
            match rendition.attribute("TYPE") {
                Some("AUDIO") => read(&rendition.path, Role::Sound),
                Some("SUBTITLES") => read(&rendition.path, Role::Text),
                _ => {}
            }
        }
        let tags = text.lines().filter(|line| line.starts_with("#EXT")).map(str::to_owned).collect();
        Self { tags, variants, keyframes, media_tags: playlist::media_tags(master), renditions, lists }
    }

    /// The playlist of a variant or rendition.
    pub fn list(&self, variant: &Variant) -> &List {
        &self.lists[&variant.path]
    }

    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.lists.values()
    }

    /// The playlists of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &List> {
        self.lists().filter(move |list| list.role == role)
    }

    /// What a viewer hears or sees: variants and sound.
    pub fn played(&self) -> impl Iterator<Item = &List> {
        self.lists().filter(|list| matches!(list.role, Role::Variant | Role::Sound))
    }

    /// Whether a variant has a picture: it says so, or it was seen.
    pub fn has_picture(&self, variant: &Variant) -> bool {
        variant.attribute("RESOLUTION").is_some() || self.list(variant).track(Kind::Picture).is_some()
    }

    /// The renditions of the group that a variant names with this attribute, `AUDIO` or `SUBTITLES`.
    pub fn group<'a>(&'a self, variant: &'a Variant, kind: &'a str) -> impl Iterator<Item = &'a Variant> {
        let group = variant.attribute(kind);
        self.renditions.iter().filter(move |rendition| {
            rendition.attribute("TYPE") == Some(kind) && group.is_some() && rendition.attribute("GROUP-ID") == group
        })
    }

    /// Seconds of a frame of the picture; none for sound alone.
    pub fn frame(&self) -> Option<f64> {
        let of_picture = |list: &List| list.track(Kind::Picture).map(Track::frame);
        self.played().filter_map(of_picture).min_by(f64::total_cmp)
    }
}
