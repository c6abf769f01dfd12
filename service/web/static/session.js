// The API key that this tab shows. It stays in sessionStorage: of this origin, port included, and gone
// with the tab; no cookie, so no page of another site can make a browser show it.

import { page } from "/static/urls.js";

const KEY = "subgrad-api-key";
const WHY = "subgrad-sign-in-reason";

export const key = () => sessionStorage.getItem(KEY);

export const headers = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

export function keep(token) {
  sessionStorage.setItem(KEY, token);
  sessionStorage.removeItem(WHY);
}

/** Why the service asked for a key; null where nobody came from anywhere. */
export const reason = () => sessionStorage.getItem(WHY);

/** Leads to the sign-in and from there back to this page. Never returns: the page is being left. */
export function askForKey(why = "") {
  // What was asked without a key, while the page was being left or after, knows less than what was
  // asked with the one that ended.
  if (key() || !reason()) sessionStorage.setItem(WHY, why);
  sessionStorage.removeItem(KEY);
  if (location.pathname !== page.signIn()) location.assign(page.signIn(location.pathname + location.search));
  return new Promise(() => {});
}
