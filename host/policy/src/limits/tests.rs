use serde_json::{Value, json};

use super::*;

fn of(value: Value) -> Result<Limits, Vec<String>> {
    let Value::Object(fields) = value else { panic!("no object") };
    Limits::from_json(&fields)
}

fn problem(value: Value) -> String {
    let problems = of(value).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn hit(limit: Limit, allowed: u64) -> LimitHit {
    LimitHit::Of { limit, allowed }
}

#[test]
fn the_table_is_in_the_order_of_the_limits_and_no_default_is_over_its_cap() {
    for (index, spec) in TABLE.iter().enumerate() {
        assert_eq!(spec.limit as usize, index, "{}", spec.name);
        assert!(spec.default <= spec.cap, "{}", spec.name);
        assert_eq!(Limits::default().get(spec.limit), spec.default);
    }
    assert!(IMPORTS.iter().all(|import| import.default <= import.cap));
}

#[test]
fn a_manifest_changes_only_the_limits_that_it_sets() {
    let limits = of(json!({"compute-ms": 500, "import-calls": {"storage.put": 0}})).unwrap();
    assert_eq!(limits, Limits::default().with(Limit::Compute, 500).with_import_calls("storage.put", 0));
    assert_eq!(of(json!({})).unwrap(), Limits::default());
}

#[test]
fn an_unknown_limit_is_answered_with_the_known_ones() {
    let text = problem(json!({"compute-s": 2}));
    assert!(TABLE.iter().all(|spec| text.contains(spec.name)) && text.contains("import-calls"), "{text}");
    let text = problem(json!({"import-calls": {"storage.burn": 2}}));
    assert!(text.contains("import-calls.storage.burn") && text.contains("storage.put"), "{text}");
}

#[test]
fn a_limit_over_the_hosts_cap_is_answered_with_the_cap() {
    let text = problem(json!({"memory-bytes": 1_u64 << 40}));
    assert!(text.contains("memory-bytes") && text.contains(&(1 << 30).to_string()), "{text}");
    let text = problem(json!({"import-calls": {"transcode.start": 1000}}));
    assert!(text.contains("import-calls.transcode.start") && text.contains("100"), "{text}");
}

#[test]
fn a_limit_must_be_a_whole_number() {
    for value in [json!("2"), json!(-1), json!(1.5), json!(0), json!(null), json!({"a": 1})] {
        assert!(problem(json!({ "handles": value })).contains("whole number"));
    }
    assert!(problem(json!({"import-calls": 5})).contains("object"));
    let several = of(json!({"handles": -1, "nonsense": 1, "import-calls": {"a": 1, "b": 2}})).unwrap_err();
    assert_eq!(several.len(), 4, "all problems are reported at once");
}

#[test]
fn memories_and_tables_are_counted_together() {
    let limits = Limits::default().with(Limit::Memory, 100).with(Limit::TableElements, 10);
    let mut meter = Meter::new(limits, Limit::PureCall);
    use wasmtime::ResourceLimiter as _;
    assert!(meter.memory_growing(0, 60, None).unwrap() && meter.memory_growing(0, 40, None).unwrap());
    let refused = meter.memory_growing(40, 41, None).unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&hit(Limit::Memory, 100)));
    assert!(meter.table_growing(0, 10, None).unwrap());
    let refused = meter.table_growing(0, 1, None).unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&hit(Limit::TableElements, 10)));
}

#[test]
fn host_calls_are_counted_together_and_for_each_function() {
    let limits = Limits::default().with(Limit::HostCalls, 3).with_import_calls("storage.put", 1);
    let mut meter = Meter::new(limits, Limit::Workflow);
    assert_eq!(meter.host_call("log.write"), Ok(()));
    assert_eq!(meter.host_call("storage.put"), Ok(()));
    assert_eq!(meter.host_call("storage.put"), Err(LimitHit::ImportCalls { import: "storage.put", allowed: 1 }));
    assert_eq!(meter.host_call("log.write"), Err(hit(Limit::HostCalls, 3)));
}

#[test]
fn bytes_and_lines_are_added_up() {
    let limits = Limits::default().with(Limit::TotalBytes, 10).with(Limit::LogLines, 2).with(Limit::LogBytes, 8);
    let mut meter = Meter::new(limits, Limit::Workflow);
    assert_eq!(meter.pass_bytes(10), Ok(()));
    assert_eq!(meter.pass_bytes(1), Err(hit(Limit::TotalBytes, 10)));
    assert_eq!(meter.log_line(5), Ok(()));
    assert_eq!(meter.log_line(4), Err(hit(Limit::LogBytes, 8)));
    assert_eq!(meter.log_line(0), Err(hit(Limit::LogLines, 2)));
}

#[test]
fn work_on_media_does_not_count_as_the_policys_time() {
    let limits = Limits::default().with(Limit::Workflow, 40);
    let mut meter = Meter::new(limits, Limit::Workflow);
    let wait = || {
        let from = std::time::Instant::now();
        while from.elapsed() < Duration::from_millis(60) {
            std::thread::yield_now();
        }
    };
    meter.host_call("transcode.wait").unwrap();
    wait();
    meter.resume();
    assert_eq!(meter.host_call("webhook.deliver"), Ok(()));
    wait();
    meter.resume();
    assert_eq!(meter.host_call("job.progress"), Err(hit(Limit::Workflow, 40)));
}

#[test]
fn computing_is_measured_in_cpu_time_of_the_guest_alone() {
    let mut meter = Meter::new(Limits::default().with(Limit::ComputeTotal, 5), Limit::Workflow);
    let compute = |ms| {
        let from = thread_time();
        while thread_time() - from < Duration::from_millis(ms) {}
    };
    meter.resume();
    meter.host_call("job.cancelled").unwrap();
    compute(10);
    meter.resume();
    assert_eq!(meter.host_call("job.cancelled"), Ok(()), "the host's own time is not the guest's");
    meter.resume();
    compute(6);
    assert_eq!(meter.host_call("job.cancelled"), Err(hit(Limit::ComputeTotal, 5)));
    let used = meter.used();
    assert!(used.computed >= Duration::from_millis(6) && used.computed < Duration::from_millis(10), "{used:?}");
    assert!(used.of("compute-total-ms").unwrap().share() > 1.0);
}

fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

#[test]
fn usage_is_reported_beside_its_limit() {
    let mut meter = Meter::new(Limits::default(), Limit::Workflow);
    meter.host_call("storage.put").unwrap();
    meter.pass_bytes(700).unwrap();
    meter.peak(Limit::Object, 600).unwrap();
    let used = serde_json::to_value(meter.used()).unwrap();
    let of = |name: &str| used["limits"].as_array().unwrap().iter().find(|amount| amount["name"] == name).cloned();
    assert_eq!(
        of("object-bytes").unwrap(),
        json!({"name": "object-bytes", "unit": "bytes", "used": 600, "limit": 1 << 20})
    );
    assert_eq!(of("total-bytes").unwrap()["used"], 700);
    assert!(of("workflow-ms").is_some() && of("pure-call-ms").is_none() && of("module-bytes").is_none());
    assert_eq!(used["import_calls"][0], json!({"name": "storage.put", "unit": "count", "used": 1, "limit": 200}));
}
