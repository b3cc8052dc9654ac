/** Thumbs, and what was wrong. */
import { button, el, tool } from "./dom";
import type { Answer } from "./types";
import type { Words } from "./words";

export class Rating {
  readonly said = el("span", { role: "status" });
  readonly form = el("form", { class: "why", hidden: "" });
  readonly thumbs: HTMLElement[];

  constructor(
    private readonly answer: Answer,
    private readonly words: Words,
    private readonly send: (rating: "up" | "down", reason: string) => Promise<unknown>,
  ) {
    this.thumbs = (["up", "down"] as const).map((name) =>
      tool(name, words[name === "up" ? "good" : "bad"], () => this.#rate(name), { class: `tool ${name}` }));
    this.#mark();
    const other = el("input", { type: "text", maxlength: "1000", placeholder: words.more, "aria-label": words.more });
    const reasons = (["wrong", "incomplete", "misquoted", "outdated"] as const).map((name) => {
      const chip = button("pill", () => chip.setAttribute("aria-pressed", String(chip.ariaPressed !== "true")),
        { "aria-pressed": "false", value: name }, words[name]);
      return chip;
    });
    this.form.append(el("fieldset", {}, el("legend", {}, words.why),
      el("div", { class: "starters" }, ...reasons),
      el("div", { class: "box" }, other, el("button", { class: "pill", type: "submit" }, words.send))));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = reasons.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.value);
      this.form.hidden = true;
      void this.#tell([...chosen, other.value.trim()].filter(Boolean).join("; "));
    });
  }

  #rate(name: "up" | "down"): void {
    this.answer.rating = name;
    this.form.hidden = name === "up" || !this.form.hidden;
    this.#mark();
    void this.#tell("");
  }

  /** A service that keeps no records takes no rating: the thumb then goes back. */
  async #tell(reason: string): Promise<void> {
    try {
      await this.send(this.answer.rating!, reason);
      this.said.textContent = this.words.thanks;
    } catch {
      delete this.answer.rating;
      this.form.hidden = true;
      this.#mark();
    }
  }

  #mark(): void {
    const [up, down] = this.thumbs;
    up!.setAttribute("aria-pressed", String(this.answer.rating === "up"));
    down!.setAttribute("aria-pressed", String(this.answer.rating === "down"));
  }
}
