/** `<footnote-chat>`: a chat over a team's documents, and the script tag that puts one on a page. */
import { Card } from "./card";
import { Frame } from "./frame";
import { Past, exchangeOf } from "./past";
import { Shelf } from "./shelf";
import { Sign, type Signs, type Source, fetched, hosted, kept, personOf } from "./sign";
import { type Connection, Refused, ask, forget, list, rate, resume, stop, turns, visit } from "./stream";
import css from "./style.css";
import { TurnView } from "./turn";
import { type Answer, type Exchange, emptyAnswer } from "./types";
import { type Words, rightToLeft, wordsFor } from "./words";

const script = document.currentScript as HTMLScriptElement | null;
const EARLIER = 6;

class FootnoteChat extends HTMLElement {
  #api = "";
  #connection!: Connection;
  #source: Source | undefined;
  #words!: Words;
  #language = "en";
  #shelf: Shelf | undefined;
  #frame!: Frame;
  #card!: Card;
  #past!: Past;
  #conversation = newName();
  #exchanges: Exchange[] = [];
  #views: TurnView[] = [];
  #abort: AbortController | undefined;
  #correcting = false;
  #listening = new AbortController();

  connectedCallback(): void {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    addEventListener("pagehide", () => this.#save(), { signal });
    if (this.shadowRoot) return;
    const home = this.getAttribute("api") ?? (script?.src ? new URL(".", script.src).href : location.origin);
    this.#api = home.replace(/\/$/, "");
    this.#language = this.getAttribute("lang") || document.documentElement.lang || "en";
    this.#words = wordsFor(this.#language);
    this.#build();
    // What the page set before this script came hides the property of the same name.
    const { getToken } = this;
    if (delete (this as { getToken?: unknown }).getToken && getToken) this.#source = getToken;
    void this.#begin();
  }

  get getToken(): Source | undefined {
    return this.#source;
  }

  /** Gives the token of whoever is signed in to the page. Set it anew when another is. */
  set getToken(source: Source | undefined) {
    this.#source = source;
    if (this.shadowRoot) void this.#begin();
  }

  disconnectedCallback(): void {
    this.#listening.abort();
  }

  open(): void {
    const { root, launcher, input } = this.#frame;
    if (root instanceof HTMLDialogElement && !this.#isOpen) {
      // On a small screen it covers the page, and must then keep the keyboard to itself.
      if (this.#mode === "modal" || matchMedia("(max-width:520px)").matches) root.showModal();
      else root.showPopover();
      launcher.setAttribute("aria-expanded", "true");
      this.#tell("open", {});
    }
    input.focus();
    this.#frame.toEnd(true);
  }

  close(): void {
    const { root, launcher } = this.#frame;
    if (!(root instanceof HTMLDialogElement) || !this.#isOpen) return;
    if (root.open) root.close();
    else root.hidePopover();
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
    this.#tell("close", {});
  }

  /** Asks a question, as if it had been typed. Does nothing while an answer is being written. */
  ask(question: string): void {
    const text = question.trim();
    if (!text || this.#abort) return;
    if (this.#correcting) {
      this.#uncorrect();
      this.#exchanges.pop();
      this.#views.pop()?.element.remove();
    }
    const exchange = { question: text, answer: emptyAnswer() };
    this.#exchanges.push(exchange);
    void this.#run(exchange);
  }

  /** Begins a new conversation. What was said stays with the service, and leaves this browser. */
  reset(): Promise<void> {
    const stopped = this.#empty();
    this.#shelf?.clear();
    this.#showPast(false);
    this.#frame.input.focus();
    return stopped;
  }

  /** Deletes the conversation here and at the service, which records an answer when it ends: that comes first. */
  erase(): void {
    const name = this.#conversation;
    void this.reset().then(() => forget(this.#connection, name)).catch((error) => {
      // Something forbids it, such as a legal hold; that nothing was kept is no failure.
      if ((error as Refused).status === 409) this.#frame.tell(error.message);
    });
  }

  /** Shows what the same person asked before in place of this conversation, or this conversation again. */
  past(): void {
    this.#showPast(this.#past.element.hidden);
  }

  /** Offers questions to begin with, in place of those of the attribute. */
  suggest(questions: string[]): void {
    this.#frame.suggest(questions);
  }

  /** Calls `heard` with the detail of every `footnote-{name}` event; returns what ends that. */
  on(name: string, heard: (detail: unknown) => void): () => void {
    const listener = (event: Event) => heard((event as CustomEvent).detail);
    this.addEventListener(`footnote-${name}`, listener);
    return () => this.removeEventListener(`footnote-${name}`, listener);
  }

  get #isOpen(): boolean {
    return this.#frame.root.matches(":modal, :popover-open");
  }

  get #mode(): string {
    return this.getAttribute("mode") ?? "inline";
  }

  #build(): void {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const floating = this.#mode !== "inline";
    const starters = (this.getAttribute("suggestions") ?? "").split("|").map((one) => one.trim()).filter(Boolean);
    this.#frame = new Frame(this.#words, {
      title: this.getAttribute("heading") ?? this.#words.title,
      intro: this.getAttribute("intro") ?? "",
      // It says that a machine answers: a page may put it in other words, but not away.
      notice: this.getAttribute("notice")?.trim() || this.#words.notice,
      starters,
      floating,
      past: !this.hasAttribute("key"),
      classes: `${this.#mode} ${floating ? "floating" : ""} ${this.hasAttribute("headless") ? "headless" : ""}`,
    }, {
      ask: (question) => this.ask(question),
      close: () => this.close(),
      erase: () => this.erase(),
      past: () => this.past(),
      reset: () => void this.reset(),
      toggle: () => (this.#isOpen ? this.close() : this.open()),
      uncorrect: () => this.#uncorrect(),
    });
    const frame = this.#frame;
    const turned = this.hasAttribute("lang") ? rightToLeft(this.#language) : getComputedStyle(this).direction === "rtl";
    for (const part of [frame.root, frame.launcher]) part.dir = turned ? "rtl" : "ltr";
    frame.root.lang = this.#language;
    this.#card = new Card(this.#words, this.#language, frame.root);
    this.#past = new Past(this.#words, this.#language, {
      list: (before) => list(this.#connection, before),
      open: (id) => this.#open(id),
      forget: async (id) => {
        if (id === this.#conversation) {
          await this.#empty();
          this.#shelf?.clear();
        }
        await forget(this.#connection, id);
      },
    });
    frame.scroll.after(this.#past.element);
    root.append(frame.root);
    if (floating) {
      // In the top layer no transform, overflow or z-index of the page reaches them.
      frame.root.popover = frame.launcher.popover = "manual";
      root.append(frame.launcher);
      frame.launcher.showPopover();
    }
    this.#listen();
    frame.ready(false);
  }

  #listen(): void {
    const { root, form, input } = this.#frame;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#abort) void this.#stop();
      else this.#submit();
    });
    input.addEventListener("input", () => this.#frame.ready(Boolean(this.#abort)));
    input.addEventListener("keydown", (event) => this.#typed(event));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#card.isOpen) return;
      event.preventDefault();
      if (this.#correcting) this.#uncorrect();
      else if (!this.#past.element.hidden) this.past();
      else this.close();
    });
    // A phone's way back closes a modal dialog without a key.
    root.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
  }

  #typed(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!this.#abort) this.#submit();
    } else if (event.key === "ArrowUp" && !this.#frame.input.value) {
      event.preventDefault();
      this.#correct();
    }
  }

  #submit(): void {
    const { input } = this.#frame;
    const text = input.value;
    input.value = "";
    this.ask(text);
    this.#frame.ready(Boolean(this.#abort));
  }

  /** Takes the last question back into the box; sending it then replaces it and its answer. */
  #correct(): void {
    const last = this.#exchanges.at(-1);
    if (!last || this.#abort) return;
    this.#correcting = true;
    this.#frame.correcting.hidden = false;
    this.#frame.input.value = last.question;
    this.#frame.input.focus();
    this.#frame.ready(false);
  }

  #uncorrect(): void {
    if (this.#correcting) this.#frame.input.value = "";
    this.#correcting = false;
    this.#frame.correcting.hidden = true;
    this.#frame.ready(Boolean(this.#abort));
  }

  /** Gets an answer, or the rest of one of which `before` was seen. */
  async #run(exchange: Exchange, before?: Answer): Promise<void> {
    const frame = this.#frame;
    const abort = (this.#abort = new AbortController());
    const view = this.#view(exchange);
    const { answer } = exchange;
    frame.hello.hidden = true;
    this.#showPast(false);
    frame.ready(true);
    frame.toEnd(true);
    frame.said.textContent = this.#words.searching;
    const watcher = {
      text: (delta: string) => view.write(delta),
      status: (stage: string) => {
        view.status(stage);
        if (stage === "offline") frame.said.textContent = this.#words.offline;
      },
      started: () => this.#save(),
    };
    try {
      if (before) await resume(this.#connection, answer, watcher, abort.signal);
      else await ask(this.#connection, this.#asked(exchange), answer, watcher, abort.signal);
    } catch (error) {
      if (answer.state === "running") answer.state = abort.signal.aborted ? "stopped" : "failed";
      if (before && !answer.text) Object.assign(answer, before, { state: answer.state });
      else if (error instanceof Refused) {
        answer.error = error.message;
        answer.run ||= error.request;
      } else if (!answer.run && !abort.signal.aborted && !this.#api.startsWith(location.origin)) {
        // A browser does not say which of the two it is. This is for who put the chat on the page: in English.
        const means = this.hasAttribute("page-key") ? "footnote keys create NAME --kind page --origin " : "FOOTNOTE_CORS_ORIGINS=";
        answer.error = `The service is out of reach, or does not allow this page. There: ${means}${location.origin}`;
      }
    }
    if (this.#abort !== abort) return;
    this.#abort = undefined;
    view.finish();
    this.#noticed(exchange);
    frame.said.textContent = answer.error || answer.text.replace(/\[\d+\]/g, "");
    frame.ready(false);
    // After this task: laying out a long answer takes a while of its own.
    requestAnimationFrame(() => frame.toEnd());
    this.#save();
    if (answer.state === "failed") this.#tell("error", { run: answer.run, message: answer.error });
  }

  /** What is sent: the question after the last few exchanges, and what the page wants of the search. */
  #asked(exchange: Exchange): unknown {
    const messages = this.#exchanges.slice(0, this.#exchanges.indexOf(exchange))
      .filter((one) => one.answer.text && !one.answer.error)
      .slice(-EARLIER)
      .flatMap((one) => [
        { role: "user", content: one.question },
        { role: "assistant", content: one.answer.text },
      ]);
    const where = this.getAttribute("where");
    return {
      conversation: this.#conversation,
      messages: [...messages, { role: "user", content: exchange.question }],
      ...(where && { where: JSON.parse(where) }),
      ...(exchange.fresh && { fresh: true }),
    };
  }

  #view(exchange: Exchange): TurnView {
    let rated: Promise<unknown> = Promise.resolve();
    const view = new TurnView(exchange, this.#words, this.#card, {
      ask: (question) => this.ask(question),
      again: () => {
        if (this.#abort) return;
        exchange.answer = emptyAnswer();
        exchange.fresh = true;
        this.#views.pop();
        view.element.remove();
        void this.#run(exchange);
      },
      cited: ({ n, title, url }) => this.#tell("citation-click", { run: exchange.answer.run, n, title, url }),
      edit: () => this.#correct(),
      ...(this.hasAttribute("explain") && { explain: () => this.#tell("explain", structuredClone(exchange)) }),
      grew: () => this.#frame.toEnd(),
      rate: async (rating, reason) => {
        const send = () => rate(this.#connection, exchange.answer.run, rating, reason);
        // The service writes its record just after the answer's last word.
        const sent = () => send().catch(() => new Promise((done) => setTimeout(done, 900)).then(send));
        // A thumb that comes late would take the place of its reason.
        await (rated = rated.then(sent, sent));
        this.#tell("feedback", { run: exchange.answer.run, rating, reason });
        this.#save();
      },
    });
    this.#views.push(view);
    this.#frame.turns.append(view.element);
    return view;
  }

  #noticed({ answer }: Exchange): void {
    // The service speaks English; a reader of another language is told the same in theirs.
    if (answer.notice && this.#language.startsWith("en") && !this.hasAttribute("notice")) {
      this.#frame.notice.textContent = answer.notice;
    }
  }

  async #stop(): Promise<void> {
    const running = this.#exchanges.at(-1)?.answer;
    const abort = this.#abort;
    if (!abort || !running) return;
    // The server is told first: closing the connection alone would leave a resumable run writing.
    if (running.run) await stop(this.#connection, running.run).catch(() => undefined);
    setTimeout(() => abort.abort(), 500);
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`footnote-${name}`, { bubbles: true, composed: true, detail }));
  }

  #save(): void {
    if (this.#exchanges.length) {
      this.#shelf?.save({ conversation: this.#conversation, exchanges: this.#exchanges });
    }
  }

  /** Leaves the conversation: what is being written is stopped, and nothing of it is shown any more. */
  #empty(): Promise<void> {
    const stopped = this.#stop();
    this.#abort = undefined;
    this.#exchanges = [];
    this.#views = [];
    this.#conversation = newName();
    this.#uncorrect();
    this.#frame.turns.replaceChildren();
    this.#frame.hello.hidden = false;
    this.#frame.tell("");
    return stopped;
  }

  /** Says who asks, and brings back what they said last in this browser. */
  async #begin(): Promise<void> {
    const address = this.getAttribute("token-url");
    const source = this.#source ?? (address === null ? undefined : fetched(address));
    const connection = (this.#connection = { api: this.#api, sign: this.#signs(source) });
    const name = `footnote:${this.#api}:${this.getAttribute("name") ?? ""}`;
    let days = this.#days;
    let person = "";
    if (this.#shelf) void this.#empty();
    this.#shelf = undefined;
    this.#showPast(false);
    if (source) {
      // What one person said is not to be shown to the next who signs in here.
      person = personOf((await connection.sign.pass().catch(() => undefined))?.token ?? "");
      if (this.#connection !== connection) return;
      if (!person) days = 0;
    }
    this.#shelf = new Shelf(name, days, person);
    if (!this.#exchanges.length) this.#load();
    this.#tell("ready", {});
  }

  get #days(): number {
    return Number(this.getAttribute("keep-days") ?? 7);
  }

  #signs(source: Source | undefined): Signs {
    const page = this.getAttribute("page-key");
    const shows = (name: string): Signs => ({
      pass: async () => ({ token: this.getAttribute(name) ?? "" }),
      refuse: () => undefined,
    });
    if (source) return new Sign(hosted(source, new Refused(this.#words.signedOut, "")));
    if (page === null) return shows("key");
    const make = () => visit({ api: this.#api, sign: shows("page-key") });
    return new Sign(this.#days > 0 ? kept(`footnote:visitor:${this.#api}`, make) : make);
  }

  #showPast(on: boolean): void {
    const { past, erase, scroll, input } = this.#frame;
    const { element } = this.#past;
    if (element.hidden !== on) return;
    scroll.hidden = erase.hidden = on;
    element.hidden = !on;
    past.setAttribute("aria-expanded", String(on));
    if (on) void this.#past.show();
    else (past.offsetParent ? past : input).focus();
    this.#tell("past", { open: on });
  }

  async #open(id: string): Promise<void> {
    const connection = this.#connection;
    const found = await turns(connection, id);
    if (this.#connection !== connection) return;
    void this.#empty();
    this.#conversation = id;
    this.#exchanges = found.map(exchangeOf);
    for (const exchange of this.#exchanges) this.#view(exchange);
    this.#frame.hello.hidden = true;
    this.#showPast(false);
    this.#frame.input.focus();
    this.#frame.toEnd(true);
    this.#save();
  }

  #load(): void {
    const kept = this.#shelf!.load();
    this.#conversation = kept?.conversation ?? newName();
    this.#exchanges = kept?.exchanges ?? [];
    for (const exchange of this.#exchanges) {
      const { answer } = exchange;
      if (answer.state === "running" && answer.run && exchange === this.#exchanges.at(-1)) {
        exchange.answer = { ...emptyAnswer(), run: answer.run };
        void this.#run(exchange, answer);
      } else {
        if (answer.state === "running") answer.state = "failed";
        this.#view(exchange);
        this.#noticed(exchange);
      }
    }
    if (kept) this.#frame.hello.hidden = true;
    this.#frame.toEnd(true);
  }
}

/** Names a conversation. `randomUUID` exists only where the page is served safely. */
const newName = () =>
  `conv_${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

if (!customElements.get("footnote-chat")) customElements.define("footnote-chat", FootnoteChat);

/** A page that has no element of ours gets a launcher, set up by the script tag's data attributes. */
function launch(): void {
  if (!script || document.querySelector("footnote-chat")) return;
  const made = document.createElement("footnote-chat");
  made.setAttribute("mode", "launcher");
  for (const [name, value] of Object.entries(script.dataset)) {
    made.setAttribute(name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), value ?? "");
  }
  document.body.append(made);
}
if (document.readyState === "loading") addEventListener("DOMContentLoaded", launch);
else launch();
