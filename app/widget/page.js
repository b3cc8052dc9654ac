// The page around the chat: its beginning, the key, and which part of it is open.
import { begin as showDocuments, show, showWhereWide } from "./page-documents.js";
import { explain } from "./page-explain.js";
import { at, get, key } from "./page-service.js";

const chat = at("chat");
// Questions that the sample handbook answers. One is offered where its document is in the index.
const STARTERS = {
  "hr/annual-leave.md": "How many days of annual leave do I get?",
  "finance/expenses.md": "How long do I have to hand in a receipt?",
  "it/passwords-and-mfa.md": "How long must a password be?",
  "hr/remote-work.md": "How many days a week may I work from home?",
};

async function begin() {
  if (key.get()) chat.setAttribute("key", key.get());
  const documents = await showDocuments(told);
  if (chat.hidden) {
    lock(false);
    showWhereWide();
  }
  told(documents);
  const starters = Object.keys(STARTERS).filter((uri) => documents.some((one) => one.uri.endsWith(uri)));
  chat.suggest(starters.map((uri) => STARTERS[uri]));
}

/** Says in the bar what is being asked: how many documents, and who writes. */
async function told({ length }) {
  const { model } = await get("/version");
  const many = length === 1 ? "1 document" : `${length} documents`;
  at("state").textContent = model === "extractive" ? `${many} · answers quote them word for word` : `${many} · ${model}`;
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
