/** One question and its answer on the page. */
import type { Card } from "./card";
import { el, icon } from "./dom";
import { Writer } from "./markdown";
import type { Citation, Exchange } from "./types";
import type { Words } from "./words";

export interface Actions {
  again(): void;
  ask(question: string): void;
  rate(rating: "up" | "down"): void;
}

export class TurnView {
  readonly element = el("li");
  #body = el("div", { class: "body" });
  #after = el("div");
  #writer: Writer;

  constructor(
    private readonly exchange: Exchange,
    private readonly words: Words,
    private readonly card: Card,
    private readonly actions: Actions,
  ) {
    const asked = el("p", { class: "question" }, el("span", { class: "vh" }, `${words.you}: `), exchange.question);
    this.element.append(asked, this.#body, this.#after);
    this.#writer = this.#fresh();
    if (exchange.answer.state === "running") this.status("searching");
    else this.finish();
  }

  /** Shows what is being done, until the first words come. */
  status(stage: string): void {
    if (this.exchange.answer.text) return;
    const says = stage === "writing" ? this.words.writing : this.words.searching;
    this.#after.replaceChildren(el("p", { class: "status" }, says));
  }

  write(delta: string): void {
    if (this.#after.firstChild) this.#after.replaceChildren();
    this.#writer.write(delta);
  }

  /** Shows the whole answer with what its checks found, its sources and what can be done with it. */
  finish(): void {
    const { answer } = this.exchange;
    this.#body.replaceChildren();
    this.#after.replaceChildren();
    this.#body.classList.toggle("refused", answer.refused);
    if (answer.refused) this.#body.append(el("strong", {}, this.words.notThere));
    this.#writer = this.#fresh();
    const doubts = answer.refused ? [] : answer.sentences.flatMap(({ start, end, verdict }) =>
      verdict === "supported" ? [] : [{ start, end, kind: verdict }]);
    this.#writer.whole(answer.text, doubts);
    if (answer.state === "stopped") this.#after.append(el("p", { class: "status" }, this.words.stopped));
    if (answer.state === "failed") this.#after.append(this.#failure());
    if (answer.sources.length) this.#after.append(this.#sources());
    if (answer.text) this.#after.append(this.#tools());
    if (answer.followups.length) {
      this.#after.append(el("div", { class: "starters" }, ...answer.followups.map((question) =>
        el("button", { class: "pill", type: "button", click: () => this.actions.ask(question) }, question))));
    }
  }

  #fresh(): Writer {
    return new Writer(this.#body, {
      cite: (n) => this.#cite(n),
      doubt: (kind) => el("span", { class: `doubt ${kind}`, title: this.words[kind] }),
    });
  }

  #cite(n: number): Node {
    const source = this.exchange.answer.sources.find((one) => one.n === n);
    if (!source) return document.createTextNode(`[${n}]`);
    const button = el("button", {
      class: "cite", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false",
      "aria-label": `${this.words.source} ${n}: ${source.label}`,
    }, String(n));
    const place = [...this.#body.querySelectorAll(".cite")].length;
    button.addEventListener("click", () => this.card.show(button, source, this.#citation(n, place)));
    return button;
  }

  /** The marker's own citation: markers and citations stand in the same order. */
  #citation(n: number, place: number): Citation | undefined {
    const { citations } = this.exchange.answer;
    return citations[place]?.n === n ? citations[place] : citations.find((one) => one.n === n);
  }

  #failure(): HTMLElement {
    const { answer } = this.exchange;
    return el("div", { class: "failed", role: "alert" },
      el("span", {}, answer.error || (navigator.onLine ? this.words.failed : this.words.offline),
        answer.run && el("small", {}, answer.run)),
      el("button", { class: "pill", type: "button", click: () => this.actions.again() }, this.words.retry));
  }

  #sources(): HTMLElement {
    const { answer } = this.exchange;
    const cited = new Set(answer.citations.map((one) => one.n));
    const shown = answer.refused ? distinct(answer.sources).slice(0, 3) : answer.sources.filter((one) => cited.has(one.n));
    const rows = shown.map((source) => {
      const button = el("button", { type: "button", "aria-haspopup": "dialog" },
        !answer.refused && el("b", {}, String(source.n)), el("span", {}, source.label), source.headings.at(-1));
      button.addEventListener("click", () =>
        this.card.show(button, source, answer.citations.find((one) => one.n === source.n)));
      return el("li", {}, button);
    });
    const list = el("ul", { class: "list", "aria-label": answer.refused ? this.words.nearest : this.words.sources }, ...rows);
    return rows.length ? list : el("div");
  }

  #tools(): HTMLElement {
    const { answer } = this.exchange;
    const said = el("span", { role: "status" });
    const tool = (name: string, label: string, act: () => void, pressed?: boolean) => {
      const button = el("button", { class: "tool", type: "button", "aria-label": label, title: label, click: act }, icon(name));
      if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
      return button;
    };
    const rating = (name: "up" | "down") => () => {
      answer.rating = name;
      this.actions.rate(name);
      this.finish();
      this.element.querySelector(".tools [role=status]")!.textContent = this.words.thanks;
    };
    return el("div", { class: "tools" },
      tool("copy", this.words.copy, () => {
        void navigator.clipboard.writeText(this.#copied()).then(() => (said.textContent = this.words.copied));
      }),
      tool("good", this.words.good, rating("up"), answer.rating === "up"),
      tool("bad", this.words.bad, rating("down"), answer.rating === "down"),
      tool("reset", this.words.regenerate, () => this.actions.again()), said);
  }

  #copied(): string {
    const { answer } = this.exchange;
    const cited = new Set(answer.citations.map((one) => one.n));
    const lines = answer.sources.filter((one) => cited.has(one.n)).map((one) => `[${one.n}] ${one.label} (${one.uri})`);
    return lines.length ? `${answer.text}\n\n${lines.join("\n")}` : answer.text;
  }
}

function distinct<T extends { uri: string }>(sources: T[]): T[] {
  return sources.filter((one, index) => sources.findIndex((other) => other.uri === one.uri) === index);
}
