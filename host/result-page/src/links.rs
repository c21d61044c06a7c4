//! Addresses of published objects, relative to the page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// An object: the name of its store, and its key there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Place {
    pub store: String,
    pub key: String,
}

/// Where the page is, seen from the objects.
#[derive(Clone, Debug)]
pub enum Links {
    /// Each store is a folder below this, which is empty or ends with a slash.
    Folders(String),
    /// The same, for these stores alone.
    Some(String, Vec<String>),
    /// The page is an object itself. Objects of other stores have no address.
    Beside(Place),
}

/// All but what is plain in a segment of a path. A colon is not: it would end a scheme.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A path for an address: its slashes stay.
pub fn encoded(path: &str) -> String {
    let segments: Vec<String> =
        path.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
    segments.join("/")
}

impl Links {
    /// The address of an object, percent-encoded. `None` where the page can't reach it.
    pub fn to(&self, place: &Place) -> Option<String> {
        match self {
            Self::Some(_, stores) if !stores.contains(&place.store) => None,
            Self::Folders(base) | Self::Some(base, _) => {
                Some(format!("{base}{}/{}", encoded(&place.store), encoded(&place.key)))
            }
            Self::Beside(page) if page.store == place.store => Some(relative(&page.key, &place.key)),
            Self::Beside(_) => None,
        }
    }
}

/// From the folder of one key to another key.
fn relative(from: &str, to: &str) -> String {
    let folders: Vec<&str> = from.split('/').collect();
    let folders = folders.split_last().map_or(&[][..], |(_, folders)| folders);
    let segments: Vec<&str> = to.split('/').collect();
    let depth = segments.len().saturating_sub(1);
    let shared = folders.iter().zip(segments.iter().take(depth)).take_while(|(a, b)| a == b).count();
    let rest: Vec<&str> = segments.into_iter().skip(shared).collect();
    format!("{}{}", "../".repeat(folders.len() - shared), encoded(&rest.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(store: &str, key: &str) -> Place {
        Place { store: store.to_owned(), key: key.to_owned() }
    }

    #[test]
    fn objects_are_found_from_a_page_beside_them() {
        let links = Links::Beside(place("media", "c/hls/m/result.html"));
        for (key, expected) in [
            ("c/hls/m/master.m3u8", "master.m3u8"),
            ("c/hls/m/720p/index.m3u8", "720p/index.m3u8"),
            ("c/thumbnails/m/a.jpg", "../../thumbnails/m/a.jpg"),
            ("c/hls/n/m", "../n/m"),
        ] {
            assert_eq!(links.to(&place("media", key)).as_deref(), Some(expected));
        }
        assert_eq!(links.to(&place("archive", "c/a.mp4")), None);
    }

    #[test]
    fn no_key_becomes_another_address() {
        let links = Links::Folders(String::new());
        let address = links.to(&place("media", "javascript:x/a b?#%\"'<é")).unwrap();
        assert_eq!(address, "media/javascript%3Ax/a%20b%3F%23%25%22%27%3C%C3%A9");
        let links = Links::Beside(place("media", "page.html"));
        assert_eq!(links.to(&place("media", "javascript:x")).unwrap(), "javascript%3Ax");
    }
}
