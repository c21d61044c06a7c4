/** What the platform is told: contract 1, one flat object with the same keys for either ending. */

import { select } from "./ladder.js";
import { DEFAULT_STILL, publishedKey } from "./layout.js";

/** The longest `error` that the receiver takes, as JavaScript counts it. */
const ERROR_LIMIT = 2000;

/** The message for a job that is done. A key is in it only if its object was published. */
export function completed(job, info, report, settings) {
  const published = (tag, val) => publishedKey(job, { tag, val }, report);
  return message(job, {
    status: "completed",
    hlsMasterPlaylistKey: published("master-playlist"),
    hlsPreviewKey: published("preview-playlist"),
    thumbnailKey: published("still", DEFAULT_STILL),
    waveformKey: published("waveform-data"),
    waveformImageKey: published("waveform-image"),
    mezzanineKey: published("mezzanine"),
    // To the nearest second, and never 0: media that plays is never reported as having no length.
    durationSeconds: Math.max(Math.round(Number(report.durationMs) / 1000), 1),
    readyVariants: readyVariants(info, report, settings),
  });
}

/** The message for a job that has failed for good. */
export function failed(job, failure) {
  return message(job, { status: "failed", error: errorText(failure) });
}

/** What is absent is sent as `null` and never left out. */
function message(job, parts) {
  const body = {
    status: parts.status,
    mediaId: job.mediaId,
    hlsMasterPlaylistKey: parts.hlsMasterPlaylistKey ?? null,
    hlsPreviewKey: parts.hlsPreviewKey ?? null,
    thumbnailKey: parts.thumbnailKey ?? null,
    waveformKey: parts.waveformKey ?? null,
    waveformImageKey: parts.waveformImageKey ?? null,
    mezzanineKey: parts.mezzanineKey ?? null,
    durationSeconds: parts.durationSeconds ?? null,
    readyVariants: parts.readyVariants ?? [],
    error: parts.error ?? null,
  };
  return { body: JSON.stringify(body), signature: "body" };
}

/** The names of the rungs that were published, in the ladder's order; the report has them in the master playlist's. */
function readyVariants(info, report, settings) {
  const { renditions = [] } = select(info, settings);
  const ready = new Set(report.rungs.map((rung) => rung.name));
  return renditions.map((rendition) => rendition.name).filter((name) => ready.has(name));
}

/** The failure's message with its code behind it. A message that is too long is cut, not the code: programs read that. */
function errorText({ code, message }) {
  const ending = ` [${code}]`;
  // The second cut is only for a code that is over the limit by itself.
  return cut(cut(message, ERROR_LIMIT - ending.length) + ending, ERROR_LIMIT);
}

/** The longest beginning within the limit that splits no character. */
function cut(text, limit) {
  if (text.length <= limit) return text;
  const end = Math.max(limit, 0);
  const splits = /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return text.slice(0, splits ? end - 1 : end);
}
