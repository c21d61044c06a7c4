//! Encryption of a ladder's segments, as whole files with AES-128 or of the samples in them (RFC 8216, section 4.3.2.4).
//!
//! What is checked and cut is never encrypted: segments are encrypted last, before they are published.

use std::path::Path;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use serde::Serialize;
use storage::{open_regular, read_part};
use uuid::Uuid;

use crate::cbcs::{self, Scheme};
use crate::encoding::Codec;
use crate::error::MediaError;
use crate::hls::{KeyChange, MediaPlaylist};
use crate::keys::{ContentKey, MAX_NAME, is_key_name};
use crate::outputs::{Container, Dash, Iframes, Ladder};
use crate::plan::{Plan, PlanError, impossible, in_range};

/// Bytes of a block, to whose multiple a file is padded.
const BLOCK: u64 = 16;

/// Digits of the number that is added to a key's name where keys change.
const NUMBER_DIGITS: usize = 7;

/// What is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Whole segments.
    Segments,
    /// The samples in them, by the scheme `cbcs`.
    Samples,
}

/// What a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encryption {
    /// The name of the key. Where keys change, `-0`, `-1` and so on are added to it.
    pub key_id: String,
    /// After how many segments the next key is used; `None` for one key throughout.
    pub rotate_segments: Option<u32>,
    pub method: Method,
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
            return impossible("keyframes can't be taken out of what is encrypted");
        }
        if self.method == Method::Samples {
            return self.check_samples(ladder);
        }
        if ladder.container == Container::Fmp4 && plan.all_of::<Dash>().next().is_some() {
            return impossible("DASH knows no segments that are encrypted as a whole");
        }
        Ok(())
    }

    fn check_samples(&self, ladder: &Ladder) -> Result<(), PlanError> {
        if ladder.container != Container::Fmp4 {
            return impossible("samples are encrypted in fragmented MP4 only");
        }
        if self.rotate_segments.is_some() {
            return impossible("samples are encrypted with one key, and it wants several");
        }
        if let Some(rung) = ladder.rungs.iter().find(|rung| rung.codec() == Some(Codec::Av1)) {
            return impossible(format!("rung `{}` has AV1, whose samples can't be encrypted", rung.name));
        }
        Ok(())
    }

    /// What the init segments of a publication tell, if samples are encrypted.
    pub(crate) fn scheme(&self, publication: &str) -> Option<Scheme> {
        let key_id = Uuid::parse_str(&self.key_id)
            .unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_URL, self.key_id.as_bytes()));
        // A publication's name is never used twice, so neither is the vector with the same key.
        let vector = Uuid::new_v5(&key_id, publication.as_bytes());
        let scheme = Scheme { key_id: key_id.into_bytes(), constant_iv: vector.into_bytes() };
        (self.method == Method::Samples).then_some(scheme)
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

/// The bytes that a file has once it is encrypted as a whole.
fn encrypted_size(size: u64) -> u64 {
    (size / BLOCK + 1) * BLOCK
}

/// Keys of a playlist, each with the first segment that has it.
pub(crate) type Keys = Vec<(usize, ContentKey)>;

