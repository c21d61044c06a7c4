//! What the server answers.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use super::http::{self, Raw};
use super::state::{Ping, Shared, State, Trouble};
use super::trace::Request;
use super::{Behaviour, Gate, KEY};

/// One connection, one request.
pub fn serve(connection: TcpStream, shared: &Shared, behaviour: Behaviour) {
    if refuses(shared) {
        return;
    }
    let Some(raw) = http::read(&connection) else { return };
    // The server may have gone down since.
    if refuses(shared) {
        return;
    }
    let authorised = raw.header("authorization") == Some(KEY);
    shared.change(|state| state.requests.push(Request::of(&raw, authorised)));
    if !authorised {
        http::write(&connection, 401, None);
        return;
    }
    let parts: Vec<&str> = raw.path.trim_start_matches("/v2/endpoint-1/").split('/').collect();
    match (raw.method.as_str(), &parts[..]) {
        ("GET", ["job-take", _]) => take(&connection, shared, behaviour, 1, false),
        ("GET", ["job-take-batch", _]) => match raw.parameter("batch_size").and_then(|size| size.parse().ok()) {
            Some(size) => take(&connection, shared, behaviour, size, true),
            None => drop(http::write(&connection, 400, None)),
        },
        ("GET", ["job-stop", _]) => stop(&connection, shared, behaviour),
        ("GET", ["ping", _]) => ping(&connection, shared, &raw),
        ("POST", ["job-done", _, id]) => done(&connection, shared, id, &raw),
        ("POST", ["job-stream", _, _]) => drop(http::write(&connection, 200, None)),
        _ => drop(http::write(&connection, 404, None)),
    }
}

fn refuses(shared: &Shared) -> bool {
    shared.change(|state| {
        state.faults.refused += usize::from(state.down);
        state.down || state.over
    })
}

/// What comes of a request that is held open.
enum Held {
    Answer(Value),
    Trouble(Trouble),
    Gone,
}

fn take(connection: &TcpStream, shared: &Shared, behaviour: Behaviour, most: usize, batch: bool) {
    let held = shared.wait(behaviour.hold, |state| {
        if state.down || state.over {
            return Some(Held::Gone);
        }
        if let Some(trouble) = state.take_trouble.pop_front() {
            state.faults.takes_failed += 1;
            return Some(Held::Trouble(trouble));
        }
        if state.queue.is_empty() {
            return None;
        }
        // A request whose client is gone gets no job.
        if http::is_gone(connection) {
            return Some(Held::Gone);
        }
        let count = most.min(state.queue.len());
        let jobs: Vec<Value> = state.queue.drain(..count).collect();
        state.handed_out.extend(jobs.iter().cloned());
        Some(Held::Answer(if batch { Value::Array(jobs) } else { jobs.into_iter().next()? }))
    });
    if matches!(held, Some(Held::Answer(_))) {
        shared.pass(Gate::Handover);
    }
    write(connection, held);
}

fn stop(connection: &TcpStream, shared: &Shared, behaviour: Behaviour) {
    let held = shared.wait(behaviour.hold, |state| {
        if state.down || state.over {
            return Some(Held::Gone);
        }
        if state.to_stop.is_empty() {
            return None;
        }
        if http::is_gone(connection) {
            return Some(Held::Gone);
        }
        Some(Held::Answer(json!({ "jobsToStop": std::mem::take(&mut state.to_stop) })))
    });
    write(connection, held);
}

fn write(connection: &TcpStream, held: Option<Held>) {
    match held {
        Some(Held::Answer(answer)) => drop(http::write(connection, 200, Some(&answer.to_string()))),
        Some(Held::Trouble(Trouble::Status(status))) => drop(http::write(connection, status, None)),
        Some(Held::Trouble(Trouble::Drop) | Held::Gone) => {}
        None => drop(http::write(connection, 204, None)),
    }
}

fn ping(connection: &TcpStream, shared: &Shared, raw: &Raw) {
    let trouble = shared.change(|state| {
        let jobs = raw.parameter("job_id").unwrap_or_default().split(',').filter(|id| !id.is_empty());
        let ping = Ping { at: Instant::now(), jobs: jobs.map(str::to_owned).collect(), query: raw.query.clone() };
        state.pings.push(ping);
        let trouble = state.ping_trouble.pop_front();
        state.faults.pings_failed += usize::from(trouble.is_some());
        trouble
    });
    match trouble {
        None => drop(http::write(connection, 200, None)),
        Some(Trouble::Status(status)) => drop(http::write(connection, status, None)),
        Some(Trouble::Drop) => {}
    }
}

fn done(connection: &TcpStream, shared: &Shared, id: &str, raw: &Raw) {
    let Ok(body) = serde_json::from_str::<Value>(&raw.body) else {
        http::write(connection, 400, Some(r#"{"error":"the body is no JSON"}"#));
        return;
    };
    // What the platform says to a result that it can't take.
    let fits = body.get("error").is_none_or(Value::is_string) && raw.body.len() <= 20_000_000;
    if !fits || raw.header("content-type") != Some("application/x-www-form-urlencoded") {
        http::write(connection, 400, Some(r#"{"error":"the result is not as it should be"}"#));
        return;
    }
    let is_progress = body["status"] == "IN_PROGRESS";
    if is_progress {
        shared.pass(Gate::Progress);
    }
    let trouble = shared.change(|state| {
        let trouble = if is_progress { None } else { struck(state) };
        if trouble.is_none() {
            state.posts.push((id.to_owned(), body));
        }
        trouble
    });
    match trouble {
        None => drop(http::write(connection, 200, None)),
        Some(Trouble::Status(status)) => drop(http::write(connection, status, None)),
        Some(Trouble::Drop) => {}
    }
}

fn struck(state: &mut State) -> Option<Trouble> {
    let trouble = state.result_trouble.pop_front()?;
    match trouble {
        Trouble::Status(_) => state.faults.results_failed += 1,
        Trouble::Drop => state.faults.results_dropped += 1,
    }
    Some(trouble)
}
