/** The steps of a scenario. Each does one thing, waits until it shows, and returns what was seen. */

import { FRAMES_PER_SECOND } from "./film.js";
import { listen, look, loudness } from "./measure.js";
import { stateOf, until } from "./wait.js";

/** Which frame a time belongs to; a thousandth for times that are written a little too small. */
const frameAt = (seconds) => Math.floor((seconds + 0.001) * FRAMES_PER_SECOND);

export const steps = {
  /** Plays from here for `seconds`, and compares each frame that is presented with its time. */
  async play(player, video, { seconds, firstFrame }) {
    const from = video.currentTime;
    const seen = { from, frames: 0, unreadable: 0, wrong: [] };
    let playing = true;
    const onFrame = (_now, { mediaTime }) => {
      if (!playing) return;
      const shown = look(video);
      const expected = frameAt(mediaTime) + firstFrame;
      // On a busy machine the video may be ahead of the callback, but not of its own clock.
      const latest = frameAt(video.currentTime) + firstFrame + 1;
      seen.frames += 1;
      if (!shown) seen.unreadable += 1;
      else if (shown.frame < expected || shown.frame > latest) seen.wrong.push({ expected, latest, shown: shown.frame });
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    await video.play();
    await until(`playing for ${seconds} s`, () => video.currentTime >= from + seconds, () => stateOf(video));
    playing = false;
    video.pause();
    return { ...seen, to: video.currentTime };
  },

  /** Plays from a time on, and counts the frames that were decoded. */
  async watch(_player, video, { from, seconds }) {
    video.currentTime = from;
    const before = video.getVideoPlaybackQuality();
    await video.play();
    await until(`playing from ${from} s`, () => video.currentTime >= from + seconds, () => stateOf(video));
    video.pause();
    const after = video.getVideoPlaybackQuality();
    return {
      frames: after.totalVideoFrames - before.totalVideoFrames,
      corrupted: after.corruptedVideoFrames ?? 0,
      size: [video.videoWidth, video.videoHeight],
    };
  },

  /** Shows the frame of a time, counted from the start, or from the end where it is negative. */
  async seek(_player, video, { to, firstFrame }) {
    return seekTo(video, to < 0 ? video.duration + to : to, firstFrame);
  },

  /** Plays to the end. */
  async end(_player, video) {
    await video.play();
    await until("the end", () => video.ended, () => stateOf(video));
    return { at: video.currentTime, duration: video.duration };
  },

  /** What the player offers. */
  async tracks(player) {
    return { rungs: player.rungs(), audio: player.audio(), texts: player.texts() };
  },

  /** Switches to the rung with this codec and height, and plays until it shows. */
  async rung(player, video, { height, codec, firstFrame }) {
    await player.chooseRung(height, codec);
    await video.play();
    await until(`a picture of ${height} lines`, () => video.videoHeight === height, () => stateOf(video));
    video.pause();
    const { videoWidth: width, videoHeight, currentTime } = video;
    return { width, height: videoHeight, ...(await seekTo(video, currentTime, firstFrame)) };
  },

  /** Switches to a language if one is named, and plays until a tone of `hertz` is heard. */
  async audio(player, video, { language, hertz }) {
    if (language) player.chooseAudio(language);
    listen(video);
    await video.play();
    let heard;
    const isHeard = () => {
      heard = listen(video);
      return Math.abs(heard.hertz - hertz) < 8 && heard.decibels > -40;
    };
    await until(`a tone of ${hertz} Hz`, isHeard, () => ({ heard, ...stateOf(video) }));
    video.pause();
    return { ...heard, active: player.audio().find((track) => track.active) };
  },

  /**
   * How late the pictures are, and a sound that begins where all was silent, in seconds by the video's clock. It is compared
   * with a file that the browser plays by itself, since sound reaches the analyser late.
   */
  async sync(_player, video, { soundAt, firstFrame, reference }) {
    const plain = Object.assign(document.createElement("video"), { src: reference });
    const expected = await lateness(plain, soundAt, 0);
    const found = await lateness(video, soundAt, firstFrame);
    return { picture: found.picture - expected.picture, sound: found.sound - expected.sound };
  },

  /** Switches to the subtitles of this name. */
  async texts(player, _video, { name }) {
    player.chooseText(name);
    return { active: player.texts().find((track) => track.active) };
  },

  /** Goes to a time and waits until exactly this text is shown there; `""` for no text. */
  async cue(player, video, { at, text, firstFrame }) {
    await seekTo(video, at, firstFrame);
    await until(`the text "${text}" at ${at}`, () => player.shownText() === text, () => player.shownText());
  },

  /** The storyboard's picture for a time. */
  async thumbnail(player, _video, { url, at }) {
    const { image, region, ...rest } = await player.thumbnail(url, at);
    const bitmap = await createImageBitmap(await (await fetch(image)).blob());
    return { ...rest, region, sheet: [bitmap.width, bitmap.height], ...look(bitmap, region) };
  },

  /** The frames of an animated picture, and how long they take together. */
  async animation(_player, _video, { url }) {
    const decoder = new ImageDecoder({ type: "image/webp", data: (await fetch(url)).body });
    await decoder.completed;
    const seen = { frames: [], seconds: 0 };
    for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex += 1) {
      const { image } = await decoder.decode({ frameIndex });
      const { displayWidth: width, displayHeight: height, duration } = image;
      seen.frames.push(look(image, { x: 0, y: 0, width, height })?.frame);
      seen.seconds += duration / 1e6;
      image.close();
    }
    return seen;
  },

  /** Goes fast forward through the I-frame playlist from a time on, and returns the frames that were shown. */
  async keyframes(player, video, step) {
    return { frames: await player.keyframes(video, step, look) };
  },
};

