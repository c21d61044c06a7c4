/** One job, from the original to the webhook. */

import * as host from "codex:transcode/job@0.1.0";
import * as log from "codex:transcode/log@0.1.0";
import * as media from "codex:transcode/media@0.1.0";
import * as webhook from "codex:transcode/webhook@0.1.0";

import { select } from "./ladder.js";
import { completed } from "./payload.js";
import { build } from "./plan.js";
import { read } from "./settings.js";

/**
 * Runs one job. Its output for the queue is the same text that the webhook carries, so that neither needs the other.
 *
 * What the host refuses is thrown as the failure that it is, and ends the job with it.
 */
export function run(job) {
  const settings = readSettings();

  host.progress("downloading", 0);
  const source = media.open(job.source.store, job.source.key);
  const info = source.info();
  const renditions = renditionsFor(job, info, settings);
  log.write("info", "ladder selected", [["rungs", JSON.stringify(renditions.map((rendition) => rendition.name))]]);

  host.progress("encoding", 10);
  const transcode = media.Transcode.start(source, build(job, info, renditions, settings));
  follow(transcode, "encoding", 10, 90);

  host.progress("publishing", 90);
  const report = transcode.wait();

  host.progress("finalizing", 95);
  const message = completed(job, info, report, settings);
  tell(message);
  host.progress("finalizing", 100);
  return { output: message.body };
}

/** The host has had the settings validated; a failure here means that it let others through. */
function readSettings() {
  const { settings, problems } = read(host.settings());
  if (problems.length === 0) return settings;
  const told = problems.map(({ field, message }) => ` ${field} ${message}.`).join("");
  throw failure("policy.bad-settings", "policy", `The settings of this policy can't be used.${told}`);
}

function renditionsFor(job, info, settings) {
  const { renditions, refusal } = select(info, settings);
  // A refused source is the uploader's to change, and the same source is refused again.
  if (refusal) throw failure(refusal.code, "upload", refusal.message);
  if (job.kind === "video" && !info.video) {
    throw failure(
      "upload.no-video",
      "upload",
      "The file was uploaded as a video but has no video track. Upload it as audio, or upload another file.",
    );
  }
  return renditions;
}

/** Passes a transcode's progress on as the job's, from one percent to another, until `wait` is due. */
function follow(transcode, step, from, to) {
  for (let report = transcode.progress(); report; report = transcode.progress()) {
    host.progress(step, from + Math.floor(((to - from) * Math.min(report.percent, 100)) / 100));
  }
}

/**
 * Sends the message. What can't be delivered is no failure: the work is done and published all the same, and the message
 * is also the job's output.
 */
function tell(message) {
  let delivery;
  try {
    delivery = webhook.deliver("completed", message);
  } catch ({ code, message: reason }) {
    log.write("warn", "the webhook could not be delivered", [["code", code], ["reason", reason]]);
    return;
  }
  if (delivery.delivered) return;
  if (delivery.attempts === 0) {
    log.write("info", "the webhook was not sent", []);
    return;
  }
  // No answer at all is logged as status 0, which no server sends.
  const fields = [["attempts", `${delivery.attempts}`], ["status", `${delivery.status ?? 0}`]];
  log.write("warn", "the webhook could not be delivered", fields);
}

function failure(code, blame, message) {
  return { code, blame, message, retryable: false };
}
