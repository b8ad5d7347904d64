/** ONNX files in onnxruntime-web, on the CPU. */

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;

/**
 * @param {Uint8Array} bytes
 * @param {import("./spotter.js").ModelFile} file
 */
export async function openSession(bytes, file) {
  return new OnnxSession(await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }), file);
}

class OnnxSession {
  constructor(session, file) {
    this.session = session;
    this.file = file;
    this.reset();
  }

  reset() {
    const zeros = ({ name, shape }) => [name, new ort.Tensor("float32", new Float32Array(count(shape)), shape)];
    this.states = Object.fromEntries(this.file.states.map(zeros));
  }

  /**
   * @param {Float32Array} x
   * @returns {Promise<Float32Array>}
   */
  async step(x) {
    const { input, output, states } = this.file;
    const leaving = await this.session.run({ ...this.states, [input.name]: new ort.Tensor("float32", x, input.shape) });
    this.states = Object.fromEntries(states.map(({ name, next }) => [name, leaving[next]]));
    return leaving[output.name].data;
  }
}

const count = (shape) => shape.reduce((a, b) => a * b, 1);
