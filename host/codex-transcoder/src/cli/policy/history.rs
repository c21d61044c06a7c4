//! `policy history`: lists the changes of an environment's policies; and what the commands that change them note there.

use clap::Args;
use policy::{Action, BadPolicy, Entry, Manifest, PolicyPublisher};
use timeline::unix_seconds;

use super::place::{self, PlaceArgs};
use crate::cli::exit::Ended;
use crate::cli::moment;

/// Who is named in the history, if not the user of this machine.
const OPERATOR: &str = "CODEX_OPERATOR";

#[derive(Clone, Debug, Args)]
pub struct History {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: PlaceArgs,
}

/// A change that was made.
pub struct Change {
    pub action: Action,
    pub policy: Manifest,
    /// Of a canary.
    pub percent: Option<u8>,
    /// The policy that it found bad.
    pub bad: Option<Manifest>,
}

/// What goes with a change.
#[derive(Clone, Debug, Args)]
pub struct ChangeArgs {
    /// Why, for `policy history`. CODEX_OPERATOR names who, if not the user of this machine.
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
    /// Deploy the policy even if it was judged bad before.
    #[arg(long)]
    pub even_if_bad: bool,
}

impl History {
    pub async fn run(self) -> Result<(), Ended> {
        let environment = self.environment.environment()?;
        let history = PolicyPublisher::at(&environment.place, &environment.stores)?.history().await?;
        if self.json {
            println!("{:#}", serde_json::to_value(&history).unwrap_or_default());
            return Ok(());
        }
        if history.entries.is_empty() {
            println!("no changes are noted in {}", environment.place);
        }
        for entry in history.entries.iter().rev() {
            let bad = if history.bad_policy(&entry.policy).is_some() { "  [judged bad]" } else { "" };
            println!("{}{bad}", line(entry));
        }
        Ok(())
    }
}

/// A change, newest first: when, who, what, why.
fn line(Entry { at, by, action, percent, message, policy }: &Entry) -> String {
    let time = moment::shown(*at);
    let share = percent.map(|percent| format!(", {percent} % of the jobs")).unwrap_or_default();
    let why = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    format!("{time}  {by}  {:<10} {}{share}{why}", action.name(), place::described(policy))
}

impl ChangeArgs {
    /// Notes a change that was made. If that fails, the change stays.
    pub async fn note(&self, publisher: &PolicyPublisher, change: Change) {
        let Change { action, policy, percent, bad } = change;
        let (at, by) = (unix_seconds(), operator());
        let reason = self.message.as_deref().unwrap_or("no reason was given");
        let bad = bad.map(|bad| BadPolicy::new(&bad, at, &by, reason));
        let entry = Entry { at, by, action, percent, message: self.message.clone(), policy };
        if let Err(error) = publisher.note(entry, bad).await {
            eprintln!("warning: the change is made, and could not be noted in the history: {}", fault::chain(&error));
        }
    }
}

/// The user and the machine, for people: it proves nothing.
fn operator() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable(OPERATOR).unwrap_or_else(|| {
        let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".to_owned());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{user}@{}", host.trim())
    })
}
