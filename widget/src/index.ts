/** `<footnote-chat>`: a chat over a team's documents, and the script tag that puts one on a page. */
import { Card } from "./card";
import { el, icon } from "./dom";
import { type Connection, Refused, ask, rate, resume, stop } from "./stream";
import { css } from "./style";
import { TurnView } from "./turn";
import { type Exchange, emptyAnswer } from "./types";
import { type Words, wordsFor } from "./words";

const KEPT_MS = 7 * 24 * 3600 * 1000;
const script = document.currentScript as HTMLScriptElement | null;

class FootnoteChat extends HTMLElement {
  #connection!: Connection;
  #words!: Words;
  #conversation = "";
  #exchanges: Exchange[] = [];
  #abort: AbortController | undefined;
  #frame!: HTMLElement;
  #launcher: HTMLButtonElement | undefined;
  #turns!: HTMLOListElement;
  #scroll!: HTMLElement;
  #input!: HTMLTextAreaElement;
  #go!: HTMLButtonElement;
  #said!: HTMLElement;
  #notice!: HTMLElement;
  #hello!: HTMLElement;
  #card!: Card;

  connectedCallback(): void {
    if (this.shadowRoot) return;
    const home = this.getAttribute("api") ?? (script?.src ? new URL(script.src).origin : location.origin);
    this.#connection = { api: home.replace(/\/$/, ""), key: this.getAttribute("key") ?? "" };
    this.#words = wordsFor(this.getAttribute("lang") ?? document.documentElement.lang ?? "en");
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    this.#build(root);
    this.#load();
    this.dispatchEvent(new CustomEvent("ready", { bubbles: true, composed: true }));
  }

  open(): void {
    this.#frame.classList.remove("shut");
    this.#launcher?.setAttribute("aria-expanded", "true");
    this.#input.focus();
    this.#bottom(true);
  }

