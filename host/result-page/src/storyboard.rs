//! A storyboard: WebVTT whose cues name parts of pictures.

use crate::links::Place;
use crate::outputs::folder;

/// Most cues that are read: one a second for five hours.
const MOST_CUES: usize = 20_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// Seconds.
    pub start: f64,
    pub picture: Place,
    /// Left, top, width and height in pixels.
    pub part: [u32; 4],
}

#[derive(Clone, Debug, PartialEq)]
pub struct Storyboard(pub Vec<Cue>);

impl Storyboard {
    /// `None` for a file of captions.
    pub fn read(place: &Place, text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut cues = Vec::new();
        let mut start = None;
        for line in text.lines() {
            if let Some((from, _)) = line.split_once(" --> ") {
                start = timestamp(from.trim());
            } else if let (Some(at), Some((name, part))) = (start, line.split_once("#xywh=")) {
                start = None;
                let mut numbers = part.trim().split(',').map(str::parse::<u32>);
                let part = [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?];
                let key = format!("{}{name}", folder(&place.key));
                // Only pictures of the same folder or below it: no way up, and no other address.
                if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) || cues.len() >= MOST_CUES {
                    return None;
                }
                cues.push(Cue { start: at, picture: Place { store: place.store.clone(), key }, part });
            }
        }
        (!cues.is_empty()).then_some(Self(cues))
    }

    /// Each picture once, in order.
    pub fn pictures(&self) -> Vec<&Place> {
        let mut pictures: Vec<&Place> = Vec::new();
        for cue in &self.0 {
            if pictures.last() != Some(&&cue.picture) {
                pictures.push(&cue.picture);
            }
        }
        pictures
    }
}

/// `00:01.000` or `00:00:01.000`, in seconds.
fn timestamp(text: &str) -> Option<f64> {
    let seconds = text.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Storyboard> {
        Storyboard::read(&Place { store: "media".to_owned(), key: "c/boards/m/board.vtt".to_owned() }, text.as_bytes())
    }

    #[test]
    fn cues_name_parts_of_pictures_beside_the_file() {
        let text = "WEBVTT\n\n00:00.000 --> 00:05.000\nsheet-1.jpg#xywh=0,0,160,90\n\n\
                    01:00:05.500 --> 01:00:10.000\nsheet-1.jpg#xywh=160,0,160,90\n";
        let Storyboard(cues) = read(text).unwrap();
        assert_eq!(cues.len(), 2);
        let last = cues.last().unwrap();
        assert_eq!((last.start, last.part), (3605.5, [160, 0, 160, 90]));
        assert_eq!(last.picture.key, "c/boards/m/sheet-1.jpg");
    }

    #[test]
    fn captions_and_ways_out_of_the_folder_are_none() {
        assert_eq!(read("WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n"), None);
        for name in ["../x.jpg", "/x.jpg", "https://other.example/x.jpg"] {
            assert_eq!(read(&format!("WEBVTT\n\n00:00.000 --> 00:05.000\n{name}#xywh=0,0,1,1\n")), None, "{name}");
        }
    }
}
