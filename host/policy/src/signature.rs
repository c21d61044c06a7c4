//! Signatures of modules in the format of minisign: `minisign -V` verifies signatures made here, and this module
//! verifies those of `minisign -S`.

use std::fmt;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fault::secret::SecretText;
use fault::{Code, Fault, codes};

/// Most bytes of a signature's text. The minisign program allows comments of 1024 and 8192 bytes.
const MAX_TEXT: usize = 10 << 10;

/// Most characters of a trusted comment made here.
const MAX_COMMENT: usize = 1024;

/// Lengths in bytes of the decoded public key, secret key, signature, and signature of the comment.
const PUBLIC_KEY: usize = 42;
const SECRET_KEY: usize = 158;
const SIGNATURE: usize = 74;
const COMMENT_SIGNATURE: usize = 64;

/// The prefix of a public key, and of a signature in the old format.
const PLAIN: &[u8] = b"Ed";
/// The prefix of a signature of a digest, which is minisign's default format.
const PREHASHED: &[u8] = b"ED";
/// The third and fourth byte of a secret key with a password.
const ENCRYPTED: &[u8] = b"Sc";

/// Why a signature or a key is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature.
    #[error("the signature can't be read: {0}; the text of a .minisig file is expected")]
    Malformed(&'static str),
    /// Made with an untrusted key.
    #[error("the module is signed with the key {signer}, which is not trusted; trusted keys: {trusted}")]
    UnknownSigner {
        /// The key in the signature.
        signer: KeyId,
        /// The trusted keys.
        trusted: String,
    },
    /// Made with a trusted key, but not for this module.
    #[error("the signature with the key {0} does not match the module: one of them was changed after signing")]
    Mismatch(KeyId),
    /// Not a public key.
    #[error("a public key can't be read: {0}; the text of a .pub file, or its second line, is expected")]
    PublicKey(&'static str),
    /// Not a secret key, or its password is missing or wrong.
    #[error("the secret key can't be used: {0}")]
    SecretKey(&'static str),
    /// The system has no random numbers.
    #[error("the key pair can't be generated")]
    Random(#[source] minisign::PError),
}

impl Fault for SignatureError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Malformed(_) | Self::Mismatch(_) => &codes::policy::SIGNATURE,
            Self::UnknownSigner { .. } => &codes::policy::UNKNOWN_SIGNER,
            Self::PublicKey(_) => &codes::policy::PUBLIC_KEY,
            Self::SecretKey(_) => &codes::policy::SECRET_KEY,
            Self::Random(_) => &codes::host::BUG,
        }
    }
}

/// A key pair's id, as minisign prints it. It is not secret, and it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().rev().fold(0, |id, &byte| (id << 8) | u64::from(byte)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// A key that verifies signatures.
#[derive(Clone, Debug)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// Parses the text of a `.pub` file, or its key line alone.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let bytes = decode(key_line(text), PUBLIC_KEY);
        let bytes = bytes.ok_or(SignatureError::PublicKey("it is not 42 bytes in base64"))?;
        if !bytes.starts_with(PLAIN) {
            return Err(SignatureError::PublicKey("its algorithm is not Ed25519"));
        }
        minisign::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| SignatureError::PublicKey("it is incomplete"))
    }

    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.keynum())
    }
}

/// Formats the key line, which the settings and minisign's option `-P` accept.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

/// Verifies the text of a `.minisig` file and returns the id of the key that made it, if it is one of `keys`.
///
/// Signatures in minisign's old format (`-l`) are refused. Nothing writes them by default.
pub fn verify(keys: &[PublicKey], bytes: &[u8], signature: &str) -> Result<KeyId, SignatureError> {
    let signature = Signature::parse(signature)?;
    let signer = signature.signer();
    let candidates: Vec<&PublicKey> = keys.iter().filter(|key| key.id() == signer).collect();
    if candidates.is_empty() {
        let trusted = keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", ");
        let trusted = if trusted.is_empty() { "none".to_owned() } else { trusted };
        return Err(SignatureError::UnknownSigner { signer, trusted });
    }
    let verifies = |key: &PublicKey| minisign::verify(&key.0, &signature.0, Cursor::new(bytes), true, false, false);
    match candidates.into_iter().any(|key| verifies(key).is_ok()) {
        true => Ok(signer),
        false => Err(SignatureError::Mismatch(signer)),
    }
}

/// A parsed, unverified signature.
pub struct Signature(minisign::SignatureBox);

