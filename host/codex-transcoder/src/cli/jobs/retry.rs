//! `jobs retry`.

use std::time::Duration;

use clap::{ArgGroup, Args};
use fault::text::counted;
use job::{EndedJob, EndedJobs, Retried};
use runpod::{JobSender, PLATFORM};
use serde_json::{Value, json};
use timeline::unix_seconds;
use tokio_util::sync::CancellationToken;

use super::RecordsArgs;
use super::selection::{Selection, Skipped, Wanted};
use crate::cli::exit::Ended;
use crate::cli::{moment, plain_id};

#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("to").args(["endpoint", "address", "print"]))]
pub struct Retry {
    /// Jobs that failed since: an age such as 2h or 7d, a day, or a time.
    #[arg(long, value_name = "WHEN", value_parser = moment::moment)]
    since: u64,
    /// Only jobs that failed with this code; may be repeated. Without it: all but those that failed by their upload's fault.
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Send them to the queue of this RunPod endpoint; the variable RUNPOD_API_KEY has the key.
    #[arg(long, value_name = "ID", value_parser = plain_id)]
    endpoint: Option<String>,
    /// Send them to this address, to which /run is added: that of `serve`, for example.
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Print them as lines of JSON, as the body of /run has them.
    #[arg(long)]
    print: bool,
    /// Only list what would be sent.
    #[arg(long)]
    dry_run: bool,
    /// How long each job may take, for its `policy.executionTimeout`, such as 4h [default: that of the endpoint].
    #[arg(long, value_name = "TIME", value_parser = moment::age)]
    execution_timeout: Option<Duration>,
    /// Print what was done as JSON.
    #[arg(long, conflicts_with = "print")]
    json: bool,
    #[command(flatten)]
    records: RecordsArgs,
}

impl Retry {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let sender = self.sender()?;
        let records = self.records.open()?;
        let wanted = Wanted { since: self.since, until: self.records.until(), codes: self.code.clone() };
        let mut selection = Selection::default();
        // To the end, not only of the span: what was published since is not sent again.
        records.between(self.since, unix_seconds() + 1, |ended| selection.look_at(&wanted, ended)).await?;
        if selection.is_too_large {
            return Err(Ended::usage(
                "more than 10000 jobs failed in this time: name a shorter one by --since and --until",
            ));
        }
        let (jobs, skipped) = selection.into_jobs();
        let mut sent = Vec::new();
        let mut ended = Ok(());
        for job in jobs {
            if cancel.is_cancelled() {
                ended = Err(Ended::cancelled());
                break;
            }
            match self.again(sender.as_ref(), &records, job).await {
                Ok(done) => sent.push(done),
                Err(failed) => {
                    ended = Err(failed);
                    break;
                }
            }
        }
        self.report(&sent, &skipped);
        ended
    }

    fn sender(&self) -> Result<Option<JobSender>, Ended> {
        if self.dry_run {
            return Ok(None);
        }
        if let Some(address) = &self.address {
            return Ok(Some(JobSender::new(address, None)?));
        }
        let Some(endpoint) = &self.endpoint else {
            let problem = "name where to send them by --endpoint or --address, or use --print or --dry-run";
            return if self.print { Ok(None) } else { Err(Ended::usage(problem)) };
        };
        let key = std::env::var("RUNPOD_API_KEY").ok().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Ended::usage("RUNPOD_API_KEY is not set: the endpoint's queue needs the key"))?;
        Ok(Some(JobSender::new(&format!("{PLATFORM}{endpoint}"), Some(&key))?))
    }

    /// Does with one job what the arguments ask for, and says what.
    async fn again(&self, sender: Option<&JobSender>, records: &EndedJobs, mut job: EndedJob) -> Result<Value, Ended> {
        let input = job.input.clone().unwrap_or_default();
        let Some(sender) = sender else {
            if self.print && !self.dry_run {
                println!("{}", json!({ "input": input }));
            }
            return Ok(described(&job));
        };
        let id = sender.send(&input, self.execution_timeout).await?;
        job.retried = Some(Retried { at: unix_seconds(), job: id });
        if let Err(error) = records.write(&job).await {
            let error = fault::chain(&error);
            eprintln!(
                "warning: {} was sent again, which could not be noted ({error}): the next retry sends it once more",
                job.job
            );
        }
        Ok(described(&job))
    }

    fn report(&self, jobs: &[Value], skipped: &Skipped) {
        if self.json {
            let name = if self.dry_run { "would_send" } else { "sent" };
            println!("{:#}", json!({ name: jobs, "not_sent": skipped.to_json() }));
            return;
        }
        if !self.print {
            let text = |job: &Value, name: &str| job[name].as_str().unwrap_or_default().to_owned();
            for job in jobs {
                let again = job["again"].as_str().map(|id| format!("  sent again as {id}")).unwrap_or_default();
                println!("{}  {}  {}{again}", text(job, "job"), text(job, "media"), text(job, "code"));
            }
        }
        let count = counted(jobs.len() as u64, "job");
        let what = if self.dry_run {
            "would be sent again"
        } else if self.print {
            "printed"
        } else {
            "sent again"
        };
        eprintln!("{count} {what}");
        skipped.sentence().into_iter().for_each(|sentence| eprintln!("{sentence}"));
    }
}

fn described(job: &EndedJob) -> Value {
    crate::json::without_nulls(json!({
        "job": job.job,
        "media": job.subject.as_ref().map(|subject| &subject.media),
        "code": job.failure.as_ref().map(|failure| &failure.code),
        "failed_at": moment::shown(job.ended_at),
        "again": job.retried.as_ref().map(|retried| &retried.job),
    }))
}
