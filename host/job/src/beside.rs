//! What is written beside a publication: the job's report, and the page about the job. An error is logged and does not
//! fail the job.

use fault::Failure;
use media::plan::PlanError;
use result_page::{LARGEST_EMBEDDED, Links, Place, ResultPage};
use serde_json::Value;
use storage::{Body, Destination, Key, ObjectMeta, Stores};

use crate::report::JobReport;

const REPORT: &str = "job-report.json";
const PAGE: &str = "result.html";

pub(crate) async fn write_report(stores: &Stores, report: &JobReport) {
    let written = async {
        let Some(to) = beside(report, REPORT)? else { return Ok(()) };
        let text = serde_json::to_vec_pretty(report).unwrap_or_default();
        put(stores, &to, text, "application/json").await
    };
    log(report, REPORT, written.await);
}

pub(crate) async fn write_page(stores: &Stores, report: &JobReport, output: &Value) {
    let written = async {
        let Some(to) = beside(report, PAGE)? else { return Ok(()) };
        let place = Place { store: to.store.clone(), key: to.key.to_string() };
        let Some(page) = page(stores, report, output, &Links::Beside(place)).await else { return Ok(()) };
        put(stores, &to, page.into_bytes(), "text/html; charset=utf-8").await
    };
    log(report, PAGE, written.await);
}

/// The page about a job that has ended with this output. `None` for a job that published nothing.
pub async fn page(stores: &Stores, report: &JobReport, output: &Value, links: &Links) -> Option<String> {
    report.transcode.as_ref()?;
    let value = serde_json::to_value(report).ok()?;
    let sent = report.webhook.as_ref().map(|webhook| webhook.body.clone());
    let mut page = ResultPage::of(&value).ok()?.message(sent.unwrap_or_else(|| output.to_string()));
    embed_files(&mut page, stores).await;
    Some(page.render(links))
}

/// Reads what the page shows of the small files. One that can't be read is left out.
pub async fn embed_files(page: &mut ResultPage, stores: &Stores) {
    for place in page.worth_reading() {
        let Ok(key) = Key::parse(&place.key) else { continue };
        let Ok(store) = stores.get(&place.store) else { continue };
        match store.read(&key, LARGEST_EMBEDDED).await {
            Ok(Some(content)) => page.embed(place, content),
            Ok(None) => {}
            Err(error) => tracing::info!(%error, "not shown on the page"),
        }
    }
}

/// The object of this name in the folder of the first playlist, or of the first object.
fn beside(report: &JobReport, name: &str) -> Result<Option<Destination>, Failure> {
    let objects = report.transcode.as_ref().map(|report| report.objects.as_slice()).unwrap_or_default();
    let Some(neighbour) = objects.iter().find(|object| object.key.ends_with(".m3u8")).or(objects.first()) else {
        return Ok(None);
    };
    let key = Key::parse(&neighbour.key).and_then(|key| key.sibling(name)).map_err(PlanError::from)?;
    Ok(Some(Destination { store: neighbour.store.clone(), key }))
}

async fn put(stores: &Stores, to: &Destination, content: Vec<u8>, kind: &str) -> Result<(), Failure> {
    stores.get(&to.store)?.put(&to.key, Body::Bytes(content), &ObjectMeta::of_type(kind)).await?;
    Ok(())
}

fn log(report: &JobReport, name: &str, written: Result<(), Failure>) {
    if let Err(failure) = written {
        tracing::warn!(job = report.job, %failure, "{name} could not be written");
    }
}
