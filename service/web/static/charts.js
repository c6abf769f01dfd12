// The one door to what draws. Pages know these names and nothing of Chart.js, SVG or canvas.

export { LineChart } from "/static/charts/line.js";
export { UnitMap } from "/static/charts/unit-map.js";
export { heatColour } from "/static/charts/colours.js";
export { ActivationPlot } from "/static/charts/activation.js";
