/** The page: sources to the worker, and what the worker reports to the screen. */

import { decode } from "./audio.js";
import { read } from "./read.js";
import { Spectrogram, Wave } from "./scroll.js";
import { hear, openMicrophone } from "./sources.js";
import { Speed } from "./speed.js";
import { wordTable } from "./words.js";

const MOST_HEARD = 200;

const element = (id) => document.getElementById(id);
const worker = new Worker(new URL("./worker.js", import.meta.url));
const tell = (type, given = [], moved = []) => worker.postMessage({ type, arguments: given }, moved);

let description;
let parameters;
let words;
let wave;
let spectrogram;
let speed;
let source; // the name of what is open
let close = () => {}; // ends it
let stream = 0; // the number of its stream; what is reported of an older one comes too late

worker.onmessage = ({ data }) => {
  if (data.ready) ready(data.ready);
  else if (data.failed) fail(data.failed);
  else if (data.stream !== stream) return;
  else if (data.ended) ended(`The end of ${source}`);
  else show(data);
};
worker.onerror = (event) => fail(event.message || "The page's worker cannot be started.");
tell("load", ["model.json"]);

function ready(loaded) {
  description = loaded;
  parameters = structuredClone(loaded.detector);
  const { clock, labels, model, precision, clips } = loaded;
  element("about").textContent = `${model}, ${precision}, ${labels.length} labels. All of it runs in this page: no sound leaves it.`;
  words = wordTable(element("words").tBodies[0], labels, parameters.thresholds, (label, threshold) => {
    parameters.thresholds[label] = threshold;
    tell("detector", [parameters]);
  });
  element("refractory").value = parameters.refractory_ms;
  element("hop-ms").textContent = `${clock.hop_ms} ms of sound`;
  element("latency").textContent = `${clock.latency_ms} ms`;
  wave = new Wave(element("wave"));
  spectrogram = loaded.files.length > 1 ? new Spectrogram(element("features")) : null;
  element("features-figure").hidden = !spectrogram;
  element("features-caption").textContent = caption(loaded.features);
  element("clips").replaceChildren(...clips.map(clipButton));
  for (const id of ["microphone", "file"]) element(id).disabled = false;
  speed = new Speed(clock);
  status("Ready");
}

function caption({ coefficients, mels }) {
  return coefficients ? `Features: ${coefficients} cepstral coefficients, the first at the bottom` : `Features: ${mels} mels, the lowest at the bottom`;
}

function clipButton({ file, label }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-label", `Play the sample clip of ${label}`);
  button.addEventListener("click", () => open(`the clip of ${label}`, () => read(new URL(file, location.href))));
  return button;
}

async function listen() {
  const mine = stop();
  const { sample_rate_hz: rate, hop_samples: hop } = description.clock;
  try {
    const microphone = await openMicrophone({ rate, hop });
    if (mine !== stream) return microphone.close();
    close = microphone.close;
    begin("Listening to", "the microphone");
    element("microphone").setAttribute("aria-pressed", "true");
    tell("listen", [mine, microphone.port], [microphone.port]);
  } catch (error) {
    fail(error.message);
  }
}

/** Run a recording, at the speed of sound or as fast as it goes. */
async function open(name, load) {
  const mine = stop();
  const rate = description.clock.sample_rate_hz;
  try {
    const samples = await decode(await load(), rate);
    if (mine !== stream) return;
    const realTime = element("real-time").checked;
    if (realTime) close = hear(samples, rate);
    begin("Playing", name);
    tell("play", [mine, samples, realTime], [samples.buffer]);
  } catch (error) {
    fail(error.message);
  }
}

function openFile(file) {
  if (file) open(file.name, async () => new Uint8Array(await file.arrayBuffer()));
}

function begin(verb, name) {
  source = name;
  element("error").hidden = true;
  element("stop").disabled = false;
  speed.clear();
  status(`${verb} ${name}`);
}

function ended(text = "Ready") {
  close();
  close = () => {};
  element("stop").disabled = true;
  element("microphone").setAttribute("aria-pressed", "false");
  status(text);
}

/** End the stream; the number of the next. */
function stop() {
  tell("stop", [++stream]);
  ended();
  return stream;
}

function fail(text) {
  if (description) stop();
  else status("");
  element("error").hidden = false;
  element("error").textContent = text;
}

const status = (text) => (element("status").textContent = text);

function show({ steps, detections, dropped }) {
  const { sample_rate_hz: rate, hop_samples: hop } = description.clock;
  const first = speed.steps;
  speed.add(steps);
  for (const detection of detections) {
    heard(detection, rate);
    steps[detection.sample / hop - 1 - first].heard = true;
  }
  words.show(steps.at(-1).scores);
  wave.add(steps);
  spectrogram?.add(steps.flatMap(({ features }) => frames(features)));
  element("step-ms").textContent = `${speed.median.toFixed(2)} ms`;
  element("factor").textContent = speed.factor.toFixed(3);
  element("time").textContent = stamp(speed.seconds);
  element("dropped").textContent = `${Math.round((1000 * dropped) / rate)} ms`;
}

/** The feature frames of a step, which may be several. */
function frames(features) {
  const size = description.files.at(-1).input.shape.at(-1);
  return Array.from({ length: features.length / size }, (_, i) => features.subarray(i * size, (i + 1) * size));
}

function heard({ label, score, sample }, rate) {
  const item = document.createElement("li");
  const [time, word, sure] = ["time", "strong", "span"].map((tag) => item.appendChild(document.createElement(tag)));
  time.textContent = stamp(sample / rate);
  word.textContent = label;
  sure.textContent = score.toFixed(2);
  element("heard").prepend(item);
  while (element("heard").children.length > MOST_HEARD) element("heard").lastChild.remove();
  words.heard(label);
}

function stamp(seconds) {
  const minutes = String(Math.floor(seconds / 60)).padStart(2, "0");
  return `${minutes}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
}

element("microphone").addEventListener("click", ({ target }) =>
  target.getAttribute("aria-pressed") === "true" ? stop() : listen(),
);
element("stop").addEventListener("click", stop);
element("file").addEventListener("change", ({ target }) => {
  openFile(target.files[0]);
  target.value = ""; // the same file again is a change again
});
element("refractory").addEventListener("change", ({ target }) => {
  parameters.refractory_ms = Math.min(Math.max(Number(target.value) || 0, 0), 60000);
  target.value = parameters.refractory_ms;
  tell("detector", [parameters]);
});
for (const type of ["dragover", "dragleave", "drop"])
  addEventListener(type, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", type === "dragover");
    if (type === "drop" && description) openFile(event.dataTransfer.files[0]);
  });