impl Signature {
    /// Parses the text of a `.minisig` file. Lengths are checked here because the library assumes that they are right.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        if text.len() > MAX_TEXT {
            return Err(SignatureError::Malformed("it is too long"));
        }
        let mut lines = text.lines().skip(1).step_by(2);
        let signature = lines.next().and_then(|line| decode(line, SIGNATURE));
        let signature = signature.ok_or(SignatureError::Malformed("its second line is not 74 bytes in base64"))?;
        let comment = lines.next().and_then(|line| decode(line, COMMENT_SIGNATURE));
        comment.ok_or(SignatureError::Malformed("its fourth line is not 64 bytes in base64"))?;
        if !signature.starts_with(PREHASHED) {
            return Err(SignatureError::Malformed("its format is the old one or unknown; sign without -l"));
        }
        let parsed = minisign::SignatureBox::from_string(text);
        parsed.map(Self).map_err(|_| SignatureError::Malformed("its lines don't start with the expected comments"))
    }

    /// The key that the signature claims.
    pub fn signer(&self) -> KeyId {
        KeyId::of(self.0.keynum())
    }

    /// The trusted comment. Trustworthy only if the signature is verified.
    pub fn comment(&self) -> String {
        self.0.trusted_comment().unwrap_or_default()
    }
}

/// A key that signs. Its `Debug` output hides it.
pub struct SecretKey(minisign::SecretKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// Parses the text of a secret key's file.
    pub fn parse(text: &SecretText, password: Option<&SecretText>) -> Result<Self, SignatureError> {
        let bytes = decode(key_line(text.expose()), SECRET_KEY);
        let bytes = bytes.ok_or(SignatureError::SecretKey("it is not a secret key file"))?;
        if bytes.get(2..4) != Some(ENCRYPTED) {
            // The library's function for keys without a password expects a checksum, which minisign doesn't write.
            let key = minisign::SecretKey::from_bytes(&bytes);
            return key.map(Self).map_err(|_| SignatureError::SecretKey("it is incomplete"));
        }
        let password = password.ok_or(SignatureError::SecretKey("it needs a password, and none was given"))?;
        let encrypted = minisign::SecretKeyBox::from(text.expose().to_owned());
        let key = encrypted.into_secret_key(Some(password.expose().to_owned()));
        key.map(Self).map_err(|_| SignatureError::SecretKey("the password is wrong"))
    }

    /// The key that verifies this one's signatures.
    pub fn public(&self) -> Result<PublicKey, SignatureError> {
        let public = minisign::PublicKey::from_secret_key(&self.0);
        public.map(PublicKey).map_err(|_| SignatureError::SecretKey("it is incomplete"))
    }

    /// Signs these bytes and a comment of one line. Returns the text of a `.minisig` file.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, SignatureError> {
        let comment: String = comment.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        let comment: String = comment.trim().chars().take(MAX_COMMENT).collect();
        // Given the public key, the library also checks that the secret key is consistent.
        let public = self.public()?.0;
        let about = format!("signature with the key {}", KeyId::of(public.keynum()));
        let signature =
            minisign::sign(Some(&public), &self.0, Cursor::new(bytes), Some(comment.trim_end()), Some(&about));
        let signature = signature.map_err(|_| SignatureError::SecretKey("it is damaged; restore it from a copy"))?;
        Ok(signature.into_string())
    }
}

/// A new key pair, with the contents of its files.
#[derive(Debug)]
pub struct NewKey {
    pub public: PublicKey,
    /// The text of the `.pub` file.
    pub public_file: String,
    /// The text of the secret key's file.
    pub secret_file: SecretText,
}

/// Generates a key pair. Without a password, anyone who can read the secret key's file can sign.
pub fn generate(password: Option<&SecretText>) -> Result<NewKey, SignatureError> {
    let pair = match password {
        Some(password) => minisign::KeyPair::generate_encrypted_keypair(Some(password.expose().to_owned())),
        None => minisign::KeyPair::generate_unencrypted_keypair(),
    };
    let pair = pair.map_err(SignatureError::Random)?;
    let public = PublicKey(pair.pk);
    let about = format!("secret key {}: anyone who has it can sign policies", public.id());
    let secret_file = pair.sk.to_box(Some(&about)).map_err(SignatureError::Random)?;
    let public_file = public.0.to_box().map_err(SignatureError::Random)?;
    Ok(NewKey {
        public,
        public_file: public_file.into_string(),
        secret_file: SecretText::new(secret_file.into_string()),
    })
}

/// The last non-empty line: the key of a file, or a key without its file's comment.
fn key_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}

/// Decodes a line that must have this number of bytes.
fn decode(line: &str, length: usize) -> Option<Vec<u8>> {
    STANDARD.decode(line.trim()).ok().filter(|bytes| bytes.len() == length)
}

#[cfg(test)]
mod tests;
