/** What the stream carries, as this widget reads it. Offsets of the answer count UTF-16 units, those of documents code points. */

export interface Source {
  n: number;
  title: string;
  label: string;
  uri: string;
  url: string;
  text: string;
  start: number;
  headings: string[];
  page?: number;
}

export interface Citation {
  n: number;
  start: number;
  end: number;
  quote: string;
  support: number;
  supported: boolean;
  evidence: { url: string; start: number; end: number; page?: number };
}

export interface Sentence {
  start: number;
  end: number;
  verdict: "supported" | "partly" | "unsupported";
}

export interface Answer {
  run: string;
  text: string;
  notice: string;
  sources: Source[];
  citations: Citation[];
  sentences: Sentence[];
  followups: string[];
  refused: boolean;
  state: "running" | "done" | "stopped" | "failed";
  error: string;
  rating?: "up" | "down";
}

export interface Exchange {
  question: string;
  answer: Answer;
}

export const emptyAnswer = (): Answer => ({
  run: "", text: "", notice: "", sources: [], citations: [], sentences: [], followups: [],
  refused: false, state: "running", error: "",
});
