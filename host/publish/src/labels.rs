//! HTTP headers and user metadata of published objects.

use std::collections::BTreeMap;

use storage::{Key, ObjectMeta};

use crate::PieceKind;

/// Values of `Cache-Control`; `None` leaves it to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheRules {
    /// Segment names are never reused, so caches may keep segments for ever.
    pub segments: Option<String>,
    /// A later publication replaces the playlists.
    pub playlists: Option<String>,
    /// Everything else.
    pub objects: Option<String>,
}

/// What all objects of a job have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub cache: CacheRules,
    /// User metadata, stored with every object.
    pub notes: BTreeMap<String, String>,
}

impl Labels {
    pub fn of(&self, key: &Key, kind: PieceKind) -> ObjectMeta {
        let cache_control = match kind {
            PieceKind::Segment => &self.cache.segments,
            PieceKind::Object => &self.cache.objects,
            PieceKind::MediaPlaylist | PieceKind::Master => &self.cache.playlists,
        };
        ObjectMeta {
            content_type: key.content_type().to_owned(),
            cache_control: cache_control.clone(),
            notes: self.notes.clone(),
        }
    }
}
