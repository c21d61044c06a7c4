//! A collector of OpenTelemetry: takes OTLP over HTTP in JSON, and decodes it with code of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A span as it came in.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty without one.
    pub parent: String,
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u128,
    pub end: u128,
    pub attributes: BTreeMap<String, String>,
    pub failed: bool,
}

/// A point of a metric: its attributes and its value, or the count of a histogram.
pub type Point = (BTreeMap<String, String>, f64);

#[derive(Debug, Default)]
struct Got {
    /// Statuses of the next answers; 200 when there are none left.
    statuses: Vec<u16>,
    headers: Vec<String>,
    resources: Vec<BTreeMap<String, String>>,
    spans: Vec<Span>,
    metrics: BTreeMap<String, Vec<Point>>,
}

/// Listens on a port that the system chose.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    /// Answers the first requests with these statuses, without taking what they bring, and all others with 200.
    pub fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let statuses = statuses.iter().rev().copied().collect();
        let got = Arc::new(Mutex::new(Got { statuses, ..Got::default() }));
        let shared = Arc::clone(&got);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let got = Arc::clone(&shared);
                std::thread::spawn(move || while answer(&connection, &got).is_some() {});
            }
        });
        Self { address, got }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.got.lock().unwrap().spans.clone()
    }

    /// The points of a metric that came last.
    pub fn metric(&self, name: &str) -> Vec<Point> {
        self.got.lock().unwrap().metrics.get(name).cloned().unwrap_or_default()
    }

    /// The head of every request, refused ones too.
    pub fn heads(&self) -> Vec<String> {
        self.got.lock().unwrap().headers.clone()
    }

    pub fn resources(&self) -> Vec<BTreeMap<String, String>> {
        self.got.lock().unwrap().resources.clone()
    }
}

/// Answers one request; `None` when the connection has ended.
fn answer(connection: &TcpStream, got: &Mutex<Got>) -> Option<()> {
    let (mut reader, mut head) = (BufReader::new(connection), String::new());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut got = got.lock().unwrap();
    let status = got.statuses.pop().unwrap_or(200);
    if status == 200 {
        assert!(head.contains("content-type: application/json"), "{head}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        match head.split(' ').nth(1) {
            Some("/v1/traces") => take_spans(&mut got, &body),
            Some("/v1/metrics") => take_metrics(&mut got, &body),
            other => panic!("a request for {other:?}"),
        }
    }
    got.headers.push(head);
    drop(got);
    let mut connection = connection;
    write!(connection, "HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\n{{}}").ok()
}

fn take_spans(got: &mut Got, body: &Value) {
    for of_resource in body["resourceSpans"].as_array().unwrap() {
        got.resources.push(attributes(&of_resource["resource"]["attributes"]));
        for of_scope in of_resource["scopeSpans"].as_array().unwrap() {
            assert_eq!(of_scope["scope"]["name"], "codex-transcoder");
            got.spans.extend(of_scope["spans"].as_array().unwrap().iter().map(span));
        }
    }
}

fn span(span: &Value) -> Span {
    let id = |name: &str, digits: usize| {
        let id = span[name].as_str().unwrap_or_default();
        assert!(id.is_empty() || (id.len() == digits && u128::from_str_radix(id, 16).unwrap() != 0), "{span}");
        id.to_owned()
    };
    let time = |name: &str| span[name].as_str().unwrap().parse().unwrap();
    Span {
        trace: id("traceId", 32),
        id: id("spanId", 16),
        parent: id("parentSpanId", 16),
        name: span["name"].as_str().unwrap().to_owned(),
        start: time("startTimeUnixNano"),
        end: time("endTimeUnixNano"),
        attributes: attributes(&span["attributes"]),
        failed: span["status"]["code"] == 2,
    }
}

fn take_metrics(got: &mut Got, body: &Value) {
    for of_resource in body["resourceMetrics"].as_array().unwrap() {
        got.resources.push(attributes(&of_resource["resource"]["attributes"]));
        for metric in of_resource["scopeMetrics"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|of_scope| of_scope["metrics"].as_array().unwrap())
        {
            let data = ["sum", "gauge", "histogram"].into_iter().find_map(|kind| metric.get(kind)).unwrap();
            let points = data["dataPoints"].as_array().unwrap().iter();
            let points = points.map(|point| (attributes(&point["attributes"]), value(point))).collect();
            got.metrics.insert(metric["name"].as_str().unwrap().to_owned(), points);
        }
    }
}

/// The value of a point. Of a histogram, its buckets have to add up to its count.
fn value(point: &Value) -> f64 {
    let whole = |value: &Value| value.as_str().map(|text| text.parse::<u32>().unwrap());
    if let Some(count) = whole(&point["count"]) {
        let buckets = point["bucketCounts"].as_array().unwrap();
        assert_eq!(buckets.iter().filter_map(whole).sum::<u32>(), count, "{point}");
        assert_eq!(buckets.len(), point["explicitBounds"].as_array().unwrap().len() + 1, "{point}");
        return count.into();
    }
    point["asDouble"].as_f64().or(whole(&point["asInt"]).map(f64::from)).unwrap_or_else(|| panic!("{point}"))
}

fn attributes(pairs: &Value) -> BTreeMap<String, String> {
    let pair = |pair: &Value| {
        let value = pair["value"]["stringValue"].as_str().unwrap_or_else(|| panic!("{pair}"));
        (pair["key"].as_str().unwrap().to_owned(), value.to_owned())
    };
    pairs.as_array().unwrap().iter().map(pair).collect()
}
