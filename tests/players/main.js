/**
 * Plays a publication by the steps of a scenario and POSTs what it saw to /report/{id}. The scenario is the JSON behind the
 * `#` of the page's address: `id`, `player`, `url`, `firstFrame`, `steps`. tests/support/browser.rs writes it and reads the
 * report.
 */

import { collectErrors, describeError } from "./errors.js";
import { steps } from "./steps.js";

const players = { "hls.js": "./with-hls.js", shaka: "./with-shaka.js", native: "./native.js" };

const scenario = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const report = { completed: false, supports: supported(), steps: [], errors: [], requests: [] };
collectErrors(report.errors);
// The default of 250 is less than a long scenario loads.
performance.setResourceTimingBufferSize(5000);

let running = "load";
try {
  const video = document.getElementById("video");
  const { open } = await import(players[scenario.player]);
  const player = await open(video, scenario.url, (error) => report.errors.push(error));
  report.duration = video.duration;
  for (const step of scenario.steps) {
    running = step.do;
    const from = performance.now();
    const seen = await steps[step.do](player, video, { firstFrame: scenario.firstFrame, ...step });
    report.steps.push({ do: step.do, took: (performance.now() - from) / 1000, ...seen });
  }
  report.completed = true;
} catch (error) {
  report.failure = { step: running, number: report.steps.length, message: describeError(error) };
}
report.requests = performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname);
await fetch(`/report/${scenario.id}`, { method: "POST", body: JSON.stringify(report) });

/** The codecs of publications that not every browser has. */
function supported() {
  const codecs = { hevc: "hvc1.2.4.L93.90", av1: "av01.0.05M.10", eac3: "ec-3" };
  const has = ([name, codec]) => [name, MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`)];
  return Object.fromEntries(Object.entries(codecs).map(has));
}
