//! `policy bench`: measures what a policy costs, and how close it comes to its limits.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use authoring::cost::{self, Cost, Costs, Nearest};
use clap::Args;
use policy::limits::Unit;

use super::display;
use crate::cli::compiler::compiler;
use crate::cli::exit::Ended;
use crate::cli::policy::load::candidate;
use crate::cli::table::table;

/// Use of a limit from this share on is printed in red. The defaults are far above what a policy needs, so none should
/// come this close.
const NEAR: f64 = 0.8;

const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// The policy: a component, or a manifest next to its module.
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// Settings for the policy: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
    /// Number of calls of each decision.
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    calls: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub async fn run(self) -> Result<(), Ended> {
        let candidate = candidate(Some(&self.policy), &self.settings).await?;
        let costs = cost::of(&candidate, &compiler()?, self.calls).await?;
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        display::print(self.json, || serde_json::to_value(&costs).unwrap_or_default(), || page(&costs, colour));
        Ok(())
    }
}

fn page(costs: &Costs, colour: bool) -> String {
    let mut text = table(["", "times", "median", "95 of 100"], costs.load.iter().chain(&costs.calls).map(cost_row));
    text.push('\n');
    let limits = table(["limit", "used", "of", "", "by"], costs.limits.iter().map(limit_row));
    let near = costs.limits.iter().map(|limit| limit.amount.share() >= NEAR);
    for (line, near) in limits.lines().zip(std::iter::once(false).chain(near)) {
        let (before, after) = if colour && near { (RED, PLAIN) } else { ("", "") };
        text.push_str(&format!("{before}{line}{after}\n"));
    }
    text
}

fn cost_row(cost: &Cost) -> [String; 4] {
    [cost.name.to_owned(), cost.times.to_string(), time(cost.median_us), time(cost.p95_us)]
}

fn limit_row(limit: &Nearest) -> [String; 5] {
    let Nearest { call, amount } = limit;
    let number = |value: f64| match amount.unit {
        Unit::Ms => format!("{value:.1} ms"),
        Unit::Bytes => indicatif::HumanBytes(value as u64).to_string(),
        Unit::Count => format!("{value:.0}"),
    };
    let near = if amount.share() >= NEAR { " NEAR" } else { "" };
    let share = format!("{:.0} %{near}", amount.share() * 100.0);
    [amount.name.to_owned(), number(amount.used), number(amount.limit as f64), share, (*call).to_owned()]
}

fn time(microseconds: f64) -> String {
    if microseconds < 1000.0 { format!("{microseconds:.0} µs") } else { format!("{:.1} ms", microseconds / 1000.0) }
}

#[cfg(test)]
mod tests {
    use policy::limits::Amount;

    use super::*;

    fn costs(used: f64) -> Costs {
        let amount = Amount { name: "host-calls", unit: Unit::Count, used, limit: 100 };
        let cost = Cost { name: "ladder.select", times: 10, median_us: 41.6, p95_us: 2512.0 };
        let limits = vec![Nearest { call: "workflow.run", amount }];
        Costs { size: 1, load: Vec::new(), calls: vec![cost], limits }
    }

    #[test]
    fn use_close_to_a_limit_is_marked_and_red_on_a_terminal() {
        let page = |used: f64, colour: bool| super::page(&costs(used), colour);
        assert!(page(80.0, true).contains("\u{1b}[31mhost-calls") && page(80.0, true).ends_with("\u{1b}[0m\n"));
        assert!(!page(80.0, false).contains('\u{1b}') && page(80.0, false).contains("80 % NEAR"));
        assert!(!page(79.0, true).contains('\u{1b}') && !page(79.0, true).contains("NEAR"));
    }

    #[test]
    fn times_are_printed_in_a_readable_unit() {
        let page = page(&costs(1.0), false);
        assert!(page.contains("42 µs") && page.contains("2.5 ms"), "{page}");
    }
}
