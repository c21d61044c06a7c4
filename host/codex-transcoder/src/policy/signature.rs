//! Signatures over the bytes of a module, in the format of minisign: what is signed here verifies with `minisign -V`, and
//! the other way round.

use std::fmt;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fault::secret::SecretText;
use fault::{Code, Fault, codes};

/// Longest text of a signature: comments of 1024 and 8192 bytes, as the minisign program takes them, and the rest.
const MAX_TEXT: usize = 10 << 10;

/// Most characters of a trusted comment that is written here.
const MAX_COMMENT: usize = 1024;

/// Bytes of a decoded public key, secret key, signature, and signature of the comment, as the format has them.
const PUBLIC_KEY: usize = 42;
const SECRET_KEY: usize = 158;
const SIGNATURE: usize = 74;
const COMMENT_SIGNATURE: usize = 64;

/// What a public key and a signature in the old format begin with.
const PLAIN: &[u8] = b"Ed";
/// What a signature over a digest begins with: the only format that minisign writes unless it is told otherwise.
const OVER_DIGEST: &[u8] = b"ED";
/// What a secret key has in its third and fourth byte where a password locks it.
const LOCKED: &[u8] = b"Sc";

/// Why a signature, or a key, is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature at all.
    #[error("the signature can't be read: {0}; expected is the text of a .minisig file")]
    Malformed(&'static str),
    /// By a key that nobody trusts here.
    #[error("the module is signed with the key {signer}, which is not trusted here; trusted are: {trusted}")]
    UnknownSigner {
        /// The key that it names.
        signer: KeyId,
        /// Those that would do.
        trusted: String,
    },
    /// By a key that is trusted, and over something else.
    #[error("the signature with the key {0} is not one of this module: either was changed after signing")]
    Mismatch(KeyId),
    /// Not a public key.
    #[error("a public key can't be read: {0}; expected is the text of a .pub file, or its second line alone")]
    PublicKey(&'static str),
    /// Not a secret key, or locked.
    #[error("the secret key can't be used: {0}")]
    SecretKey(&'static str),
    /// The system gives no random numbers.
    #[error("no key can be made")]
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

/// What a key pair is told by, as minisign prints it. Not a secret, and not a proof.
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

/// A key that signatures are checked with.
#[derive(Clone, Debug)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// Reads the text of a `.pub` file, or the line of it that is the key.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let bytes = decoded(key_line(text)).filter(|bytes| bytes.len() == PUBLIC_KEY);
        let bytes = bytes.ok_or(SignatureError::PublicKey("it is not 42 bytes in base64"))?;
        if !bytes.starts_with(PLAIN) {
            return Err(SignatureError::PublicKey("its algorithm is not Ed25519"));
        }
        minisign::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| SignatureError::PublicKey("it is incomplete"))
    }

    /// What it is told by.
    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.keynum())
    }
}

/// The line that settings and the option `-P` of minisign take.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

/// The key by which a signature over these bytes was made, if it is one of `keys`. `signature` is the text of a
/// `.minisig` file.
///
/// Signatures in minisign's old format (`-l`) are refused: one format is enough, and nothing writes the old one unasked.
pub fn verify(keys: &[PublicKey], bytes: &[u8], signature: &str) -> Result<KeyId, SignatureError> {
    let signature = Signature::parse(signature)?;
    let mut of_this_name = keys.iter().filter(|key| key.id() == signature.signer).peekable();
    if of_this_name.peek().is_none() {
        let trusted = keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", ");
        let trusted = if trusted.is_empty() { "none".to_owned() } else { trusted };
        return Err(SignatureError::UnknownSigner { signer: signature.signer, trusted });
    }
    let fits = |key: &PublicKey| minisign::verify(&key.0, &signature.parsed, Cursor::new(bytes), true, false, false);
    if of_this_name.any(|key| fits(key).is_ok()) {
        Ok(signature.signer)
    } else {
        Err(SignatureError::Mismatch(signature.signer))
    }
}

/// A signature that was not checked yet.
pub struct Signature {
    signer: KeyId,
    parsed: minisign::SignatureBox,
}

