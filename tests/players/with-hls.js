/** hls.js behind the interface that steps.js uses. */

import Hls from "./node_modules/hls.js/dist/hls.mjs";
import { only } from "./only.js";
import { stateOf, until } from "./wait.js";

export async function open(video, url, onError) {
  const hls = new Hls();
  const onFailure = (_event, { type, details, fatal, reason, error }) => {
    // It gives up requests that nobody needs any longer, and a busy machine decodes too slowly at times. A stall that stays
    // is found by the steps' deadlines.
    if ([Hls.ErrorDetails.INTERNAL_ABORTED, Hls.ErrorDetails.BUFFER_STALLED_ERROR].includes(details)) return;
    onError({ from: "hls.js", type, details, fatal, message: reason ?? error?.message });
  };
  hls.on(Hls.Events.ERROR, onFailure);
  hls.loadSource(url);
  hls.attachMedia(video);
  await until("the first frame", () => video.readyState >= 2, () => ({ levels: hls.levels?.length }));
  return new HlsPlayer(hls, video, onFailure);
}

class HlsPlayer {
  constructor(hls, video, onFailure) {
    this.hls = hls;
    this.video = video;
    this.onFailure = onFailure;
  }

  rungs() {
    return this.hls.levels.map(({ width, height, codecs, videoRange, audioGroups }, index) => {
      const groups = audioGroups ?? [];
      return { index, width, height, codecs, range: videoRange, groups, active: index === this.hls.currentLevel };
    });
  }

  /**
   * Drops what is buffered, so that the rung shows without playing to the end of it. hls.js goes on loading the other rung
   * until it has the playlist of this one, so that is waited for.
   */
  async chooseRung(height, codec) {
    const isWanted = (rung) => rung.height === height && rung.codecs.startsWith(codec);
    const { index } = only(this.rungs(), `rungs of ${height} lines in ${codec}`, isWanted);
    this.hls.loadLevel = index;
    await until("the rung's playlist", () => this.hls.levels[index].details);
    this.hls.currentLevel = index;
  }

  audio() {
    return this.hls.audioTracks.map(({ name, lang, groupId, channels, default: isDefault }, index) => {
      const active = index === this.hls.audioTrack;
      return { index, name, language: lang, group: groupId, channels, isDefault, active };
    });
  }

  chooseAudio(language) {
    this.hls.audioTrack = only(this.audio(), `in ${language}`, (track) => track.language === language).index;
  }

  texts() {
    return this.hls.subtitleTracks.map(({ name, lang, forced }, index) => {
      return { index, name, language: lang, forced, active: index === this.hls.subtitleTrack };
    });
  }

  chooseText(name) {
    this.hls.subtitleDisplay = true;
    this.hls.subtitleTrack = only(this.texts(), `called ${name}`, (track) => track.name === name).index;
  }

  /** The browser shows the texts. */
  shownText() {
    const showing = [...this.video.textTracks].filter((track) => track.mode === "showing");
    return showing.flatMap((track) => [...(track.activeCues ?? [])]).map((cue) => cue.text).join("\n");
  }

  /** hls.js has no thumbnails of its own, so this does what pages with it do: the browser reads the WebVTT file. */
  async thumbnail(url, at) {
    const cues = await (this.storyboard ??= metadata(this.video, url));
    const cue = cues.find(({ startTime, endTime }) => startTime <= at && at < endTime);
    if (!cue) throw new Error(`none of ${cues.length} cues is for ${at}`);
    const { href, hash } = new URL(cue.text, new URL(url, location));
    const [x, y, width, height] = hash.slice("#xywh=".length).split(",").map(Number);
    return { from: cue.startTime, until: cue.endTime, image: href, region: { x, y, width, height } };
  }

  /** Each of the keyframes from a time on, which are so many seconds apart, in a video beside the first one. */
  async keyframes(_video, { from, count, every }, look) {
    const video = document.body.appendChild(document.createElement("video"));
    const player = this.hls.createIFramePlayer({ capLevelToPlayerSize: false });
    if (!player) throw new Error(`no I-frame playlists among ${this.hls.iframeVariants.length}`);
    player.on(Hls.Events.ERROR, this.onFailure);
    let attached = false;
    player.on(Hls.Events.MEDIA_ATTACHED, () => (attached = true));
    player.attachMedia(video);
    await until("an I-frame player", () => attached);
    const frames = [];
    for (let number = 0; number < count; number += 1) {
      const at = from + every * (number + 0.5);
      player.loadMediaAt(at);
      const another = () => {
        const frame = look(video)?.frame;
        return frame !== undefined && frame !== frames.at(-1);
      };
      await until(`the keyframe of ${at}`, another, () => ({ frames, ...stateOf(video) }));
      frames.push(look(video).frame);
    }
    player.destroy();
    video.remove();
    return frames;
  }
}

async function metadata(video, url) {
  const element = Object.assign(document.createElement("track"), { kind: "metadata", src: url });
  video.append(element);
  element.track.mode = "hidden";
  await until("the storyboard's cues", () => element.readyState === 2, () => ({ state: element.readyState }));
  return [...element.track.cues];
}
