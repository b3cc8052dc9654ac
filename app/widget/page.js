// The page around the chat: its beginning, the key, and which part of it is open.
import { begin as showDocuments, show, showWhereWide } from "./page-documents.js";
import { explain } from "./page-explain.js";
import { at, get, key } from "./page-service.js";
import { say } from "./page-words.js";

const chat = at("chat");
async function begin() {
  if (key.get()) chat.setAttribute("key", key.get());
  const documents = await showDocuments();
  if (chat.hidden) {
    lock(false);
    showWhereWide();
  }
  told(documents);
  await suggest();
}

/** Offers questions that the documents answer. The chat does without where they cannot be had. */
async function suggest() {
  const { questions } = await get("/v1/starters").catch(() => ({ questions: [] }));
  chat.suggest(questions);
}

/** Says in the bar what is being asked: how many documents, and who writes. */
async function told({ length }) {
  const { model } = await get("/version");
  const many = length === 1 ? say("one") : say("many", { n: length });
  at("state").textContent = `${many} · ${model === "extractive" ? say("quotes") : model}`;
}

/** A key that may chat but not list documents still opens the chat. */
function refused({ status, message }) {
  if (status !== 401) {
    at("state").textContent = message;
    return;
  }
  if (key.get()) at("locked-why").textContent = message;
  key.drop();
  lock(true);
  show(false);
  at("key").focus();
}

/** Shows the form for a key in place of everything that needs one. */
function lock(on) {
  at("locked").hidden = !on;
  chat.hidden = at("acts").hidden = on;
}

at("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(at("key").value.trim());
  begin().catch(refused);
});
at("fresh").addEventListener("click", () => chat.reset());
at("erase").addEventListener("click", () => chat.erase());
chat.addEventListener("footnote-explain", ({ detail }) => explain(detail));
showWhereWide();
begin().catch(refused);
