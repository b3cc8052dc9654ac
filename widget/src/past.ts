/** What the same person asked before: a list, from which a conversation can be taken up again or deleted. */
import { button, el, tool } from "./dom";
import { type Exchange, type Sentence, type Source, emptyAnswer } from "./types";
import type { Words } from "./words";

export interface Conversation {
  id: string;
  title: string;
  answered: string;
}

export interface Turn {
  run: string;
  question: string;
  answer: string | null;
  outcome: string;
  model: string;
  sources: Source[];
  sentences: Sentence[];
}

export interface Deeds {
  list(before: string): Promise<{ conversations: Conversation[]; next: string | null }>;
  open(id: string): Promise<void>;
  forget(id: string): Promise<unknown>;
}

export class Past {
  readonly element: HTMLElement;
  #list = el("ul");
  #note = el("p", { role: "status" });
  #more: HTMLElement;
  #next = "";

  constructor(private readonly words: Words, private readonly language: string, private readonly deeds: Deeds) {
    this.#more = button("pill", () => void this.#fill(), {}, words.older);
    this.element = el("section", { class: "past", part: "past", "aria-label": words.past, tabindex: "-1", hidden: "" },
      el("h3", { class: "label" }, words.past), this.#list, this.#note, this.#more);
  }

  /** Lists the conversations anew, and brings the keyboard there. */
  async show(): Promise<void> {
    this.#list.replaceChildren();
    this.#next = "";
    this.element.hidden = false;
    this.element.focus();
    await this.#fill();
  }

  /** Adds the next page of the list. */
  async #fill(): Promise<void> {
    this.#more.hidden = true;
    await this.#try(async () => {
      const { conversations, next } = await this.deeds.list(this.#next);
      const rows = conversations.map((one) => this.#row(one));
      this.#list.append(...rows);
      this.#next = next ?? "";
      this.#more.hidden = !next;
      rows[0]?.querySelector("button")!.focus();
      this.#count();
    });
  }

  #count(): void {
    this.#note.textContent = this.#list.firstChild ? "" : this.words.noPast;
  }

  /** Does what the service may refuse, and says so here. */
  async #try(deed: () => Promise<unknown>): Promise<void> {
    try {
      await deed();
    } catch (error) {
      this.#note.textContent = (error instanceof TypeError ? "" : (error as Error).message) || this.words.failed;
    }
  }

  #row({ id, title, answered }: Conversation): HTMLElement {
    const { words } = this;
    const day = new Date(answered).toLocaleDateString(this.language, { dateStyle: "medium" });
    const erase = tool("erase", `${words.erase}: ${title}`, () => {
      if (erase.classList.contains("pill")) void this.#try(forget);
      else {
        // Deleting takes a second press, on the words of what it does.
        erase.className = "pill";
        erase.textContent = words.erase;
      }
    });
    const row = el("li", {},
      button("", () => void this.#try(() => this.deeds.open(id)), {},
        el("b", { dir: "auto" }, title), el("small", {}, day)),
      erase);
    const forget = async () => {
      await this.deeds.forget(id);
      const near = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (near?.querySelector("button") ?? this.element).focus();
      this.#count();
    };
    return row;
  }
}

const STATES: Record<string, "done" | "stopped"> = {
  answered: "done", unsure: "done", refused: "done", done: "done", cancelled: "stopped",
};

/** A turn as the service kept it, to be shown as if it had just been answered. */
export const exchangeOf = ({ question, answer, outcome, ...kept }: Turn): Exchange => ({
  question,
  answer: {
    ...emptyAnswer(), ...kept,
    text: answer ?? "",
    withheld: answer === null,
    // What was quoted is not kept: a card then shows the passage whole.
    citations: kept.sources.map(({ n }) => ({ n })),
    refused: outcome === "refused",
    unsure: outcome === "unsure",
    state: STATES[outcome] ?? "failed",
  },
});
