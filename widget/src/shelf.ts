/** Keeps a conversation in the browser between two visits, for a number of days. */
import type { Exchange } from "./types";

export interface Kept {
  conversation: string;
  exchanges: Exchange[];
}

const DAY = 24 * 3600 * 1000;
const MOST = 30;

export class Shelf {
  /** With `days` at 0 nothing is kept; what a person said who signed in is kept as long as the tab. */
  constructor(private name: string, private readonly days: number, private readonly person = "") {
    if (person) this.name += `:${person}`;
  }

  load(): Kept | undefined {
    try {
      const { at, ...kept } = JSON.parse(this.#store.getItem(this.name) ?? "null");
      if (Date.now() - at < this.days * DAY && Array.isArray(kept.exchanges)) return kept;
      this.clear();
    } catch {
      // Nothing there, or nothing that can be read: a new conversation.
    }
    return undefined;
  }

  save({ conversation, exchanges }: Kept): void {
    if (this.days <= 0) return;
    try {
      const kept = { at: Date.now(), conversation, exchanges: exchanges.slice(-MOST) };
      this.#store.setItem(this.name, JSON.stringify(kept));
    } catch {
      // Storage may be full or forbidden; the conversation then lives as long as the page.
    }
  }

  get #store(): Storage {
    return this.person ? sessionStorage : localStorage;
  }

  clear(): void {
    try {
      this.#store.removeItem(this.name);
    } catch {
      // Forbidden storage holds nothing.
    }
  }
}
