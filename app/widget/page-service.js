// What the page's parts share: making elements, and calling the service with the tab's key or who is signed in.
import { renew, signed, token } from "./page-sign-in.js";
import { say } from "./page-words.js";

export const at = (id) => document.getElementById(id);

/** Makes an element; text goes in as text, never as markup. */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

// Where the service needs a key, a person gives it once for this tab.
const KEY = "footnote:key";
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (secret) => sessionStorage.setItem(KEY, secret),
  drop: () => sessionStorage.removeItem(KEY),
};
export async function headers() {
  const shown = key.get() ?? (await token());
  return shown ? { authorization: `Bearer ${shown}` } : {};
}

class Failed extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

export async function call(path, method = "GET", body = undefined) {
  const sent = body && { "content-type": "application/json" };
  const shown = await headers();
  const ask = async () => fetch(path, { method, headers: { ...(await headers()), ...sent }, body: body && JSON.stringify(body) });
  let response = await ask();
  if (response.status === 401 && signed() && !key.get()) {
    await renew(shown.authorization?.replace("Bearer ", ""));
    response = await ask();
  }
  if (response.ok) return response;
  const { detail } = await response.json().catch(() => ({}));
  throw new Failed(response.status, detail ?? say("silent"));
}

export const get = async (path) => (await call(path)).json();
