// The page around the chat: what is in the index, adding to it, and how an answer came about.
"use strict";

const at = (id) => document.getElementById(id);
const chat = at("chat");

/** Makes an element; text goes in as text, never as markup. */
function el(tag, attributes, ...children) {
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
const headers = () => {
  const key = sessionStorage.getItem(KEY);
  return key ? { authorization: `Bearer ${key}` } : {};
};

class Failed extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function call(path, method = "GET") {
  const response = await fetch(path, { method, headers: headers() });
  if (response.ok) return response;
  const { detail } = await response.json().catch(() => ({}));
  throw new Failed(response.status, detail ?? "The service does not answer.");
}

const get = async (path) => (await call(path)).json();

// ---- documents

// Questions that the sample handbook answers. One is offered where its document is in the index.
const STARTERS = {
  "hr/annual-leave.md": "How many days of annual leave do I get?",
  "finance/expenses.md": "How long do I have to hand in a receipt?",
  "it/passwords-and-mfa.md": "How long must a password be?",
  "hr/remote-work.md": "How many days a week may I work from home?",
};
let documents = [];
let removable = false;

function show(open) {
  at("documents").hidden = !open;
  at("toggle").setAttribute("aria-expanded", String(open));
}

const showWhereWide = () => show(matchMedia("(min-width: 1080px)").matches);

function kind({ uri, media_type: type }) {
  const ending = /\.(\w{1,4})$/.exec(uri)?.[1] ?? type.split("/").pop();
  return ending.slice(0, 4).toUpperCase();
}

function draw() {
  const wanted = at("filter").value.toLowerCase();
  const rows = documents.filter(({ title, uri }) => `${title} ${uri}`.toLowerCase().includes(wanted));
  at("list").replaceChildren(...rows.map((one) => el("li", {},
    el("a", { href: one.url, target: "_blank", rel: "noopener" },
      el("i", { "aria-hidden": "true" }, kind(one)), el("span", {}, one.title || one.uri), el("small", {}, one.uri)),
    removable ? el("button", { type: "button", "aria-label": `Remove ${one.title || one.uri}`, click: () => remove(one) }, "Remove") : "")));
  at("count").textContent = documents.length ? String(documents.length) : "";
  at("empty").hidden = documents.length > 0;
  at("filter").hidden = documents.length < 8;
}

async function remove({ id, title, uri }) {
  if (!confirm(`Remove “${title || uri}” from the index?`)) return;
  await call(`/v1/documents/${encodeURIComponent(id)}`, "DELETE");
  await list();
}

async function list() {
  const found = [];
  let next = "";
  do {
    const page = await get(`/v1/documents?limit=200${next}`);
    found.push(...page.documents);
    next = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (next && found.length < 5000);
  documents = found;
  draw();
}

// ---- adding documents

function upload(file) {
  const progress = el("progress", { max: "1", value: "0", "aria-label": file.name });
  const said = el("small", {}, "Sending…");
  const row = el("li", {}, el("span", { title: file.name }, file.name), said, progress);
  at("uploads").append(row);
  const body = new FormData();
  body.append("file", file);
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = total ? loaded / total : 0;
      if (loaded === total) said.textContent = "Reading…";
    });
    request.addEventListener("loadend", () => {
      const good = request.status >= 200 && request.status < 300;
      const answer = request.response ?? {};
      progress.remove();
      row.classList.toggle("bad", !good);
      said.textContent = good ? (answer.status ?? "added") : (answer.detail ?? answer.title ?? "could not be added");
      done(good);
    });
    request.open("POST", "/v1/documents");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.send(body);
  });
}

async function add(files) {
  for (const file of files) await upload(file);
  await list();
}

