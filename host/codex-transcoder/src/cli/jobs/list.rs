//! `jobs list`.

use std::collections::VecDeque;

use clap::Args;
use fault::text::printable;
use job::EndedJob;

use super::RecordsArgs;
use crate::cli::exit::Ended;
use crate::cli::moment;
use crate::cli::table::table;

/// Most characters of a message in the table.
const MAX_MESSAGE: usize = 100;

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only jobs that ended since: an age such as 2h or 7d, a day, or a time.
    #[arg(long, value_name = "WHEN", default_value = "1d", value_parser = moment::moment)]
    since: u64,
    /// Only failed jobs.
    #[arg(long)]
    failed: bool,
    /// Only jobs that failed with this code; may be repeated.
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// The latest so many.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    records: RecordsArgs,
}

impl List {
    pub async fn run(self) -> Result<(), Ended> {
        let limit = self.limit as usize;
        let (mut found, mut more) = (VecDeque::new(), 0_u64);
        let visit = |ended: EndedJob| {
            if self.includes(&ended) {
                found.push_back(ended);
            }
            if found.len() > limit {
                found.pop_front();
                more += 1;
            }
        };
        self.records.open()?.between(self.since, self.records.until(), visit).await?;
        if self.json {
            println!("{:#}", serde_json::to_value(&found).unwrap_or_default());
        } else {
            print!(
                "{}",
                table(["ended", "job", "media", "result", "took", "policy", "message"], found.iter().map(row))
            );
        }
        if more > 0 {
            eprintln!("{more} earlier jobs are left out: set --limit, or another --until");
        }
        Ok(())
    }

    fn includes(&self, ended: &EndedJob) -> bool {
        match &ended.failure {
            None => !self.failed && self.code.is_empty(),
            Some(failure) => self.code.is_empty() || self.code.contains(&failure.code),
        }
    }
}

fn row(ended: &EndedJob) -> [String; 7] {
    let (result, message) = match &ended.failure {
        None => ("completed", ""),
        Some(failure) => (failure.code.as_str(), failure.message.as_str()),
    };
    let again = ended.retried.as_ref().map(|retried| format!("(sent again as {}) ", retried.job));
    let digest = ended.policy.digest.get(..12).unwrap_or_default();
    [
        moment::shown(ended.ended_at),
        ended.job.clone(),
        ended.subject.as_ref().map(|subject| subject.media.clone()).unwrap_or_default(),
        result.to_owned(),
        format!("{} s", ended.total_ms.div_ceil(1000)),
        format!("{} {digest}", ended.policy.name),
        again.unwrap_or_default() + &printable(message, MAX_MESSAGE),
    ]
}
