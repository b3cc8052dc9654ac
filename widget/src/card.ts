/** The citation card: where a sentence comes from, with the supporting words marked. */
import { el } from "./dom";
import type { Citation, Source } from "./types";
import type { Words } from "./words";

const AROUND = 220;

export class Card {
  readonly element: HTMLElement;
  #opener: HTMLElement | undefined;

  constructor(private readonly words: Words, font: HTMLElement) {
    this.element = el("div", { class: "card", popover: "auto", role: "dialog", "aria-label": words.source });
    this.element.addEventListener("toggle", (event) => {
      if ((event as ToggleEvent).newState === "closed") this.#opener?.setAttribute("aria-expanded", "false");
    });
    font.append(this.element);
  }

  show(opener: HTMLElement, source: Source, citation?: Citation): void {
    this.#opener?.setAttribute("aria-expanded", "false");
    this.#opener = opener;
    opener.setAttribute("aria-expanded", "true");
    const place = [source.page !== undefined && `${this.words.page} ${source.page}`, source.headings.at(-1)];
    this.element.replaceChildren(
      el("header", {}, el("b", {}, `${source.n}. ${source.title || source.uri}`),
        el("small", {}, [...place.filter(Boolean), source.uri].join(" · "))),
      excerpt(source, citation),
      el("footer", {}, el("a", { href: citation?.evidence.url ?? source.url, target: "_blank", rel: "noopener" },
        this.words.openDocument)),
    );
    this.element.showPopover();
    this.#place(opener.getBoundingClientRect());
    this.element.querySelector("a")!.focus({ preventScroll: true });
  }

  #place(at: DOMRect): void {
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = Math.min(Math.max(12, at.left - 24), innerWidth - width - 12);
    const below = at.bottom + 8 + height < innerHeight;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${below ? at.bottom + 8 : Math.max(12, at.top - height - 8)}px`;
  }
}

/** The passage around the evidence. Document offsets count code points, so the text is cut as such. */
function excerpt(source: Source, citation?: Citation): HTMLElement {
  const points = Array.from(source.text);
  if (!citation) return el("blockquote", { tabindex: "0" }, plain(source.text));
  const from = Math.max(0, citation.evidence.start - source.start);
  const to = Math.min(points.length, citation.evidence.end - source.start);
  const first = Math.max(0, from - AROUND);
  const last = Math.min(points.length, to + AROUND);
  return el(
    "blockquote", { tabindex: "0" },
    (first ? "…" : "") + plain(points.slice(first, from).join("")),
    el("mark", {}, plain(points.slice(from, to).join(""))),
    plain(points.slice(to, last).join("")) + (last < points.length ? "…" : ""),
  );
}

/** Takes Markdown's signs out of a passage that is shown as plain words. */
function plain(text: string): string {
  return text.replace(/\*\*|__|^#{1,6} |`/gm, "");
}
