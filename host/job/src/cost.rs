//! What a job takes of a machine, and what that costs.

use std::time::Duration;

use serde::Serialize;

/// What things cost, in one currency; `None` where that isn't known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// Of a worker.
    pub worker_hour: Option<f64>,
    /// Of storage.
    pub gib_month: Option<f64>,
}

/// In the currency of the prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Of the worker's time. A worker with several jobs at once is paid once for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<f64>,
    /// Of storing what was published, for a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_month: Option<f64>,
}

impl Prices {
    /// What a job costs that takes a worker for this time and publishes these bytes. `None` without any price.
    pub fn cost(&self, time: Duration, bytes: u64) -> Option<Cost> {
        let worker = self.worker_hour.map(|price| round(price * time.as_secs_f64() / 3600.0));
        let storage_month = self.gib_month.map(|price| round(price * bytes as f64 / (1_u64 << 30) as f64));
        let cost = Cost { worker, storage_month };
        (cost != Cost::default()).then_some(cost)
    }
}

/// To a millionth.
fn round(amount: f64) -> f64 {
    (amount * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_price_is_told() {
        let (half, gib) = (Duration::from_secs(1800), 3 << 30);
        assert_eq!(Prices::default().cost(half, gib), None);
        let worker = Prices { worker_hour: Some(0.69), gib_month: None };
        assert_eq!(worker.cost(half, gib), Some(Cost { worker: Some(0.345), storage_month: None }));
        let both = Prices { worker_hour: Some(0.0), gib_month: Some(0.006) };
        assert_eq!(both.cost(half, gib), Some(Cost { worker: Some(0.0), storage_month: Some(0.018) }));
    }
}
