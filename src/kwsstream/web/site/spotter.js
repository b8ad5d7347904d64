/**
 * A stream of audio to scores: the model's files one after another, each fed its own state.
 *
 *     const spotter = await Spotter.load("model.json");
 *     for (const step of await spotter.push(samples)) console.log(step.scores);   // float32 in [-1, 1], any number
 *     await spotter.reset();                                                      // the next samples: a new stream
 */

import { digest, read, readJson } from "./read.js";

/**
 * @typedef {object} Tensor
 * @property {string} name
 * @property {number[]} shape
 */

/**
 * A model file: feed each state's `next` back as its `name`; zeros when a stream starts.
 * @typedef {object} ModelFile
 * @property {string} file relative to model.json
 * @property {string} sha256
 * @property {Tensor} input
 * @property {Tensor} output
 * @property {{name: string, next: string, shape: number[]}[]} states
 */

/**
 * What model.json says.
 * @typedef {object} Description
 * @property {string} model
 * @property {string} precision
 * @property {"litert" | "onnx"} runtime
 * @property {ModelFile[]} files from audio to logits
 * @property {{sample_rate_hz: number, hop_samples: number, hop_ms: number, latency_ms: number}} clock
 * @property {string[]} labels
 * @property {Record<string, any>} features the parameters of the front end
 * @property {import("./detector.js").Parameters} detector
 * @property {{file: string, label: string}[]} clips
 */

/**
 * One step of the stream.
 * @typedef {object} Step
 * @property {Float32Array} logits of each label
 * @property {Float32Array} scores softmax of the logits
 * @property {Float32Array | null} features that this step's hop gave, frame after frame; null for a file from audio
 * @property {number} ms that the step took
 */

export class Spotter {
  /**
   * @param {Description} description
   * @param {{step(x: Float32Array): Promise<Float32Array>, reset(): void}[]} sessions
   */
  constructor(description, sessions) {
    this.description = description;
    this.labels = description.labels;
    this.hop = description.clock.hop_samples;
    this.sessions = sessions;
    this.waiting = new Float32Array(this.hop);
    this.filled = 0;
    /** @type {Promise<any>} */
    this.turn = Promise.resolve();
  }

  /**
   * @param {string | URL} url of model.json
   * @returns {Promise<Spotter>} an Error, with what to do, where a file is missing or is not what model.json describes
   */
  static async load(url) {
    const base = new URL(url, globalThis.location?.href);
    /** @type {Description} */
    const description = await readJson(base);
    const { openSession } = await import(`./${description.runtime}.js`);
    const sessions = [];
    for (const file of description.files) {
      const bytes = await read(new URL(file.file, base));
      const found = await digest(bytes);
      if (found && found !== file.sha256)
        throw new Error(`${file.file} is damaged: its hash is not the one in model.json. Export the page again.`);
      sessions.push(await opened(openSession, bytes, file));
    }
    return new Spotter(description, sessions);
  }

  /**
   * The next samples of the stream, at the model's rate; those short of a hop wait for the next call.
   * @param {Float32Array} samples
   * @returns {Promise<Step[]>} one for each hop that is full
   */
  push(samples) {
    return this.inTurn(async () => {
      const steps = [];
      for (let at = 0; at < samples.length; ) {
        const taken = Math.min(this.hop - this.filled, samples.length - at);
        this.waiting.set(samples.subarray(at, at + taken), this.filled);
        at += taken;
        this.filled += taken;
        if (this.filled < this.hop) break;
        this.filled = 0;
        steps.push(await this.step());
      }
      return steps;
    });
  }

  /** Start a new stream, after silence. */
  reset() {
    return this.inTurn(async () => {
      this.filled = 0;
      for (const session of this.sessions) session.reset();
    });
  }

  /** @returns {Promise<Step>} */
  async step() {
    const started = performance.now();
    let x = this.waiting;
    let features = null;
    for (const session of this.sessions) {
      features = x === this.waiting ? null : x;
      x = await session.step(x);
    }
    return { logits: x, scores: softmax(x), features, ms: performance.now() - started };
  }

  /**
   * Calls are carried out one after another, whether or not they are awaited.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  inTurn(work) {
    const done = this.turn.then(work);
    this.turn = done.catch(() => {});
    return done;
  }
}

async function opened(openSession, bytes, file) {
  try {
    return await openSession(bytes, file);
  } catch (error) {
    throw new Error(`${file.file} cannot be run (${firstLine(error)}). Export the page again.`);
  }
}

const firstLine = (error) => String(error?.message ?? error).split("\n")[0];

/** @param {Float32Array} logits */
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}
