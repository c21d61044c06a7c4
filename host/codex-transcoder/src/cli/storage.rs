//! `storage collect`: segments that no playlist names.

use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use publish::collect::{Rules, Unreferenced, collect};
use serde_json::json;
use timeline::unix_seconds;
use tokio_util::sync::CancellationToken;

use super::exit::Ended;
use super::service::SettingsArgs;
use super::{moment, plain_id};
use crate::worker;

/// A viewer may be in the middle of what was replaced, and a job in the middle of what it makes.
const LEAST_AGE: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, Subcommand)]
pub enum Storage {
    /// Find segments that no playlist names, and delete them with --delete.
    Collect(Collect),
}

#[derive(Clone, Debug, Args)]
pub struct Collect {
    /// Only what was written, and whose playlists were replaced, longer ago than this, such as 7d; at least 1d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Duration,
    /// Delete them. Without it, they are only listed.
    #[arg(long)]
    delete: bool,
    /// Only those of this creator.
    #[arg(long, value_name = "ID", value_parser = plain_id)]
    creator: Option<String>,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

fn age(text: &str) -> Result<Duration, String> {
    let age = moment::age(text)?;
    let problem = "1d is the least: a job or a viewer may still use what is younger";
    if age < LEAST_AGE { Err(problem.to_owned()) } else { Ok(age) }
}

impl Storage {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let Self::Collect(collect) = self;
        cancel.run_until_cancelled(collect.run()).await.unwrap_or_else(|| Err(Ended::cancelled()))
    }
}

impl Collect {
    async fn run(self) -> Result<(), Ended> {
        let settings = self.settings.load()?;
        let stores = worker::stores(&settings)?;
        let journals = stores.get(&settings.state_store)?;
        let before = unix_seconds().saturating_sub(self.older_than.as_secs());
        let rules = Rules { before, creator: self.creator.clone(), delete: self.delete };
        let (mut objects, mut bytes) = (0, 0);
        let visit = |found: &Unreferenced| {
            objects += found.objects;
            bytes += found.bytes;
            self.print(found);
        };
        let looked = collect(&stores, &journals, &rules, visit).await?;
        if self.json {
            let summary = json!({ "objects": objects, "bytes": bytes, "deleted": self.delete,
                "looked_at": { "objects": looked.objects, "playlists": looked.manifests, "journals": looked.journals } });
            println!("{summary}");
            return Ok(());
        }
        let size = HumanBytes(bytes);
        let what = match (objects, self.delete) {
            (0, _) => "no segments that no playlist names".to_owned(),
            (_, false) => format!("{objects} objects, {size}, are named by no playlist; --delete deletes them"),
            (_, true) => format!("{objects} objects, {size}, deleted"),
        };
        eprintln!("{what} (of {} objects; {} playlists were read)", looked.objects, looked.manifests);
        Ok(())
    }

    fn print(&self, found: &Unreferenced) {
        let Unreferenced { prefix, objects, bytes, newest } = found;
        let written = moment::shown(*newest);
        if self.json {
            let line = json!({ "store": prefix.store, "prefix": prefix.key, "objects": objects, "bytes": bytes,
                "last_written": written });
            println!("{line}");
        } else {
            println!("{prefix}…  {objects} objects  {}  last written {written}", HumanBytes(*bytes));
        }
    }
}
