// The page of who keeps the documents: what is there and what to know of it, adding, replacing, removing.
import { at, call, el, get, key } from "./page-service.js";
import { offered, signed } from "./page-sign-in.js";
import { accounted, add, chooser, counted, named, send } from "./documents-send.js";

const PAGE = 50;
const LONGEST = 500;
const SAID_BY = { operator: "named by a rule, a side-car or whoever added it", document: "named by the document itself" };
const shown = { sort: "title", next: null, listed: {}, documents: [] };

const day = (date) => (date ? new Date(date).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" }) : "");
const wantsText = () => at("find").elements.where.value === "text";

function kind({ uri, media_type: type }) {
  const ending = /\.(\w{1,4})$/.exec(uri)?.[1] ?? type.split("/").pop();
  return ending.slice(0, 4).toUpperCase();
}

function readersOf({ everyone, names, others }) {
  if (everyone) return "Everyone";
  const own = names.map((one) => named(one, shown.listed.any_reader ? [] : shown.listed.choices ?? []));
  return [...own, ...(others ? [counted(others, "other", "others")] : [])].join(", ");
}

/** How often the list or passages were asked for. */
let asks = 0;

/** Asks for a page of the list, and shows it alone or below what is there. */
async function list({ below = false } = {}) {
  const asked = new URLSearchParams({ limit: PAGE, sort: shown.sort });
  if (!wantsText() && at("wanted").value.trim()) asked.set("q", at("wanted").value.trim());
  if (at("noted").checked) asked.set("findings", "true");
  if (below) asked.set("after", shown.next);
  const turn = ++asks;
  const found = await get(`/v1/documents?${asked}`);
  // an answer that was overtaken by a later question
  if (turn !== asks) return;
  shown.listed = found;
  shown.next = found.next;
  shown.documents = below ? [...shown.documents, ...found.documents] : found.documents;
  const rows = found.documents.flatMap(row);
  if (below) at("rows").append(...rows);
  else at("rows").replaceChildren(...rows);
  for (const part of document.querySelectorAll(".kept")) part.hidden = found.choices === null;
  at("noted-label").hidden = found.choices === null || wantsText();
  for (const button of document.querySelectorAll("[data-sort]")) {
    const [by, down] = [shown.sort.replace("-", ""), shown.sort.startsWith("-")];
    const order = by === button.dataset.sort ? (down ? "descending" : "ascending") : "none";
    button.parentElement.setAttribute("aria-sort", order);
  }
  face(found.documents.length || below ? "list" : "", found.total);
}

/** Shows the list, the passages or that there is nothing. */
function face(which, total) {
  at("held").hidden = which !== "list";
  at("passages").hidden = which !== "passages";
  at("more").hidden = which !== "list" || !shown.next;
  at("count").textContent = which === "passages" ? counted(total, "passage", "passages") : counted(total, "document", "documents");
  const asked = at("wanted").value.trim() || at("noted").checked;
  at("empty").hidden = Boolean(which);
  at("empty").textContent = asked ? "Nothing here fits." : "There are no documents yet that you may read.";
}

function row(one) {
  const { upkeep, title, uri, url, modified } = one;
  const more = el("tr", { class: "details", hidden: "" }, el("td", { colspan: "4" }));
  const toggle = el("button", { type: "button", "aria-expanded": "false", "aria-label": `Details of ${title || uri}`, click: () => open(one, toggle, more) }, "Details");
  const head = el("tr", { "data-id": one.id },
    el("th", { scope: "row" },
      el("i", { "aria-hidden": "true" }, kind(one)),
      el("a", { href: url, target: "_blank", rel: "noopener", dir: "auto" }, title || uri),
      upkeep?.findings.length ? el("b", { class: "mark" }, counted(upkeep.findings.length, "finding", "findings")) : "",
      el("small", { dir: "auto" }, uri)),
    upkeep ? el("td", { class: "kept", dir: "auto" }, readersOf(upkeep.readers)) : "",
    upkeep ? el("td", { class: "kept" }, day(modified)) : "",
    el("td", {}, toggle));
  return [head, more];
}

/** Opens what there is to know of a document, and closes it again. */
async function open(one, toggle, more) {
  const opens = more.hidden;
  toggle.setAttribute("aria-expanded", String(opens));
  more.hidden = !opens;
  if (!opens || more.firstChild.childElementCount) return;
  more.firstChild.append(el("p", {}, "Looking…"));
  try {
    more.firstChild.replaceChildren(...details(await get(`/v1/documents/${encodeURIComponent(one.id)}`)));
  } catch (error) {
    more.firstChild.replaceChildren(el("p", { role: "alert" }, error.message));
  }
}

function languageOf(code) {
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code);
  } catch {
    return code; // whoever wrote the document named it so
  }
}

