"use strict";

/** Shows the jobs as they run, and submits a file. Texts of jobs are only ever set as text. */
(() => {
  const byId = (id) => document.getElementById(id);
  const names = {
    IN_QUEUE: "Waiting", IN_PROGRESS: "Running", COMPLETED: "Completed",
    FAILED: "Failed", CANCELLED: "Cancelled", TIMED_OUT: "Timed out",
  };

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function clock(seconds) {
    return seconds === undefined ? "" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  function progress({ status, step, percent, error }) {
    if (error) return [element("span", { className: "why", textContent: error })];
    if (status !== "IN_PROGRESS") return [];
    const label = element("small", { textContent: [step, percent === undefined ? "" : `${percent} %`].join(" ") });
    const bar = element("progress", { max: 100, ariaLabel: "Progress" });
    if (percent !== undefined) bar.value = percent;
    return [label, bar];
  }

  function actions({ id, status, page, media }) {
    if (page) return [element("a", { href: `/console/jobs/${id}`, textContent: "Result", ariaLabel: `Result of ${media || id}` })];
    if (status !== "IN_PROGRESS" && status !== "IN_QUEUE") return [];
    const button = element("button", { type: "button", textContent: "Cancel", ariaLabel: `Cancel ${media || id}` });
    button.dataset.cancel = id;
    return [button];
  }

  function row(job) {
    const name = element("th", { scope: "row" }, job.media || job.id);
    if (job.media) name.append(element("small", { textContent: job.id }));
    return element(
      "tr", {}, name,
      element("td", {}, element("span", { className: `state ${job.status}`, textContent: names[job.status] ?? job.status })),
      element("td", {}, ...progress(job)),
      element("td", { className: "number", textContent: clock(job.seconds) }),
      element("td", {}, ...actions(job)),
    );
  }

  /** A row that has not changed stays, and with it the focus on its button. */
  function showJobs(jobs) {
    const rows = byId("rows");
    const known = new Map([...rows.children].map((row) => [row.dataset.id, row]));
    const now = jobs.map((job) => {
      const text = JSON.stringify(job);
      const before = known.get(job.id);
      if (before?.dataset.text === text) return before;
      const made = row(job);
      Object.assign(made.dataset, { id: job.id, text });
      return made;
    });
    const focused = document.activeElement?.dataset?.cancel;
    rows.replaceChildren(...now);
    if (focused) rows.querySelector(`[data-cancel="${CSS.escape(focused)}"]`)?.focus();
    byId("empty").hidden = jobs.length > 0;
  }

  function policy({ policy: name, policy_version: version, policy_sha256: digest }) {
    return [[name, version].filter(Boolean).join(" "), element("br"), element("code", { textContent: digest ?? "" })];
  }

  function showHost({ host, slots }) {
    const pairs = [["Current", policy(host)]];
    pairs.push(["Canary", host.canary ? [`${host.canary.percent} % of the jobs: `, ...policy(host.canary)] : ["none"]]);
    for (const refused of host.policy_refused ?? []) pairs.push(["Refused", [`${refused.message} [${refused.code}]`]]);
    pairs.push(["Slots", [`${slots.running} of ${slots.all} in use`]], ["Sandbox", [host.sandbox]], ["Program", [`codex-transcoder ${host.version}`]]);
    byId("host").replaceChildren(
      ...pairs.map(([name, value]) => element("div", {}, element("dt", { textContent: name }), element("dd", {}, ...value))),
    );
  }

  let last = "";
  const events = new EventSource("/console/events");
  events.addEventListener("message", ({ data }) => {
    const { jobs, counts, host, slots } = JSON.parse(data);
    const state = `${counts.inProgress} running, ${counts.inQueue} waiting, ${counts.completed} completed, ${counts.failed} failed`;
    if (byId("state").textContent !== state) byId("state").textContent = state;
    showJobs(jobs);
    const about = JSON.stringify([host, slots]);
    if (about !== last) showHost({ host, slots });
    last = about;
  });
  events.addEventListener("error", () => { byId("state").textContent = "The program can't be reached; trying again…"; });

  byId("rows").addEventListener("click", async ({ target }) => {
    const id = target.dataset?.cancel;
    if (id) await fetch(`/cancel/${encodeURIComponent(id)}`, { method: "POST" });
  });

  const [file, media, kind, said, sent, submit, drop] = ["file", "media", "kind", "said", "sent", "submit", "drop"].map(byId);

  file.addEventListener("change", () => {
    const [chosen] = file.files;
    byId("chosen").textContent = chosen?.name ?? "Choose a video or an audio file";
    if (!chosen) return;
    media.value = chosen.name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 64) || "media";
    kind.value = chosen.type.startsWith("audio/") ? "audio" : "video";
  });
  for (const event of ["dragenter", "dragover"]) drop.addEventListener(event, () => drop.classList.add("over"));
  for (const event of ["dragleave", "drop"]) drop.addEventListener(event, () => drop.classList.remove("over"));

  function say(text) {
    said.textContent = text;
    said.hidden = !text;
  }

  function ended() {
    submit.disabled = false;
    sent.hidden = true;
  }

  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [chosen] = file.files;
    const query = new URLSearchParams({ name: chosen.name, mediaId: media.value, type: kind.value, webhookUrl: byId("webhook").value });
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", ({ loaded, total }) => { sent.value = loaded / total; });
    request.addEventListener("load", () => {
      ended();
      if (request.status === 200) {
        byId("form").reset();
        file.dispatchEvent(new Event("change"));
        return;
      }
      let error = "the program refused the file";
      try { error = JSON.parse(request.responseText).error; } catch { /* no JSON: the sentence above */ }
      say(error);
    });
    request.addEventListener("error", () => { ended(); say("The upload broke off."); });
    say("");
    [submit.disabled, sent.hidden, sent.value] = [true, false, 0];
    request.open("POST", `/console/upload?${query}`);
    request.send(chosen);
  });
})();