  close(): void {
    if (!this.#launcher) return;
    this.#frame.classList.add("shut");
    this.#launcher.setAttribute("aria-expanded", "false");
    this.#launcher.focus();
  }

  /** Forgets the conversation, here and for what is still being written. */
  reset(): void {
    this.#stop();
    this.#exchanges = [];
    this.#conversation = newName();
    this.#turns.replaceChildren();
    this.#hello.classList.remove("shut");
    this.#save();
    this.#input.focus();
  }

  ask(question: string): void {
    const text = question.trim();
    if (!text || this.#abort) return;
    const exchange = { question: text, answer: emptyAnswer() };
    this.#exchanges.push(exchange);
    void this.#run(exchange, false);
  }

  #build(root: ShadowRoot): void {
    const words = this.#words;
    const mode = this.getAttribute("mode") ?? "inline";
    const floating = mode !== "inline";
    const title = this.getAttribute("heading") ?? words.title;
    const tool = (name: string, label: string, act: () => void) =>
      el("button", { class: "tool", type: "button", "aria-label": label, title: label, click: act }, icon(name));
    this.#turns = el("ol", { class: "turns" });
    this.#hello = this.#greeting(title);
    this.#scroll = el("div", { class: "scroll", role: "log", "aria-live": "off", "aria-label": title, tabindex: "0" },
      this.#hello, this.#turns);
    this.#said = el("div", { class: "vh", role: "status" });
    this.#input = el("textarea", { rows: "1", "aria-label": words.ask, placeholder: words.ask, maxlength: "8000" });
    this.#go = el("button", { class: "go", type: "submit", "aria-label": words.send }, icon("send"));
    this.#notice = el("p", { class: "notice" });
    const form = el("form", {}, el("div", { class: "box" }, this.#input, this.#go));
    this.#frame = el("section", { class: "fn", "aria-label": title },
      el("header", {}, el("h2", {}, title, el("sup", { "aria-hidden": "true" }, "1")),
        tool("reset", words.reset, () => this.reset()),
        floating && tool("close", words.close, () => this.close())),
      this.#scroll, this.#said, form, this.#notice);
    if (getComputedStyle(this).direction === "rtl") this.#frame.dir = "rtl";
    if (this.hasAttribute("headless")) this.#frame.querySelector("header")!.classList.add("shut");
    this.#card = new Card(words, this.#frame);
    root.append(this.#frame);
    if (floating) this.#float(root, mode);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#abort) this.#stop();
      else this.#submit();
    });
    this.#input.addEventListener("input", () => this.#ready());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#ready();
  }

  #greeting(title: string): HTMLElement {
    const starters = (this.getAttribute("suggestions") ?? "").split("|").map((one) => one.trim()).filter(Boolean);
    return el("div", { class: "hello" },
      el("h3", {}, title, el("sup", { "aria-hidden": "true" }, "1")),
      el("p", {}, this.getAttribute("intro") ?? ""),
      el("div", { class: "starters" }, ...starters.map((one) =>
        el("button", { class: "pill", type: "button", click: () => this.ask(one) }, one))));
  }

  #float(root: ShadowRoot, mode: string): void {
    this.#frame.classList.add("floating", "shut");
    this.#frame.setAttribute("role", "dialog");
    if (mode === "sidebar") this.#frame.classList.add("sidebar");
    this.#launcher = el("button", {
      class: "launch", type: "button", "aria-label": this.#words.open, "aria-expanded": "false", part: "launcher",
      click: () => (this.#frame.classList.contains("shut") ? this.open() : this.close()),
    }, icon("chat"));
    // The launcher stands outside the frame, and needs its colours.
    const stand = el("div", { class: "fn launcher-only" }, this.#launcher);
    root.append(stand);
    this.#frame.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#card.element.matches(":popover-open")) this.close();
    });
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!this.#abort) this.#submit();
    } else if (event.key === "ArrowUp" && !this.#input.value) {
      this.#input.value = this.#exchanges.at(-1)?.question ?? "";
      this.#ready();
    }
  }

  #submit(): void {
    const text = this.#input.value;
    this.#input.value = "";
    this.ask(text);
    this.#ready();
  }

  #ready(): void {
    const running = Boolean(this.#abort);
    this.#go.disabled = !running && !this.#input.value.trim();
    this.#go.setAttribute("aria-label", running ? this.#words.stop : this.#words.send);
    this.#go.replaceChildren(icon(running ? "stop" : "send"));
  }

  async #run(exchange: Exchange, resumed: boolean): Promise<void> {
    const abort = (this.#abort = new AbortController());
    const view = this.#view(exchange);
    this.#hello.classList.add("shut");
    this.#ready();
    this.#bottom(true);
    this.#said.textContent = this.#words.searching;
    const { answer } = exchange;
    const watcher = {
      text: (delta: string) => { view.write(delta); this.#bottom(); },
      status: (stage: string) => view.status(stage),
      changed: () => { this.#notice.textContent = answer.notice; this.#save(); },
    };
    try {
      if (resumed) await resume(this.#connection, answer, watcher, abort.signal);
      else await ask(this.#connection, this.#body(exchange), answer, watcher, abort.signal);
    } catch (error) {
      if (answer.state === "running") answer.state = abort.signal.aborted ? "stopped" : "failed";
      if (error instanceof Refused) answer.error = error.message;
    }
    if (this.#abort !== abort) return;
    this.#abort = undefined;
    view.finish();
    this.#said.textContent = answer.error || answer.text.replace(/\[\d+\]/g, "");
    this.#ready();
    this.#bottom();
    this.#save();
    if (answer.state === "failed") this.#tell("error", { run: answer.run, message: answer.error });
  }

  #body(exchange: Exchange): unknown {
    const earlier = this.#exchanges.slice(0, this.#exchanges.indexOf(exchange));
    const messages = earlier.filter((one) => one.answer.text).slice(-6).flatMap((one) => [
      { role: "user", content: one.question },
      { role: "assistant", content: one.answer.text },
    ]);
    return { conversation: this.#conversation, messages: [...messages, { role: "user", content: exchange.question }] };
  }

  #view(exchange: Exchange): TurnView {
    const view = new TurnView(exchange, this.#words, this.#card, {
      ask: (question) => this.ask(question),
      again: () => {
        if (this.#abort) return;
        exchange.answer = emptyAnswer();
        view.element.remove();
        void this.#run(exchange, false);
      },
      rate: (rating) => {
        void rate(this.#connection, exchange.answer.run, rating, "").catch(() => undefined);
        this.#tell("feedback", { run: exchange.answer.run, rating });
        this.#save();
      },
    });
    this.#turns.append(view.element);
    return view;
  }

  #stop(): void {
    const running = this.#exchanges.at(-1)?.answer;
    const abort = this.#abort;
    if (!abort || !running) return;
    // The server is told first: closing the connection alone would leave a resumable run writing.
    const told = running.run ? stop(this.#connection, running.run).catch(() => undefined) : Promise.resolve();
    void told.finally(() => setTimeout(() => abort.abort(), 500));
  }

  #bottom(always = false): void {
    const box = this.#scroll;
    if (always || box.scrollHeight - box.scrollTop - box.clientHeight < 120) box.scrollTop = box.scrollHeight;
  }

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
  }

  get #shelf(): string {
    return `footnote:${this.#connection.api}:${this.getAttribute("name") ?? ""}`;
  }

  #save(): void {
    if (this.hasAttribute("forgetful")) return;
    const kept = { at: Date.now(), conversation: this.#conversation, exchanges: this.#exchanges.slice(-30) };
    try {
      localStorage.setItem(this.#shelf, JSON.stringify(kept));
    } catch {
      // Storage may be full or forbidden; the conversation then lives as long as the page.
    }
  }

  #load(): void {
    this.#conversation = newName();
    let kept: { at: number; conversation: string; exchanges: Exchange[] } | null = null;
    try {
      kept = JSON.parse(localStorage.getItem(this.#shelf) ?? "null");
    } catch {
      kept = null;
    }
    if (!kept || this.hasAttribute("forgetful") || Date.now() - kept.at > KEPT_MS) return;
    this.#conversation = kept.conversation;
    this.#exchanges = kept.exchanges;
    this.#hello.classList.toggle("shut", this.#exchanges.length > 0);
    for (const exchange of this.#exchanges) {
      if (exchange.answer.state === "running" && exchange === this.#exchanges.at(-1) && exchange.answer.run) {
        exchange.answer = { ...emptyAnswer(), run: exchange.answer.run };
        void this.#run(exchange, true);
      } else {
        if (exchange.answer.state === "running") exchange.answer.state = "failed";
        this.#notice.textContent = exchange.answer.notice;
        this.#view(exchange);
      }
    }
    this.#bottom(true);
  }
}

function newName(): string {
  return `conv_${crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)}`;
}

if (!customElements.get("footnote-chat")) customElements.define("footnote-chat", FootnoteChat);

/** A page that has no element of ours gets a launcher, set up by the script tag's data attributes. */
function launch(): void {
  if (!script || document.querySelector("footnote-chat")) return;
  const made = document.createElement("footnote-chat");
  made.setAttribute("mode", "launcher");
  for (const [name, value] of Object.entries(script.dataset)) made.setAttribute(name, value ?? "");
  document.body.append(made);
}
if (document.readyState === "loading") addEventListener("DOMContentLoaded", launch);
else launch();
