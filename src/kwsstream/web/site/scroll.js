/** Pictures that scroll to the left as steps come in: the waveform, and the features. */

const STEP_PIXELS = 2;

class Scroll {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.fit();
    new ResizeObserver(() => this.fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.clear());
    this.clear();
  }

  fit() {
    if (this.canvas.clientWidth && this.canvas.width !== this.canvas.clientWidth) this.canvas.width = this.canvas.clientWidth;
  }

  clear() {
    this.style = getComputedStyle(document.documentElement);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  colour(name) {
    return this.style.getPropertyValue(name).trim();
  }

  /** Make room for the next columns, and draw each. */
  advance(columns, draw) {
    const { canvas, context } = this;
    const shown = columns.slice(-Math.ceil(canvas.width / STEP_PIXELS));
    const room = shown.length * STEP_PIXELS;
    context.globalCompositeOperation = "copy";
    context.drawImage(canvas, -room, 0);
    context.globalCompositeOperation = "source-over";
    shown.forEach((column, i) => draw(column, canvas.width - room + i * STEP_PIXELS));
  }
}

export class Wave extends Scroll {
  /** @param {{peak: number, heard: boolean}[]} steps */
  add(steps) {
    const { height } = this.canvas;
    this.advance(steps, ({ peak, heard }, x) => {
      if (heard) this.line(x, this.colour("--heard"), height);
      this.line(x, this.colour("--accent"), Math.max(1, Math.min(1, peak) * height));
    });
  }

  line(x, colour, length) {
    this.context.fillStyle = colour;
    this.context.fillRect(x, (this.canvas.height - length) / 2, STEP_PIXELS, length);
  }
}

/** Each feature against its own mean and deviation of late. */
export class Spectrogram extends Scroll {
  /** @param {Float32Array[]} frames */
  add(frames) {
    if (!frames.length) return;
    this.mean ??= Float64Array.from(frames[0]);
    this.square ??= this.mean.map(() => 1);
    const cold = this.colour("--cold").split(" ").map(Number);
    const warm = this.colour("--warm").split(" ").map(Number);
    const size = this.canvas.height / frames[0].length;
    this.advance(frames, (frame, x) =>
      frame.forEach((value, i) => {
        const away = (value - this.mean[i]) / Math.sqrt(this.square[i]);
        const share = Math.min(1, Math.max(0, 0.4 + away / 4));
        this.context.fillStyle = `rgb(${cold.map((c, k) => Math.round(c + share * (warm[k] - c))).join(" ")})`;
        const top = this.canvas.height - (i + 1) * size;
        this.context.fillRect(x, Math.floor(top), STEP_PIXELS, Math.ceil(size));
        this.mean[i] += 0.01 * (value - this.mean[i]);
        this.square[i] += 0.01 * ((value - this.mean[i]) ** 2 - this.square[i]);
      }),
    );
  }
}
