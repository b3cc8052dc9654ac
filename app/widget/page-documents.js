// What is in the index, beside the chat. Who may change it finds a link to the page where that is done.
import { at, el, get } from "./page-service.js";

let documents = [];

export function show(open) {
  at("documents").hidden = !open;
  at("toggle").setAttribute("aria-expanded", String(open));
}

export const showWhereWide = () => show(matchMedia("(min-width: 1080px)").matches);

/** Lists the documents, and returns them. */
export async function begin() {
  const found = [];
  let writable = false;
  let next = "";
  do {
    const page = await get(`/v1/documents?limit=200${next}`);
    found.push(...page.documents);
    writable = page.writable;
    next = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (next && found.length < 5000);
  documents = found;
  at("keep").hidden = !writable;
  draw();
  return documents;
}

function kind({ uri, media_type: type }) {
  const ending = /\.(\w{1,4})$/.exec(uri)?.[1] ?? type.split("/").pop();
  return ending.slice(0, 4).toUpperCase();
}

function draw() {
  const wanted = at("filter").value.toLowerCase();
  const rows = documents.filter(({ title, uri }) => `${title} ${uri}`.toLowerCase().includes(wanted));
  at("list").replaceChildren(...rows.map((one) => el("li", {},
    el("a", { href: one.url, target: "_blank", rel: "noopener" },
      el("i", { "aria-hidden": "true" }, kind(one)), el("span", { dir: "auto" }, one.title || one.uri), el("small", {}, one.uri)))));
  at("count").textContent = documents.length ? String(documents.length) : "";
  at("empty").hidden = documents.length > 0;
  at("filter").hidden = documents.length < 8;
}

at("toggle").addEventListener("click", () => show(at("documents").hidden));
at("shut").addEventListener("click", () => show(false));
at("filter").addEventListener("input", draw);
