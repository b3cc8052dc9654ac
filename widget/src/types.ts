/** What the stream carries, as this widget reads it. Offsets in the answer count UTF-16 units, those in documents code points. */

export interface Source {
  n: number;
  document_id: string;
  title: string;
  label: string;
  uri: string;
  url: string;
  /** The passage: the document's text from `start`. */
  text: string;
  start: number;
  headings: string[];
  score: number;
  page?: number;
  modified?: string;
}

/** Where a sentence comes from; of an answer that the service kept, only the number of its passage is known. */
export interface Citation {
  n: number;
  support?: number;
  evidence?: { url: string; start: number; end: number; page?: number };
}

export type Doubt = "partly" | "unsupported";

export interface Sentence {
  start: number;
  end: number;
  verdict: "supported" | Doubt;
  support: number;
}

export interface Answer {
  run: string;
  model: string;
  notice: string;
  text: string;
  sources: Source[];
  citations: Citation[];
  sentences: Sentence[];
  followups: string[];
  refused: boolean;
  /** Whether the closest passage is quoted without being sure that it answers; what was kept earlier does not say. */
  unsure?: boolean;
  /** Whether it was answered from documents that the reader may no longer read. */
  withheld?: boolean;
  state: "running" | "done" | "stopped" | "failed";
  error: string;
  rating?: "up" | "down";
  usage?: { inputTokens: number; outputTokens: number };
  /** Milliseconds from the question to its sources, its first word and its end. */
  times: { sources?: number; words?: number; end?: number };
}

export interface Exchange {
  question: string;
  answer: Answer;
  /** Asked again: an answer that the service has kept will not do. */
  fresh?: true;
}

export const emptyAnswer = (): Answer => ({
  run: "", model: "", notice: "", text: "", sources: [], citations: [], sentences: [], followups: [],
  refused: false, state: "running", error: "", times: {},
});
