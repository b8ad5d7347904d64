/** A sound file as samples at the model's rate: WAV read here, all else by the browser. */

import { resample } from "./resample.js";
import { isWav, readWav } from "./wav.js";

/**
 * @param {Uint8Array} bytes
 * @param {number} rate Hz
 * @returns {Promise<Float32Array>} channels averaged
 */
export async function decode(bytes, rate) {
  const wav = isWav(bytes) ? readWav(bytes) : null;
  const samples = wav ? resample(wav.samples, wav.rate, rate) : await decodeByBrowser(bytes, rate);
  if (!samples.length) throw new Error("The file holds no sound.");
  if (!samples.every(Number.isFinite)) throw new Error("The file holds samples that are not numbers.");
  return samples;
}

async function decodeByBrowser(bytes, rate) {
  if (!globalThis.OfflineAudioContext) throw new Error("This is not a WAV file: it does not begin with RIFF and WAVE.");
  const context = new OfflineAudioContext(1, 1, rate); // it resamples what it decodes
  let sound;
  try {
    sound = await context.decodeAudioData(bytes.slice().buffer);
  } catch {
    throw new Error("This is not a sound file that the browser can read: use WAV or FLAC.");
  }
  const sum = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++)
    sound.getChannelData(channel).forEach((x, i) => (sum[i] += x / sound.numberOfChannels));
  return sum;
}
