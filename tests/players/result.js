/**
 * Reads a result page in a frame as a person would, and POSTs what it saw to /report/{id}. The words behind the `#` of the
 * address: `id`, `url`, `rung` (the height to switch to).
 */

import { describeError } from "./errors.js";
import { faint, nameless, structure } from "./look.js";
import { stateOf, until } from "./wait.js";

const words = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const report = { completed: false, steps: [], errors: [], requests: [] };
const frame = document.getElementById("page");
const PHONE = [390, 844];

/** Also what went wrong before anybody could listen. */
function listen(view) {
  const add = (from, message) => report.errors.push({ from, message });
  view.addEventListener("error", (event) => add("window", event.message ?? "a file could not be loaded"), true);
  view.addEventListener("unhandledrejection", (event) => add("promise", describeError(event.reason)));
  view.console.error = (...values) => add("console", values.map(describeError).join(" "));
  const observer = new view.ReportingObserver((all) => all.forEach(({ body }) => add("policy", body.blockedURL)), {
    types: ["csp-violation"],
    buffered: true,
  });
  observer.observe();
}

function look(page, kind) {
  return { do: "look", kind, faint: faint(page), nameless: nameless(page), structure: structure(page) };
}

/** A key press as the page's own scripts see it. */
function press(view, element, key) {
  element.dispatchEvent(new view.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

async function read() {
  await new Promise((resolve) => {
    frame.addEventListener("load", resolve, { once: true });
    frame.src = words.url;
  });
  const { contentWindow: view, contentDocument: page } = frame;
  listen(view);
  const media = page.getElementById("media");
  const [seek, now] = ["seek", "now"].map((id) => page.getElementById(id));
  const playing = async (what, look) => until(what, look, () => stateOf(media));

  media.muted = true;
  await playing("the player is ready", () => media.readyState >= 2);
  await media.play();
  await playing("time moves on", () => media.currentTime > 0.5);
  report.steps.push({ do: "play", at: media.currentTime, duration: media.duration });

  const label = [...page.querySelectorAll("#qualities label")].find(({ textContent }) => textContent === `${words.rung}p`);
  label.click();
  await playing("the chosen rung shows", () => media.videoHeight === words.rung);
  await playing("the page says so", () => now.textContent.includes(`${words.rung}p`));
  report.steps.push({ do: "rung", height: media.videoHeight, said: now.textContent });

  media.pause();
  const middle = Number(seek.max) / 2;
  seek.value = middle;
  seek.dispatchEvent(new view.Event("input", { bubbles: true }));
  await playing("the place in the waveform shows", () => !media.seeking && Math.abs(media.currentTime - middle) < 0.2);
  press(view, seek, "ArrowLeft");
  await playing("an arrow goes back", () => !media.seeking && Math.abs(media.currentTime - Math.max(0, middle - 5)) < 0.2);
  report.steps.push({ do: "seek", at: media.currentTime, text: seek.getAttribute("aria-valuetext") });

  const tables = [...page.querySelectorAll("section")].map((section) => ({
    title: section.querySelector("h2").textContent,
    rows: [...section.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent.trim())),
  }));
  report.steps.push({ do: "read", title: page.title, tables, columns: page.querySelectorAll("#wave path").length });
  for (const image of page.images) image.loading = "eager";
  await until("the pictures are there", () => [...page.images].every(({ naturalWidth }) => naturalWidth > 0));

  const scheme = (dark) => { frame.style.colorScheme = dark ? "dark" : "light"; };
  for (const dark of [false, true]) {
    scheme(dark);
    await until("the scheme is used", () => view.matchMedia(`(prefers-color-scheme: ${dark ? "dark" : "light"})`).matches);
    await Promise.all(page.getAnimations().map(({ finished }) => finished));
    report.steps.push(look(page, dark ? "dark" : "light"));
  }
  [frame.width, frame.height] = PHONE;
  await until("the frame is narrow", () => view.innerWidth === PHONE[0]);
  report.steps.push(look(page, "phone"));
  report.requests = view.performance.getEntriesByType("resource").map(({ name }) => name);
}

try {
  await read();
  report.completed = true;
} catch (error) {
  report.failure = { step: report.steps.at(-1)?.do ?? "load", message: describeError(error) };
}
await fetch(`/report/${words.id}`, { method: "POST", body: JSON.stringify(report) });
