// Elements without markup in strings: text is always text.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** An HTML element: attributes, `on…` listeners, children (lists and nulls allowed). */
export const h = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);

/** The same in SVG. */
export const svg = (name, properties = {}, ...children) => fill(document.createElementNS(SVG, name), properties, children);

export function show(host, ...children) {
  host.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Says something to screen readers alone. */
export function announce(text) {
  let host = document.querySelector("#announcements");
  if (!host) document.body.append((host = h("p", { id: "announcements", class: "unseen", "aria-live": "polite" })));
  host.textContent = text;
}

let next = 0;
/** An id that no other element has. */
export const fresh = (what) => `${what}-${(next += 1)}`;

export function setTitle(text) {
  document.title = `${text} · Subgrad`;
}
