//! What every publication keeps, whatever it is a test of: Apple's rules for HLS, and the standard of DASH.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{authoring, dash, workspace};

/// Asserts it of every master playlist and every DASH manifest below a folder.
///
/// # Panics
/// If one breaks a rule. The message has the numbers.
#[track_caller]
pub fn assert_kept(folder: &Path) {
    let (lists, manifests) = (with_ending(folder, "m3u8"), with_ending(folder, "mpd"));
    let is_master = |list: &PathBuf| fs::read_to_string(list).is_ok_and(|text| text.contains("\n#EXT-X-STREAM-INF:"));
    let masters: Vec<PathBuf> = lists.into_iter().filter(is_master).collect();
    for master in &masters {
        authoring::assert_kept(master);
    }
    for manifest in manifests {
        dash::assert_valid(&manifest, &masters);
    }
}

fn with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = workspace::files(folder).into_iter();
    files.filter(|file| file.extension().is_some_and(|found| found == ending)).map(|file| folder.join(file)).collect()
}
