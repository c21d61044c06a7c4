//! The ffmpeg processes that would execute a plan. None is started.

use media::command::Arguments;
use media::encoder::Processor;
use media::graph::Graph;
use media::info::MediaInfo;
use media::loudness::{self, Measure};
use media::plan::{Output, Plan};
use media::{clip, sound, still};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its purpose, for `policy explain`.
    pub what: String,
    pub arguments: Arguments,
}

/// The processes of a plan, in the order in which they would run. The audio gain is computed from `measured`. Cuts of a
/// preview assume segments of exactly the requested length.
pub fn processes(
    plan: &Plan,
    info: &MediaInfo,
    processor: Processor,
    measured: Measure,
    threads: usize,
) -> Vec<Process> {
    let mut all = Vec::new();
    let mut add = |what: &str, arguments| all.push(Process { what: what.to_owned(), arguments });
    if let Some(arguments) = sound::command(info, plan) {
        add("listen to the sound", arguments);
    }
    let filter =
        info.audio.as_ref().and_then(|audio| loudness::filter_to(plan.loudness?, Some(measured), audio.length));
    let windows = still::windows(plan, info);
    let graph = Graph { info, plan, processor, loudness_filter: filter.as_deref(), stills: &windows, threads };
    if !graph.is_empty() {
        add("encode everything in one pass", graph.arguments());
    }
    for arguments in still::commands(plan, info, &windows) {
        add("code a still", arguments);
    }
    for (index, output) in plan.outputs.iter().enumerate() {
        if let (Output::Clip(of), Some(ladder)) = (output, plan.ladder()) {
            let [remux, cut] = clip::nominal_commands(of, index, ladder, info);
            add("make a preview's part seekable", remux);
            add("cut a preview", cut);
        }
    }
    all
}
