/** Streams Markdown into the DOM with text nodes and an allow-list of attributes: never HTML, never an image. */
import * as smd from "streaming-markdown";
import { goTo } from "./dom";
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
// A marker with the space before it, or an underscore: the next delta may complete it.
const UNFINISHED = /(?: ?\[\d{0,3}| |[^\s_]?_+)$/;

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

// The elements of the parser's tokens, from PARAGRAPH on. All headings are of one level: the page's own come above.
// An image would be fetched: it becomes a link, and so waits for a click.
const TAGS = ("p h3 h3 h3 h3 h3 h3 pre pre code em em strong strong s a a a blockquote br hr ul ol li span table tr td " +
  "code code").split(" ");

/** Renders into `root`; the parser's data is the path of open elements. */
function renderer(root: HTMLElement, marks: Marks): smd.Renderer<HTMLElement[]> {
  let doubt: Doubt | undefined;

  /** Puts a mark where the text stands, but never inside a link: a button there could not be reached. */
  const put = (into: HTMLElement, mark: Node) => {
    const anchor = into.closest("a");
    if (anchor) anchor.after(mark);
    else into.append(mark);
  };
  return {
    data: [root],
    add_token(path, type) {
      if (type < smd.PARAGRAPH) return;
      const parent = path.at(-1)!;
      const heading = type === smd.TABLE_CELL && !parent.previousElementSibling;
      let made = parent.appendChild(document.createElement(heading ? "th" : TAGS[type - smd.PARAGRAPH]!));
      if (made.localName === "pre") made = made.appendChild(document.createElement("code"));
      if (type === smd.CHECKBOX) made.append("☐");
      path.push(made);
    },
    end_token(path) {
      path.pop();
    },
    set_attr(path, type, value) {
      const made = path.at(-1)!;
      if (type === smd.HREF || type === smd.SRC) goTo(made, plain(value).replace(/[.,;:!?]+$/, ""));
      else if (type === smd.START) made.setAttribute("start", value);
      else if (type === smd.CHECKED) made.textContent = "☑";
    },
    add_text(path, text) {
      const parent = path.at(-1)!;
      for (const piece of text.split(/([\ue000-\ue803])/)) {
        const code = piece.charCodeAt(0);
        if (code >= CITE && code < CITE + 1000) put(parent, marks.cite(code - CITE));
        else if (piece === OPEN.partly || piece === OPEN.unsupported) {
          doubt = piece === OPEN.partly ? "partly" : "unsupported";
        } else if (piece === CLOSE) {
          if (doubt) put(parent, marks.dagger(doubt));
          doubt = undefined;
        } else if (piece) {
          let into = parent;
          if (doubt && piece.trim()) {
            const last = into.lastChild;
            into = last instanceof HTMLElement && last.matches(".doubt") ? last : into.appendChild(marks.doubt(doubt));
          }
          into.append(plain(piece));
        }
      }
    },
  };
}
