//! `run`: runs one job on a local file.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fault::Failure;
use job::event::Observer;
use job::production::UploadLimits;
use job::report::JobReport;
use job::{Job, JobEnvironment, Outcome, Prices, Request};
use media::probe::DeclaredKind;
use policy::SelectedPolicy;
use publish::CacheRules;
use result_page::Links;
use serde_json::{Map, Value};
use storage::{Destination, GivenFiles, Key, LocalDirectory, ORIGINALS, Stores};
use tokio_util::sync::CancellationToken;
use webhook::{Deliverer, JobWebhooks, Secret, UrlRules};

use super::authoring::recordings;
use super::environment::EnvironmentArgs;
use super::exit::Ended;
use super::policy::load::load;
use super::view::View;
use crate::choice::Choice as _;
use crate::keys::{KeyPlace, Keys, is_key_uri};
use crate::observe::Redactor;
use crate::settings::OUTPUT_STORES;

#[derive(Clone, Debug, Args)]
pub struct Run {
    /// The file to transcode.
    pub input: PathBuf,
    /// Where all outputs go: a folder for each store [default: `-out` behind the file's name, in the current folder].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The policy: a component, a manifest with its module beside it, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Settings of the policy: a JSON or TOML file, or key=value. May be repeated.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    pub settings: Vec<String>,
    /// A file that was uploaded beside it, such as subtitles: `{creator}/originals/{media}/{its name}` in the store of the
    /// originals. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub beside: Vec<PathBuf>,
    /// Where the keys of an encrypted ladder are: a folder with a file for each, or an address that their names are added to.
    #[arg(long, value_name = "DIR|URL", requires = "key_uri")]
    pub keys: Option<String>,
    /// What players are told that the name of a key is added to.
    #[arg(long, value_name = "URL", requires = "keys")]
    pub key_uri: Option<String>,
    /// Where to send the webhook, signed with WEBHOOK_SECRET.
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// What the upload is; in audio, pictures are ignored [default: by the file's ending].
    #[arg(long = "type", value_parser = DeclaredKind::argument(), value_name = "TYPE")]
    pub media_type: Option<DeclaredKind>,
    /// The creator: the first part of every key.
    #[arg(long, default_value = "local", value_name = "ID")]
    pub creator: String,
    /// The media item [default: the file's name].
    #[arg(long, value_name = "ID")]
    pub media_id: Option<String>,
    /// The id of the job; the same id repeats the same job [default: the media item's].
    #[arg(long, value_name = "ID")]
    pub job_id: Option<String>,
    /// A field of the job that is the policy's own, as the platform would add it to the input: poster=1500. The value is
    /// JSON, or else a text. May be repeated.
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    pub attributes: Vec<String>,
    /// Record what the job saw and did, for `policy replay` and `policy diff`.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Write no result page.
    #[arg(long)]
    pub no_page: bool,
    /// Print each event as a line of JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub environment: EnvironmentArgs,
}

