//! What each published object is. A policy names its objects as it likes, so their endings, their folders and what
//! is in them decide.

use std::collections::BTreeMap;

use crate::links::Place;
use crate::report::{Object, Transcode};
use crate::storyboard::Storyboard;
use crate::waveform::Waveform;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The playlist of the whole ladder.
    Master,
    /// Another playlist that plays by itself, such as a preview.
    Playlist,
    Manifest,
    Film,
    Sound,
    Picture,
    Waveform,
    /// The picture of a waveform.
    WaveformPicture,
    Storyboard,
    Captions,
    Other,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Master => "Multivariant playlist",
            Self::Playlist => "Playlist",
            Self::Manifest => "DASH manifest",
            Self::Film => "Video file",
            Self::Sound => "Audio file",
            Self::Picture => "Picture",
            Self::Waveform => "Waveform data",
            Self::WaveformPicture => "Waveform picture",
            Self::Storyboard => "Storyboard",
            Self::Captions => "Captions",
            Self::Other => "File",
        }
    }
}

/// The objects of a job besides the rungs, in the plan's order, and the data of those that were read.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub all: Vec<(Kind, Object)>,
    pub waveform: Option<Waveform>,
    pub storyboard: Option<Storyboard>,
}

impl Outputs {
    pub fn of(transcode: &Transcode, read: &BTreeMap<Place, Vec<u8>>) -> Self {
        let rungs: Vec<Place> = transcode.rungs.iter().map(|rung| rung.place()).collect();
        let master = master(transcode, &rungs);
        let mut outputs = Self::default();
        for object in transcode.objects.iter().filter(|object| !rungs.contains(&object.place)) {
            let text = read.get(&object.place).map(Vec::as_slice);
            let kind = match ending(&object.place.key).as_str() {
                "m3u8" if Some(&object.place) == master => Kind::Master,
                "m3u8" => Kind::Playlist,
                "mpd" => Kind::Manifest,
                "mp4" | "mov" | "webm" | "mkv" => Kind::Film,
                "m4a" | "mp3" | "flac" | "wav" | "ogg" | "aac" => Kind::Sound,
                "jpg" | "jpeg" | "png" | "webp" | "avif" | "gif" => Kind::Picture,
                "json" => match text.and_then(Waveform::read) {
                    Some(waveform) => {
                        outputs.waveform.get_or_insert(waveform);
                        Kind::Waveform
                    }
                    None => Kind::Other,
                },
                "vtt" => match text.and_then(|text| Storyboard::read(&object.place, text)) {
                    Some(storyboard) => {
                        outputs.storyboard.get_or_insert(storyboard);
                        Kind::Storyboard
                    }
                    None => Kind::Captions,
                },
                _ => Kind::Other,
            };
            outputs.all.push((kind, object.clone()));
        }
        outputs.name_waveform_pictures();
        outputs
    }

    /// Those are beside the data of the waveform.
    fn name_waveform_pictures(&mut self) {
        let is_data = |(kind, _): &&(Kind, Object)| *kind == Kind::Waveform;
        let folders: Vec<String> =
            self.all.iter().filter(is_data).map(|(_, object)| folder(&object.place.key).to_owned()).collect();
        for (kind, object) in &mut self.all {
            if *kind == Kind::Picture && folders.iter().any(|known| known == folder(&object.place.key)) {
                *kind = Kind::WaveformPicture;
            }
        }
    }

    pub fn places(&self, wanted: Kind) -> impl Iterator<Item = &Place> {
        self.all.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, object)| &object.place)
    }
}

/// Small files whose content the page shows.
pub fn worth_reading(transcode: &Transcode) -> impl Iterator<Item = &Place> {
    let places = transcode.objects.iter().map(|object| &object.place);
    places.filter(|place| matches!(ending(&place.key).as_str(), "json" | "vtt"))
}

/// The playlist in the lowest folder that holds all rungs.
fn master<'a>(transcode: &'a Transcode, rungs: &[Place]) -> Option<&'a Place> {
    let holds = |place: &Place, rung: &Place| {
        place.store == rung.store && rung.key.starts_with(folder(&place.key)) && place != rung
    };
    let candidates = transcode.objects.iter().map(|object| &object.place).filter(|place| {
        ending(&place.key) == "m3u8" && !rungs.is_empty() && rungs.iter().all(|rung| holds(place, rung))
    });
    // The first of equals: the ladder comes before what is made of it.
    candidates.fold(None, |best: Option<&Place>, place| match best {
        Some(best) if folder(&best.key).len() >= folder(&place.key).len() => Some(best),
        _ => Some(place),
    })
}

/// Up to the last slash, which is in it.
pub fn folder(key: &str) -> &str {
    key.rfind('/').and_then(|at| key.get(..=at)).unwrap_or_default()
}

pub fn name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

fn ending(key: &str) -> String {
    name(key).rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
}
