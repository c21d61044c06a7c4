/**
 * Builds the policy: target/policies/codex-js/codex-js.wasm and its manifest, policy.json.
 *
 * Installs the toolchain once, in the version that package-lock.json pins, to a folder below target/. Builds nothing if the
 * inputs have not changed. Exits with 69 (EX_UNAVAILABLE) if the toolchain can't be installed.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const UNAVAILABLE = 69;

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "../..");
const wit = path.join(root, "wit", "0.2");
const out = path.join(root, "target/policies/codex-js");
const module = path.join(out, "codex-js.wasm");
const manifest = path.join(out, "policy.json");
const pinned = ["package.json", "package-lock.json"].map((file) => path.join(here, file));

const inputs = digest([...pinned, fileURLToPath(import.meta.url), ...files(path.join(here, "src")), ...files(wit)]);
const made = path.join(out, "inputs.sha256");
if (!fs.existsSync(made) || fs.readFileSync(made, "utf8") !== inputs) {
  const { componentize } = toolchain();
  const entry = path.join(here, "src/policy.js");
  const { component } = await componentize({
    witPath: wit,
    world: "policy",
    jsSource: fs.readFileSync(entry, "utf8"),
    jsPath: entry,
    moduleRoot: path.dirname(entry),
    // The contract has no asynchronous functions.
    sync: true,
    // Makes the component a third smaller, so that it compiles faster.
    optSize: true,
  });
  fs.mkdirSync(out, { recursive: true });
  writeWhole(module, component);
  writeWhole(manifest, JSON.stringify(describe(component), null, 2) + "\n");
  writeWhole(made, inputs);
}
console.log(path.relative(process.cwd(), manifest));

function describe(component) {
  const { version } = JSON.parse(fs.readFileSync(pinned[0], "utf8"));
  const sha256 = createHash("sha256").update(component).digest("hex");
  return { name: "codex-js", version, module: path.basename(module), sha256, wasi: true };
}

/** Installs what package-lock.json pins. If two builds do so at once, the first complete folder is kept. */
function toolchain() {
  const folder = path.join(root, "target/codex-js", digest(pinned));
  if (!fs.existsSync(folder)) {
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    const unfinished = fs.mkdtempSync(`${folder}-`);
    for (const file of pinned) fs.copyFileSync(file, path.join(unfinished, path.basename(file)));
    const npm = ["npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]];
    const { status, error } = spawnSync(...npm, { cwd: unfinished, stdio: ["ignore", 2, "inherit"] });
    if (status !== 0) {
      fs.rmSync(unfinished, { recursive: true });
      console.error(`the toolchain for JavaScript can't be installed: npm ci ${error ? error.message : `ended with ${status}`}`);
      process.exit(UNAVAILABLE);
    }
    try {
      fs.renameSync(unfinished, folder);
    } catch (error) {
      if (!fs.existsSync(folder)) throw error;
      fs.rmSync(unfinished, { recursive: true });
    }
  }
  return createRequire(path.join(folder, "package.json"))("componentize-qjs");
}

function files(folder) {
  return fs.readdirSync(folder).sort().map((name) => path.join(folder, name));
}

function digest(paths) {
  const hash = createHash("sha256");
  for (const file of paths) hash.update(`${path.basename(file)}\0`).update(fs.readFileSync(file));
  return hash.digest("hex");
}

/** Replaces the file atomically, because two builds may write it at once. */
function writeWhole(file, content) {
  const unfinished = `${file}.${process.pid}`;
  fs.writeFileSync(unfinished, content);
  fs.renameSync(unfinished, file);
}
