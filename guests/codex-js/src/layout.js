/** What every object is called. */

/** The name of this policy's only still. */
export const DEFAULT_STILL = "default";

/** Where an asset goes: `{creator}/{folder}/{media}/{file}`. */
export function keyFor(job, asset) {
  const { store = "media", folder, file } = place(asset);
  return { store, key: `${job.creatorId}/${folder}/${job.mediaId}/${file}` };
}

/** Whether the asset was published, by the report: its key, or null. */
export function publishedKey(job, asset, report) {
  const { store, key } = keyFor(job, asset);
  const isIt = ({ destination }) => destination.store === store && destination.key === key;
  return report.objects.some(isIt) ? key : null;
}

function place({ tag, val: name }) {
  switch (tag) {
    case "master-playlist":
      return { folder: "hls", file: "master.m3u8" };
    case "rung-playlist":
      return { folder: "hls", file: `${name}/index.m3u8` };
    case "preview-playlist":
      return { folder: "hls", file: "preview/preview.m3u8" };
    case "still":
      return { folder: "thumbnails", file: name === DEFAULT_STILL ? "auto-generated.jpg" : `${name}.jpg` };
    case "waveform-data":
      return { folder: "waveforms", file: "waveform.json" };
    case "waveform-image":
      return { folder: "waveforms", file: "waveform.png" };
    case "mezzanine":
      return { store: "archive", folder: "mezzanine", file: "mezzanine.mp4" };
  }
}
