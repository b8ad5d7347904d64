/** Where sound comes from: the microphone, to the worker by the audio thread; recordings, which are played too. */

/**
 * Listen until what it returns is called.
 * @param {{rate: number, hop: number}} options of the model
 * @returns {Promise<{port: MessagePort, close: () => void}>} the port gives hops of samples
 */
export async function openMicrophone({ rate, hop }) {
  if (!navigator.mediaDevices) throw new Error("A microphone needs a page from https or from localhost.");
  const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  let sound;
  try {
    sound = await navigator.mediaDevices.getUserMedia({ audio: constraints });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The microphone cannot be opened (${error.message}).`);
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, processorOptions: { rate, hop } });
  const { port1, port2 } = new MessageChannel();
  capture.port.postMessage(port1, [port1]);
  context.createMediaStreamSource(sound).connect(capture);
  await context.resume();
  return {
    port: port2,
    close() {
      sound.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}

const REASONS = {
  NotAllowedError: "The microphone is not allowed: allow it for this page in the browser's settings, and press the button again.",
  NotFoundError: "There is no microphone: connect one, or drop a sound file here.",
  NotReadableError: "The microphone is in use by another program.",
};

/**
 * Let a recording be heard.
 * @param {Float32Array} samples
 * @param {number} rate Hz
 * @returns {() => void} ends it
 */
export function hear(samples, rate) {
  const context = new AudioContext();
  const sound = context.createBuffer(1, samples.length, rate);
  sound.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  source.connect(context.destination);
  source.start();
  return () => context.close();
}
