/** The widget's furniture: header, transcript, composer, launcher. What it does is the element's. */
import { button, el, icon, tool } from "./dom";
import type { Words } from "./words";

export interface Look {
  title: string;
  intro: string;
  notice: string;
  starters: string[];
  floating: boolean;
  past: boolean;
  classes: string;
}

export interface Deeds {
  ask(question: string): void;
  close(): void;
  erase(): void;
  past(): void;
  reset(): void;
  toggle(): void;
  uncorrect(): void;
}

const mark = () => el("sup", { "aria-hidden": "true" }, "1");

export class Frame {
  readonly root: HTMLElement;
  readonly launcher: HTMLButtonElement;
  readonly turns = el("ol", { class: "turns" });
  readonly said = el("div", { class: "vh", role: "status" });
  readonly notice = el("p", { class: "notice", id: "notice" });
  readonly past: HTMLButtonElement;
  readonly erase: HTMLButtonElement;
  readonly correcting: HTMLElement;
  readonly input: HTMLTextAreaElement;
  readonly go: HTMLButtonElement;
  readonly form: HTMLFormElement;
  readonly hello: HTMLElement;
  readonly #told = el("p", { class: "told", role: "alert" });
  readonly #starters = el("div", { class: "starters" });
  readonly scroll: HTMLElement;
  #atEnd = true;

  constructor(private readonly words: Words, look: Look, private readonly deeds: Deeds) {
    this.hello = el("div", { class: "hello" },
      el("p", { class: "title" }, look.title, mark()),
      // The title's own footnote.
      look.intro && el("p", { class: "intro" }, mark(), " ", look.intro),
      this.#told, this.#starters);
    this.suggest(look.starters);
    this.scroll = el("div", { class: "scroll", role: "log", "aria-live": "off", "aria-label": look.title, tabindex: "0" },
      this.hello, this.turns);
    this.scroll.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.scroll;
      this.#atEnd = scrollHeight - scrollTop - clientHeight < 60;
    }, { passive: true });
    // Who comes here first is told, by ear too, that a machine answers.
    this.input = el("textarea", { rows: "1", "aria-label": words.ask, "aria-describedby": "notice",
      placeholder: words.ask, maxlength: "8000" });
    this.go = el("button", { class: "go", type: "submit" });
    this.correcting = el("p", { class: "correcting", hidden: "" }, el("span", {}, words.editing),
      button("pill", deeds.uncorrect, {}, words.cancel));
    this.form = el("form", { class: "ask", part: "composer" }, this.correcting,
      el("div", { class: "box" }, this.input, this.go));
    this.notice.textContent = look.notice;
    this.launcher = button("launch", deeds.toggle,
      { "aria-label": words.open, "aria-expanded": "false", "aria-haspopup": "dialog", part: "launcher" });
    this.past = tool("past", words.past, deeds.past, { "aria-expanded": "false" });
    this.past.hidden = !look.past;
    this.erase = tool("erase", words.erase, deeds.erase);
    this.root = el(look.floating ? "dialog" : "section",
      { class: `fn ${look.classes}`, part: "frame", "aria-label": look.title },
      el("div", { class: "bar", part: "header" }, el("h2", {}, look.title, mark()),
        this.past,
        tool("reset", words.reset, deeds.reset),
        this.erase,
        look.floating && tool("close", words.close, deeds.close)),
      this.scroll, this.said, this.form, this.notice);
  }

  /** Offers questions to begin with. */
  suggest(questions: string[]): void {
    this.#starters.replaceChildren(...questions.map((one) =>
      button("pill", () => this.deeds.ask(one), { dir: "auto" }, one)));
  }

  /** Says something about what was done, where a conversation begins. */
  tell(sentence: string): void {
    this.#told.textContent = sentence;
  }

  /** Shows whether there is something to send, or something to stop. */
  ready(running: boolean): void {
    this.go.disabled = !running && !this.input.value.trim();
    const name = running ? "stop" : "send";
    if (this.go.name === name) return;
    this.go.name = name;
    this.go.setAttribute("aria-label", this.words[name]);
    this.go.replaceChildren(icon(name));
  }

  /** Keeps the end in view for a reader who is there; `always` brings everyone there. */
  toEnd(always = false): void {
    if (always || this.#atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}
