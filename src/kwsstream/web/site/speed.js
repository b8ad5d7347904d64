/** How long steps take, of this stream. */

const LAST = 200;

export class Speed {
  /** @param {{hop_ms: number}} clock */
  constructor(clock) {
    this.hopMs = clock.hop_ms;
    this.clear();
  }

  clear() {
    this.steps = 0;
    /** @type {number[]} ms of the last steps */
    this.last = [];
  }

  /** @param {{ms: number}[]} steps */
  add(steps) {
    this.steps += steps.length;
    this.last = [...this.last, ...steps.map(({ ms }) => ms)].slice(-LAST);
  }

  get median() {
    return this.last.toSorted((a, b) => a - b)[this.last.length >> 1] ?? 0;
  }

  /** Time that steps take, of the time of the sound in them. */
  get factor() {
    return this.last.reduce((sum, ms) => sum + ms, 0) / (this.last.length * this.hopMs || 1);
  }

  /** Of the stream. */
  get seconds() {
    return (this.steps * this.hopMs) / 1000;
  }
}
