/** The table of words: a bar for each score, a slider for each threshold. */

/**
 * @param {HTMLTableSectionElement} body
 * @param {string[]} labels
 * @param {Record<string, number>} thresholds
 * @param {(label: string, threshold: number) => void} changed
 */
export function wordTable(body, labels, thresholds, changed) {
  const rows = labels.map((label) => wordRow(label, thresholds[label], (value) => changed(label, value)));
  body.replaceChildren(...rows.map(({ row }) => row));
  return {
    /** @param {Float32Array} scores */
    show(scores) {
      rows.forEach((row, i) => row.show(scores[i]));
    },
    /** @param {string} label */
    heard(label) {
      rows.forEach(({ row }, i) => row.classList.toggle("last", labels[i] === label));
    },
  };
}

function wordRow(label, threshold, changed) {
  const row = document.createElement("tr");
  row.innerHTML = `<th scope="row"></th>
    <td><div class="bar" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><i></i></div></td>
    <td aria-hidden="true">0 %</td><td></td>`;
  const [name, , percent, control] = row.children;
  const bar = row.querySelector(".bar");
  name.textContent = label;
  bar.setAttribute("aria-label", `Score of ${label}`);
  if (threshold !== undefined) control.append(...slider(label, threshold, bar, changed));
  let shown = -1;
  return {
    row,
    show(score) {
      bar.firstChild.style.transform = `scaleX(${score})`;
      const rounded = Math.round(100 * score);
      if (rounded === shown) return;
      shown = rounded;
      percent.textContent = `${rounded} %`;
      bar.setAttribute("aria-valuenow", rounded);
    },
  };
}

function slider(label, threshold, bar, changed) {
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0.01, max: 1, step: 0.01, value: threshold });
  input.setAttribute("aria-label", `Threshold of ${label}`);
  const mark = document.createElement("b");
  const number = document.createElement("output");
  number.setAttribute("aria-hidden", "true"); // the slider says it
  bar.append(mark);
  const show = () => {
    mark.style.left = `calc(${100 * input.value}% - 2px)`;
    number.textContent = Number(input.value).toFixed(2);
  };
  input.addEventListener("input", () => {
    show();
    changed(Number(input.value));
  });
  show();
  return [input, number];
}
