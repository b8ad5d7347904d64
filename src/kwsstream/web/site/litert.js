/**
 * TFLite files in LiteRT.js, on the CPU.
 *
 * The build without relaxed SIMD runs in every browser, and gives the same numbers on every processor.
 */

if (!globalThis.self) await import("./node.js"); // before the runtime, which takes where it runs for a page
const { loadAndCompile, loadLiteRt, Tensor } = await import("./runtime/litert.js");

const WASM = new URL("./runtime/litert_wasm_compat_internal.js", import.meta.url).href;

/** What the runtime printed last: it prints what is wrong with a file, and throws something shorter. */
let said = "";

const loading = load();

async function load() {
  // where the runtime looks for how to be
  globalThis.Module = {
    locateFile: (name) => new URL(name, WASM).href,
    print() {},
    printErr: (text) => (said = text),
  };
  // it would look for a GPU, whether one is wanted or not, and complain where there is none
  const { warn } = console;
  console.warn = () => {};
  if (globalThis.navigator) Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  try {
    await loadLiteRt(WASM);
  } finally {
    console.warn = warn;
    delete globalThis.navigator?.gpu;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {import("./spotter.js").ModelFile} file
 */
export async function openSession(bytes, file) {
  await loading;
  said = "";
  try {
    return new LiteRTSession(await loadAndCompile(bytes, { accelerator: "wasm" }), file);
  } catch (error) {
    throw new Error(said || String(error));
  }
}

class LiteRTSession {
  constructor(model, file) {
    this.model = model;
    this.file = file;
    this.states = {}; // tensors, which live in the runtime's memory until they are deleted
    this.reset();
  }

  reset() {
    for (const state of Object.values(this.states)) state.delete();
    const zeros = ({ name, shape }) => [name, new Tensor(new Float32Array(count(shape)), shape)];
    this.states = Object.fromEntries(this.file.states.map(zeros));
  }

  /**
   * @param {Float32Array} x
   * @returns {Promise<Float32Array>}
   */
  async step(x) {
    const { input, output, states } = this.file;
    const entering = { ...this.states, [input.name]: new Tensor(x, input.shape) };
    const leaving = await this.model.run(entering);
    for (const tensor of Object.values(entering)) tensor.delete();
    this.states = Object.fromEntries(states.map(({ name, next }) => [name, leaving[next]]));
    const result = leaving[output.name].toTypedArray().slice();
    leaving[output.name].delete();
    return result;
  }
}

const count = (shape) => shape.reduce((a, b) => a * b, 1);
