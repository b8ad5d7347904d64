#!/usr/bin/env node
/**
 * Words heard in a WAV file, one line each: seconds, label, score.
 *
 *     node spot.mjs model.json file.wav
 *     node spot.mjs --scores model.json file.wav      # instead, the logits of every step, a line of JSON each
 */

import { pathToFileURL } from "node:url";

import { decode } from "./audio.js";
import { Detector } from "./detector.js";
import { read } from "./read.js";
import { Spotter } from "./spotter.js";

async function main() {
  const words = process.argv.slice(2);
  const scores = words[0] === "--scores" && words.shift();
  if (words.length !== 2) throw new Error("expected: node spot.mjs [--scores] model.json file.wav");
  const [model, file] = words;
  const spotter = await Spotter.load(pathToFileURL(model));
  const { clock, detector: parameters } = spotter.description;
  const rate = clock.sample_rate_hz;
  const samples = await decode(await read(pathToFileURL(file)), rate);
  const detector = new Detector(parameters, spotter.labels, spotter.hop, rate);
  for (let at = 0; at < samples.length; at += rate) {
    for (const step of await spotter.push(samples.subarray(at, at + rate))) {
      const found = detector.push(step.scores);
      if (scores) console.log(JSON.stringify(Array.from(step.logits)));
      else if (found) console.log(`${(found.sample / rate).toFixed(2)} ${found.label} ${found.score.toFixed(3)}`);
    }
  }
}

try {
  await main();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
