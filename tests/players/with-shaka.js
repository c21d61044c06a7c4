/** Shaka Player behind the interface that steps.js uses. */

import { FRAMES_PER_SECOND } from "./film.js";
import { only } from "./only.js";
import { stateOf, until } from "./wait.js";

export async function open(video, url, onError) {
  await script("/players/node_modules/shaka-player/dist/shaka-player.compiled.js");
  const player = new shaka.Player();
  // With it, Shaka 5.2.12 at times asks for ever for an initialisation segment whose request it gave up when a rung was
  // changed; of ffmpeg's own DASH as well.
  player.configure({ streaming: { segmentPrefetchLimit: 0 } });
  player.addEventListener("error", ({ detail: { severity, category, code, data } }) => {
    const fatal = severity === shaka.util.Error.Severity.CRITICAL;
    onError({ from: "shaka", fatal, details: `${category}/${code}`, message: data.map(String).join(", ") });
  });
  // Where Shaka shows texts, as its own user interface has it.
  const container = document.body.appendChild(document.createElement("div"));
  container.append(video);
  player.setVideoContainer(container);
  await player.attach(video);
  await player.load(url);
  await until("the first frame", () => video.readyState >= 2, () => player.getStats());
  return new ShakaPlayer(player, container);
}

/** Shaka's file is no module. */
function script(src) {
  const element = Object.assign(document.createElement("script"), { src });
  document.head.append(element);
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${src} can't be loaded`));
  });
}

class ShakaPlayer {
  constructor(player, container) {
    this.player = player;
    this.container = container;
  }

  rungs() {
    return this.player.getVariantTracks().map((track) => {
      const { id, width, height, codecs, hdr, language, active } = track;
      return { id, width, height, codecs, range: hdr, language, active, track };
    });
  }

  /** Drops what is buffered. There is a variant for each rung and language; the language stays. */
  chooseRung(height, codec) {
    const language = this.rungs().find((rung) => rung.active)?.language;
    const isWanted = (rung) => rung.height === height && rung.codecs.startsWith(codec) && rung.language === language;
    const { track } = only(this.rungs(), `rungs of ${height} lines in ${codec}`, isWanted);
    this.player.configure({ abr: { enabled: false } });
    this.player.selectVariantTrack(track, true);
  }

  audio() {
    return this.player.getAudioTracks().map((track) => {
      const { label, language, codecs, channelsCount: channels, primary: isDefault, active } = track;
      return { name: label, language, codecs, channels, isDefault, active, track };
    });
  }

  chooseAudio(language) {
    const { track } = only(this.audio(), `in ${language}`, (track) => track.language === language);
    this.player.selectAudioTrack(track);
  }

  texts() {
    return this.player.getTextTracks().map((track) => {
      const { label, language, forced, active } = track;
      return { name: label, language, forced, active, track };
    });
  }

  /** They show from the next segment of the picture that is loaded: of HLS, Shaka takes the clock of texts from that. */
  chooseText(name) {
    this.player.selectTextTrack(only(this.texts(), `called ${name}`, (track) => track.name === name).track);
  }

  shownText() {
    return this.container.innerText.trim();
  }

  async thumbnail(url, at) {
    // Shaka takes the pictures' addresses from it, which are relative.
    const address = new URL(url, location).href;
    const track = await (this.storyboard ??= this.player.addThumbnailsTrack(address));
    const { startTime, duration, uris, positionX, positionY, width, height } = await this.player.getThumbnails(track.id, at);
    const region = { x: positionX, y: positionY, width, height };
    return { from: startTime, until: startTime + duration, image: uris[0], region };
  }

  /** Fast forward: what is buffered plays first, and then nothing but keyframes. */
  async keyframes(video, { from, count, every }, look) {
    video.currentTime = from;
    await video.play();
    this.player.trickPlay(4, true);
    const frames = [];
    const onlyKeyframes = () => {
      const frame = look(video)?.frame;
      if (frame !== undefined && frame !== frames.at(-1)) frames.push(frame);
      const last = frames.slice(-count);
      return last.length === count && last.every((frame) => frame % (every * FRAMES_PER_SECOND) === 0) && last;
    };
    const last = await until(`${count} keyframes`, onlyKeyframes, () => ({ frames, ...stateOf(video) }));
    this.player.cancelTrickPlay();
    video.pause();
    return last;
  }
}
