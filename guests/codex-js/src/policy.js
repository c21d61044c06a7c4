/**
 * Contract 1 of the platform in JavaScript: what guests/codex does in Rust, decision for decision.
 *
 * Each interface that the contract wants exported is an object here, its functions in camel case. A `result` is returned
 * where it is `ok` and thrown where it is `err`.
 */

import { select } from "./ladder.js";
import { keyFor } from "./layout.js";
import * as messages from "./payload.js";
import { read, readOrDefault } from "./settings.js";
import { run } from "./workflow.js";

export const settings = {
  validate(json) {
    const { problems } = read(json);
    if (problems.length > 0) throw problems;
  },
};

export const ladder = {
  select(info, _encoders, json) {
    const { renditions, refusal } = select(info, readOrDefault(json));
    if (refusal) throw refusal;
    return renditions;
  },
};

export const layout = {
  keyFor: (job, asset, _json) => keyFor(job, asset),
};

export const payload = {
  completed: (job, info, report, json) => messages.completed(job, info, report, readOrDefault(json)),
  failed: (job, failure, _json) => messages.failed(job, failure),
  /** The platform wants no messages on the way. */
  progress: () => null,
};

export const workflow = { run };
