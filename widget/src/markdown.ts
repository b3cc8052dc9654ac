/** Streams Markdown into the DOM with text nodes and an allow-list of attributes: never HTML, never an image. */
import * as smd from "streaming-markdown";
import { safe } from "./dom";
import type { Doubt } from "./types";

export interface Marks {
  /** Makes the element that stands for `[n]`. */
  cite(n: number): Node;
  /** Makes the element around words of a sentence that failed its check. */
  doubt(kind: Doubt): HTMLElement;
  /** Makes the mark that closes such a sentence. */
  dagger(kind: Doubt): Node;
}

export interface Doubtful {
  start: number;
  end: number;
  kind: Doubt;
}

// What the Markdown parser must not touch travels through it as private-use characters, which it leaves alone.
const CITE = 0xe000;
const OPEN: Record<Doubt, string> = { partly: "\ue801", unsupported: "\ue802" };
const CLOSE = "\ue803";
// The parser takes any dollar for an equation and any underscore for emphasis, also inside PATH_NAMES.
const DOLLAR = "\ue804";
const UNDERSCORE = "\ue805";
const PRIVATE = /[\ue000-\uf8ff]/g;
// A marker or an underscore that the next delta may complete.
const UNFINISHED = /\s*\[\d{0,3}$|[^\s_]?_+$/;

export class Writer {
  #parser: smd.Parser;
  #held = "";
  #text = "";

  constructor(root: HTMLElement, marks: Marks) {
    this.#parser = smd.parser(renderer(root, marks));
  }

  write(delta: string): void {
    const text = this.#held + delta.replace(PRIVATE, "");
    const open = UNFINISHED.exec(text);
    const cut = open ? open.index : text.length;
    this.#held = text.slice(cut);
    this.#feed(text.slice(0, cut));
  }

  end(): void {
    this.#flush();
    smd.parser_end(this.#parser);
  }

  /** Writes a whole answer at once, with its doubtful sentences marked. */
  whole(text: string, doubts: Doubtful[]): void {
    let position = 0;
    for (const { start, end, kind } of doubts) {
      // A mark before a list's dash or after the line's end would take the line out of its block.
      const sentence = text.slice(start, end).trimEnd();
      const block = /^(?:[\s>#|*+-]|\d+\.\s)*/.exec(sentence)![0];
      this.write(text.slice(position, start) + block);
      this.#flush();
      this.#raw(OPEN[kind]);
      this.write(sentence.slice(block.length));
      this.#flush();
      this.#raw(CLOSE);
      position = start + sentence.length;
    }
    this.write(text.slice(position));
    this.end();
  }

  #flush(): void {
    const held = this.#held;
    this.#held = "";
    this.#feed(held);
  }

  #feed(text: string): void {
    const before = this.#text;
    this.#text = text.slice(-1) || before;
    this.#raw((before + text)
      .replace(/(?<=[\p{L}\p{N}_])_(?=[\p{L}\p{N}_])/gu, UNDERSCORE)
      .slice(before.length)
      .replace(/\$/g, DOLLAR)
      // A footnote's number follows its word without a space.
      .replace(/ ?\[(\d{1,3})\]/g, (_, n) => String.fromCharCode(CITE + Number(n))));
  }

  #raw(text: string): void {
    if (text) smd.parser_write(this.#parser, text);
  }
}

/** Gives back the characters that were hidden from the parser, and drops the marks. */
const plain = (text: string) =>
  text.replaceAll(DOLLAR, "$").replaceAll(UNDERSCORE, "_").replace(PRIVATE, "");

function renderer(root: HTMLElement, marks: Marks): smd.Default_Renderer {
  const base = smd.default_renderer(root);
  const parent = (data: smd.Default_Renderer_Data) => data.nodes[data.index] as HTMLElement;
  let doubt: Doubt | undefined;

  /** Puts a mark where the text stands, but never inside a link: a button there could not be reached. */
  const put = (data: smd.Default_Renderer_Data, mark: Node) => {
    const anchor = parent(data).closest("a");
    if (anchor) anchor.after(mark);
    else parent(data).append(mark);
  };
  base.add_token = (data, type) => {
    // An image would be fetched: it becomes a link, and so waits for a click.
    if (type === smd.IMAGE) type = smd.LINK;
    // The page's own headings come above: whatever the answer calls its headings, they are the next level.
    if (type >= smd.HEADING_1 && type <= smd.HEADING_6) type = smd.HEADING_3;
    smd.default_add_token(data, type);
  };
  base.set_attr = (data, type, value) => {
    if (type === smd.HREF || type === smd.SRC) {
      const href = safe(plain(value));
      if (!href) return;
      const anchor = parent(data);
      anchor.setAttribute("href", href);
      anchor.setAttribute("rel", "noopener noreferrer nofollow");
      anchor.setAttribute("target", "_blank");
    } else if (type === smd.START || type === smd.CHECKED) {
      smd.default_set_attr(data, type, value);
    }
  };
  base.add_text = (data, text) => {
    for (const piece of text.split(/([\ue000-\ue803])/)) {
      const code = piece.charCodeAt(0);
      if (code >= CITE && code < CITE + 1000) put(data, marks.cite(code - CITE));
      else if (piece === OPEN.partly || piece === OPEN.unsupported) {
        doubt = piece === OPEN.partly ? "partly" : "unsupported";
      } else if (piece === CLOSE) {
        if (doubt) put(data, marks.dagger(doubt));
        doubt = undefined;
      } else if (piece) {
        let into: HTMLElement = parent(data);
        if (doubt && piece.trim()) {
          const last = into.lastChild;
          into = last instanceof HTMLSpanElement ? last : into.appendChild(marks.doubt(doubt));
        }
        into.append(plain(piece));
      }
    }
  };
  return base;
}
