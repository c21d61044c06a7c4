//! Metrics in the JSON encoding of OTLP, made of the text that Prometheus gets: so both have the same.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::span::{attributes, nanoseconds, scope};

/// The sums since the start of this process.
const CUMULATIVE: u8 = 2;

type Labels = Vec<(String, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
struct Family<'a> {
    name: &'a str,
    kind: Kind,
    help: &'a str,
    unit: &'a str,
    points: BTreeMap<Labels, Point<'a>>,
}

#[derive(Debug, Default)]
struct Point<'a> {
    value: &'a str,
    sum: &'a str,
    count: u64,
    /// Upper bounds with the counts up to them, without the last, which has no bound.
    buckets: Vec<(f64, u64)>,
}

/// The body of a request to `/v1/metrics`.
pub fn request(resource: &Value, text: &str, started: SystemTime, now: SystemTime) -> Value {
    let times = [nanoseconds(started), nanoseconds(now)];
    let metrics: Vec<Value> = families(text).iter().map(|family| metric(family, &times)).collect();
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "scope": scope(), "metrics": metrics }] }] })
}

/// Reads what [`Metrics::render`](crate::observe::Metrics::render) writes.
fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else { continue };
            match (what, families.last_mut()) {
                ("HELP", _) => help = rest,
                ("TYPE", _) => {
                    let kind = match rest {
                        "counter" => Kind::Counter,
                        "histogram" => Kind::Histogram,
                        _ => Kind::Gauge,
                    };
                    families.push(Family { name, kind, help, unit: "", points: BTreeMap::new() });
                }
                ("UNIT", Some(family)) => family.unit = rest,
                _ => {}
            }
        } else if let (Some((name, labels, value)), Some(family)) = (sample(line), families.last_mut()) {
            family.add(name, labels, value);
        }
    }
    families
}

/// The name, the labels and the value of a line.
fn sample(line: &str) -> Option<(&str, Labels, &str)> {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ')?;
        return Some((name, Labels::new(), value));
    };
    let (mut labels, mut rest) = (Labels::new(), rest);
    while let Some((label, after)) = rest.split_once("=\"") {
        let (mut value, mut escaped, mut end) = (String::new(), false, after.len());
        for (place, c) in after.char_indices() {
            match (escaped, c) {
                (false, '"') => {
                    end = place;
                    break;
                }
                (false, '\\') => {}
                (true, 'n') => value.push('\n'),
                (_, c) => value.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        labels.push((label.trim_start_matches(',').to_owned(), value));
        rest = after.get(end + 1..)?;
        if let Some(value) = rest.strip_prefix("} ") {
            return Some((name, labels, value));
        }
    }
    None
}

impl<'a> Family<'a> {
    fn add(&mut self, name: &str, mut labels: Labels, value: &'a str) {
        let bound = labels.iter().position(|(label, _)| label == "le").map(|place| labels.remove(place).1);
        let point = self.points.entry(labels).or_default();
        match name.strip_prefix(self.name).unwrap_or_default() {
            "_sum" => point.sum = value,
            "_count" => point.count = value.parse().unwrap_or_default(),
            "_bucket" => {
                let bound = bound.and_then(|bound| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite());
                point.buckets.extend(bound.zip(value.parse().ok()));
            }
            _ => point.value = value,
        }
    }
}

fn metric(family: &Family<'_>, times: &[String; 2]) -> Value {
    let points: Vec<Value> =
        family.points.iter().map(|(labels, point)| point.data(family.kind, labels, times)).collect();
    let unit = match family.unit {
        "seconds" => "s",
        "bytes" => "By",
        _ => "1",
    };
    let (name, data) = match family.kind {
        Kind::Counter => {
            let sum = json!({ "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points });
            (format!("{}_total", family.name), ("sum", sum))
        }
        Kind::Gauge => (family.name.to_owned(), ("gauge", json!({ "dataPoints": points }))),
        Kind::Histogram => {
            let histogram = json!({ "aggregationTemporality": CUMULATIVE, "dataPoints": points });
            (family.name.to_owned(), ("histogram", histogram))
        }
    };
    json!({ "name": name, "description": family.help.trim_end_matches('.'), "unit": unit, data.0: data.1 })
}

impl Point<'_> {
    fn data(&self, kind: Kind, labels: &Labels, [started, now]: &[String; 2]) -> Value {
        let attributes = attributes(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let number = |text: &str| text.parse::<f64>().unwrap_or_default();
        match kind {
            Kind::Gauge => {
                json!({ "attributes": attributes, "timeUnixNano": now, "asDouble": number(self.value) })
            }
            Kind::Counter => json!({
                "attributes": attributes, "startTimeUnixNano": started, "timeUnixNano": now,
                "asInt": self.value,
            }),
            Kind::Histogram => {
                let mut below = 0;
                let mut counts: Vec<String> = Vec::new();
                for upto in self.buckets.iter().map(|(_, upto)| *upto).chain([self.count]) {
                    counts.push(upto.saturating_sub(below).to_string());
                    below = upto;
                }
                let bounds: Vec<f64> = self.buckets.iter().map(|(bound, _)| *bound).collect();
                json!({
                    "attributes": attributes, "startTimeUnixNano": started, "timeUnixNano": now,
                    "count": self.count.to_string(), "sum": number(self.sum),
                    "bucketCounts": counts, "explicitBounds": bounds,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use job::event::Event;

    use super::*;
    use crate::observe::Metrics;

    fn sent(metrics: &Metrics) -> BTreeMap<String, Value> {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let body = request(&json!({}), &metrics.render(), start, start + Duration::from_secs(2));
        let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().clone();
        metrics.into_iter().map(|metric| (metric["name"].as_str().unwrap().to_owned(), metric)).collect()
    }

    #[test]
    fn every_metric_is_sent_as_prometheus_has_it() {
        let metrics = Metrics::new();
        let job = metrics.job_started();
        for step in ["a \"quoted\\\n step", "next"] {
            job.on(&Event::Step { step: step.to_owned(), percent: 1 });
        }
        metrics.traffic(7, 9);
        metrics.host("1.2", "7.1", "full");
        let sent = sent(&metrics);
        assert_eq!(sent["codex_jobs_running"]["gauge"]["dataPoints"][0]["asDouble"], 1.0);
        let downloaded = &sent["codex_downloaded_bytes_total"];
        assert_eq!((&downloaded["unit"], &downloaded["sum"]["isMonotonic"]), (&json!("By"), &json!(true)));
        let point = &downloaded["sum"]["dataPoints"][0];
        assert_eq!((&point["asInt"], &point["startTimeUnixNano"]), (&json!("7"), &json!("1000000000")));
        let step = &sent["codex_step_seconds"];
        let point = &step["histogram"]["dataPoints"][0];
        assert_eq!((&step["unit"], &point["count"]), (&json!("s"), &json!("1")));
        assert_eq!(point["attributes"][0]["key"], "step");
        assert!(
            point["attributes"][0]["value"]["stringValue"].as_str().unwrap().starts_with("a \"quoted\\"),
            "{point}"
        );
        let (counts, bounds) = (point["bucketCounts"].as_array().unwrap(), point["explicitBounds"].as_array().unwrap());
        assert_eq!(counts.len(), bounds.len() + 1);
        assert_eq!(counts[0], "1");
        assert!(counts[1..].iter().all(|count| count == "0"), "{point}");
        assert_eq!(sent["codex_host_info"]["gauge"]["dataPoints"][0]["attributes"].as_array().unwrap().len(), 3);
    }
}
