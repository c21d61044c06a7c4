//! `jobs show`.

use clap::Args;
use fault::text::{counted, printable};
use job::EndedJob;

use super::RecordsArgs;
use crate::cli::exit::Ended;
use crate::cli::moment;

/// A job that is delivered again and again, as the queue may do.
const MAX_RECORDS: usize = 100;

#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The id that the queue gave it.
    #[arg(value_name = "JOB")]
    job: String,
    /// How far to look back.
    #[arg(long, value_name = "WHEN", default_value = "30d", value_parser = moment::moment)]
    since: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    records: RecordsArgs,
}

impl Show {
    pub async fn run(self) -> Result<(), Ended> {
        let mut found = Vec::new();
        let visit = |ended: EndedJob| {
            if ended.job == self.job && found.len() < MAX_RECORDS {
                found.push(ended);
            }
        };
        self.records.open()?.between(self.since, self.records.until(), visit).await?;
        if found.is_empty() {
            let job = printable(&self.job, 128);
            let since = moment::shown(self.since);
            return Err(Ended::usage(format!(
                "no job `{job}` that ended since {since} is on record; `jobs list` lists those that are, --since looks \
further back"
            )));
        }
        if self.json {
            println!("{:#}", serde_json::to_value(&found).unwrap_or_default());
            return Ok(());
        }
        for ended in &found {
            print(ended);
        }
        Ok(())
    }
}

fn print(ended: &EndedJob) {
    let line = |name: &str, text: &str| println!("{name:<9} {text}");
    line("job", &ended.job);
    line("ended", &moment::shown(ended.ended_at));
    line("took", &format!("{} s, {}", ended.total_ms.div_ceil(1000), counted(ended.attempts.into(), "attempt")));
    if let Some(subject) = &ended.subject {
        line("media", &format!("{} of {}", subject.media, subject.creator));
    }
    match &ended.failure {
        None => line("result", "completed"),
        Some(failure) => {
            let again = if failure.retryable { "another try may help" } else { "another try alone does not help" };
            line("result", &format!("failed: {} (blame: {}; {again})", failure.code, failure.blame));
            line("message", &failure.message);
        }
    }
    let version = Some(ended.policy.version.as_str()).filter(|version| !version.is_empty());
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    line("policy", &format!("{}{version}, sha256 {}, {}", ended.policy.name, ended.policy.digest, ended.policy.role));
    if let Some(input) = &ended.input {
        line("input", &input.to_string());
    }
    if let Some(retried) = &ended.retried {
        line("again", &format!("sent again at {} as {}", moment::shown(retried.at), retried.job));
    }
    println!();
}
