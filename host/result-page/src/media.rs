//! What plays and what is looked at: the player with its waveform, the ladder, the pictures, the files.

use std::fmt::Write as _;

use fault::text::counted;
use serde_json::{Value, json};

use crate::html::{Escaped, bytes, script_data, thousands};
use crate::links::{Links, Place};
use crate::outputs::{Kind, Outputs, folder, name};
use crate::report::{Report, Rung, Transcode};

/// A published object under the player or in a picture, as far as the page can reach it.
pub struct Media<'a> {
    pub transcode: &'a Transcode,
    pub outputs: &'a Outputs,
    pub links: &'a Links,
}

impl Media<'_> {
    fn link(&self, place: &Place) -> Option<String> {
        self.links.to(place)
    }

    fn first(&self, kind: Kind) -> Option<String> {
        self.outputs.places(kind).find_map(|place| self.link(place))
    }

    /// What the player can play, best first: name, address, and whether it is a playlist.
    fn sources(&self) -> Vec<Value> {
        let kinds = [Kind::Master, Kind::Playlist, Kind::Film, Kind::Sound];
        let all = kinds.into_iter().flat_map(|kind| self.outputs.places(kind).map(move |place| (kind, place)));
        all.filter_map(|(kind, place)| {
            let segmented = matches!(kind, Kind::Master | Kind::Playlist);
            let label = if kind == Kind::Master { "Ladder" } else { short_name(&place.key) };
            Some(json!({ "name": label, "url": self.link(place)?, "segmented": segmented }))
        })
        .collect()
    }

    pub fn player(&self) -> String {
        let sources = self.sources();
        if sources.is_empty() {
            return String::new();
        }
        let sound_only = !self.transcode.rungs.iter().any(|rung| rung.width.is_some());
        let poster = self.first(Kind::Picture).map_or(String::new(), |url| format!(" poster=\"{}\"", Escaped(&url)));
        let element = if sound_only {
            "<audio id=\"media\" controls preload=\"metadata\" aria-label=\"Player\"></audio>".to_owned()
        } else {
            format!(
                "<video id=\"media\" controls playsinline preload=\"metadata\" aria-label=\"Player\"{poster}></video>"
            )
        };
        let data = json!({
            "sources": sources,
            "rungs": self.transcode.rungs.iter().filter_map(|rung| self.rung_data(rung)).collect::<Vec<_>>(),
            "cues": self.cues(),
        });
        let class = if sound_only { "screen sound" } else { "screen" };
        format!(
            "<section class=\"player\" aria-labelledby=\"player\"><h2 id=\"player\" class=\"hidden\">Player</h2>\
             <div class=\"{class}\">{element}</div>\
             <p class=\"notice\" id=\"notice\" role=\"status\" hidden></p>{}\
             <div class=\"choices\"><fieldset id=\"qualities\" hidden><legend>Quality</legend></fieldset>\
             <fieldset id=\"sounds\" hidden><legend>Sound</legend></fieldset>\
             <fieldset id=\"sources\" hidden><legend>Source</legend></fieldset>\
             <p id=\"now\" class=\"now\"></p></div>\
             <noscript><p class=\"notice\">The player needs JavaScript. Everything else on this page doesn't.</p></noscript>\
             <script type=\"application/json\" id=\"data\">{}</script></section>",
            self.waveform(),
            script_data(&data)
        )
    }

    fn rung_data(&self, rung: &Rung) -> Option<Value> {
        Some(json!({ "name": rung.name, "url": self.link(&rung.place())? }))
    }

    fn cues(&self) -> Vec<Value> {
        let cues = self.outputs.storyboard.iter().flat_map(|storyboard| &storyboard.0);
        cues.filter_map(|cue| Some(json!([cue.start, self.link(&cue.picture)?, cue.part]))).collect()
    }

    /// The range takes clicks, keys and focus; the drawing below it is only looked at.
    fn waveform(&self) -> String {
        let seconds = self.transcode.duration_ms as f64 / 1000.0;
        let (class, drawing) = match &self.outputs.waveform {
            Some(waveform) => ("wave", waveform.svg()),
            None => ("wave flat", "<span class=\"ahead\"></span><span class=\"played\"></span>".to_owned()),
        };
        format!(
            "<div class=\"{class}\" id=\"wave\">{drawing}<input type=\"range\" id=\"seek\" min=\"0\" max=\"{seconds}\" \
             step=\"any\" value=\"0\" aria-label=\"Seek\"><div class=\"peek\" id=\"peek\" hidden><div></div><span></span></div></div>"
        )
    }

    pub fn ladder(&self) -> String {
        let rungs = &self.transcode.rungs;
        if rungs.is_empty() {
            return String::new();
        }
        let scored = rungs.iter().any(|rung| rung.reached.is_some());
        let highest = rungs.iter().map(|rung| rung.peak_bps).max().unwrap_or(1).max(1);
        let score_head = if scored { "<th scope=\"col\" class=\"number\">Quality</th>" } else { "" };
        let mut html = format!(
            "<section aria-labelledby=\"ladder\"><h2 id=\"ladder\">Ladder</h2><p class=\"about\">Rates as measured on the \
             published segments, in kbit/s.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"ladder\">\
             <table class=\"ladder\"><thead><tr><th scope=\"col\">Rung</th><th scope=\"col\">Size</th>\
             <th scope=\"col\" class=\"number\">Average</th><th scope=\"col\" class=\"number\">Peak</th>\
             <th scope=\"col\"><span class=\"hidden\">Average and peak against the highest</span></th>\
             <th scope=\"col\">Codecs</th>{score_head}</tr></thead><tbody>"
        );
        for rung in sorted(rungs) {
            html.push_str(&self.rung_row(rung, highest, scored));
        }
        html + "</tbody></table></div></section>"
    }

    fn rung_row(&self, rung: &Rung, highest: u64, scored: bool) -> String {
        let size =
            rung.width.zip(rung.height).map_or("sound".to_owned(), |(width, height)| format!("{width}×{height}"));
        let name = Escaped(&rung.name);
        let name = match self.link(&rung.place()) {
            Some(url) => format!("<a href=\"{}\">{name}</a>", Escaped(&url)),
            None => name.to_string(),
        };
        let scale = |bps: u64| bps as f64 / highest as f64 * 1000.0;
        let score = rung.reached.as_ref().map_or(String::new(), |reached| {
            let score =
                reached.score.map_or(String::new(), |score| format!(" {} {score:.1}", reached.measure.to_uppercase()));
            format!("{}{score}", reached.quality)
        });
        let score = if scored { format!("<td class=\"number\">{}</td>", Escaped(&score)) } else { String::new() };
        format!(
            "<tr><th scope=\"row\">{name}</th><td>{size}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"bar\"><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
             focusable=\"false\"><rect class=\"track\" width=\"1000\" height=\"10\"/><rect class=\"peak\" width=\"{:.1}\" \
             height=\"10\"/><rect class=\"fill\" width=\"{:.1}\" height=\"10\"/></svg></td><td><code>{}</code></td>{score}</tr>",
            thousands(rung.average_bps / 1000),
            thousands(rung.peak_bps / 1000),
            scale(rung.peak_bps),
            scale(rung.average_bps),
            Escaped(&rung.codecs)
        )
    }

    /// Stills and the sheets of the storyboard.
    pub fn pictures(&self) -> String {
        let stills = self.outputs.places(Kind::Picture).map(|place| (place, short_name(&place.key)));
        let sheets = self.outputs.storyboard.iter().flat_map(|storyboard| storyboard.pictures());
        let sheets = sheets.take(12).map(|place| (place, "Storyboard"));
        let mut figures = String::new();
        for (place, label) in stills.chain(sheets) {
            let Some(url) = self.link(place) else { continue };
            let (url, label) = (Escaped(&url), Escaped(label));
            let _ = write!(
                figures,
                "<li><figure><a href=\"{url}\"><img src=\"{url}\" alt=\"{label}\" loading=\"lazy\"></a>\
                 <figcaption>{label}</figcaption></figure></li>"
            );
        }
        if figures.is_empty() {
            return String::new();
        }
        format!(
            "<section aria-labelledby=\"pictures\"><h2 id=\"pictures\">Pictures</h2><ul class=\"pictures\">{figures}</ul></section>"
        )
    }

    pub fn files(&self) -> String {
        if self.outputs.all.is_empty() {
            return String::new();
        }
        let mut html = String::from(
            "<section aria-labelledby=\"files\"><h2 id=\"files\">Files</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
             aria-labelledby=\"files\"><table class=\"files\"><thead><tr><th scope=\"col\">File</th><th scope=\"col\">Kind</th>\
             <th scope=\"col\">Store and key</th><th scope=\"col\" class=\"number\">Size</th></tr></thead><tbody>",
        );
        for (kind, object) in &self.outputs.all {
            let file = Escaped(name(&object.place.key));
            let file = match self.link(&object.place) {
                Some(url) => format!("<a href=\"{}\">{file}</a>", Escaped(&url)),
                None => file.to_string(),
            };
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{file}</th><td>{}</td><td class=\"soft\"><code>{}:{}</code></td><td class=\"number\">{}</td></tr>",
                kind.label(),
                Escaped(&object.place.store),
                Escaped(folder(&object.place.key)),
                bytes(object.bytes)
            );
        }
        html + "</tbody></table></div></section>"
    }
}

/// The largest picture first, as a reader expects it; players start with the first of the playlist.
fn sorted(rungs: &[Rung]) -> Vec<&Rung> {
    let mut rungs: Vec<&Rung> = rungs.iter().collect();
    rungs.sort_by_key(|rung| std::cmp::Reverse((rung.height, rung.peak_bps)));
    rungs
}

/// The file's name without its ending.
fn short_name(key: &str) -> &str {
    let name = name(key);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// A sentence under the title.
pub fn about(report: &Report) -> String {
    let rungs = report.transcode.as_ref().map_or(0, |transcode| transcode.rungs.len());
    match (report.source.is_empty(), rungs) {
        (false, _) => report.source.clone(),
        (true, 0) => "A finished job".to_owned(),
        (true, rungs) => format!("A ladder of {}", counted(rungs as u64, "rung")),
    }
}
