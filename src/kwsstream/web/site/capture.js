/**
 * Sound as it comes in, on the audio thread: channels averaged, resampled, and sent in hops to the worker.
 *
 * Options: `rate` and `hop` in samples of the model. The first message brings the port to send to.
 */

import { Resampler } from "./resample.js";

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, hop } }) {
    super();
    this.resampler = new Resampler(sampleRate, rate);
    this.hop = new Float32Array(hop);
    this.filled = 0;
    this.port.onmessage = ({ data }) => (this.worker = data);
  }

  process([channels]) {
    if (this.worker && channels.length) this.send(this.resampler.push(mono(channels)));
    return true;
  }

  send(samples) {
    for (const sample of samples) {
      this.hop[this.filled++] = sample;
      if (this.filled === this.hop.length) {
        this.filled = 0;
        this.worker.postMessage(this.hop.slice());
      }
    }
  }
}

/** @param {Float32Array[]} channels */
function mono(channels) {
  return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

registerProcessor("capture", Capture);
