/** The citation card: where a sentence comes from, with the supporting words marked. */
import { button, el, goTo, icon } from "./dom";
import type { Citation, Doubt, Source } from "./types";
import type { Words } from "./words";

const AROUND = 220;

export class Card {
  readonly element: HTMLElement;
  #opener: HTMLElement | undefined;

  constructor(private readonly words: Words, private readonly language: string, frame: HTMLElement) {
    this.element = el("div", { class: "card", part: "card", popover: "auto", role: "dialog", tabindex: "-1" });
    this.element.addEventListener("beforetoggle", (event) => {
      if ((event as ToggleEvent).newState === "open") return;
      this.#opener?.setAttribute("aria-expanded", "false");
      // Browsers give the focus back to the page, not to what opened the card in a shadow tree.
      if (this.element.matches(":focus-within")) this.#opener?.focus({ preventScroll: true });
    });
    frame.append(this.element);
  }

  get isOpen(): boolean {
    return this.element.matches(":popover-open");
  }

  source(opener: HTMLElement, source: Source, citation?: Citation): void {
    const { words } = this;
    const { evidence, support } = citation ?? {};
    const page = evidence?.page ?? source.page;
    const place = [page !== undefined && `${words.page} ${page}`, section(source)].filter(Boolean);
    const facts = [
      source.modified && new Date(source.modified).toLocaleDateString(this.language, { dateStyle: "medium" }),
      support !== undefined && `${Math.round(support * 100)} % ${words.support}`,
    ].filter(Boolean);
    const open = el("a", {},
      page === undefined ? words.openDocument : `${words.openDocument}, ${words.page} ${page}`);
    goTo(open, evidence?.url ?? source.url);
    this.#show(opener, `${words.source} ${source.n}: ${source.label}`,
      this.#head(el("sup", {}, String(source.n)), source.title || source.uri, place.join(" · ") || source.uri),
      excerpt(source, evidence),
      el("div", { class: "foot" }, el("small", {}, facts.join(" · ")), open));
  }

  doubt(opener: HTMLElement, kind: Doubt): void {
    const title = this.words[kind];
    this.#show(opener, title, this.#head(el("sup", {}, opener.textContent), title, ""),
      el("p", {}, this.words[`${kind}Means`]));
  }

  #head(mark: HTMLElement, title: string, place: string): HTMLElement {
    return el("div", { class: "head" }, mark, el("div", { dir: "auto" }, el("b", {}, title), place && el("small", {}, place)),
      button("tool", () => this.element.hidePopover(), { "aria-label": this.words.close }, icon("close")));
  }

  #show(opener: HTMLElement, label: string, ...children: Node[]): void {
    if (this.isOpen) this.element.hidePopover();
    this.#opener = opener;
    opener.setAttribute("aria-expanded", "true");
    this.element.setAttribute("aria-label", label);
    this.element.replaceChildren(...children);
    this.element.showPopover();
    this.#place(opener.getBoundingClientRect());
    this.element.focus({ preventScroll: true });
    const mark = this.element.querySelector("mark");
    if (mark) mark.parentElement!.scrollTop = mark.offsetTop - mark.parentElement!.offsetTop - 48;
  }

  #place(at: DOMRect): void {
    const { offsetWidth: width, offsetHeight: height, style } = this.element;
    style.left = `${Math.max(12, Math.min(at.left - 24, innerWidth - width - 12))}px`;
    const below = at.bottom + 8 + height < innerHeight;
    style.top = `${below ? at.bottom + 8 : Math.max(12, at.top - height - 8)}px`;
  }
}

/** The heading over the passage, where it says more than the title. */
export function section({ headings, title }: Source): string | undefined {
  return headings.at(-1) === title ? "" : headings.at(-1);
}

/** The passage around the evidence. Document offsets count code points, so the text is cut as such. */
function excerpt(source: Source, evidence: Citation["evidence"]): HTMLElement {
  const points = Array.from(source.text);
  const from = evidence ? Math.max(0, evidence.start - source.start) : 0;
  const to = evidence ? Math.min(points.length, evidence.end - source.start) : 0;
  const first = Math.max(0, from - AROUND);
  const last = evidence ? Math.min(points.length, to + AROUND) : points.length;
  const cut = (start: number, end: number) => plain(points.slice(start, end).join(""));
  return el("blockquote", { tabindex: "0", dir: "auto" },
    first > 0 && "…", cut(first, from), from < to && el("mark", {}, cut(from, to)), cut(Math.max(from, to), last),
    last < points.length && "…");
}

/** Takes Markdown's signs out of a passage that is shown as plain words; a table's row becomes a line. */
function plain(text: string): string {
  return text.replace(/^[ |:-]*--[ |:-]*$\n?|^\| *| *\|$|\*\*|__|^#{1,6} |`/gm, "")
    .replace(/ *\| */g, " · ").replace(/\n\s*\n/g, "\n");
}
