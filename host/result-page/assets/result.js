"use strict";

/** Plays what the job published. Everything else of the page is there without it. */
(() => {
  const byId = (id) => document.getElementById(id);
  const media = byId("media");
  if (!media) return;
  const { sources, rungs, cues } = JSON.parse(byId("data").textContent);
  const [seek, wave, peek, now] = ["seek", "wave", "peek", "now"].map(byId);
  const fromDisk = location.protocol === "file:";
  let hls = null;

  function notice(text) {
    byId("notice").textContent = text;
    byId("notice").hidden = false;
  }

  function clock(seconds) {
    const all = Math.max(0, Math.floor(seconds));
    const two = (number) => String(number).padStart(2, "0");
    const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
    return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
  }

  /** Radio buttons in a fieldset. It is shown if there is something to choose. */
  function choices(fieldset, names, chosen, choose) {
    fieldset.querySelectorAll("label").forEach((label) => label.remove());
    names.forEach(({ name, value }) => {
      const input = Object.assign(document.createElement("input"), { type: "radio", name: fieldset.id, value });
      input.checked = value === chosen;
      input.addEventListener("change", () => choose(value));
      const label = document.createElement("label");
      label.append(input, Object.assign(document.createElement("span"), { textContent: name }));
      fieldset.append(label);
    });
    fieldset.hidden = names.length < 2;
  }

  function rungName(level) {
    const address = level.url[0];
    const rung = rungs.find(({ url }) => new URL(url, location.href).href === address);
    return rung?.name ?? (level.height ? `${level.height}p` : `${Math.round(level.bitrate / 1000)} kbit/s`);
  }

  function describe() {
    const level = hls?.levels?.[hls.currentLevel];
    const size = media.videoWidth ? `${media.videoWidth}×${media.videoHeight}` : "";
    const end = media.buffered.length ? media.buffered.end(media.buffered.length - 1) : 0;
    const ahead = Math.max(0, end - media.currentTime);
    const parts = [level ? rungName(level) : "", size, `${ahead.toFixed(0)} s ahead`];
    now.textContent = media.readyState ? parts.filter(Boolean).join(" · ") : "";
  }

  function openPlaylist(url) {
    hls = new Hls({ enableWorker: false, capLevelToPlayerSize: false });
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      const levels = hls.levels.map((level, at) => ({ name: rungName(level), value: at, order: level.bitrate }));
      levels.sort((one, other) => other.order - one.order);
      const auto = { name: "Auto", value: -1 };
      choices(byId("qualities"), levels.length > 1 ? [auto, ...levels] : [], -1, (at) => { hls.nextLevel = at; });
    });
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => {
      const tracks = hls.audioTracks.map(({ name }, at) => ({ name, value: at }));
      choices(byId("sounds"), tracks, Math.max(0, hls.audioTrack), (at) => { hls.audioTrack = at; });
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, describe);
    hls.on(Hls.Events.ERROR, (_, { fatal, details }) => {
      if (fatal) notice(`The player stopped: ${details}.`);
    });
    hls.loadSource(url);
    hls.attachMedia(media);
  }

  function open({ url, segmented }) {
    hls?.destroy();
    hls = null;
    choices(byId("qualities"), [], 0, () => {});
    choices(byId("sounds"), [], 0, () => {});
    if (segmented && Hls.isSupported()) openPlaylist(url);
    else media.src = url;
  }

  function fill() {
    const length = media.duration || Number(seek.max) || 1;
    if (Number.isFinite(media.duration)) seek.max = media.duration;
    seek.value = media.currentTime;
    seek.setAttribute("aria-valuetext", `${clock(media.currentTime)} of ${clock(length)}`);
    wave.style.setProperty("--played", `${Math.min(100, (media.currentTime / length) * 100)}%`);
    describe();
  }

  /** The storyboard's picture for a time, else the time alone. */
  function look(event) {
    const box = wave.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const at = share * Number(seek.max);
    const [picture, label] = peek.children;
    label.textContent = clock(at);
    const cue = cues.findLast(([start]) => start <= at);
    picture.hidden = !cue;
    if (cue) {
      const [, url, [x, y, width, height]] = cue;
      Object.assign(picture.style, {
        width: `${width}px`,
        height: `${height}px`,
        background: `url("${new URL(url, location.href).href}") -${x}px -${y}px`,
      });
    }
    peek.hidden = false;
    const half = peek.offsetWidth / 2;
    peek.style.left = `${Math.min(box.width - half, Math.max(half, share * box.width))}px`;
  }

  for (const event of ["timeupdate", "seeking", "loadedmetadata", "progress", "durationchange"]) {
    media.addEventListener(event, fill);
  }
  seek.addEventListener("input", () => { media.currentTime = Number(seek.value); });
  wave.addEventListener("pointermove", look);
  wave.addEventListener("pointerleave", () => { peek.hidden = true; });
  // Steps of five seconds, and of a tenth with the page keys. The element's own are too fine for a film.
  seek.addEventListener("keydown", (event) => {
    const tenth = Number(seek.max) / 10;
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -tenth, PageUp: tenth };
    if (event.key === " ") media.paused ? media.play() : media.pause();
    else if (event.key in steps) media.currentTime = Math.max(0, media.currentTime + steps[event.key]);
    else return;
    event.preventDefault();
  });

  const playable = fromDisk ? sources.filter(({ segmented }) => !segmented) : sources;
  if (fromDisk) {
    const file = playable.length ? "The file of the job plays instead. " : "";
    notice(`This page was opened from disk, where a browser lets no player load segments. ${file}` +
      "For the ladder, run: codex-transcoder view FOLDER");
  }
  choices(byId("sources"), playable.map(({ name }, at) => ({ name, value: at })), 0, (at) => open(playable[at]));
  if (playable.length) open(playable[0]);
})();
