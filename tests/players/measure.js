/** What is seen and heard. */

import { BITS } from "./film.js";

/** Small enough to read at every frame, and wide enough that a column has a middle without the columns beside it. */
const [WIDTH, HEIGHT] = [160, 90];

const canvas = new OffscreenCanvas(WIDTH, HEIGHT).getContext("2d", { willReadFrequently: true });

/**
 * The number of the frame that a video, or a region of an image, shows, and the colour of its lower half. Null while there
 * is no picture, or if a column is neither black nor white.
 */
export function look(source, region) {
  const { x, y, width, height } = region ?? { x: 0, y: 0, width: source.videoWidth, height: source.videoHeight };
  if (!width || !height) return null;
  // A video without a picture draws nothing, and what was there before is another one's.
  canvas.fillStyle = "gray";
  canvas.fillRect(0, 0, WIDTH, HEIGHT);
  canvas.drawImage(source, x, y, width, height, 0, 0, WIDTH, HEIGHT);
  let frame = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const [red, green, blue] = colour(((bit + 0.5) * WIDTH) / BITS, HEIGHT / 4);
    const brightness = (red + green + blue) / 3;
    if (brightness > 64 && brightness < 192) return null;
    if (brightness >= 192) frame += 2 ** bit;
  }
  return { frame, colour: colour(WIDTH / 2, (HEIGHT * 3) / 4) };
}

/** The mean of the surroundings of a point. */
function colour(x, y) {
  const size = 4;
  const { data } = canvas.getImageData(Math.round(x - size / 2), Math.round(y - size / 2), size, size);
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let at = channel; at < data.length; at += 4) sum += data[at];
    return Math.round(sum / size ** 2);
  });
}

const analysers = new WeakMap();

/** The strongest frequency of what a video plays, in hertz, and how strong it is, in decibels of full scale. */
export function listen(video) {
  const analyser = analysers.get(video) ?? analyse(video);
  const decibels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(decibels);
  const strongest = decibels.reduce((best, value, bin) => (value > decibels[best] ? bin : best), 0);
  const hertz = (strongest * analyser.context.sampleRate) / analyser.fftSize;
  return { hertz: Math.round(hertz), decibels: Math.round(decibels[strongest]) };
}

/** How loud a video is just now: the root of the mean of squares, 0 to 1, over five milliseconds. */
export function loudness(video) {
  const analyser = analysers.get(video) ?? analyse(video);
  const samples = new Float32Array(256);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
}

function analyse(video) {
  const context = new AudioContext();
  // 6 Hz at 48 kHz. No mean with what was heard before.
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaElementSource(video).connect(analyser).connect(context.destination);
  analysers.set(video, analyser);
  return analyser;
}