function details(whole) {
  const { upkeep, metadata, pages, chunks, characters, modified } = whole;
  const facts = [
    ["Size", [pages ? counted(pages, "page", "pages") : "", counted(chunks, "passage", "passages"), counted(characters, "character", "characters")].filter(Boolean).join(", ")],
    ["Language", [metadata.language ?? []].flat().map(languageOf).join(", ")],
    ["Dated", day(modified)],
  ];
  if (!upkeep) return [factsOf(facts)];
  const { readers, account, findings, found_on: when } = upkeep;
  const said = readers.said_by ? `${readersOf(readers)}: ${SAID_BY[readers.said_by]}` : "Everyone who may use this service";
  facts.unshift(["Who may read", said], ["Read of the file", account ? accounted(account) : ""]);
  const found = findings.length
    ? [el("h3", {}, `What you should know${when ? `, found on ${day(when)}` : ""}`), el("ul", { class: "notes" }, ...findings.map((each) => el("li", { dir: "auto" }, each)))]
    : [];
  return [...found, factsOf(facts), acts(whole)];
}

const factsOf = (facts) =>
  el("dl", {}, ...facts.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));

function acts(one) {
  if (!shown.listed.writable) return "";
  const act = (text, click) => el("button", { type: "button", click }, text);
  const own = one.upkeep.replaceable
    ? [act("Replace by a file…", () => replace(one)), chooses() ? act("Who may read…", () => narrow(one)) : ""]
    : [el("p", { class: "hint" }, "Read from a folder or an address: its file and its readers are changed there, and come with the next ", el("code", {}, "footnote ingest"), ".")];
  return el("div", { class: "acts" }, ...own, act("Remove…", () => remove(one)));
}

/** Asks a question; resolves to whether it was agreed to. */
function agreed(title, yes, ...content) {
  at("asked-title").textContent = title;
  at("asked-what").replaceChildren(...content);
  at("yes").textContent = yes;
  at("asked").showModal();
  return new Promise((done) => {
    const end = (sure) => {
      at("asked").close();
      done(sure);
    };
    at("yes").onclick = () => end(true);
    at("no").onclick = () => end(false);
    at("asked").oncancel = () => done(false);
  });
}

async function remove({ id, uri, title, upkeep }) {
  const name = title || uri;
  const index = shown.documents.findIndex((one) => one.id === id);
  const sure = await agreed(`Remove “${name}”?`, "Remove",
    el("p", {}, "It is found no more, and no answer rests on it. This cannot be undone."),
    upkeep.replaceable
      ? el("p", {}, "Its file is deleted too.")
      : el("p", {}, "It was read from a folder or an address, and comes back with the next ingest as long as its file is there."),
    el("p", {}, "Earlier generations of the index still hold its text. To leave nothing of it anywhere, erase it where the service runs:"),
    el("p", {}, el("code", {}, `footnote docs erase ${JSON.stringify(uri)}`)));
  if (!sure) return;
  await changed(`“${name}” was removed.`, () => call(`/v1/documents/${encodeURIComponent(id)}`, "DELETE"));
  // the button that had the focus is gone
  (at("rows").querySelectorAll("[aria-expanded]")[Math.max(0, index - 1)] ?? at("wanted")).focus();
}

async function narrow({ id, uri, title, upkeep }) {
  const { readers } = upkeep;
  const boxes = chooser({ ...choosing(), chosen: readers.names, name: "narrowed", legend: "Who may read" });
  const sure = await agreed(`Who may read “${title || uri}”?`, "Change",
    boxes.element,
    readers.others ? el("p", { class: "hint" }, `${counted(readers.others, "other group or person", "other groups or people")} may read it too; what you choose takes their place.`) : "",
    el("p", { class: "hint" }, "It is read anew from the file that was kept. What the document itself or a rule says narrows this further."));
  if (!sure) return;
  const chosen = boxes.value();
  if (chosen?.length === 0) return told("Nobody was chosen; nothing was changed.");
  const form = new FormData();
  form.append("replaces", id);
  form.append("readers", chosen ? JSON.stringify(chosen) : "");
  let verdict = {};
  await changed(`Who may read “${title || uri}” was changed.`, async () => {
    const wrong = await send(form, () => {}, (what) => { verdict = what.document ?? verdict; });
    if (wrong || verdict.problem) throw new Error(verdict.problem?.detail ?? wrong);
  });
}

