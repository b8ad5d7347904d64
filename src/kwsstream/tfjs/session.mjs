/** Run by session.py: TF_MIN_JS FOLDER. A line of JSON in for a line out: {reset}, or {x} to {result, states}. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [library, folder] = process.argv.slice(2);
console.warn = () => {}; // that there is a faster backend
const tf = createRequire(import.meta.url)(library);
await tf.setBackend("cpu");

process.on("uncaughtException", ({ message }) => {
  console.error(message); // by itself Node would show the line, of a file that is one line
  process.exit(1);
});

const model = await load(JSON.parse(readFileSync(join(folder, "model.json"), "utf8")));
const { input, output, states } = model.metadata;
let state;
reset();

for await (const line of createInterface({ input: process.stdin })) {
  const { x } = JSON.parse(line);
  console.log(JSON.stringify(x ? step(x) : reset()));
}

function load({ weightsManifest, ...artifacts }) {
  const files = weightsManifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(folder, path))));
  const weightData = new Uint8Array(Buffer.concat(files)).buffer;
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  return tf.loadGraphModel(tf.io.fromMemory({ ...artifacts, weightSpecs, weightData }));
}

function reset() {
  state = Object.fromEntries(states.map(({ name, shape }) => [name, tf.zeros(shape)]));
  return {};
}

function step(x) {
  const leaving = model.predict({ ...state, [input.name]: tf.tensor(x, input.shape) });
  state = Object.fromEntries(states.map(({ name, next }) => [name, leaving[next]]));
  const arrays = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, tensor.arraySync()]));
  return { result: leaving[output.name].arraySync(), states: arrays };
}
