/** One question and its answer on the page. */
import { type Card, section } from "./card";
import { button, el, tool } from "./dom";
import { type Doubtful, Writer } from "./markdown";
import { Rating } from "./rating";
import type { Citation, Doubt, Exchange, Source } from "./types";
import type { Words } from "./words";

export interface Actions {
  again(): void;
  ask(question: string): void;
  cited(source: Source): void;
  edit(): void;
  explain?: () => void;
  grew(): void;
  rate(rating: "up" | "down", reason: string): Promise<unknown>;
}

// Only the last question can be put differently: what follows would no longer fit.
const LAST = { class: "tool last" };

export class TurnView {
  readonly element = el("li", { part: "turn" });
  #body = el("div", { class: "body", part: "answer", dir: "auto" });
  #after = el("div");
  #status = el("p", { class: "status" });
  #writer = this.#fresh(this.#body);
  #waiting = "";
  /** Whether a marker was written whose source was not known yet: visitors of a page are told of it when it is cited. */
  #early = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly words: Words,
    private readonly card: Card,
    private readonly actions: Actions,
  ) {
    this.element.append(
      el("div", { class: "asked" },
        tool("edit", words.edit, () => actions.edit(), LAST),
        el("p", { class: "question", part: "question" },
          el("span", { class: "vh" }, `${words.you}: `), el("bdi", {}, exchange.question))),
      this.#body, this.#after);
    if (exchange.answer.state === "running") this.status("searching");
    else this.finish();
  }

  /** Shows what is being done, until the first words come; that the connection is gone, always. */
  status(stage: string): void {
    if (this.exchange.answer.text && stage !== "offline") return;
    this.#status.textContent = this.words[stage === "offline" || stage === "writing" ? stage : "searching"];
    this.#after.replaceChildren(this.#status);
  }

  /** Writes at the pace of the screen; a page that is not seen has no such pace. */
  write(delta: string): void {
    if (!this.#waiting && !document.hidden) requestAnimationFrame(() => this.#flush());
    this.#waiting += delta;
    if (document.hidden) this.#flush();
  }

  #flush(): void {
    if (!this.#waiting) return;
    this.#status.remove();
    this.#writer.write(this.#waiting);
    this.#waiting = "";
    this.actions.grew();
  }

  /** Shows what the checks found, the sources, and what can be done with the answer. */
  finish(): void {
    const { answer } = this.exchange;
    const { words } = this;
    this.#flush();
    const doubts = this.#doubts();
    this.#writer.end();
    if (doubts.length || this.#early || !this.#body.firstChild) this.#rewrite(doubts);
    if (answer.refused) {
      this.#body.classList.add("refused");
      this.#body.prepend(el("strong", { class: "label" }, words.notThere));
    }
    this.#body.classList.toggle("unsure", Boolean(answer.unsure));
    this.#after.replaceChildren();
    if (answer.state === "failed" && !answer.withheld) this.#after.append(this.#failure());
    const aside = answer.withheld ? words.withheld : answer.state === "stopped" && words.stopped;
    if (aside) this.#after.append(el("p", { class: "stopped" }, aside));
    this.#after.append(this.#sources());
    if (answer.text) this.#after.append(this.#tools());
    if (answer.followups.length) {
      this.#after.append(el("div", { class: "starters" }, ...answer.followups.map((question) =>
        button("pill", () => this.actions.ask(question), { dir: "auto" }, question))));
    }
  }

  /** Writes the answer anew with its doubts. Blocks without one stay: laying out a long answer again takes time. */
  #rewrite(doubts: Doubtful[]): void {
    const whole = el("div");
    const later: (() => void)[] = [];
    this.#fresh(whole, later).whole(this.exchange.answer.text, doubts);
    const old = [...this.#body.children];
    if (this.#early || old.length !== whole.children.length) this.#body.replaceChildren(...whole.childNodes);
    else [...whole.children].forEach((block, place) => {
      if (block.querySelector(".doubt, .dagger")) old[place]!.replaceWith(block);
    });
    later.forEach((put) => put());
  }

  /** Makes a writer; with `later`, which is to be called, it makes markers only where they are shown in the end. */
  #fresh(root: HTMLElement, later?: (() => void)[]): Writer {
    let place = 0;
    return new Writer(root, {
      cite: (n) => {
        const source = this.exchange.answer.sources.find((one) => one.n === n);
        if (!source) {
          this.#early = true;
          return document.createTextNode(`[${n}]`);
        }
        const at = place++;
        if (!later) return this.#cite(source, at);
        const stub = el("i");
        later.push(() => this.#body.contains(stub) && stub.replaceWith(this.#cite(source, at)));
        return stub;
      },
      doubt: (kind) => el("span", { class: `doubt ${kind}`, title: this.words[kind] }),
      dagger: (kind) => {
        const mark = button("cite dagger", () => this.card.doubt(mark, kind),
          { "aria-haspopup": "dialog", "aria-expanded": "false", "aria-label": this.words[kind] },
          kind === "partly" ? "‡" : "†");
        return mark;
      },
    });
  }

  #cite(source: Source, place: number): HTMLElement {
    const mark = this.#opener("cite", source, () => this.#citation(source.n, place), String(source.n));
    mark.setAttribute("aria-label", `${this.words.source} ${source.n}: ${source.label}`);
    return mark;
  }

  #opener(
    classes: string, source: Source, citation: () => Citation | undefined, ...children: (Node | string | false)[]
  ): HTMLElement {
    const opener = button(classes, () => {
      this.card.source(opener, source, citation());
      this.actions.cited(source);
    }, { "aria-haspopup": "dialog", "aria-expanded": "false" }, ...children);
    return opener;
  }

  /** The marker's own citation: markers and citations stand in the same order. */
  #citation(n: number, place: number): Citation | undefined {
    const { citations } = this.exchange.answer;
    return citations[place]?.n === n ? citations[place] : citations.find((one) => one.n === n);
  }

  #doubts(): Doubtful[] {
    const { answer } = this.exchange;
    return answer.sentences
      .filter((one) => one.verdict !== "supported")
      .map(({ start, end, verdict }) => ({ start, end, kind: verdict as Doubt }))
      .sort((one, other) => one.start - other.start);
  }

  #failure(): HTMLElement {
    const { answer } = this.exchange;
    const says = answer.error || this.words[navigator.onLine ? "failed" : "offline"];
    return el("div", { class: "failed", role: "alert" },
      el("p", {}, says, answer.run && el("small", {}, answer.run)),
      button("pill", () => this.actions.again(), {}, this.words.retry));
  }

  /** The footnotes: what was cited, or, when nothing answers, the nearest documents. */
  #sources(): HTMLElement | string {
    const { answer } = this.exchange;
    const { refused, citations, sources } = answer;
    const cited = new Set(citations.map((one) => one.n));
    const shown = refused
      ? sources.filter((one, place) => sources.findIndex((other) => other.uri === one.uri) === place).slice(0, 3)
      : sources.filter((one) => cited.has(one.n));
    if (!shown.length) return "";
    const rows = shown.map((source) => el("li", {},
      this.#opener("", source, () => citations.find((one) => one.n === source.n),
        !refused && el("sup", {}, String(source.n)),
        el("span", { dir: "auto" }, el("b", {}, source.label), " ", section(source)))));
    const name = this.words[refused ? "nearest" : "sources"];
    return el("section", { class: "notes", part: "sources" },
      el("h3", { class: refused ? "" : "vh" }, name), el("ul", {}, ...rows));
  }

  #tools(): HTMLElement {
    const { words, actions } = this;
    const rating = new Rating(this.exchange.answer, words, (name, reason) => actions.rate(name, reason));
    const copied = () => (rating.said.textContent = words.copied);
    return el("div", {},
      el("div", { class: "tools" },
        tool("copy", words.copy, () => void copy(this.#copied(), this.#after).then(copied)),
        ...rating.thumbs,
        tool("again", words.regenerate, () => actions.again(), LAST),
        actions.explain && tool("explain", words.explain, actions.explain),
        rating.said),
      rating.form);
  }

  #copied(): string {
    const { answer } = this.exchange;
    const cited = new Set(answer.citations.map((one) => one.n));
    const lines = answer.sources.filter((one) => cited.has(one.n)).map((one) => `[${one.n}] ${one.label} (${one.uri})`);
    return lines.length ? `${answer.text}\n\n${lines.join("\n")}` : answer.text;
  }
}

/** Copies; where the page is not served safely, browsers leave only the old way. */
async function copy(text: string, near: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "vh" });
    near.append(area);
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
