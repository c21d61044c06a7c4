//! `policy dev`: builds and tests a policy after every change of its files.

mod changes;
mod make;
mod round;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use storage::folder_of;
use tokio_util::sync::CancellationToken;

use self::changes::Files;
use self::make::Make;
use self::round::Workshop;
use crate::cli::exit::Ended;

/// How often the files are looked at. Looking, unlike notifications of the kernel, also sees changes in folders that are
/// shared over a network or with a container.
const POLL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Args)]
pub struct Dev {
    /// The policy's crate, a folder with a build command, or a component or manifest that something else builds.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    from: PathBuf,
    /// The shell command that builds the policy, run in its folder [default: cargo for a crate, `node build.mjs` or `python3
    /// build.py` where there is such a file]. It must write to `dist` or `target`, which are not watched.
    #[arg(long, value_name = "COMMAND")]
    build: Option<String>,
    /// What the build command makes: a component or a manifest [default: dist/policy.json in the folder].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The scenarios [default: the folder `scenarios` beside the policy's files].
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// More files or folders to watch, such as a crate that the policy uses. Can be given more than once.
    #[arg(long, value_name = "PATH")]
    watch: Vec<PathBuf>,
    /// cargo's target folder [default: in the target folder of the crate].
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Settings for the policy: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
}

impl Dev {
    /// Runs until it is cancelled, which is its normal end.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let make = Make::of(&self.from, self.build.as_deref(), self.policy.as_deref(), self.target_dir.as_deref())?;
        let folder = if self.from.is_dir() { self.from.clone() } else { folder_of(&self.from).to_owned() };
        let scenarios = self.scenarios.clone().unwrap_or_else(|| folder.join("scenarios"));
        let watched = [self.from, scenarios.clone()].into_iter().chain(self.watch).collect::<Vec<PathBuf>>();
        let workshop = Workshop::new(make, scenarios, self.settings)?;
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = watch(&workshop, &watched) => {}
        }
        println!("stopped");
        Ok(())
    }
}

/// One round now, and one after each change.
async fn watch(workshop: &Workshop, watched: &[PathBuf]) {
    loop {
        // Before the round, so that a change during it starts the next one.
        let before = Files::of(watched);
        workshop.round().await;
        println!("waiting for changes in {}", listed(watched));
        while Files::of(watched) == before {
            tokio::time::sleep(POLL).await;
        }
    }
}

fn listed(watched: &[PathBuf]) -> String {
    let mut shown: Vec<&Path> = Vec::new();
    for path in watched {
        // A folder inside of another one is no news.
        if !shown.iter().any(|known| path.starts_with(known)) {
            shown.push(path);
        }
    }
    shown.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
