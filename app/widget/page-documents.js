// What is in the index, adding to it, and taking away.
import { at, call, el, get, headers } from "./page-service.js";
import { say } from "./page-words.js";

const KEPT_ROWS = 8;
let documents = [];
let writable = false;
let receiving = false;
let changed = () => {};

export function show(open) {
  at("documents").hidden = !open;
  at("toggle").setAttribute("aria-expanded", String(open));
}

export const showWhereWide = () => show(matchMedia("(min-width: 1080px)").matches);

/** Lists the documents, and takes files where the service does; `heard` is told of every change. */
export async function begin(heard) {
  changed = heard;
  await list();
  if (writable && !receiving) receive();
  at("drop").hidden = !writable;
  return documents;
}

async function list() {
  const found = [];
  let next = "";
  do {
    const page = await get(`/v1/documents?limit=200${next}`);
    found.push(...page.documents);
    writable = page.writable;
    next = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (next && found.length < 5000);
  documents = found;
  draw();
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
      el("i", { "aria-hidden": "true" }, kind(one)), el("span", { dir: "auto" }, one.title || one.uri), el("small", {}, one.uri)),
    writable ? remover(one) : "")));
  at("count").textContent = documents.length ? String(documents.length) : "";
  at("empty").hidden = documents.length > 0;
  at("filter").hidden = documents.length < 8;
}

/** A button that removes on its second press. */
function remover(document) {
  const name = document.title || document.uri;
  const relax = () => {
    made.textContent = say("remove");
    made.classList.remove("sure");
    made.setAttribute("aria-label", say("removing", { name }));
  };
  const press = () => {
    if (made.classList.contains("sure")) {
      void remove(document);
      return;
    }
    made.textContent = say("sure");
    made.classList.add("sure");
    made.setAttribute("aria-label", say("surely", { name }));
  };
  const made = el("button", { type: "button", click: press, blur: relax, mouseleave: () => made.matches(":focus-visible") || relax() });
  relax();
  return made;
}

async function remove({ id, title, uri }) {
  const tell = (kind, sentence) =>
    at("uploads").append(el("li", { class: kind }, el("span", { dir: "auto" }, title || uri), el("small", {}, sentence)));
  try {
    await call(`/v1/documents/${encodeURIComponent(id)}`, "DELETE");
    if (!uri.startsWith("upload/")) tell("told", say("removed"));
  } catch (error) {
    tell("bad", error.message);
  }
  await list();
  // the button that had the focus is gone
  (at("list").querySelector("a") ?? at("toggle")).focus();
  changed(documents);
}

/** Sends one file; the row tells how far it is and what became of it. */
async function upload(file) {
  const progress = el("progress", { max: "1", value: "0", "aria-label": file.name });
  const said = el("small", {}, say("sending"));
  const row = el("li", {}, el("span", { title: file.name, dir: "auto" }, file.name), said, progress);
  at("uploads").append(row);
  const body = new FormData();
  body.append("file", file);
  const shown = await headers();
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = total ? loaded / total : 0;
      if (loaded < total) return;
      said.textContent = say("reading");
      // How long that takes is not known: the bar then only says that it goes on.
      progress.removeAttribute("value");
    });
    request.addEventListener("loadend", () => {
      const { good, sentence } = outcome(request);
      progress.remove();
      row.classList.add(good ? "good" : "bad");
      said.textContent = sentence;
      done(good);
    });
    request.open("POST", "/v1/documents");
    for (const [name, value] of Object.entries(shown)) request.setRequestHeader(name, value);
    request.send(body);
  });
}

/** Reads what became of a file. */
function outcome({ status, response }) {
  if (status < 200 || status >= 300) {
    return { good: false, sentence: response?.detail ?? response?.title ?? say("silent") };
  }
  const found = response?.documents ?? [];
  const problem = found.find((one) => one.problem)?.problem;
  if (problem) return { good: false, sentence: problem.detail };
  const chunks = found.reduce((sum, one) => sum + (one.chunks ?? 0), 0);
  const state = say(found[0]?.status ?? "added") ?? found[0].status;
  const passages = chunks === 1 ? say("passage") : say("passages", { n: chunks });
  return { good: true, sentence: chunks ? `${state} · ${passages}` : state };
}

async function add(files) {
  const rows = [...at("uploads").children];
  for (const row of rows.slice(0, Math.max(0, rows.length + files.length - KEPT_ROWS))) row.remove();
  for (const file of files) {
    if (await upload(file)) await list();
  }
  changed(documents);
}

function receive() {
  receiving = true;
  at("choose").addEventListener("click", () => at("files").click());
  at("files").addEventListener("change", ({ target }) => {
    void add([...target.files]);
    target.value = "";
  });
  const dragged = (event) => writable && event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    show(true);
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", (event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    mark(false);
    void add([...event.dataTransfer.files]);
  });
}

at("toggle").addEventListener("click", () => show(at("documents").hidden));
at("shut").addEventListener("click", () => show(false));
at("filter").addEventListener("input", draw);
