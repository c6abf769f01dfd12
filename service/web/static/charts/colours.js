// A sequential palette that rises evenly in lightness (after matplotlib's inferno), so that it
// reads without colour vision too. 0 is dark, 1 is bright.

const STOPS = [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164]];

export function colour(share) {
  const place = Math.max(0, Math.min(1, share)) * (STOPS.length - 1);
  const below = Math.min(STOPS.length - 2, Math.floor(place));
  const part = place - below;
  return STOPS[below].map((low, i) => Math.round(low + part * (STOPS[below + 1][i] - low)));
}

/** Background and text colour of a cell at `share` of the way from the least to the most. */
export function heatColour(share) {
  const [red, green, blue] = colour(0.08 + 0.88 * share);
  const bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140;
  return { background: `rgb(${red} ${green} ${blue})`, text: bright ? "#10131a" : "#ffffff" };
}
