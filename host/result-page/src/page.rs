//! The whole page.

use std::collections::BTreeMap;

use fault::text::counted;
use serde::Deserialize as _;
use serde_json::Value;

use crate::document::Document;
use crate::html::Escaped;
use crate::links::{Links, Place};
use crate::media::{Media, about};
use crate::outputs::{Outputs, worth_reading};
use crate::report::{Report, Transcode};
use crate::{facts, json, steps, warnings};

const STYLE: &str = include_str!("../assets/result.css");
const SCRIPT: &str = include_str!("../assets/result.js");

/// The player, exactly as its package has it.
pub(crate) const HLS_JS: &str = include_str!("../assets/hls.js/hls.min.js");
pub(crate) const HLS_JS_LICENCE: &str = include_str!("../assets/hls.js/LICENSE");

/// Ends the player's file. It would send a developer's browser to an address that isn't there.
const SOURCE_MAP: &str = "//# sourceMappingURL=";

/// A page to be rendered.
#[derive(Clone, Debug)]
pub struct ResultPage {
    report: Report,
    read: BTreeMap<Place, Vec<u8>>,
    message: Option<String>,
}

impl ResultPage {
    /// Of a job's report, as a job writes it. An error if it is something else.
    pub fn of(report: &Value) -> Result<Self, serde_json::Error> {
        let report = Report::deserialize(report)?;
        Ok(Self { report, read: BTreeMap::new(), message: None })
    }

    /// Small objects whose content the page shows, if it gets it by [`Self::embed`].
    pub fn worth_reading(&self) -> Vec<Place> {
        self.report.transcode.iter().flat_map(worth_reading).cloned().collect()
    }

    pub fn embed(&mut self, place: Place, content: Vec<u8>) {
        self.read.insert(place, content);
    }

    /// The body of the webhook, or of what the policy would have sent.
    #[must_use]
    pub fn message(self, body: String) -> Self {
        Self { message: Some(body), ..self }
    }

    pub fn render(&self, links: &Links) -> String {
        let report = &self.report;
        let none = Transcode::default();
        let transcode = report.transcode.as_ref().unwrap_or(&none);
        let outputs = Outputs::of(transcode, &self.read);
        let media = Media { transcode, outputs: &outputs, links };
        let body = format!(
            "<a class=\"skip\" href=\"#main\">To the content</a>\n<div class=\"page\">\n\
             <header class=\"top\"><p class=\"brand\">codex-transcoder</p><h1>{}</h1><p class=\"lead\">{}</p></header>\n\
             <main id=\"main\"><div class=\"stage\">{}\n{}</div>\n{}\n{}\n<div class=\"columns\">{}\n{}</div>\n{}\n<div class=\"columns\">{}\n{}</div>\n</main>\n\
             <footer><p>Made by codex-transcoder {}. Plays with hls.js.</p>\
             <details><summary>Licence of hls.js</summary><pre>{}</pre></details></footer>\n</div>",
            Escaped(&report.media),
            Escaped(&about(report)),
            media.player(),
            facts::summary(report),
            warnings::section(report),
            media.ladder(),
            steps::section(report),
            media.pictures(),
            media.files(),
            self.webhook(),
            format_args!(
                "<section aria-labelledby=\"origin\"><h2 id=\"origin\">Policy and cost</h2>{}</section>",
                facts::origin(report)
            ),
            Escaped(&report.host),
            Escaped(HLS_JS_LICENCE),
        );
        let player = HLS_JS.split(SOURCE_MAP).next().unwrap_or_default();
        Document {
            title: &format!("{} – codex-transcoder", report.media),
            style: STYLE,
            scripts: &[player, SCRIPT],
            body: &body,
            from_disk: true,
        }
        .render()
    }

    fn webhook(&self) -> String {
        let about = match &self.report.webhook {
            Some(webhook) => {
                let state = if webhook.delivered { "delivered" } else { "not delivered" };
                let status = webhook.status.map_or(String::new(), |status| format!(", HTTP {status}"));
                let attempts = counted(webhook.attempts.into(), "attempt");
                format!("<code>{}</code> {state}{status}, {attempts}.", Escaped(&webhook.kind))
            }
            None if self.message.is_some() => "The job had no webhook. This is the policy's message.".to_owned(),
            None => "The job had no webhook.".to_owned(),
        };
        let body = self.message.as_ref().map_or(String::new(), |body| {
            format!(
                "<pre class=\"message\" tabindex=\"0\" aria-label=\"The webhook's body\">{}</pre>",
                Escaped(&json::indented(body))
            )
        });
        format!(
            "<section aria-labelledby=\"webhook\"><h2 id=\"webhook\">Webhook</h2><p class=\"about\">{about}</p>{body}</section>"
        )
    }
}
