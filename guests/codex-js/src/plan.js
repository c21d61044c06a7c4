/** Everything that is made from a source, as one plan. */

import { DEFAULT_STILL, keyFor } from "./layout.js";

/** Apple's recommendation for HLS: six-second segments, and a keyframe every two seconds to switch at. */
const SEGMENT_MS = 6000;
const KEYFRAME_MS = 2000;

/**
 * A player starts with the first rung of the master playlist. 2000 kbps is what Apple's authoring specification has for
 * that on an ordinary line.
 */
const FIRST_RUNG_KBPS = 2000;

/** 10 % in is past most titles and before most endings. */
const INTO_THE_STORY = { tag: "at-permille", val: 100 };

/** The platform's loudness: -16 LUFS, -1.5 dBTP, 11 LU. */
const LOUDNESS = { integrated: -1600, truePeak: -150, range: 1100 };


/** The plan for a source and the renditions that it was given. */
export function build(job, { video, audio }, renditions, settings) {
  const withWaveform = { auto: !video, always: true, never: false }[settings.waveform];
  const withLoudness = settings.loudness && audio;

  const outputs = [{ tag: "hls", val: hls(job, renditions) }];
  if (settings.mezzanine && video) outputs.push({ tag: "file", val: mezzanine(job, audio, settings) });
  if (settings.preview && video) outputs.push({ tag: "clip", val: preview(job) });
  if (settings.thumbnail && video) outputs.push({ tag: "still", val: thumbnail(job) });
  if (withWaveform && audio) outputs.push({ tag: "waveform", val: waveform(job, settings) });
  if (withLoudness) outputs.push({ tag: "loudness" });
  return { outputs, loudness: withLoudness ? LOUDNESS : null, prefer: settings.processor, attributes: [] };
}

function hls(job, renditions) {
  const { store, key: master } = keyFor(job, { tag: "master-playlist" });
  return {
    store,
    master,
    rungs: firstRungFirst(renditions).map((rendition) => ({
      rendition,
      playlist: keyFor(job, { tag: "rung-playlist", val: rendition.name }).key,
    })),
    segmentMs: SEGMENT_MS,
    keyframeMs: KEYFRAME_MS,
    container: "ts",
    layout: "separate",
    attributes: [],
  };
}

function firstRungFirst(renditions) {
  const nearer = (best, rendition) => (distanceFromFirst(rendition) < distanceFromFirst(best) ? rendition : best);
  const first = renditions.reduce(nearer);
  return [first, ...renditions.filter((rendition) => rendition !== first)];
}

/** How far a rendition's rate is from what a player should start with. */
function distanceFromFirst({ video, audioKbps }) {
  return Math.abs((video?.encoding.maxKbps ?? 0) + (audioKbps ?? 0) - FIRST_RUNG_KBPS);
}

/** The archive's file: good enough to make every later ladder from. */
function mezzanine(job, audio, settings) {
  const video = { codec: "h264", quality: 18, maxKbps: null, effort: settings.effort ?? "slow", attributes: [] };
  return { destination: keyFor(job, { tag: "mezzanine" }), video, audioKbps: audio ? 256 : null, attributes: [] };
}

function preview(job) {
  const { store, key: playlist } = keyFor(job, { tag: "preview-playlist" });
  return { store, playlist, start: INTO_THE_STORY, lengthMs: 30_000, shortSide: 720, attributes: [] };
}

function thumbnail(job) {
  const destination = keyFor(job, { tag: "still", val: DEFAULT_STILL });
  return { destination, at: INTO_THE_STORY, maxWidth: 1280, format: "jpeg", quality: 85, attributes: [] };
}

function waveform(job, settings) {
  return {
    data: keyFor(job, { tag: "waveform-data" }),
    image: settings.waveformImage ? keyFor(job, { tag: "waveform-image" }) : null,
    pixelsPerSecond: 10,
    bits: 8,
    imageWidth: 1800,
    imageHeight: 140,
    attributes: [],
  };
}
