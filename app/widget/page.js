// The page around the chat: its beginning, who asks, and which part of it is open.
import { begin as showDocuments, show, showWhereWide } from "./page-documents.js";
import { explain } from "./page-explain.js";
import { at, get, key } from "./page-service.js";
import { arrive, offered, pass, signIn, signOut, signed, who } from "./page-sign-in.js";
import { say } from "./page-words.js";

const chat = at("chat");
async function begin() {
  if (key.get()) chat.setAttribute("key", key.get());
  at("past").hidden = Boolean(key.get());
  at("out").hidden = !signed();
  const documents = await showDocuments();
  if (chat.hidden) {
    lock(false);
    showWhereWide();
  }
  await told(documents);
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
  const by = model === "extractive" ? say("quotes") : model;
  state([who(), many, by].filter(Boolean).join(" · "));
}

/** Says it in the bar, on small screens only what went wrong; what is too long is there for who points at it. */
function state(sentence, wrong = false) {
  at("state").textContent = at("state").title = sentence;
  at("state").classList.toggle("wrong", wrong);
}

/** A key that may chat but not list documents still opens the chat. */
async function refused({ status, message }) {
  if (status !== 401) {
    state(message, true);
    return;
  }
  const told = problem || ((key.get() || wasSigned) && message);
  if (told) at("locked-why").textContent = told;
  key.drop();
  lock(true);
  show(false);
  const provider = await offered();
  at("in").hidden = !provider;
  document.querySelector("#locked label").textContent = say(provider ? "orKey" : "locked");
  (provider ? at("in") : at("key")).focus();
}

/** Shows the form for a key in place of everything that needs one. */
function lock(on) {
  at("locked").hidden = !on;
  chat.hidden = at("acts").hidden = on;
}

at("locked").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(at("key").value.trim());
  chat.getToken = undefined;
  begin().catch(refused);
});
at("in").addEventListener("click", () => signIn().catch(({ message }) => (at("locked-why").textContent = message)));
at("out").addEventListener("click", () => {
  chat.reset();
  void signOut();
});
at("fresh").addEventListener("click", () => chat.reset());
at("past").addEventListener("click", () => chat.past());
chat.addEventListener("footnote-past", ({ detail }) => at("past").setAttribute("aria-expanded", String(detail.open)));
at("erase").addEventListener("click", () => chat.erase());
chat.addEventListener("footnote-explain", ({ detail }) => explain(detail));
showWhereWide();
const problem = await arrive();
const wasSigned = signed();
if (wasSigned) {
  key.drop();
  chat.getToken = () => pass().catch((error) => {
    if (error.status === 401) void refused(error);
    throw error;
  });
}
await begin().catch(refused);
if (problem && !chat.hidden) state(problem, true);
