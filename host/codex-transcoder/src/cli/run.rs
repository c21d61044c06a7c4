//! `run`: one job on a local file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use fault::Failure;
use media::probe::DeclaredKind;
use storage::Destination;
use storage::{Key, LocalDirectory, SingleFile, Stores};
use tokio_util::sync::CancellationToken;
use webhook::{Courier, Deliverer, Secret, UrlRules, http_client};

use super::environment::EnvironmentArgs;
use super::exit::Ended;
use super::policy::Loaded;
use super::{settings_argument, view};
use crate::event::Observer;
use crate::job::{Host, Job, ORIGINALS, Outcome, Request};
use crate::observe::Redactor;
use crate::policy::{Chosen, Policy};
use crate::recording::Recordings;

/// The stores that a local job has, each a folder of its own below `--out`.
const STORES: [&str; 3] = ["media", "archive", "assets"];

/// What the uploader says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MediaType {
    /// Pictures, with or without sound.
    Video,
    /// Sound; a cover picture doesn't count.
    Audio,
}

/// The arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// The original.
    pub input: PathBuf,
    /// Where everything goes: a folder for each store below it.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The policy: a component, or a manifest with its module beside it [default: the one that is built in].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Settings of the policy: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    pub settings: Vec<String>,
    /// Where to send the webhook, signed with WEBHOOK_SECRET.
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// What the upload is [default: by the file's ending].
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub media_type: Option<MediaType>,
    /// The creator: the first part of every key.
    #[arg(long, default_value = "local", value_name = "ID")]
    pub creator: String,
    /// The media item [default: the file's name].
    #[arg(long, value_name = "ID")]
    pub media_id: Option<String>,
    /// The job; the same id means the same job again [default: the media item's].
    #[arg(long, value_name = "ID")]
    pub job_id: Option<String>,
    /// Write down what the job saw and did, for `policy replay` and `policy diff`.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Tell what happens as a line of JSON for each event.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub environment: EnvironmentArgs,
}

impl Run {
    /// Runs it.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let view = view::new(self.json);
        let observer: Arc<dyn Observer> = view.observer();
        match self.job(observer, cancel).await? {
            Ok(outcome) => {
                view.finish(&outcome, &self.out);
                Ok(())
            }
            Err(failure) => {
                view.fail(&failure);
                Err(Ended::told(&failure))
            }
        }
    }

    async fn job(
        &self,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<Result<Outcome, Failure>, Ended> {
        let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
        if self.webhook.is_some() && secret.is_empty() {
            return Err(Ended::usage("--webhook needs the secret in the variable WEBHOOK_SECRET"));
        }
        self.job_with_secret(&secret, observer, cancel).await
    }

    /// The job itself. The outer error is for what comes before a job: nobody but the caller has heard of it.
    pub(super) async fn job_with_secret(
        &self,
        secret: &str,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<Result<Outcome, Failure>, Ended> {
        let request = self.request()?;
        let courier = self.courier(secret)?;
        let policy = self.policy().await?;
        let tools = Arc::new(self.environment.toolbox().await?);
        let recordings = self.record.as_deref().map(|folder| recordings(folder, secret)).transpose()?;
        let host = Host { recordings, ..Host::plain(tools, self.stores()?, self.environment.work_root()) };
        let job = Job { host: &host, chosen: &Chosen::only(policy), request: &request, courier, observer, cancel };
        Ok(job.run().await.0)
    }

    async fn policy(&self) -> Result<Policy, Ended> {
        let settings = settings_argument::merge("--settings", &self.settings)?;
        Loaded::read(self.policy.as_deref()).await?.under(settings).await.map_err(Ended::failed)
    }

    fn request(&self) -> Result<Request, Ended> {
        if !self.input.is_file() {
            return Err(Ended::usage(format!("there is no file {}", self.input.display())));
        }
        let media_id = self.media_id.clone().unwrap_or_else(|| slug(&self.input));
        let creator = self.creator.clone();
        let request = Request {
            id: self.job_id.clone().unwrap_or_else(|| media_id.clone()),
            declared: match self.media_type {
                Some(MediaType::Video) => DeclaredKind::Video,
                Some(MediaType::Audio) => DeclaredKind::Audio,
                None => declared_by_ending(&self.input),
            },
            source: Destination {
                store: ORIGINALS.to_owned(),
                key: Key::parse(&format!("{creator}/originals/{media_id}/input"))
                    .map_err(|error| Ended::usage(error.to_string()))?,
            },
            media_id,
            creator_id: creator,
        };
        request.check().map_err(|error| Ended::usage(error.to_string()))?;
        Ok(request)
    }

    fn stores(&self) -> Result<Stores, Ended> {
        let mut stores = Stores::default().with(ORIGINALS, SingleFile::new(self.input.clone()));
        for name in STORES {
            let folder = self.out.join(name);
            let store = LocalDirectory::open(&folder)
                .map_err(|error| Ended::environment(format!("{} can't be used: {error}", folder.display())))?;
            stores = stores.with(name, store);
        }
        Ok(stores)
    }

    fn courier(&self, secret: &str) -> Result<Option<Arc<Courier>>, Ended> {
        let Some(url) = &self.webhook else { return Ok(None) };
        // On a person's own machine: plain http to this machine is fine, and so is a short secret.
        let secret = Secret::allowing_short(secret).map_err(Ended::failed)?;
        let rules = UrlRules::local();
        let url = rules.check(url).map_err(Ended::failed)?;
        let client = http_client(rules.reach()).map_err(Ended::failed)?;
        Ok(Some(Arc::new(Courier::new(Deliverer::new(client, secret), url))))
    }
}

/// Where the job is recorded, without the webhook's secret.
fn recordings(folder: &Path, secret: &str) -> Result<Recordings, Ended> {
    let redactor = Redactor::default();
    redactor.register(secret);
    Recordings::open(folder, redactor).map_err(Ended::failed)
}

/// A file's name as an id.
fn slug(input: &Path) -> String {
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let slug: String = stem.chars().map(plain).take(64).collect();
    if slug.is_empty() { "media".to_owned() } else { slug }
}

/// What most people mean by a file of this name.
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
