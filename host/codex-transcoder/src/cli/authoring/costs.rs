//! Options for what work costs, and the calibration of this machine.

use std::path::{Path, PathBuf};

use authoring::comparison::Amounts;
use authoring::estimate::{Calibration, CalibrationError};
use clap::Args;
use fault::chain;
use indicatif::HumanBytes;
use job::{Cost, Prices};
use serde_json::{Value, json};

use crate::cli::exit::Ended;
use crate::cli::table::table;

/// Stored beside the folder for compiled policies.
const CALIBRATION: &str = "codex-transcoder-calibration.json";

#[derive(Clone, Debug, Args)]
pub(super) struct CostArgs {
    /// A calibration of `estimate --calibrate` [default: codex-transcoder-calibration.json in the system's folder for
    /// temporary files].
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// What an hour of the worker costs, in any currency.
    #[arg(long, env = "CODEX_PRICE_WORKER_HOUR", value_name = "AMOUNT", value_parser = price)]
    price_worker_hour: Option<f64>,
    /// What it costs to store a GiB for a month, in the same currency.
    #[arg(long, env = "CODEX_PRICE_GIB_MONTH", value_name = "AMOUNT", value_parser = price)]
    price_gib_month: Option<f64>,
}

fn price(text: &str) -> Result<f64, String> {
    let price = text.parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "an amount of 0 or more is expected".to_owned())
}

impl CostArgs {
    pub(super) fn calibration_file(&self) -> PathBuf {
        self.calibration.clone().unwrap_or_else(|| std::env::temp_dir().join(CALIBRATION))
    }

    /// This machine's calibration, or else another machine's.
    pub(super) fn calibration(&self) -> Result<Calibration, Ended> {
        let stored = Calibration::load(&self.calibration_file()).map_err(|error| unusable(&error))?;
        Ok(stored.unwrap_or_else(Calibration::built_in))
    }

    pub(super) fn cost(&self, seconds: f64, bytes: u64) -> Cost {
        let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX);
        let prices = Prices { worker_hour: self.price_worker_hour, gib_month: self.price_gib_month };
        prices.cost(time, bytes).unwrap_or_default()
    }

    /// What the plans of some jobs take before and after a change.
    pub(super) fn change_as_text(&self, old: Amounts, new: Amounts) -> String {
        let (cost, new_cost) = (self.cost(old.seconds, old.bytes), self.cost(new.seconds, new.bytes));
        let bytes = |amounts: &Amounts| amounts.bytes as f64;
        let mut rows = vec![
            row("stored", bytes(&old), bytes(&new), |bytes| HumanBytes(bytes as u64).to_string()),
            row("time", old.seconds, new.seconds, seconds),
            row("CPU time", old.cpu_seconds, new.cpu_seconds, seconds),
        ];
        if old.gpu_seconds + new.gpu_seconds > 0.0 {
            rows.push(row("GPU time", old.gpu_seconds, new.gpu_seconds, seconds));
        }
        let money = |name: &str, old: Option<f64>, new: Option<f64>| {
            Some(row(name, old?, new?, |amount| format!("{amount:.5}")))
        };
        rows.extend(money("worker", cost.worker, new_cost.worker));
        rows.extend(money("storage a month", cost.storage_month, new_cost.storage_month));
        table(["", "old", "new", "change"], rows)
    }

    pub(super) fn as_json(&self, amounts: Amounts) -> Value {
        let cost = self.cost(amounts.seconds, amounts.bytes);
        json!({
            "seconds": rounded(amounts.seconds),
            "cpu_seconds": rounded(amounts.cpu_seconds),
            "gpu_seconds": rounded(amounts.gpu_seconds),
            "bytes": amounts.bytes,
            "cost": { "worker": cost.worker, "storage_month": cost.storage_month },
        })
    }
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

fn row(name: &str, old: f64, new: f64, shown: impl Fn(f64) -> String) -> [String; 4] {
    let change = match (old, new) {
        (old, new) if shown(old) == shown(new) => "-".to_owned(),
        (old, new) if old > 0.0 => format!("{:+.0} %", (new / old - 1.0) * 100.0),
        _ => "new".to_owned(),
    };
    [name.to_owned(), shown(old), shown(new), change]
}

/// To milliseconds.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn unusable(error: &CalibrationError) -> Ended {
    match error {
        CalibrationError::File { .. } => Ended::environment(chain(error)),
        CalibrationError::Form { .. } => Ended::usage(error.to_string()),
    }
}

/// Where the figures of a calibration are from.
pub(super) fn basis(calibration: &Calibration) -> &'static str {
    if calibration.is_measured { "this machine's calibration" } else { "another machine's calibration" }
}

pub(super) fn store(calibration: &Calibration, file: &Path) -> Result<(), Ended> {
    calibration.store(file).map_err(|error| unusable(&error))
}