/** How long the page may not have looked while the sound began. */
const BLINK_MS = 15;

/** Tries again while a busy machine keeps the page from looking at the moment that the sound begins. */
async function lateness(video, soundAt, firstFrame) {
  await until("the first frame", () => video.readyState >= 2, () => stateOf(video));
  const pictures = [];
  const onFrame = (_now, { mediaTime }) => {
    const frame = look(video)?.frame;
    if (frame !== undefined) pictures.push(mediaTime - (frame - firstFrame) / FRAMES_PER_SECOND);
    if (!video.paused) video.requestVideoFrameCallback(onFrame);
  };
  const once = async () => {
    video.currentTime = soundAt - 0.5;
    await video.play();
    video.requestVideoFrameCallback(onFrame);
    await until("silence", () => loudness(video) < 0.001, () => stateOf(video));
    let silentAt;
    const isLoud = () => loudness(video) > 0.01 || !(silentAt = performance.now());
    await until("a sound", isLoud, () => stateOf(video));
    const [sound, blink] = [video.currentTime - soundAt, performance.now() - silentAt];
    video.pause();
    return { sound, blink };
  };
  let seen = await once();
  for (let tries = 1; tries < 5 && seen.blink > BLINK_MS; tries += 1) seen = await once();
  // The median, since on a busy machine some frames show before or after the page is told of them.
  const picture = pictures.sort((one, other) => one - other)[Math.floor(pictures.length / 2)];
  return { picture, sound: seen.sound };
}

/** Seeks to the middle of a frame, since a picture may begin some milliseconds before or behind its sound. */
async function seekTo(video, seconds, firstFrame = 0) {
  const to = (frameAt(seconds) + 0.5) / FRAMES_PER_SECOND;
  video.currentTime = to;
  await until(`a seek to ${to}`, () => !video.seeking && video.readyState >= 2, () => stateOf(video));
  return { at: video.currentTime, ...(await shownAt(video, to, firstFrame)) };
}

async function shownAt(video, seconds, firstFrame) {
  const expected = frameAt(seconds) + firstFrame;
  const isShown = () => {
    const shown = look(video);
    return shown?.frame === expected && shown;
  };
  return until(`frame ${expected}`, isShown, () => ({ shown: look(video), ...stateOf(video) }));
}
