/** Cuts a stream of server-sent events into frames. A library for it weighs more than the rest of the stream's code. */

export interface EventFrame {
  id: string;
  data: string;
}

export class Frames {
  #rest = "";
  #id = "";
  #data: string[] = [];

  /** Takes more of the stream, cut anywhere; yields the frames that it completes. */
  *feed(text: string): Generator<EventFrame> {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [, name, value] = /^(\w*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "data") this.#data.push(value!);
      else if (name === "id") this.#id = value!;
      else if (!line && this.#data.length) yield { id: this.#id, data: this.#data.splice(0).join("\n") };
    }
  }
}
