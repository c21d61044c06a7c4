//! How published objects are served and what is noted with them.

use std::collections::BTreeMap;

use storage::{Key, ObjectMeta};

use super::Stage;

/// Values of the HTTP header Cache-Control; none leaves it to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheRules {
    /// Of segments. Their names are never used twice, so they may be kept for good.
    pub segments: Option<String>,
    /// Of playlists, which a later publication replaces.
    pub playlists: Option<String>,
    /// Of everything else.
    pub objects: Option<String>,
}

/// What all objects of a job carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// How long they may be kept.
    pub cache: CacheRules,
    /// Kept by the store with every object.
    pub notes: BTreeMap<String, String>,
}

impl Labels {
    /// Of one object.
    pub fn of(&self, key: &Key, stage: Stage) -> ObjectMeta {
        let cache_control = match stage {
            Stage::Segment => &self.cache.segments,
            Stage::Object => &self.cache.objects,
            Stage::MediaPlaylist | Stage::Master => &self.cache.playlists,
        };
        ObjectMeta {
            content_type: key.content_type().to_owned(),
            cache_control: cache_control.clone(),
            notes: self.notes.clone(),
        }
    }
}