function receive() {
  at("drop").hidden = false;
  at("choose").addEventListener("click", () => at("files").click());
  at("files").addEventListener("change", ({ target }) => {
    void add([...target.files]);
    target.value = "";
  });
  const dragged = (event) => event.dataTransfer?.types.includes("Files");
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

// ---- how an answer came about

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
const percent = (share) => `${Math.round(share * 100)} %`;

function timeline({ sources, words, end }) {
  if (end === undefined) return [];
  const searched = sources ?? words ?? end;
  const began = words ?? end;
  const parts = [["Searching", searched], ["Until the first word", began - searched], ["Writing", end - began]];
  const bar = parts.map(([, took]) => {
    const piece = el("span", {});
    piece.style.flexGrow = String(Math.max(took, end / 200));
    return piece;
  });
  const legend = parts.map(([name, took]) => el("span", {}, el("i", {}), `${name} `, el("b", {}, seconds(took))));
  return [el("h3", {}, `Time: ${seconds(end)}`), el("div", { class: "timeline", "aria-hidden": "true" }, ...bar),
    el("div", { class: "legend" }, ...legend)];
}

function passages({ sources, citations }) {
  if (!sources.length) return [];
  const cited = new Set(citations.map(({ n }) => n));
  const section = ({ title, headings }) => (headings.length && headings.at(-1) !== title ? ` · ${headings.at(-1)}` : "");
  const rows = sources.map(({ n, label, score, ...source }) => el("li", { class: cited.has(n) ? "cited" : "" },
    el("sup", {}, String(n)), el("span", {}, label, section(source)),
    el("small", {}, `${score.toFixed(2)}${cited.has(n) ? " · cited" : ""}`),
    el("meter", { min: "0", max: "1", value: String(Math.min(Math.max(score, 0), 1)), "aria-label": `Score of passage ${n}` })));
  return [el("h3", {}, `Passages found: ${sources.length}, cited: ${cited.size}`), el("ul", { class: "ranks" }, ...rows)];
}

function checks({ sentences, text }) {
  if (!sentences.length) return [];
  const says = { supported: "Supported", partly: "Partly", unsupported: "Not supported" };
  const rows = sentences.map(({ start, end, verdict, support }) => el("li", { class: verdict },
    el("span", {}, text.slice(start, end).replace(/\s*\[\d+\]|\*\*|`/g, "").trim()),
    el("em", {}, `${says[verdict]} · ${percent(support)}`)));
  return [el("h3", {}, "Every sentence against its passage"), el("ul", { class: "checks" }, ...rows)];
}

function explain({ question, answer }) {
  const { model, usage, run } = answer;
  const by = model === "extractive" ? "Put together from the documents’ own sentences, without a language model." : model && `Written by ${model}.`;
  const read = usage?.inputTokens ? `${usage.inputTokens} tokens read, ${usage.outputTokens} written. ` : "";
  at("explanation").replaceChildren(
    el("p", {}, `“${question}”`), el("p", {}, by || ""), ...timeline(answer.times), ...passages(answer), ...checks(answer),
    el("h3", {}, "Record"), el("p", {}, read, el("code", {}, run)));
  at("explained").showModal();
}

// ---- beginning

async function begin() {
  const key = sessionStorage.getItem(KEY);
  if (key) chat.setAttribute("key", key);
  await list();
  if (chat.hidden) {
    at("locked").hidden = true;
    chat.hidden = false;
    showWhereWide();
  }
  const { paths } = await get("/openapi.json");
  if (paths["/v1/documents"]?.post) receive();
  if (paths["/v1/documents/{document_id}"]?.delete) {
    removable = true;
    draw();
  }
  const { model } = await get("/version");
  const many = documents.length === 1 ? "1 document" : `${documents.length} documents`;
  at("state").textContent = model === "extractive" ? `${many} · answers quote them word for word` : `${many} · ${model}`;
  const starters = Object.keys(STARTERS).filter((uri) => documents.some((one) => one.uri.endsWith(uri)));
  chat.suggest(starters.map((uri) => STARTERS[uri]));
}

/** A key that may chat but not list documents still opens the chat. */
function refused({ status, message }) {
  if (status !== 401) {
    at("state").textContent = message;
    return;
  }
  if (sessionStorage.getItem(KEY)) at("locked-why").textContent = message;
  sessionStorage.removeItem(KEY);
  chat.hidden = true;
  show(false);
  at("locked").hidden = false;
  at("key").focus();
}

at("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value.trim());
  begin().catch(refused);
});
at("toggle").addEventListener("click", () => show(at("documents").hidden));
at("shut").addEventListener("click", () => show(false));
at("fresh").addEventListener("click", () => chat.reset());
at("erase").addEventListener("click", () => chat.erase());
at("enough").addEventListener("click", () => at("explained").close());
at("filter").addEventListener("input", draw);
chat.addEventListener("footnote-explain", ({ detail }) => explain(detail));
showWhereWide();
begin().catch(refused);
