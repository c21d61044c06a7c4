//! `policy keygen`: creates a key pair for signing policies.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fault::secret::SecretText;
use policy::signature;

use crate::cli::exit::{Ended, OrUsage as _};

/// Environment variable with the password of a secret key. It isn't an argument because all users of a machine can read
/// arguments.
const PASSWORD: &str = "CODEX_POLICY_KEY_PASSWORD";

#[derive(Clone, Debug, Args)]
pub struct Keygen {
    /// Where to write the keys: the secret key to PATH.key, the public key to PATH.pub. If the environment variable
    /// CODEX_POLICY_KEY_PASSWORD is set, its value encrypts the secret key.
    #[arg(value_name = "PATH", default_value = "policy")]
    path: PathBuf,
}

impl Keygen {
    pub fn run(self) -> Result<(), Ended> {
        let password = password();
        let made = signature::generate(password.as_ref())?;
        let secret_path = self.path.with_added_extension("key");
        let public_path = self.path.with_added_extension("pub");
        write_new(&secret_path, made.secret_file.expose(), 0o600)?;
        write_new(&public_path, &made.public_file, 0o644)?;
        let lock = if password.is_some() { "encrypted with the password in" } else { "not encrypted: no password in" };
        println!("key {}", made.public.id());
        println!("  {}  signs policies: `policy build --sign`; {lock} {PASSWORD}", secret_path.display());
        println!("  {}  goes into the settings of environments that accept its policies", public_path.display());
        println!("\n{}", made.public);
        Ok(())
    }
}

/// The password of a secret key, if one is set.
pub fn password() -> Option<SecretText> {
    std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()).map(SecretText::new)
}

/// Writes a new file. It never overwrites one, because an overwritten key is lost.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Ended> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .or_usage(format_args!("the key can't be written to {}", path.display()))
}
