/** The browser without a player, on a file that it plays by itself. */

import { until } from "./wait.js";

export async function open(video, url) {
  video.src = url;
  const state = () => ({ error: video.error?.message, readyState: video.readyState });
  await until("the first frame", () => video.error || video.readyState >= 2, state);
  if (video.error) throw new Error(video.error.message);
  return { rungs: () => [], audio: () => [], texts: () => [] };
}
