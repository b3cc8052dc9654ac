/** Streams Markdown into the DOM with text nodes and an allow-list of attributes: never HTML, never an image. */
import * as smd from "streaming-markdown";

export interface Marks {
  /** Makes the element that stands for `[n]`. */
  cite(n: number): Node;
  /** Makes the element around a sentence that failed its check. */
  doubt(kind: "partly" | "unsupported"): HTMLElement;
}

// Markers travel through the Markdown parser as private-use characters, which it leaves alone.
const CITE = 0xe000;
const DOUBT = { partly: "\ue801", unsupported: "\ue802" } as const;
const END = "\ue803";
const PRIVATE = /[\ue000-\uf8ff]/g;
const SAFE = /^(https?:|mailto:|#|\/(?!\/))/i;

export class Writer {
  #parser: smd.Parser;
  #held = "";

  constructor(root: HTMLElement, marks: Marks) {
    this.#parser = smd.parser(renderer(root, marks));
  }

  write(delta: string): void {
    const text = this.#held + delta.replace(PRIVATE, "");
    const open = /\s*\[\d{0,3}$/.exec(text);
    const cut = open ? open.index : text.length;
    this.#held = text.slice(cut);
    this.#feed(text.slice(0, cut));
  }

  end(): void {
    this.#feed(this.#held);
    this.#held = "";
    smd.parser_end(this.#parser);
  }

  /** Feeds a whole answer at once, with its doubtful sentences marked. */
  whole(text: string, doubts: { start: number; end: number; kind: keyof typeof DOUBT }[]): void {
    let position = 0;
    for (const { start, end, kind } of doubts) {
      this.write(text.slice(position, start));
      this.#flush();
      this.#raw(DOUBT[kind]);
      this.write(text.slice(start, end));
      this.#flush();
      this.#raw(END);
      position = end;
    }
    this.write(text.slice(position));
    this.end();
  }

  #flush(): void {
    this.#feed(this.#held);
    this.#held = "";
  }

  #feed(text: string): void {
    this.#raw(text.replace(/\[(\d{1,3})\]/g, (_, n) => String.fromCharCode(CITE + Number(n))));
  }

  #raw(text: string): void {
    if (text) smd.parser_write(this.#parser, text);
  }
}

function renderer(root: HTMLElement, marks: Marks): smd.Default_Renderer {
  const base = smd.default_renderer(root);
  let doubt: "partly" | "unsupported" | undefined;
  const parent = (data: smd.Default_Renderer_Data) => data.nodes[data.index] as HTMLElement;
  base.add_token = (data, type) => {
    // An image would be fetched: it becomes a link, and so waits for a click.
    smd.default_add_token(data, type === smd.IMAGE ? smd.LINK : type);
  };
  base.set_attr = (data, type, value) => {
    if (type === smd.HREF || type === smd.SRC) {
      if (!SAFE.test(value)) return;
      const link = parent(data);
      link.setAttribute("href", value);
      link.setAttribute("rel", "noopener noreferrer nofollow");
      link.setAttribute("target", "_blank");
    } else if (type === smd.START || type === smd.CHECKED) {
      smd.default_set_attr(data, type, value);
    }
  };
  base.add_text = (data, text) => {
    let plain = "";
    const put = () => {
      if (!plain) return;
      let into: HTMLElement = parent(data);
      if (doubt) into = into.appendChild(marks.doubt(doubt));
      into.append(plain);
      plain = "";
    };
    for (const character of text) {
      const code = character.charCodeAt(0);
      if (code >= CITE && code < CITE + 1000) {
        put();
        parent(data).append(marks.cite(code - CITE));
      } else if (character === DOUBT.partly || character === DOUBT.unsupported) {
        put();
        doubt = character === DOUBT.partly ? "partly" : "unsupported";
      } else if (character === END) {
        put();
        doubt = undefined;
      } else plain += character;
    }
    put();
  };
  return base;
}