function replace({ id, uri }) {
  const ending = /\.\w+$/.exec(uri)?.[0] ?? "";
  const input = el("input", { type: "file", accept: ending, change: () => input.files.length && add([...input.files], { replaces: id, heard }) });
  input.click();
}

/** Does something to the list, and says what came of it. */
async function changed(sentence, act) {
  try {
    await act();
    told(sentence);
  } catch (error) {
    told(error.message);
  }
  await list();
}

function told(sentence) {
  at("said").textContent = sentence;
}

const choosing = () => ({ choices: shown.listed.choices ?? [], free: shown.listed.any_reader });
const chooses = () => shown.listed.any_reader || shown.listed.choices.length > 0;
const heard = () => find();

/** Shows passages that the index finds for the words. */
async function search() {
  const turn = ++asks;
  const { results } = await (await call("/v1/search", "POST", { query: at("wanted").value.trim(), top_k: 20 })).json();
  if (turn !== asks) return;
  at("passages").replaceChildren(...results.map(({ title, uri, url, page, headings, text }) => el("li", {},
    el("a", { href: url, target: "_blank", rel: "noopener", dir: "auto" }, title || uri),
    el("small", { dir: "auto" }, [page ? `page ${page}` : "", ...headings].filter(Boolean).join(" › ")),
    el("p", { dir: "auto" }, (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text).replace(/\n{2,}/g, "\n")))));
  at("noted-label").hidden = true;
  face(results.length ? "passages" : "", results.length);
}

const find = () => (wantsText() && at("wanted").value.trim() ? search() : list()).catch(refused);

/** Says why nothing is shown, and asks for a key where one is missing. */
async function refused({ status, message }) {
  if (status !== 401) {
    notice(message);
    return;
  }
  if (key.get()) at("locked-why").textContent = message;
  key.drop();
  lock(true);
  at("key").focus();
  at("signing").hidden = !(await offered());
}

function lock(on) {
  at("locked").hidden = !on;
  at("desk").hidden = on;
}

function notice(sentence) {
  lock(false);
  at("notice").hidden = !sentence;
  at("notice-why").textContent = sentence;
  at("other").hidden = !key.get();
}

function why({ writable, choices }) {
  if (writable) return "";
  if (choices) return "This service takes no files (FOOTNOTE_UPLOADS is off). Documents are added with footnote ingest, where the service runs.";
  if (signed() && !key.get()) return "You may read documents, and neither add nor remove any: that is for the groups named in FOOTNOTE_WRITER_GROUPS.";
  return "This key may read documents, and neither add nor remove any. That needs a key with the right to write, made by: footnote keys create NAME --kind ingest";
}

let boxes;
async function begin() {
  // what another key was shown
  at("rows").replaceChildren();
  at("adding").hidden = at("there").hidden = true;
  try {
    await list();
  } catch (error) {
    await refused(error);
    return;
  }
  notice(why(shown.listed));
  at("adding").hidden = !shown.listed.writable;
  at("there").hidden = false;
  boxes = chooser({ ...choosing(), name: "readers", legend: "Who may read what you add" });
  at("readers").replaceChildren(boxes.element || el("p", { class: "hint" }, "Everyone who may use this service can read what you add here."));
}

function take(files) {
  if (!files.length) return;
  const readers = boxes.value();
  if (readers?.length === 0) told("Choose who may read the files first, or everyone.");
  else void add(files, { readers, heard });
}

at("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(at("key").value.trim());
  void begin();
});
at("other").addEventListener("click", () => {
  key.drop();
  lock(true);
  at("key").focus();
});
at("more").addEventListener("click", () => list({ below: true }).catch(refused));
at("noted").addEventListener("change", find);
at("find").addEventListener("submit", (event) => {
  event.preventDefault();
  void find();
});
at("find").addEventListener("change", ({ target }) => target.name === "where" && find());
let pause;
at("wanted").addEventListener("input", () => {
  clearTimeout(pause);
  if (!wantsText() || !at("wanted").value) pause = setTimeout(find, 200);
});
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    shown.sort = shown.sort === button.dataset.sort ? `-${shown.sort}` : button.dataset.sort;
    list().catch(refused);
  });
}
at("choose").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", ({ target }) => {
  take([...target.files]);
  target.value = "";
});
const dragged = (event) => !at("adding").hidden && event.dataTransfer?.types.includes("Files");
const mark = (on) => document.body.classList.toggle("dropping", on);
addEventListener("dragover", (event) => {
  if (!dragged(event)) return;
  event.preventDefault();
  mark(true);
});
addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
addEventListener("drop", (event) => {
  if (!dragged(event)) return;
  event.preventDefault();
  mark(false);
  take([...event.dataTransfer.files]);
});
void begin();
