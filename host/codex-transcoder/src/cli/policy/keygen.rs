//! `policy keygen`: a key pair to sign policies with.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fault::secret::SecretText;

use crate::cli::exit::Ended;
use crate::policy::signature;

/// The variable with the password of a secret key. Not an argument: those can be read by every user of the machine.
const PASSWORD: &str = "CODEX_POLICY_KEY_PASSWORD";

/// The arguments of `policy keygen`.
#[derive(Clone, Debug, Args)]
pub struct Keygen {
    /// Where the keys go: the secret one to PATH.key, the public one to PATH.pub. The password in the variable
    /// CODEX_POLICY_KEY_PASSWORD locks the secret one.
    #[arg(value_name = "PATH", default_value = "policy")]
    path: PathBuf,
}

impl Keygen {
    /// Makes them.
    pub fn run(self) -> Result<(), Ended> {
        let password = password();
        let made = signature::generate(password.as_ref()).map_err(Ended::failed)?;
        let secret_path = with_ending(&self.path, "key");
        let public_path = with_ending(&self.path, "pub");
        write_new(&secret_path, made.secret_file.expose(), 0o600)?;
        write_new(&public_path, &made.public_file, 0o644)?;
        let lock = if password.is_some() { "locked by the password in" } else { "not locked: no password in" };
        println!("key {}", made.public.id());
        println!("  {}  signs policies: `policy build --sign`; {lock} {PASSWORD}", secret_path.display());
        println!("  {}  goes where its policies are taken", public_path.display());
        println!("\n{}", made.public);
        Ok(())
    }
}

/// The password of a secret key, where one is set.
pub fn password() -> Option<SecretText> {
    std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()).map(SecretText::new)
}

/// Writes a file that must not be there yet: a key that is replaced is lost.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Ended> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| Ended::usage(format!("the key can't be written to {}: {error}", path.display())))
}

/// `FILE.ENDING`.
fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
