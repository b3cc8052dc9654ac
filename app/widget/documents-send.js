// Sending files and telling how far each is, and choosing who may read them.
import { at, el, headers } from "./page-service.js";

const MOST_FILES = 20;
const MOST_BYTES = 20_000_000;
const STAGES = { waiting: "Waiting for its turn", reading: "Being read", embedding: "Being indexed" };
const VERDICTS = { added: "Added", changed: "Replaced", unchanged: "There already, unchanged", no_text: "Without text", failed: "Not added" };
const BROKEN = "The service did not say what became of it. Look whether it is in the list, and add it again if not.";

export const counted = (n, one, many) => (n === 1 ? `1 ${one}` : `${n.toLocaleString("en")} ${many}`);

/** Names a reader for people. */
export const named = (reader, own = []) =>
  reader.startsWith("user:") ? reader.slice(5) + (own.includes(reader) ? " (you)" : " (a person)") : reader;

/** Says what became of a file's own text. */
export function accounted({ characters, kept, left_out: left, unexplained, worst }) {
  const parts = [`${kept.toLocaleString("en")} of ${counted(characters, "letter or digit", "letters and digits")} kept`];
  for (const [what, n] of Object.entries(left)) parts.push(`${n.toLocaleString("en")} left out (${what})`);
  if (unexplained) parts.push(`${unexplained.toLocaleString("en")} missing, and nobody knows why${worst ? ` (most of it ${worst})` : ""}`);
  return `${parts.join("; ")}.`;
}

/** Boxes for who may read; `value()` is null for everyone, else a list of names. */
export function chooser({ choices, free, chosen = [], name, legend }) {
  const own = free ? [] : choices;
  const radio = (value, text, checked) =>
    el("label", {}, el("input", { type: "radio", name, value, checked: checked ? "" : undefined, change: () => follow() }), ` ${text}`);
  const boxes = choices.map((one) =>
    el("label", {}, el("input", { type: "checkbox", value: one, checked: chosen.includes(one) ? "" : undefined, change: () => only() }), ` ${named(one, own)}`));
  const others = el("input", { type: "text", "aria-label": "Other readers", placeholder: "other groups, user:name", input: () => only() });
  const list = el("div", { class: "names" }, ...boxes, free ? others : "");
  const made = el("fieldset", { class: "readers" }, el("legend", {}, legend),
    radio("all", "Everyone", !chosen.length), radio("some", "Only", chosen.length), list);
  const all = made.querySelector("[value=all]");
  const ticked = () => [...list.querySelectorAll(":checked")].map(({ value }) => value);
  const only = () => { made.querySelector("[value=some]").checked = true; };
  const follow = () => { if (!all.checked) list.querySelector("input")?.focus(); };
  const value = () => (all.checked ? null : [...new Set([...ticked(), ...others.value.split(",").map((one) => one.trim()).filter(Boolean)])]);
  return { element: choices.length || free ? made : "", value };
}

/** Sends a form. `sent` hears of bytes, `said` what the service says; resolves to what went wrong, or "". */
export async function send(form, sent, said) {
  let shown;
  try {
    shown = await headers();
  } catch (error) {
    return error.message;
  }
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    let read = 0;
    let last = {};
    const listen = () => {
      if (!request.getResponseHeader("content-type")?.startsWith("text/event-stream")) return;
      const end = request.responseText.lastIndexOf("\n") + 1;
      for (const line of request.responseText.slice(read, end).split("\n")) {
        if (line.startsWith("data: ")) said((last = JSON.parse(line.slice(6))));
      }
      read = end;
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => sent(loaded, total));
    request.addEventListener("progress", listen);
    request.addEventListener("loadend", () => {
      listen();
      if (read) done(last.type === "done" ? "" : last.detail ?? BROKEN);
      else done(refusal(request));
    });
    request.open("POST", "/v1/documents");
    for (const [name, value] of Object.entries({ ...shown, accept: "text/event-stream" })) request.setRequestHeader(name, value);
    request.send(form);
  });
}

function refusal({ status, responseText }) {
  try {
    return JSON.parse(responseText).detail;
  } catch {
    return status ? `The service answered with status ${status}. Try again in a moment.` : "The service cannot be reached. Is it running?";
  }
}