/// Writes the files of a playlist encrypted into another folder. Returns the sizes of its segments.
///
/// Blocks. The initialisation vector of whole segments is the segment's number, which players assume if a playlist says
/// nothing; the map stays as it is then.
pub(crate) fn encrypt(
    from: &Path,
    playlist: &MediaPlaylist,
    keys: &Keys,
    scheme: Option<Scheme>,
    to: &Path,
) -> Result<Vec<u64>, MediaError> {
    let failed = MediaError::work("encrypting segments");
    std::fs::create_dir_all(to).map_err(&failed)?;
    let read = |name: &str| -> std::io::Result<Vec<u8>> {
        let file = open_regular(&from.join(name))?;
        read_part(&file, 0, file.metadata()?.len())
    };
    let mut tracks = Vec::new();
    if let Some(map) = &playlist.map {
        let mut init = read(&map.uri).map_err(&failed)?;
        if let Some(scheme) = &scheme {
            tracks = cbcs::tracks(&init).map_err(not_encrypted)?;
            init = cbcs::protect_init(&init, scheme).map_err(not_encrypted)?;
        }
        std::fs::write(to.join(&map.uri), init).map_err(&failed)?;
    }
    let mut sizes = Vec::with_capacity(playlist.segments.len());
    for (number, segment) in playlist.segments.iter().enumerate() {
        let key = keys.iter().rev().find(|(first, _)| *first <= number).map(|(_, key)| key.0);
        let key = key.ok_or_else(|| MediaError::Lost { detail: "a segment has no key".to_owned() })?;
        let content = read(&segment.uri).map_err(&failed)?;
        let encrypted = match &scheme {
            Some(scheme) => {
                cbcs::encrypt_segment(content, &tracks, &key, &scheme.constant_iv).map_err(not_encrypted)?
            }
            None => as_a_whole(content, &key, number).map_err(&failed)?,
        };
        sizes.push(encrypted.len() as u64);
        std::fs::write(to.join(&segment.uri), encrypted).map_err(&failed)?;
    }
    Ok(sizes)
}

/// A file of our own encoders that can't be encrypted.
fn not_encrypted(error: cbcs::Error) -> MediaError {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    MediaError::BadFile { detail: format!("a segment can't be encrypted: {error}{source}") }
}

fn as_a_whole(mut content: Vec<u8>, key: &[u8; 16], number: usize) -> std::io::Result<Vec<u8>> {
    let length = content.len();
    content.resize(encrypted_size(length as u64) as usize, 0);
    let vector = (number as u128).to_be_bytes();
    let encryptor = cbc::Encryptor::<Aes128>::new(key.into(), &vector.into());
    encryptor.encrypt_padded::<Pkcs7>(&mut content, length).map_err(std::io::Error::other)?;
    Ok(content)
}

/// The playlist of encrypted segments.
pub(crate) fn with_keys(playlist: &MediaPlaylist, keys: Vec<(usize, String)>, scheme: Option<Scheme>) -> MediaPlaylist {
    let keys = keys.into_iter().map(|(first, uri)| KeyChange { first, uri, scheme }).collect();
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

    fn encryption(key_id: &str, rotate_segments: Option<u32>, method: Method) -> Encryption {
        Encryption { key_id: key_id.into(), rotate_segments, method }
    }

    #[test]
    fn a_key_has_a_number_and_each_publication_a_vector() {
        let scheme = |key_id: &str, publication: &str| {
            let Scheme { key_id, constant_iv } = encryption(key_id, None, Method::Samples).scheme(publication).unwrap();
            (Uuid::from_bytes(key_id).to_string(), constant_iv)
        };
        // Of Python's uuid.uuid5(uuid.NAMESPACE_URL, "film").
        assert_eq!(scheme("film", "p").0, "4344bca4-822d-513c-95de-f62755de9a14");
        let own = "0f3c1a52-77aa-4d3c-9b61-8a8f5b1d2c3e";
        assert_eq!(scheme(own, "p").0, own);
        assert_ne!(scheme("film", "p").1, scheme("film", "q").1);
        assert_eq!(encryption("film", None, Method::Segments).scheme("p"), None);
    }

    #[test]
    fn keys_change_after_so_many_segments() {
        let keys = |rotate_segments| encryption("k", rotate_segments, Method::Segments).keys(&playlist(5));
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
        let sizes = encrypt(from.path(), &playlist(2), &vec![(0, key)], None, to.path()).unwrap();
        assert_eq!(sizes, [32, 32]);
        let read = |name| std::fs::read(to.path().join(name)).unwrap();
        // A block of zeros under the vector 0 is the key's encryption of zeros.
        assert_eq!(hex::encode(&read("0.ts")[..16]), "7df76b0c1ab899b33e42f047b91b546f");
        assert_eq!([read("0.ts").len(), read("1.ts").len()], [32, 32]);
    }
}
