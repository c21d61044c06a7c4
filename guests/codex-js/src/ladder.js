/** Which renditions a source gets. */

/** The ladder of the platform, the largest first. */
export const RUNGS = [
  { name: "1080p", shortSide: 1080, videoKbps: 5000, audioKbps: 192 },
  { name: "720p", shortSide: 720, videoKbps: 3000, audioKbps: 128 },
  { name: "480p", shortSide: 480, videoKbps: 1500, audioKbps: 96 },
  { name: "360p", shortSide: 360, videoKbps: 800, audioKbps: 64 },
];

/** The ladder of an upload without pictures. */
const SOUND_RUNGS = [
  { name: "128k", audioKbps: 128 },
  { name: "64k", audioKbps: 64 },
];

/** Constant quality of a rung, visually lossless for most material; what would cost more is held by the rung's rate. */
const QUALITY = 23;

/** The `renditions`, the largest first, or the `refusal` of a source that gets none. */
export function select({ video, audio }, settings) {
  if (video) {
    const shortSide = Math.min(video.width, video.height);
    return { renditions: fitting(shortSide, settings.rungs).map((rung) => rendition(rung, audio, settings)) };
  }
  if (audio) {
    return { renditions: SOUND_RUNGS.map(({ name, audioKbps }) => ({ name, video: null, audioKbps, attributes: [] })) };
  }
  return {
    refusal: {
      code: "upload.no-media",
      message: "The file has neither a video nor an audio track that can be read. Upload another file.",
    },
  };
}

/**
 * The rungs that need no enlarging. Where none does, one at the source's own size, with the rates of the rung that is the
 * least too large.
 */
function fitting(shortSide, rungs) {
  const fit = rungs.filter((rung) => rung.shortSide <= shortSide);
  if (fit.length > 0) return fit;
  // 4:2:0 video halves both sides for its colour, so an odd side can't be encoded.
  const ownSize = Math.max(shortSide - (shortSide % 2), 2);
  return [{ ...rungs.at(-1), name: "source", shortSide: ownSize }];
}

function rendition({ name, shortSide, videoKbps, audioKbps }, audio, settings) {
  const encoding = {
    codec: "h264",
    quality: QUALITY,
    maxKbps: videoKbps,
    effort: settings.effort ?? "fast",
    attributes: [],
  };
  return { name, video: { shortSide, encoding }, audioKbps: audio ? audioKbps : null, attributes: [] };
}