/** Makes the row of a file; what it returns tells the row what is known. */
function rowOf(file) {
  const bar = el("progress", { max: "1", value: "0", "aria-label": file.name });
  const state = el("small", {}, "Waiting to be sent");
  const row = el("li", {}, el("span", { title: file.name, dir: "auto" }, file.name), state, bar);
  const end = (kind, sentence, notes = []) => {
    bar.remove();
    row.classList.add(kind);
    state.textContent = sentence;
    if (notes.length) row.append(el("ul", { class: "notes" }, ...notes.map((note) => el("li", { dir: "auto" }, note))));
  };
  return {
    row,
    ended: () => !bar.isConnected && row.classList.length > 0,
    sent(share) {
      bar.value = share;
      state.textContent = share < 1 ? `Sending, ${Math.floor(share * 100)} %` : "Sent";
    },
    at(stage) {
      // How long that takes is not known: the bar then only says that it goes on.
      bar.removeAttribute("value");
      state.textContent = STAGES[stage] ?? stage;
    },
    verdict({ status, chunks, problem, findings, account }) {
      if (problem) return end("bad", problem.detail);
      const lost = account && (account.unexplained || Object.keys(account.left_out).length);
      const notes = [...findings, ...(lost ? [accounted(account)] : [])];
      if (status === "waiting") return end("good", "Queued: it is in the list when a worker has read it", notes);
      return end("good", `${VERDICTS[status] ?? status} · ${counted(chunks, "passage", "passages")}`, notes);
    },
    fail: (sentence) => end("bad", sentence),
  };
}

/** Parts files into what is sent at once. */
function groups(files) {
  const made = [];
  let bytes = 0;
  for (const file of files) {
    if (!made.length || made.at(-1).length >= MOST_FILES || bytes + file.size > MOST_BYTES) {
      made.push([]);
      bytes = 0;
    }
    made.at(-1).push(file);
    bytes += file.size;
  }
  return made;
}

let before = Promise.resolve();
let open = 0;
/** Sends files, one group after the other; `heard` is told when some are in. `readers` of null says nothing of them. */
export function add(files, { readers = null, replaces = "", heard }) {
  const rows = files.map(rowOf);
  open += rows.length;
  at("queue").hidden = false;
  at("uploads").prepend(...rows.map(({ row }) => row));
  tell();
  let first = 0;
  for (const group of groups(files)) {
    const own = rows.slice(first, (first += group.length));
    before = before.then(() => sendGroup(group, own, { readers, replaces })).then(heard);
  }
  return before;
}

async function sendGroup(files, rows, { readers, replaces }) {
  const form = new FormData();
  if (readers) form.append("readers", JSON.stringify(readers));
  if (replaces) form.append("replaces", replaces);
  for (const file of files) form.append("file", file);
  const sent = (loaded, total) => {
    let passed = total - files.reduce((sum, { size }) => sum + size, 0);
    files.forEach(({ size }, n) => {
      if (!rows[n].ended()) rows[n].sent(loaded >= total ? 1 : Math.min(Math.max((loaded - passed) / (size || 1), 0), 1));
      passed += size;
    });
  };
  const wrong = await send(form, sent, (told) => {
    if (told.type === "progress") rows[told.file].at(told.stage);
    if (told.type !== "document") return;
    rows[told.file].verdict(told.document);
    open -= 1;
    tell();
  });
  for (const row of rows.filter((one) => !one.ended())) {
    row.fail(wrong || BROKEN);
    open -= 1;
  }
  tell();
}

function tell() {
  const [all, bad] = [at("uploads").childElementCount, at("uploads").querySelectorAll(":scope > .bad").length];
  const failed = bad ? `, ${bad} not taken` : "";
  at("told").textContent = open ? `${all - open} of ${counted(all, "file", "files")} done${failed}` : `${counted(all, "file", "files")} done${failed}`;
  at("clear").hidden = open > 0;
}

at("clear").addEventListener("click", () => {
  at("uploads").replaceChildren();
  at("queue").hidden = true;
  at("choose").focus();
});
// What has been sent goes in also when the tab is closed; what has not is lost.
addEventListener("beforeunload", (event) => open && event.preventDefault());
