/** WAV files: PCM of 8, 16, 24 or 32 bits, or float of 32 or 64, any rate, channels averaged. */

const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/**
 * @param {Uint8Array} bytes
 * @returns {{samples: Float32Array, rate: number}} in [-1, 1]
 */
export function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isWav(bytes)) throw new Error("This is not a WAV file: it does not begin with RIFF and WAVE.");
  const { fmt, data } = chunks(view);
  if (!fmt || !data) throw new Error("This WAV file is cut short: its format or its samples are missing.");
  const coded = view.getUint16(fmt.start, true);
  const kind = coded === EXTENSIBLE ? view.getUint16(fmt.start + 24, true) : coded;
  const channels = view.getUint16(fmt.start + 2, true);
  const rate = view.getUint32(fmt.start + 4, true);
  const bits = view.getUint16(fmt.start + 14, true);
  const sample = reader(view, kind, bits);
  const size = bits / 8;
  const samples = new Float32Array(Math.floor(data.size / (size * channels)));
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += sample(data.start + (i * channels + channel) * size);
    samples[i] = sum / channels;
  }
  return { samples, rate };
}

/** @param {Uint8Array} bytes */
export function isWav(bytes) {
  const word = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  return word(0) === "RIFF" && word(8) === "WAVE";
}

/** The chunks of a RIFF file by name; one that says it is longer than the file ends with it. */
function chunks(view) {
  const found = {};
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const name = String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i))).trim();
    const size = Math.min(view.getUint32(at + 4, true), view.byteLength - at - 8);
    found[name] ??= { start: at + 8, size };
    at += 8 + size + (size % 2);
  }
  return found;
}

/** @returns {(at: number) => number} */
function reader(view, kind, bits) {
  if (kind === FLOAT && bits === 32) return (at) => view.getFloat32(at, true);
  if (kind === FLOAT && bits === 64) return (at) => view.getFloat64(at, true);
  if (kind === 1 && bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
  if (kind === 1 && bits === 16) return (at) => view.getInt16(at, true) / 32768;
  if (kind === 1 && bits === 24) return (at) => (view.getUint8(at) + (view.getInt16(at + 1, true) << 8)) / 8388608;
  if (kind === 1 && bits === 32) return (at) => view.getInt32(at, true) / 2147483648;
  throw new Error(`This WAV file is of format ${kind} with ${bits} bits: save it as 16-bit PCM.`);
}
