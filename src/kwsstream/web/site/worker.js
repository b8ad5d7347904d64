/**
 * The model and the detector, off the page's thread: a page that is busy drawing loses no audio.
 *
 * Messages in are {type, arguments} of `work`, below. Messages out: {ready: description}, {stream, steps, detections,
 * dropped}, {stream, ended}, {failed: text}. A stream has the number that the page gave it.
 * It is no module worker, since the runtime calls importScripts.
 */

const WAITING_S = 2; // of sound at most, before some is dropped
const REPORT_MS = 30;

let spotter;
let detector;
let Queue;
let stream = 0; // the number of the stream that goes on: work for an older one ends
let wake = () => {};

const work = {
  async load(url) {
    const modules = [import("./spotter.js"), import("./detector.js"), import("./queue.js")];
    const [{ Spotter }, { Detector }, queue] = await Promise.all(modules);
    Queue = queue.Queue;
    spotter = await Spotter.load(new URL(url, location.href));
    const { description, labels, hop } = spotter;
    detector = new Detector(description.detector, labels, hop, description.clock.sample_rate_hz);
    postMessage({ ready: description });
  },

  async listen(mine, port) {
    await start(mine);
    const queue = new Queue(WAITING_S * spotter.description.clock.sample_rate_hz);
    port.onmessage = ({ data }) => {
      queue.push(data);
      wake();
    };
    const report = new Report(mine, queue);
    while (mine === stream) {
      const chunk = queue.shift();
      if (chunk) report.add(await run(chunk), chunk);
      else await new Promise((resolve) => (wake = resolve));
      report.send();
      await turn();
    }
    port.close();
  },

  async play(mine, samples, realTime) {
    await start(mine);
    const { hop } = spotter;
    const report = new Report(mine);
    const started = performance.now();
    for (let at = 0; at + hop <= samples.length; at += hop) {
      if (realTime) await until(started + (1000 * (at + hop)) / spotter.description.clock.sample_rate_hz);
      const chunk = samples.subarray(at, at + hop);
      report.add(await run(chunk), chunk);
      if (report.send()) await turn();
      if (mine !== stream) return;
    }
    report.send(true);
    postMessage({ stream: mine, ended: true });
  },

  async stop(next) {
    stream = next;
    wake();
  },

  async detector(parameters) {
    detector.set(parameters);
  },
};

onmessage = async ({ data: { type, arguments: given } }) => {
  try {
    await work[type](...given);
  } catch (error) {
    postMessage({ failed: error.message });
  }
};

async function start(mine) {
  stream = mine;
  await spotter.reset();
  detector.reset();
}

async function run(chunk) {
  const steps = await spotter.push(chunk);
  const detections = steps.map(({ scores }) => detector.push(scores)).filter(Boolean);
  return { steps, detections };
}

/** What has happened since the page was told last. */
class Report {
  constructor(stream, queue) {
    this.stream = stream;
    this.queue = queue;
    this.sent = performance.now();
    this.clear();
  }

  clear() {
    this.steps = [];
    this.detections = [];
  }

  add({ steps, detections }, chunk) {
    const peak = chunk.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    this.steps.push(...steps.map((step) => ({ ...step, peak })));
    this.detections.push(...detections);
  }

  /** @returns {boolean} whether it was time to */
  send(now = false) {
    if (!this.steps.length || (!now && performance.now() - this.sent < REPORT_MS)) return false;
    this.sent = performance.now();
    const { stream, steps, detections } = this;
    postMessage({ stream, steps, detections, dropped: this.queue?.dropped ?? 0 });
    this.clear();
    return true;
  }
}

const until = (time) => new Promise((resolve) => setTimeout(resolve, time - performance.now()));

/** Let messages in; setTimeout would wait for 4 ms. */
const channel = new MessageChannel();
const turn = () =>
  new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });
