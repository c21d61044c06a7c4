//! Things that a job produces.

use std::fmt::{self, Display, Formatter};

use crate::v0_1::layout::Asset as OldAsset;

pub const MASTER_PLAYLIST: &str = "master-playlist";
pub const RUNG_PLAYLIST: &str = "rung-playlist";
pub const PREVIEW_PLAYLIST: &str = "preview-playlist";
pub const STILL: &str = "still";
pub const STORYBOARD: &str = "storyboard";
pub const WAVEFORM_DATA: &str = "waveform-data";
pub const WAVEFORM_IMAGE: &str = "waveform-image";
pub const MEZZANINE: &str = "mezzanine";

/// Something that a job produces. Its text is `kind` or `kind(name)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    pub kind: String,
    /// Which of several; empty if a job has only one of that kind.
    pub name: String,
}

impl Asset {
    pub fn only(kind: &str) -> Self {
        Self::named(kind, "")
    }

    pub fn named(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned() }
    }

    /// Reads an asset's text; `None` if it is neither `kind` nor `kind(name)`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = match text.strip_suffix(')') {
            Some(text) => text.split_once('(').filter(|(_, name)| !name.is_empty())?,
            None => (text, ""),
        };
        let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        is_kind.then(|| Self::named(kind, name))
    }

    /// The same in version 0.1; `None` if that version has no such asset.
    pub fn in_0_1(&self) -> Option<OldAsset> {
        let name = || (!self.name.is_empty()).then(|| self.name.clone());
        Some(match self.kind.as_str() {
            RUNG_PLAYLIST => OldAsset::RungPlaylist(name()?),
            STILL => OldAsset::Still(name()?),
            _ if !self.name.is_empty() => return None,
            MASTER_PLAYLIST => OldAsset::MasterPlaylist,
            PREVIEW_PLAYLIST => OldAsset::PreviewPlaylist,
            WAVEFORM_DATA => OldAsset::WaveformData,
            WAVEFORM_IMAGE => OldAsset::WaveformImage,
            MEZZANINE => OldAsset::Mezzanine,
            _ => return None,
        })
    }
}

impl Display for Asset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, name } = self;
        if name.is_empty() { f.write_str(kind) } else { write!(f, "{kind}({name})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_asset_reads_back() {
        for text in ["master-playlist", "rung-playlist(720p)", "still(default)", "captions(de)"] {
            assert_eq!(Asset::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "()", "(a)", "still()", "still(a", "a b", "still)"] {
            assert_eq!(Asset::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_0_1_does_not_know_is_not_asked_of_it() {
        let old = |text: &str| Asset::parse(text).unwrap().in_0_1();
        assert_eq!(old("still(default)"), Some(OldAsset::Still("default".to_owned())));
        assert_eq!(old("mezzanine"), Some(OldAsset::Mezzanine));
        for unknown in ["captions(de)", "still", "mezzanine(a)", "storyboard"] {
            assert_eq!(old(unknown), None, "{unknown}");
        }
    }
}
