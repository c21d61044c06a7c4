//! AES-128 in the way of the `cbcs` scheme (ISO/IEC 23001-7, section 10.4).

use aes::Aes128;
use aes::cipher::{BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _};

/// Bytes of a block.
const BLOCK: usize = 16;

/// Of so many blocks of a protected range of a picture the first is encrypted: the pattern 1:9.
const PERIOD: usize = 10;

/// The key and the constant initialisation vector of a track.
pub(super) struct Cipher {
    key: Aes128,
    constant_iv: [u8; 16],
}

impl Cipher {
    pub fn new(key: &[u8; 16], constant_iv: &[u8; 16]) -> Self {
        Self { key: Aes128::new(key.into()), constant_iv: *constant_iv }
    }

    fn chain(&self) -> cbc::Encryptor<Aes128> {
        cbc::Encryptor::inner_iv_init(self.key.clone(), &self.constant_iv.into())
    }

    /// Encrypts one protected range of a video sample: every tenth block from the first one on. The chain of encrypted blocks
    /// begins anew in each range. A last piece of less than a block stays clear.
    pub fn encrypt_pattern(&self, range: &mut [u8]) {
        let mut chain = self.chain();
        for group in range.chunks_mut(BLOCK * PERIOD) {
            if let Some(block) = group.first_chunk_mut::<BLOCK>() {
                chain.encrypt_block(block.into());
            }
        }
    }

    /// Encrypts an audio sample: all whole blocks, in a chain of its own. A last piece of less than a block stays clear.
    pub fn encrypt_whole(&self, sample: &mut [u8]) {
        let mut chain = self.chain();
        for block in sample.as_chunks_mut::<BLOCK>().0 {
            chain.encrypt_block(block.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.2.1.
    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
    const VECTOR: &str = "000102030405060708090a0b0c0d0e0f";
    const CLEAR: [&str; 3] =
        ["6bc1bee22e409f96e93d7e117393172a", "ae2d8a571e03ac9c9eb76fac45af8e51", "30c81c46a35ce411e5fbc1191a0a52ef"];
    const ENCRYPTED: [&str; 3] =
        ["7649abac8119b246cee98e9b12e9197d", "5086cb9b507219ee95db113a917678b2", "73bed6b8e3c1743b7116e69e22229516"];

    fn cipher() -> Cipher {
        let bytes = |digits| <[u8; 16]>::try_from(hex::decode(digits).unwrap()).unwrap();
        Cipher::new(&bytes(KEY), &bytes(VECTOR))
    }

    /// Blocks with so many others behind each.
    fn spread(blocks: [&str; 3], others: usize) -> Vec<u8> {
        let group = |digits| [hex::decode(digits).unwrap(), vec![7; others * BLOCK]].concat();
        blocks.into_iter().flat_map(group).collect()
    }

    #[test]
    fn one_block_of_ten_is_encrypted_and_chained() {
        let mut range = spread(CLEAR, 9);
        cipher().encrypt_pattern(&mut range);
        assert_eq!(hex::encode(&range), hex::encode(spread(ENCRYPTED, 9)));
        // The next range begins a chain of its own.
        let mut range = spread(CLEAR, 9);
        cipher().encrypt_pattern(&mut range[..16]);
        assert_eq!(hex::encode(&range[..16]), ENCRYPTED[0]);
    }

    #[test]
    fn all_blocks_of_sound_are_encrypted() {
        let mut sample = spread(CLEAR, 0);
        cipher().encrypt_whole(&mut sample);
        assert_eq!(sample, spread(ENCRYPTED, 0));
    }

    #[test]
    fn what_is_less_than_a_block_stays_clear() {
        for length in 0..16 {
            let mut bytes = [7; 176];
            cipher().encrypt_pattern(&mut bytes[..160 + length]);
            assert_eq!(bytes[16..], [7; 160], "{length}");
            let mut bytes = [7; 32];
            cipher().encrypt_whole(&mut bytes[..16 + length]);
            assert_eq!(bytes[16..], [7; 16], "{length}");
        }
        let mut bytes = [7; 176];
        cipher().encrypt_pattern(&mut bytes);
        assert_ne!(bytes[160..], [7; 16], "a whole one at the end is encrypted");
    }
}
