/**
 * Samples from one rate to another, as they come: a sinc under a Hann window, polyphase.
 *
 * The same numbers as torchaudio.functional.resample, which decodes the training data, with its defaults (six zero
 * crossings to each side, cut off at 0.99 of the lower Nyquist frequency).
 */

const CROSSINGS = 6;
const ROLLOFF = 0.99;

export class Resampler {
  /**
   * @param {number} from Hz
   * @param {number} to Hz
   */
  constructor(from, to) {
    const common = gcd(from, to);
    this.from = from / common;
    this.to = to / common;
    this.width = Math.ceil((CROSSINGS * this.from) / (Math.min(this.from, this.to) * ROLLOFF));
    this.kernels = this.from === this.to ? [] : kernels(this.from, this.to, this.width);
    this.reset();
  }

  reset() {
    this.past = new Float32Array(this.width);
    this.came = 0;
    this.gave = 0;
  }

  /**
   * @param {Float32Array} samples the next of the stream
   * @returns {Float32Array} all that they, and those before, suffice for
   */
  push(samples) {
    this.came += samples.length;
    if (this.from === this.to) {
      this.gave += samples.length;
      return samples;
    }
    const x = new Float32Array(this.past.length + samples.length);
    x.set(this.past);
    x.set(samples, this.past.length);
    // a block: `from` samples in, `to` out; it sees `width` samples to each side of it
    const blocks = Math.max(0, Math.floor((x.length - 2 * this.width) / this.from));
    const y = new Float32Array(blocks * this.to);
    for (let i = 0; i < y.length; i++) {
      const { start, weights } = this.kernels[i % this.to];
      const at = Math.floor(i / this.to) * this.from + start;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * x[at + k];
      y[i] = sum;
    }
    this.past = x.slice(blocks * this.from);
    this.gave += y.length;
    return y;
  }

  /** @returns {Float32Array} what is left of the stream at its end */
  finish() {
    const left = Math.ceil((this.came * this.to) / this.from) - this.gave;
    return this.push(new Float32Array(2 * this.width + this.from)).subarray(0, Math.max(0, left));
  }
}

/**
 * A whole recording.
 * @param {Float32Array} samples
 */
export function resample(samples, from, to) {
  if (from === to) return samples;
  const resampler = new Resampler(from, to);
  const parts = [resampler.push(samples), resampler.finish()];
  const whole = new Float32Array(parts[0].length + parts[1].length);
  whole.set(parts[0]);
  whole.set(parts[1], parts[0].length);
  return whole;
}

/** The weights of each output sample of a block, without the zeros to both sides. */
function kernels(from, to, width) {
  const cutoff = Math.min(from, to) * ROLLOFF;
  return Array.from({ length: to }, (_, phase) => {
    const weights = Array.from({ length: 2 * width + from }, (_, k) => weight(((k - width) / from - phase / to) * cutoff));
    const start = weights.findIndex((w) => w !== 0);
    const end = weights.findLastIndex((w) => w !== 0);
    return { start, weights: Float64Array.from(weights.slice(start, end + 1), (w) => (w * cutoff) / from) };
  });
}

/** @param {number} t in zero crossings */
function weight(t) {
  if (t === 0) return 1;
  if (Math.abs(t) >= CROSSINGS) return 0;
  const hann = Math.cos((t * Math.PI) / CROSSINGS / 2) ** 2;
  return (hann * Math.sin(Math.PI * t)) / (Math.PI * t);
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