impl Signature {
    /// Reads the text of a `.minisig` file. The lengths are checked here because the library expects them to be right.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        if text.len() > MAX_TEXT {
            return Err(SignatureError::Malformed("it is too long"));
        }
        let mut lines = text.lines().skip(1).step_by(2);
        let signature = lines.next().and_then(decoded).filter(|bytes| bytes.len() == SIGNATURE);
        let signature = signature.ok_or(SignatureError::Malformed("its second line is not 74 bytes in base64"))?;
        let comment = lines.next().and_then(decoded).filter(|bytes| bytes.len() == COMMENT_SIGNATURE);
        comment.ok_or(SignatureError::Malformed("its fourth line is not 64 bytes in base64"))?;
        if !signature.starts_with(OVER_DIGEST) {
            return Err(SignatureError::Malformed("its format is the old one, or none that is known; sign without -l"));
        }
        let parsed = minisign::SignatureBox::from_string(text);
        let parsed = parsed.map_err(|_| SignatureError::Malformed("its lines don't begin as they should"))?;
        Ok(Self { signer: KeyId::of(parsed.keynum()), parsed })
    }

    /// The key that it says it was made with.
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// What its maker wrote beside it. True only if the signature is.
    pub fn comment(&self) -> String {
        self.parsed.trusted_comment().unwrap_or_default()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// A key that signs. It can't be printed.
pub struct SecretKey(minisign::SecretKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// Reads the text of a secret key's file.
    pub fn parse(text: &SecretText, password: Option<&SecretText>) -> Result<Self, SignatureError> {
        let bytes = decoded(key_line(text.expose())).filter(|bytes| bytes.len() == SECRET_KEY);
        let bytes = bytes.ok_or(SignatureError::SecretKey("it is not the file of a secret key"))?;
        if bytes.get(2..4) != Some(LOCKED) {
            // Not by the library's way for such keys: that one expects a checksum, which minisign itself doesn't write.
            let key = minisign::SecretKey::from_bytes(&bytes);
            return key.map(Self).map_err(|_| SignatureError::SecretKey("it is incomplete"));
        }
        let password = password.ok_or(SignatureError::SecretKey("it is locked with a password, and none was given"))?;
        let locked = minisign::SecretKeyBox::from(text.expose().to_owned());
        let key = locked.into_secret_key(Some(password.expose().to_owned()));
        key.map(Self).map_err(|_| SignatureError::SecretKey("the password is not the one that it is locked with"))
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> Result<PublicKey, SignatureError> {
        let public = minisign::PublicKey::from_secret_key(&self.0);
        public.map(PublicKey).map_err(|_| SignatureError::SecretKey("it is incomplete"))
    }

    /// A signature over these bytes and over a comment of one line: the text of a `.minisig` file.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, SignatureError> {
        let comment: String = comment.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        let comment: String = comment.trim().chars().take(MAX_COMMENT).collect();
        // With the public key it also checks that the two halves of the secret one belong together.
        let public = self.public()?.0;
        let about = format!("signature with the key {}", KeyId::of(public.keynum()));
        let signature =
            minisign::sign(Some(&public), &self.0, Cursor::new(bytes), Some(comment.trim_end()), Some(&about));
        let signature = signature.map_err(|_| SignatureError::SecretKey("it is damaged; restore it from a copy"))?;
        Ok(signature.into_string())
    }
}

/// A new key pair, as files.
#[derive(Debug)]
pub struct NewKey {
    /// What both are told by.
    pub public: PublicKey,
    /// The text of the `.pub` file.
    pub public_file: String,
    /// The text of the secret key's file.
    pub secret_file: SecretText,
}

/// Makes a key pair. Whoever can read the secret key's file can sign, unless a password locks it.
pub fn generate(password: Option<&SecretText>) -> Result<NewKey, SignatureError> {
    let pair = match password {
        Some(password) => minisign::KeyPair::generate_encrypted_keypair(Some(password.expose().to_owned())),
        None => minisign::KeyPair::generate_unencrypted_keypair(),
    };
    let pair = pair.map_err(SignatureError::Random)?;
    let public = PublicKey(pair.pk);
    let about = format!("secret key {}: whoever has it can sign policies", public.id());
    let secret_file = pair.sk.to_box(Some(&about)).map_err(SignatureError::Random)?;
    let public_file = public.0.to_box().map_err(SignatureError::Random)?;
    Ok(NewKey {
        public,
        public_file: public_file.into_string(),
        secret_file: SecretText::new(secret_file.into_string()),
    })
}

/// The key in a file of a comment and a key, or in a text that is only the key.
fn key_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}

fn decoded(line: &str) -> Option<Vec<u8>> {
    STANDARD.decode(line.trim()).ok()
}

#[cfg(test)]
mod tests;
