/**
 * A small policy in JavaScript: a ladder, a thumbnail and a webhook.
 *
 * Each interface that the contract wants exported is an object here, with its functions in camel case. A `result` is
 * returned if it is `ok` and thrown if it is `err`. That holds for the host's functions too: what the host refuses is
 * thrown as a failure, and a workflow that does not catch it fails with it.
 */

import * as job from "codex:transcode/job@0.2.0";
import * as log from "codex:transcode/log@0.2.0";
import * as media from "codex:transcode/media@0.2.0";
import * as webhook from "codex:transcode/webhook@0.2.0";

/** The rungs of a video, the largest first. */
const RUNGS = [
  { name: "1080p", shortSide: 1080, maxKbps: 5000, audioKbps: 192 },
  { name: "720p", shortSide: 720, maxKbps: 3000, audioKbps: 128 },
  { name: "360p", shortSide: 360, maxKbps: 800, audioKbps: 64 },
];

const EFFORTS = ["fastest", "fast", "medium", "slow"];

export const settings = {
  validate(json) {
    const problems = [];
    for (const [field, value] of Object.entries(JSON.parse(json))) {
      if (field !== "effort") {
        problems.push({ field, message: "is not a setting of this policy; known are effort" });
      } else if (!EFFORTS.includes(value)) {
        problems.push({ field, message: `must be one of ${EFFORTS.join(", ")}` });
      }
    }
    if (problems.length > 0) throw problems;
  },
};

export const ladder = {
  /** The rungs that need no enlarging. A video that is smaller than every rung keeps its own size. */
  select(_job, { video, audio }, _encoders, json) {
    if (!video && !audio) throw { code: "upload.no-media", message: "The file has neither video nor sound." };
    if (!video) return [{ name: "128k", video: null, audioKbps: 128, attributes: [] }];

    const shortSide = Math.min(video.width, video.height);
    const fitting = RUNGS.filter((rung) => rung.shortSide <= shortSide);
    if (fitting.length === 0) {
      // An odd side can't be encoded.
      fitting.push({ ...RUNGS.at(-1), name: "source", shortSide: Math.max(shortSide - (shortSide % 2), 2) });
    }
    const { effort = "fast" } = JSON.parse(json);
    return fitting.map(({ name, shortSide, maxKbps, audioKbps }) => ({
      name,
      video: { shortSide, encoding: { codec: "h264", quality: 23, maxKbps, effort, attributes: [] } },
      audioKbps: audio ? audioKbps : null,
      attributes: [],
    }));
  },
};

export const layout = {
  /** Kinds that this policy doesn't make have no place. */
  keyFor({ creatorId, mediaId }, { kind, name }) {
    const files = {
      "master-playlist": ["hls", "master.m3u8"],
      "rung-playlist": ["hls", `${name}/index.m3u8`],
      still: ["thumbnails", `${name}.jpg`],
    };
    if (!Object.hasOwn(files, kind)) return null;
    const [folder, file] = files[kind];
    return { store: "media", key: `${creatorId}/${folder}/${mediaId}/${file}` };
  },
};

export const payload = {
  completed({ mediaId }, _info, report, _json) {
    return message({
      status: "completed",
      mediaId,
      keys: report.objects.map((object) => object.destination.key),
      durationSeconds: Math.round(report.durationMs / 1000),
      rungs: report.rungs.map((rung) => rung.name),
    });
  },

  failed({ mediaId }, failure, _json) {
    return message({ status: "failed", mediaId, code: failure.code, error: failure.message });
  },

  /** This policy sends no messages on the way. */
  progress: () => null,
};

export const workflow = {
  run(input) {
    const json = job.settings();

    job.progress("downloading", 0);
    const source = media.open(input.source.store, input.source.key);
    const info = source.info();
    const renditions = select(input, info, json);
    log.write("info", "ladder selected", [["rungs", renditions.map((rendition) => rendition.name).join(" ")]]);

    job.progress("encoding", 10);
    const transcode = media.Transcode.start(source, plan(input, info, renditions));
    for (let report = transcode.progress(); report; report = transcode.progress()) {
      job.progress("encoding", 10 + Math.floor(0.8 * report.percent));
    }
    const report = transcode.wait();

    job.progress("finalizing", 95);
    const completed = payload.completed(input, info, report, json);
    const { delivered } = webhook.deliver("completed", completed);
    // An undelivered message does not fail the job: its outputs are published.
    if (!delivered) log.write("warn", "the webhook was not delivered", []);
    return { output: completed.body };
  },
};

/** The renditions of a source. A refusal becomes a failure, which is the upload's fault. */
function select(input, info, json) {
  try {
    return ladder.select(input, info, [], json);
  } catch ({ code, message }) {
    throw { code, blame: "upload", message, retryable: false };
  }
}

function plan(input, info, renditions) {
  const master = layout.keyFor(input, { kind: "master-playlist", name: "" });
  const hls = {
    store: master.store,
    master: master.key,
    rungs: renditions.map((rendition) => ({
      rendition,
      playlist: layout.keyFor(input, { kind: "rung-playlist", name: rendition.name }).key,
    })),
    segmentMs: 6000,
    keyframeMs: 2000,
    container: "ts",
    layout: "separate",
    attributes: [],
  };
  const thumbnail = {
    destination: layout.keyFor(input, { kind: "still", name: "default" }),
    at: { tag: "at-permille", val: 100 },
    maxWidth: 1280,
    format: "jpeg",
    quality: 80,
    attributes: [],
  };
  const made = new media.Plan();
  made.addHls(hls);
  if (info.video) made.addStill(thumbnail);
  return made;
}

function message(body) {
  return { body: JSON.stringify(body), signature: "timestamped-body" };
}
