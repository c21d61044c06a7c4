//! Encryption of a ladder's segments as whole files with AES-128 (RFC 8216, section 4.3.2.4).
//!
//! What is checked and cut is never encrypted: segments are encrypted last, before they are published.

use std::path::Path;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use serde::Serialize;
use storage::{open_regular, read_part};

use crate::hls::{KeyChange, MediaPlaylist};
use crate::keys::{ContentKey, MAX_NAME, is_key_name};
use crate::outputs::{Container, Dash, Iframes};
use crate::plan::{Plan, PlanError, impossible, in_range};

/// Bytes of a block, to whose multiple a file is padded.
const BLOCK: u64 = 16;

/// Digits of the number that is added to a key's name where keys change.
const NUMBER_DIGITS: usize = 7;

/// What a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encryption {
    /// The name of the key. Where keys change, `-0`, `-1` and so on are added to it.
    pub key_id: String,
    /// After how many segments the next key is used; `None` for one key throughout.
    pub rotate_segments: Option<u32>,
}

impl Encryption {
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), PlanError> {
        let longest = if self.rotate_segments.is_some() { MAX_NAME - NUMBER_DIGITS } else { MAX_NAME };
        if !is_key_name(&self.key_id) || self.key_id.len() > longest {
            return impossible(format!("the name of a key is not 1 to {longest} letters, digits, `_` or `-`"));
        }
        if let Some(segments) = self.rotate_segments {
            in_range("a number of segments with one key", segments.into(), 1..=100_000)?;
        }
        let Some(ladder) = plan.ladder() else { return impossible("encryption is of a ladder, and it has none") };
        if ladder.single_file {
            return impossible("encryption needs an object for each segment");
        }
        if plan.all_of::<Iframes>().next().is_some() {
            return impossible("keyframes can't be taken out of segments that are encrypted as a whole");
        }
        if ladder.container == Container::Fmp4 && plan.all_of::<Dash>().next().is_some() {
            return impossible("DASH knows no segments that are encrypted as a whole");
        }
        Ok(())
    }

    /// The name of the key of a segment.
    pub(crate) fn key_of(&self, segment: usize) -> String {
        match self.rotate_segments {
            None => self.key_id.clone(),
            Some(segments) => format!("{}-{}", self.key_id, segment / segments.max(1) as usize),
        }
    }

    /// The names of the keys of a playlist, each with the first segment that has it.
    pub(crate) fn keys(&self, playlist: &MediaPlaylist) -> Vec<(usize, String)> {
        let mut keys: Vec<(usize, String)> = Vec::new();
        for segment in 0..playlist.segments.len() {
            let name = self.key_of(segment);
            if keys.last().is_none_or(|(_, last)| *last != name) {
                keys.push((segment, name));
            }
        }
        keys
    }
}

/// The bytes that a file has once it is encrypted.
pub(crate) fn encrypted_size(size: u64) -> u64 {
    (size / BLOCK + 1) * BLOCK
}

/// Writes the segments of a playlist encrypted into another folder; each key is used from its segment on.
///
/// Blocks. The initialisation vector is the segment's number, which players assume if a playlist says nothing.
pub(crate) fn encrypt(
    from: &Path,
    playlist: &MediaPlaylist,
    keys: &[(usize, ContentKey)],
    to: &Path,
) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for (number, segment) in playlist.segments.iter().enumerate() {
        let key = keys.iter().rev().find(|(first, _)| *first <= number).map(|(_, key)| key.0);
        let key = key.ok_or_else(|| std::io::Error::other("a segment has no key"))?;
        let file = open_regular(&from.join(&segment.uri))?;
        let mut content = read_part(&file, 0, file.metadata()?.len())?;
        let length = content.len();
        content.resize(encrypted_size(length as u64) as usize, 0);
        let vector = (number as u128).to_be_bytes();
        let encryptor = cbc::Encryptor::<Aes128>::new(&key.into(), &vector.into());
        let padded = encryptor.encrypt_padded::<Pkcs7>(&mut content, length).map_err(std::io::Error::other)?;
        std::fs::write(to.join(&segment.uri), padded)?;
    }
    Ok(())
}

/// The playlist of encrypted segments.
pub(crate) fn with_keys(playlist: &MediaPlaylist, keys: Vec<(usize, String)>) -> MediaPlaylist {
    let keys = keys.into_iter().map(|(first, uri)| KeyChange { first, uri }).collect();
    MediaPlaylist { keys, ..playlist.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::Segment;

    fn playlist(segments: usize) -> MediaPlaylist {
        let segment = |number| Segment {
            uri: format!("{number}.ts"),
            duration: std::time::Duration::from_secs(6),
            byte_range: None,
        };
        MediaPlaylist { segments: (0..segments).map(segment).collect(), ended: true, ..MediaPlaylist::default() }
    }

    #[test]
    fn keys_change_after_so_many_segments() {
        let keys = |rotate_segments| Encryption { key_id: "k".into(), rotate_segments }.keys(&playlist(5));
        assert_eq!(keys(None), [(0, "k".to_owned())]);
        assert_eq!(keys(Some(2)), [(0, "k-0".to_owned()), (2, "k-1".to_owned()), (4, "k-2".to_owned())]);
    }

    /// NIST SP 800-38A, F.2.1, with the padding of a whole block behind it.
    #[test]
    fn segments_are_encrypted_by_the_standard() {
        let key = ContentKey(*b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c");
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        std::fs::write(from.path().join("0.ts"), [0; 16]).unwrap();
        std::fs::write(from.path().join("1.ts"), b"seventeen bytes !").unwrap();
        encrypt(from.path(), &playlist(2), &[(0, key)], to.path()).unwrap();
        let read = |name| std::fs::read(to.path().join(name)).unwrap();
        // A block of zeros under the vector 0 is the key's encryption of zeros.
        assert_eq!(hex::encode(&read("0.ts")[..16]), "7df76b0c1ab899b33e42f047b91b546f");
        assert_eq!((read("0.ts").len() as u64, read("1.ts").len() as u64), (encrypted_size(16), encrypted_size(17)));
        assert_eq!(encrypted_size(17), 32);
    }
}
