/** What an environment can set about this policy. */

import { RUNGS } from "./ladder.js";

/** What an environment gets that sets nothing. */
const DEFAULTS = {
  mezzanine: true,
  preview: true,
  thumbnail: true,
  waveform: "auto",
  waveformImage: true,
  loudness: true,
  /** The effort of every encode; null for each one's own. */
  effort: null,
  /** The rungs to choose from, the largest first. Never empty. */
  rungs: RUNGS,
  processor: "auto",
};

/** What is wrong with a value, as a sentence that goes on from the setting's name. */
class Complaint extends Error {}

/** How each setting is read: to its value, or to a complaint. */
const READERS = {
  mezzanine: flag,
  preview: flag,
  thumbnail: flag,
  waveform: choice("auto", "always", "never"),
  waveformImage: flag,
  loudness: flag,
  effort: choice("fastest", "fast", "medium", "slow"),
  rungs,
  processor: choice("auto", "gpu", "cpu"),
};

/** Reads a JSON object: the `settings`, and the `problems`, everything that is wrong with it. */
export function read(json) {
  const settings = { ...DEFAULTS };
  const problems = [];
  const attempt = (field, read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      problems.push({ field, message: error.message });
    }
  };
  for (const [field, value] of Object.entries(attempt("", () => object(json)) ?? {})) {
    attempt(field, () => {
      settings[field] = reader(field)(value);
    });
  }
  return { settings, problems };
}

/**
 * For the pure decisions, which have no way to complain: the host has had the settings validated, and a tool that asks
 * without settings means the default ones.
 */
export function readOrDefault(json) {
  const { settings, problems } = read(json);
  return problems.length > 0 ? DEFAULTS : settings;
}

function object(json) {
  let value;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Complaint(`is not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Complaint(`must be an object, not ${kind(value)}`);
  }
  return value;
}

function reader(name) {
  if (Object.hasOwn(READERS, name)) return READERS[name];
  throw new Complaint(`is not a setting of this policy; known are ${Object.keys(READERS).join(", ")}`);
}

function flag(value) {
  if (typeof value === "boolean") return value;
  throw new Complaint(`must be true or false, not ${kind(value)}`);
}

function choice(...choices) {
  return (value) => {
    if (choices.includes(value)) return value;
    throw new Complaint(`must be one of ${choices.join(", ")}, not ${kind(value)}`);
  };
}

function rungs(value) {
  if (!Array.isArray(value)) {
    throw new Complaint(`must be a list of names such as ["720p", "480p"], not ${kind(value)}`);
  }
  if (value.length === 0) {
    throw new Complaint("must name at least one rung; leave it out for all of them");
  }
  const names = RUNGS.map((rung) => rung.name);
  const unknown = value.findIndex((name) => !names.includes(name));
  if (unknown >= 0) {
    throw new Complaint(`every name must be one of ${names.join(", ")}, not ${kind(value[unknown])}`);
  }
  return RUNGS.filter((rung) => value.includes(rung.name));
}

/** A value as a message names it. Only a short text is quoted: what is in the settings may be long. */
function kind(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "boolean":
      return "true or false";
    case "number":
      return "a number";
    case "string":
      return value.length <= 64 ? `"${value}"` : "a long text";
    default:
      return "an object";
  }
}
