//! The difference between the vendor's client and ours.

use serde_json::{Map, Value, json};

/// Something that differs on purpose.
struct Deliberate {
    what: &'static str,
    why: &'static str,
    /// Whether only the vendor's client may do it. The other differences have two sides.
    vendors_alone: bool,
    /// Takes it out of a request.
    leave_out: fn(&mut Value),
}

const DELIBERATE: [Deliberate; 5] = [
    Deliberate {
        what: "the vendor's client sends a header `charset: utf-8` with results",
        why: "HTTP has no such header, and JSON is UTF-8 anyway",
        vendors_alone: true,
        leave_out: |request| drop(headers(request).remove("charset")),
    },
    Deliberate {
        what: "the vendor's client sends `Content-Type: application/json` with requests that have no body",
        why: "there is nothing that it could be the type of",
        vendors_alone: true,
        leave_out: |request| {
            if request["body"].is_null() {
                headers(request).remove("content-type");
            }
        },
    },
    Deliberate {
        what: "the vendor's client sends the `X-Request-ID` of the last finished job with later requests for jobs",
        why: "it is left over on the shared session; those requests have nothing to do with that job",
        vendors_alone: true,
        leave_out: |request| {
            if request["method"] == "GET" {
                headers(request).remove("x-request-id");
            }
        },
    },
    Deliberate {
        what: "the object in `error` has the vendor's members for a Python exception, or ours: code, message",
        why: "ours are the codes that this program documents; where it happened has the vendor's names",
        vendors_alone: false,
        leave_out: |request| {
            if let Some(Value::Object(error)) = request.pointer_mut("/body/error/JSON as text") {
                error.retain(|name, _| matches!(name.as_str(), "hostname" | "worker_id"));
            }
        },
    },
    Deliberate {
        what: "the vendor's client leaves an `output` out that is an empty object",
        why: "what a job gave is what its sender gets; the platform takes both",
        vendors_alone: true,
        leave_out: |request| {
            if request["body"] == json!({}) {
                request["body"] = json!({ "output": {} });
            }
        },
    },
];

fn headers(request: &mut Value) -> &mut Map<String, Value> {
    request["headers"].as_object_mut().expect("every request has headers")
}

/// Shows both traces and what differs. Whether only that does which may.
pub fn show(vendors: &Value, ours: &Value) -> bool {
    let (mut vendors, mut ours) = (requests("the vendor's client", vendors), requests("this worker", ours));
    println!("deliberate differences:");
    for Deliberate { what, why, vendors_alone, leave_out } in &DELIBERATE {
        let mut seen = false;
        let both = if *vendors_alone { &mut [][..] } else { &mut ours[..] };
        for request in vendors.iter_mut().chain(both) {
            let before = request.clone();
            leave_out(request);
            seen |= before != *request;
        }
        println!("  {what}: {why}{}", if seen { "" } else { " (not seen this time)" });
    }
    let only = |who: &str, these: &[Value], those: &[Value]| {
        let missing: Vec<_> = these.iter().filter(|request| !those.contains(request)).collect();
        missing.iter().for_each(|request| println!("ONLY {who}: {request}"));
        missing.is_empty()
    };
    // Both are shown before the verdict.
    let (nothing_more, nothing_less) =
        (only("this worker", &ours, &vendors), only("the vendor's client", &vendors, &ours));
    let same = nothing_more && nothing_less;
    println!("{}", if same { "otherwise the requests are the same" } else { "the requests differ" });
    same
}

fn requests(who: &str, trace: &Value) -> Vec<Value> {
    let requests = trace.as_array().expect("a trace is a list").clone();
    println!("{who} makes {} distinct requests:", requests.len());
    for request in &requests {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        println!("  {} {}", text("method"), text("path"));
        for name in ["query", "headers", "body"] {
            println!("    {name}: {}", request[name]);
        }
    }
    println!();
    requests
}
