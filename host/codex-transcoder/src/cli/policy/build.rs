//! `policy build`: builds a policy's component and its manifest.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fault::secret::SecretText;
use fault::{Failure, codes};
use policy::signature::{SecretKey, Signature, SignatureError};
use policy::{Deployment, Manifest, Policy, PolicyLocation, Trial as _, fetch};
use policy_builder::Member;
use rehearsal::Trial;
use sha2::{Digest as _, Sha256};
use storage::{Stores, folder_of};
use timeline::unix_seconds;

use super::keygen::password;
use crate::cli::compiler::compiler;
use crate::cli::exit::{Ended, OrUsage as _};
use crate::cli::settings_argument;

/// Output folder in the crate's folder.
const OUT: &str = "dist";

#[derive(Clone, Debug, Args)]
pub struct Build {
    /// The policy's crate, or a component that another tool has built.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    from: PathBuf,
    /// Where to write NAME.wasm and policy.json [default: `dist` in the crate, or the component's folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sign with this secret key. CODEX_POLICY_KEY_PASSWORD is its password.
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Version in the manifest [default: the crate's].
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Settings for the manifest: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
    /// Limits for the manifest: a JSON or TOML file, or key=value. Can be given more than once. docs/limits.md lists
    /// them.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    limits: Vec<String>,
    /// Give the policy a restricted WASI. Components with another language's runtime need it.
    #[arg(long)]
    wasi: bool,
    /// cargo's target folder [default: in the target folder of the crate].
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

/// What is written.
struct Parts {
    name: String,
    version: String,
    module: Vec<u8>,
    /// A signature that another tool has written next to the component. It is not verified here, because the trusted
    /// keys belong to an environment.
    existing_signature: Option<String>,
}

impl Build {
    /// Builds the policy, loads it as a job would, and writes it.
    pub async fn run(self) -> Result<(), Ended> {
        // Report bad arguments before the compiler runs for a minute.
        let key = self.sign.as_deref().map(secret_key).transpose()?;
        let settings = settings_argument::merge("--settings", &self.settings)?;
        let limits = settings_argument::merge("--limits", &self.limits)?;
        let Parts { name, version, module, existing_signature } = self.parts().await?;
        let mut manifest = Manifest {
            module: format!("{name}.wasm"),
            sha256: hex::encode(Sha256::digest(&module)),
            name: name.clone(),
            version: version.clone(),
            signature: None,
            settings,
            wasi: self.wasi,
            limits,
        };
        let candidate = manifest.candidate(module.clone())?;
        let loaded = Policy::load(&compiler()?, candidate).await?;
        Trial::anywhere().run(&loaded).await?;

        let signature = match &key {
            Some(key) => Some(signed(key, &name, &version, &module)?),
            None => existing_signature,
        };
        let parsed = signature.as_deref().map(Signature::parse).transpose()?;
        let signed = parsed.map_or("not signed".to_owned(), |by| format!("signed with the key {}", by.signer()));
        manifest.signature.clone_from(&signature);
        let manifest = manifest.to_json();
        // Parse it as workers will.
        Deployment::parse(manifest.as_bytes())?;
        let out = self.out();
        std::fs::create_dir_all(&out).or_usage(unwritable(&out))?;
        let wasm = out.join(format!("{name}.wasm"));
        write(&wasm, &module)?;
        let minisig = out.join(format!("{name}.wasm.minisig"));
        match &signature {
            Some(text) => write(&minisig, text.as_bytes())?,
            // A signature of an earlier build would not match these bytes.
            None => drop(std::fs::remove_file(&minisig)),
        }
        // Write the manifest last, so that a watcher of it finds the module next to it.
        write(&out.join("policy.json"), manifest.as_bytes())?;

        println!("{}  {} bytes, sha256 {}", wasm.display(), module.len(), loaded.digest());
        println!("{}  {name} {version}, {signed}", out.join("policy.json").display());
        Ok(())
    }

    async fn parts(&self) -> Result<Parts, Ended> {
        if self.from.is_file() {
            let place = PolicyLocation::Component(self.from.clone());
            let source = fetch::source(&place, &Stores::default(), None)?;
            let found = source.fetch().await?.0.current;
            let module = source.fetch_module(&found).await?;
            let name = self.from.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let version = self.version.clone().unwrap_or_default();
            return Ok(Parts { name, version, module, existing_signature: found.signature });
        }
        let mut member = Member::read(&self.from).map_err(|error| Ended::usage(format!("{error:#}")))?;
        if let Some(folder) = &self.target_dir {
            let folder = std::path::absolute(folder).or_usage(unwritable(folder))?;
            member = member.compiled_in(&folder);
        }
        let (name, version) = (member.name.clone(), self.version.clone().unwrap_or_else(|| member.version.clone()));
        let building = tokio::task::spawn_blocking(move || member.build(&mut |line| eprintln!("{line}")));
        let built = building.await.map_err(|lost| Ended::environment(lost.to_string()))?;
        let module = built.map_err(|error| not_built(&error))?;
        Ok(Parts { name, version, module, existing_signature: None })
    }

    fn out(&self) -> PathBuf {
        let beside = || if self.from.is_file() { folder_of(&self.from).to_owned() } else { self.from.join(OUT) };
        self.out.clone().unwrap_or_else(beside)
    }
}

/// Only the first line: cargo has already printed the details.
fn not_built(error: &anyhow::Error) -> Failure {
    let message = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
    Failure::new(&codes::policy::BUILD, message)
}

fn secret_key(path: &Path) -> Result<SecretKey, Ended> {
    let text = std::fs::read_to_string(path).or_usage(format_args!("--sign {}", path.display()))?;
    Ok(SecretKey::parse(&SecretText::new(text), password().as_ref())?)
}

/// Returns the signature's text. The trusted comment has the same fields as minisign's.
fn signed(key: &SecretKey, name: &str, version: &str, module: &[u8]) -> Result<String, SignatureError> {
    let now = unix_seconds();
    let comment = format!("timestamp:{now}\tfile:{name}.wasm\tversion:{version}\thashed");
    key.sign(module, &comment)
}

/// Replaces a file atomically.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Ended> {
    let written = tempfile::NamedTempFile::new_in(folder_of(path)).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path).map_err(std::io::Error::from)
    });
    written.map(drop).or_usage(unwritable(path))
}

fn unwritable(path: &Path) -> String {
    format!("{} can't be written", path.display())
}
