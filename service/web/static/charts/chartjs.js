// Chart.js, from the Python package that carries it (service/api/pages.py), and what all charts here
// share: defaults, and the colours of the page.

import "/static/chartkick/Chart.bundle.js";

export const { Chart } = globalThis;

Object.assign(Chart.defaults, {
  animation: false,
  maintainAspectRatio: false,
  responsive: false, // whoever holds a chart says how large it is
  events: [], // and reads it by keys as well as by the pointer
  parsing: false,
  normalized: true,
});
Object.assign(Chart.defaults.font, { family: "system-ui, sans-serif", size: 11 });
Object.assign(Chart.defaults.elements.line, { borderWidth: 1.8, borderJoinStyle: "round" });
Object.assign(Chart.defaults.elements.point, { radius: 0, hoverRadius: 3.5, borderWidth: 0 });
Chart.defaults.plugins.legend.display = false;
Chart.defaults.plugins.tooltip.enabled = false;

const resolved = new Map();
let probe;

/** The colour that a variable of the style sheets has now: a canvas knows neither those nor themes. */
export function ink(variable, alpha = 1) {
  if (!resolved.has(variable)) {
    if (!probe) document.body.append((probe = document.createElement("span")));
    probe.hidden = true;
    probe.style.color = `var(--${variable})`;
    resolved.set(variable, getComputedStyle(probe).color);
  }
  return alpha === 1 ? resolved.get(variable) : Chart.helpers.color(resolved.get(variable)).alpha(alpha).rgbString();
}

/** The colour of the n-th series. */
export const inkOf = (n, alpha) => ink(`c${n % 10}`, alpha);

const themes = ["(prefers-color-scheme: dark)", "print"].map((query) => matchMedia(query));

/** Calls it whenever colours change: in the dark, and on paper. */
export function onTheme(draw) {
  for (const theme of themes) theme.addEventListener("change", draw);
}

onTheme(() => resolved.clear());
