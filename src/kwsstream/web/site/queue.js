/** Audio waiting for the model, at most so many samples: what is older is dropped, and counted. */

export class Queue {
  /** @param {number} most samples */
  constructor(most) {
    this.most = most;
    /** @type {Float32Array[]} */
    this.chunks = [];
    this.length = 0;
    this.dropped = 0;
  }

  /** @param {Float32Array} chunk */
  push(chunk) {
    this.chunks.push(chunk);
    this.length += chunk.length;
    while (this.length > this.most) {
      const { length } = this.chunks.shift();
      this.length -= length;
      this.dropped += length;
    }
  }

  /** @returns {Float32Array | undefined} */
  shift() {
    const chunk = this.chunks.shift();
    this.length -= chunk?.length ?? 0;
    return chunk;
  }
}
