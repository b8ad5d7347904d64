/**
 * Scores of a stream to words heard: the same rules, step for step and bit for bit, as kwsstream/detector.py, which
 * says what they are. Every operation is rounded to float32.
 */

/**
 * @typedef {object} Parameters
 * @property {Record<string, number>} thresholds mean score at which a label counts as heard; labels without: never
 * @property {number} window_ms time over which scores are averaged
 * @property {number} minimum_count steps in a row that the mean has to be at or above its threshold
 * @property {number} refractory_ms time after a detection in which there is no other
 * @property {number} hysteresis share of its threshold by which a mean has to fall below it to fire again
 */

/** @typedef {{label: string, score: number, sample: number}} Detection samples: heard when it fired */

const { fround } = Math;

export class Detector {
  /**
   * @param {Parameters} parameters
   * @param {string[]} labels of the scores
   * @param {number} hopSamples of a step
   * @param {number} rate Hz
   */
  constructor(parameters, labels, hopSamples, rate) {
    this.labels = labels;
    this.hopSamples = hopSamples;
    this.rate = rate;
    this.set(parameters);
    this.reset();
  }

  /**
   * Listen in another way from the next step on, for this stream too.
   * @param {Parameters} parameters
   */
  set(parameters) {
    const steps = (ms) => Math.max(1, Math.floor((ms * this.rate) / (1000 * this.hopSamples) + 0.5));
    const kept = fround(1 - fround(parameters.hysteresis));
    this.window = steps(parameters.window_ms);
    this.refractory = steps(parameters.refractory_ms);
    this.least = parameters.minimum_count;
    this.threshold = this.labels.map((label) => fround(parameters.thresholds[label] ?? Infinity));
    this.release = this.threshold.map((threshold) => fround(threshold * kept));
  }

  /** Start a new stream, after silence. */
  reset() {
    /** @type {Float32Array[]} scores of the last steps, the oldest first */
    this.past = [];
    this.count = this.labels.map(() => 0);
    this.armed = this.labels.map(() => true);
    this.heard = 0; // steps
    this.free = 0; // the first step that may fire
  }

  /**
   * @param {Float32Array} scores of one step
   * @returns {Detection | null}
   */
  push(scores) {
    const means = this.mean(scores);
    let best = -1;
    for (let i = 0; i < means.length; i++) {
      this.count[i] = means[i] >= this.threshold[i] ? this.count[i] + 1 : 0;
      this.armed[i] ||= !(means[i] >= this.release[i]);
      if (this.armed[i] && this.count[i] >= this.least && (best < 0 || means[i] > means[best])) best = i;
    }
    const step = this.heard++;
    if (best < 0 || step < this.free) return null;
    this.armed[best] = false;
    this.free = step + this.refractory;
    return { label: this.labels[best], score: means[best], sample: this.heard * this.hopSamples };
  }

  /** The mean of the last scores, zero before the stream, added from the oldest to the newest. */
  mean(scores) {
    this.past.push(Float32Array.from(scores));
    while (this.past.length > this.window) this.past.shift();
    const sum = new Float32Array(scores.length);
    for (const one of this.past) for (let i = 0; i < sum.length; i++) sum[i] += one[i];
    return sum.map((x) => x / this.window);
  }
}
