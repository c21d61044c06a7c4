//! Telling in an init segment that its tracks are encrypted.

use super::boxes::{Edits, put, write};
use super::track::{Codec, places};
use super::{Error, Scheme};

/// The system that stands for no system: its box has nothing but key numbers (W3C, "cenc" Initialization Data Format, 4).
const COMMON_SYSTEM: [u8; 16] = *b"\x10\x77\xef\xec\xc0\xb2\x4d\x02\xac\xe3\x3c\x1e\x52\xe2\xfb\x4b";

/// Version 0 and no flags; version 1 and no flags.
const VERSION_0: &[u8] = &[0; 4];
const VERSION_1: &[u8] = &[1, 0, 0, 0];

/// Rewrites a clear init segment: the sample entry of each track becomes `encv` or `enca`, with the scheme in it, and the
/// movie ends with the box of [`pssh`].
///
/// `Err` for tracks that [`encrypt_segment`](super::encrypt_segment) couldn't encrypt, and for those that are encrypted.
pub fn protect_init(init: &[u8], scheme: &Scheme) -> Result<Vec<u8>, Error> {
    let (movie, places) = places(init)?;
    let mut file = init.to_vec();
    let mut edits = Edits::default();
    for place in places {
        let is_video = place.track.is_video();
        put(&mut file, place.entry.start + 4, if is_video { b"encv" } else { b"enca" })?;
        edits.replace(place.entry.end..place.entry.end, protection(place.entry.kind, &place.track.codec, scheme)?);
        place.around.into_iter().chain([place.entry]).for_each(|found| edits.resize(found));
    }
    edits.replace(movie.end..movie.end, pssh(scheme));
    edits.resize(movie);
    edits.apply(file)
}

/// The box `sinf` (ISO/IEC 14496-12, section 8.12; ISO/IEC 23001-7, sections 4.2 and 8.2).
fn protection(original: [u8; 4], codec: &Codec, scheme: &Scheme) -> Result<Vec<u8>, Error> {
    // Blocks that are encrypted and blocks that are skipped, four bits each. Sound has no pattern.
    let pattern = if matches!(codec, Codec::Sound) { 0x00 } else { 0x19 };
    let (is_protected, own_iv_size, constant_iv_size) = (1, 0, 16);
    let sizes = [0, pattern, is_protected, own_iv_size];
    // Version 1 is the one with patterns. Safari refuses sound with another one.
    let defaults = [VERSION_1, &sizes, &scheme.key_id, &[constant_iv_size], &scheme.constant_iv];
    let information = write(b"schi", &[&write(b"tenc", &defaults)?])?;
    let kind = write(b"schm", &[VERSION_0, b"cbcs", &[0, 1, 0, 0]])?;
    write(b"sinf", &[&write(b"frma", &[&original])?, &kind, &information])
}

/// The box `pssh` of the common system (ISO/IEC 23001-7, section 8.1), with the number of the key and no data.
///
/// Chromium fires `encrypted` only for init segments that have such a box, and its Clear Key takes the numbers of the keys from
/// this one. Manifests of DASH carry the same box. Shaka Player and Safari do without it: they read `tenc`.
pub fn pssh(scheme: &Scheme) -> Vec<u8> {
    let (size, one_key, no_data) = (52_u32.to_be_bytes(), 1_u32.to_be_bytes(), [0; 4]);
    [&size, b"pssh", VERSION_1, &COMMON_SYSTEM, &one_key, &scheme.key_id, &no_data].concat()
}