impl Run {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
        if self.webhook.is_some() && secret.is_empty() {
            return Err(Ended::usage("--webhook needs the secret in the variable WEBHOOK_SECRET"));
        }
        let view = View::new(self.json);
        let (ended, report) = self.job(&secret, view.observer(), cancel).await?;
        let page = match &ended {
            Ok(outcome) if !self.no_page => self.write_page(&report, &outcome.output).await,
            _ => None,
        };
        view.finish(ended, &self.out(), page.as_deref())
    }

    /// Writes the result page and returns its path. A job whose page can't be written has succeeded all the same.
    pub(super) async fn write_page(&self, report: &JobReport, output: &Value) -> Option<PathBuf> {
        let stores = self.stores().ok()?;
        let page = job::page(&stores, report, output, &Links::Folders(String::new())).await?;
        let path = self.out().join(format!("{}.html", report.media));
        match replace(&path, page.as_bytes()) {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::warn!(%error, "the result page {} can't be written", path.display());
                None
            }
        }
    }

    /// The outer error is for what fails before the job starts, and hasn't been shown.
    pub(super) async fn job(
        &self,
        secret: &str,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<(Result<Outcome, Failure>, JobReport), Ended> {
        let request = self.request()?;
        let webhooks = self.webhooks(secret)?;
        let policy = load(self.policy.as_deref(), &self.settings).await?;
        let mut tools = self.environment.tools.prove().await?;
        if let Some((place, uri)) = self.keys.as_ref().zip(self.key_uri.clone()) {
            let place = KeyPlace::parse(place).map_err(|problem| Ended::usage(format!("--keys {problem}")))?;
            if !is_key_uri(&uri) {
                return Err(Ended::usage("--key-uri is not an address"));
            }
            tools.keys = Some(Keys::new(place, uri, None)?);
        }
        let tools = Arc::new(tools);
        let redactor = Redactor::default();
        redactor.register(secret);
        let recordings = recordings(self.record.as_deref(), redactor)?;
        let host = JobEnvironment {
            tools,
            stores: self.stores()?,
            work_root: self.environment.work_root(),
            memory: None,
            cache: CacheRules::default(),
            attempts: 1,
            pause: Duration::ZERO,
            limits: UploadLimits::NONE,
            prices: Prices::default(),
            write_report: false,
            write_page: false,
            recordings,
        };
        let job = Job {
            environment: &host,
            chosen: &SelectedPolicy::only(policy),
            request: &request,
            webhooks,
            observer,
            cancel,
        };
        Ok(job.run().await)
    }

    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-out", slug(&self.input))))
    }

    fn request(&self) -> Result<Request, Ended> {
        if !self.input.is_file() {
            return Err(Ended::usage(format!("there is no file {}", self.input.display())));
        }
        if let Some(missing) = self.beside.iter().find(|file| !file.is_file()) {
            return Err(Ended::usage(format!("there is no file {}", missing.display())));
        }
        let media_id = self.media_id.clone().unwrap_or_else(|| slug(&self.input));
        let creator = self.creator.clone();
        let request = Request {
            id: self.job_id.clone().unwrap_or_else(|| media_id.clone()),
            declared: self.media_type.unwrap_or_else(|| declared_by_ending(&self.input)),
            source: Destination {
                store: ORIGINALS.to_owned(),
                key: Key::parse(&format!("{creator}/originals/{media_id}/input"))
                    .map_err(|error| Ended::usage(error.to_string()))?,
            },
            media_id,
            creator_id: creator,
            attributes: self.attributes()?,
        };
        request.check().map_err(|failure| Ended::usage(failure.message))?;
        Ok(request)
    }

    fn attributes(&self) -> Result<Vec<(String, String)>, Ended> {
        let mut fields = Map::new();
        for written in &self.attributes {
            let (name, value) = written
                .split_once('=')
                .ok_or_else(|| Ended::usage(format!("--attribute {written}: NAME=VALUE is expected")))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            fields.insert(name.to_owned(), value);
        }
        job::attributes(&fields).map_err(|problem| Ended::usage(format!("--attribute: {problem}")))
    }

    fn stores(&self) -> Result<Stores, Ended> {
        let given = GivenFiles { main: self.input.clone(), beside: self.beside.clone() };
        let mut stores = Stores::default().with(ORIGINALS, given);
        // Each is a folder.
        for name in OUTPUT_STORES {
            let folder = self.out().join(name);
            let store = LocalDirectory::open(&folder)
                .map_err(|error| Ended::environment(format!("{} can't be used: {error}", folder.display())))?;
            stores = stores.with(name, store);
        }
        Ok(stores)
    }

    fn webhooks(&self, secret: &str) -> Result<Option<Arc<JobWebhooks>>, Ended> {
        let Some(url) = &self.webhook else { return Ok(None) };
        // On a developer's machine, plain http to this machine and a short secret are fine.
        let deliverer = Deliverer::new(UrlRules::LOCAL, Secret::allowing_short(secret)?)?;
        let url = deliverer.rules.check(url)?;
        Ok(Some(Arc::new(JobWebhooks::new(deliverer, url, None))))
    }
}

/// Writes a file beside its place and moves it there: an earlier page may be open in a browser.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    // A temporary file is for its owner alone.
    file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// Makes an id of a file's name.
fn slug(input: &Path) -> String {
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let slug: String = stem.chars().map(plain).take(64).collect();
    if slug.is_empty() { "media".to_owned() } else { slug }
}

pub(super) fn declared_by_ending(input: &Path) -> DeclaredKind {
    let ending = input.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let audio = ["mp3", "m4a", "aac", "wav", "flac", "ogg", "oga", "opus", "amr", "aiff", "aif", "wma", "caf"];
    if audio.contains(&ending.as_str()) { DeclaredKind::Audio } else { DeclaredKind::Video }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_becomes_an_id_that_keys_allow() {
        assert_eq!(slug(Path::new("/a/My Holiday (1).mov")), "My-Holiday--1-");
        assert_eq!(slug(Path::new("/")), "media");
    }

    #[test]
    fn a_files_ending_says_what_it_is() {
        assert_eq!(declared_by_ending(Path::new("a.FLAC")), DeclaredKind::Audio);
        assert_eq!(declared_by_ending(Path::new("a.webm")), DeclaredKind::Video);
        assert_eq!(declared_by_ending(Path::new("noending")), DeclaredKind::Video);
    }
}
