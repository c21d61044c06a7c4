//! The ffmpeg processes that would execute a plan. None is started.

use media::encoder::Processor;
use media::graph::Graph;
use media::info::MediaInfo;
use media::loudness::{self, Measure};
pub use media::outputs::Process;
use media::plan::Plan;
use media::proof::Proof;
use media::sound::{self, Levels};
use media::tier::Tier;

/// The processes of a plan, in the order in which they would run. The audio gain is computed from `measured`. Cuts of a
/// preview assume segments of exactly the requested length.
pub fn processes(plan: &Plan, info: &MediaInfo, processor: Processor, measured: Measure, cores: usize) -> Vec<Process> {
    let mut all = Vec::new();
    let mut add = |what: &str, arguments| all.push(Process { what: what.to_owned(), arguments });
    if let Some(arguments) = sound::command(info, plan) {
        add("listen to the sound", arguments);
    }
    let usual = info
        .audio
        .as_ref()
        .and_then(|audio| loudness::filter_to(plan.loudness?, Some(measured), audio.length, true, "stereo"));
    let levels = &Levels { usual, ..Levels::default() };
    let outputs = plan.outputs.iter().enumerate();
    let ready = &outputs.filter(|(_, output)| output.kind().skips_encode(info)).map(|(index, _)| index).collect();
    let proof = &Proof::assumed(&[Processor::Gpu, Processor::Cpu]);
    let tier = Tier::fastest_on(processor, info, plan, proof);
    let graph = Graph { info, plan, ready, tier, proof, levels, cores, may_reserve: true };
    if let Some(arguments) = graph.arguments() {
        add("encode everything in one pass", arguments);
    }
    for (index, output) in plan.outputs.iter().enumerate() {
        all.extend(output.kind().processes(index, plan, info));
    }
    all
}
