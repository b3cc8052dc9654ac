/** Talks to the service: asks, follows the stream, takes it up again when the connection drops, stops it. */
import { createParser } from "eventsource-parser";
import type { Answer, Citation, Sentence } from "./types";

export interface Connection {
  api: string;
  key: string;
}

export interface Watcher {
  text(delta: string): void;
  status(stage: string): void;
  changed(): void;
}

/** A response that is no stream: its sentence is fit for the reader. */
export class Refused extends Error {}

const RETRIES = 5;

export async function ask(
  to: Connection, body: unknown, answer: Answer, watcher: Watcher, signal: AbortSignal,
): Promise<void> {
  const response = await call(to, "/v1/chat", { method: "POST", body: JSON.stringify(body), signal });
  answer.run = response.headers.get("x-run-id") ?? "";
  await follow(to, response, answer, watcher, signal);
}

/** Takes up a run from its first frame: the answer is written again from the start. */
export async function resume(to: Connection, answer: Answer, watcher: Watcher, signal: AbortSignal): Promise<void> {
  const response = await call(to, `/v1/runs/${answer.run}/events`, { signal });
  await follow(to, response, answer, watcher, signal);
}

export async function stop(to: Connection, run: string): Promise<void> {
  await call(to, `/v1/runs/${run}/cancel`, { method: "POST" });
}

export async function rate(to: Connection, run: string, rating: string, reason: string): Promise<void> {
  await call(to, "/v1/feedback", { method: "POST", body: JSON.stringify({ run, rating, reason }) });
}

async function follow(
  to: Connection, first: Response, answer: Answer, watcher: Watcher, signal: AbortSignal,
): Promise<void> {
  let last = 0;
  let response = first;
  for (let tries = 0; ; tries += 1) {
    try {
      last = await read(response, last, answer, watcher);
    } catch (error) {
      if (signal.aborted) throw error;
    }
    if (answer.state !== "running") return;
    if (tries === RETRIES || !answer.run) throw new Refused("");
    await new Promise((done) => setTimeout(done, 300 * 2 ** tries));
    response = await call(to, `/v1/runs/${answer.run}/events?after=${last}`, { signal });
  }
}

async function read(response: Response, after: number, answer: Answer, watcher: Watcher): Promise<number> {
  let last = after;
  const parser = createParser({
    onEvent: ({ id, data }) => {
      if (id) last = Number(id);
      if (data !== "[DONE]") take(JSON.parse(data), answer, watcher);
    },
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    parser.feed(value);
  }
}

// The wire is typed by the server's own tests; here each part is read for what is needed.
function take(part: any, answer: Answer, watcher: Watcher): void {
  switch (part.type) {
    case "start":
      answer.run = part.messageMetadata.runId;
      answer.notice = part.messageMetadata.notice ?? "";
      break;
    case "data-status":
      return watcher.status(part.data.stage);
    case "source-document":
    case "source-url": {
      const { quote, ...source } = part.providerMetadata.footnote;
      answer.sources.push({ ...source, text: quote });
      break;
    }
    case "text-delta":
      answer.text += part.delta;
      return watcher.text(part.delta);
    case "data-sentence":
      answer.sentences.push(part.data as Sentence);
      return;
    case "data-citations":
      answer.citations = part.data as Citation[];
      break;
    case "data-followups":
      answer.followups = part.data;
      break;
    case "finish":
      answer.refused = Boolean(part.messageMetadata?.refused);
      answer.state = "done";
      break;
    case "error":
      answer.error = part.errorText;
      answer.state = "failed";
      break;
    case "abort":
      answer.state = "stopped";
      break;
  }
  watcher.changed();
}

async function call(to: Connection, path: string, init: RequestInit): Promise<Response> {
  const headers: Record<string, string> = {};
  if (init.body) headers["content-type"] = "application/json";
  if (to.key) headers.authorization = `Bearer ${to.key}`;
  const response = await fetch(to.api + path, { ...init, headers });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(problem.detail ?? problem.title ?? `${response.status}`);
}
