/** Talks to the service: asks, follows the stream, takes it up again when the connection drops, stops it. */
import { Frames } from "./frames";
import type { Conversation, Turn } from "./past";
import type { Pass, Signs } from "./sign";
import type { Answer } from "./types";

export interface Connection {
  readonly api: string;
  readonly sign: Signs;
}

export interface Watcher {
  /** More of the answer. */
  text(delta: string): void;
  /** What the service does now, or that it cannot be reached. */
  status(stage: string): void;
  /** The run has a name, by which it can be taken up again. */
  started(): void;
}

/** A response that is no stream: its sentence is fit for the reader, `request` finds it in the service's log. */
export class Refused extends Error {
  constructor(message: string, readonly request: string, readonly status = 0) {
    super(message);
  }
}

const RETRIES = 5;

export async function ask(
  to: Connection, body: unknown, answer: Answer, watcher: Watcher, signal: AbortSignal,
): Promise<void> {
  const asked = Date.now();
  const response = await call(to, "POST", "/v1/chat", body, signal);
  answer.run = response.headers.get("x-run-id") ?? "";
  watcher.started();
  await follow(to, response, answer, watcher, signal, asked);
}

/** Takes up a run from its first frame: the answer is written again from the start. */
export async function resume(to: Connection, answer: Answer, watcher: Watcher, signal: AbortSignal): Promise<void> {
  const response = await call(to, "GET", `/v1/runs/${answer.run}/events`, undefined, signal);
  await follow(to, response, answer, watcher, signal, 0);
}

export const stop = (to: Connection, run: string) => call(to, "POST", `/v1/runs/${run}/cancel`);

export const rate = (to: Connection, run: string, rating: string, reason: string) =>
  call(to, "POST", "/v1/feedback", { run, rating, reason });

const CONVERSATIONS = "/v1/conversations";
const named = (conversation: string) => `${CONVERSATIONS}/${encodeURIComponent(conversation)}`;

export const forget = (to: Connection, conversation: string) => call(to, "DELETE", named(conversation));

export const list = async (to: Connection, before: string): Promise<{ conversations: Conversation[]; next: string | null }> =>
  (await call(to, "GET", CONVERSATIONS + (before && `?before=${encodeURIComponent(before)}`))).json();

export const turns = async (to: Connection, conversation: string): Promise<Turn[]> =>
  (await (await call(to, "GET", named(conversation))).json()).turns;

/** Has a visitor's token made by a page's key. */
export const visit = async (to: Connection): Promise<Pass> => (await call(to, "POST", "/v1/visitors")).json();

async function follow(
  to: Connection, first: Response, answer: Answer, watcher: Watcher, signal: AbortSignal, asked: number,
): Promise<void> {
  let response = first;
  let last = 0;
  let tries = 0;
  for (;;) {
    const before = last;
    try {
      for await (const { id, part } of parts(response)) {
        last = id || last;
        take(part, answer, watcher, asked);
      }
    } catch (error) {
      if (signal.aborted) throw error;
    }
    if (answer.state !== "running") return;
    // A stream that ends without a last word was cut. The run goes on without us for a while.
    if (last > before) tries = 0;
    for (let next: Response | undefined; !next; response = next ?? response) {
      if (tries === RETRIES || !answer.run) throw new TypeError("The stream was cut.");
      if (!navigator.onLine) watcher.status("offline");
      await pause(300 * 2 ** tries);
      tries += 1;
      next = await call(to, "GET", `/v1/runs/${answer.run}/events?after=${last}`, undefined, signal)
        .catch((error) => {
          if (signal.aborted || error instanceof Refused) throw error;
          return undefined;
        });
    }
  }
}

/** Waits, but no longer than until the connection is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(end, navigator.onLine ? milliseconds : 60_000);
    function end() {
      clearTimeout(timer);
      removeEventListener("online", end);
      done();
    }
    addEventListener("online", end);
  });
}

async function* parts(response: Response): AsyncGenerator<{ id: number; part: any }> {
  const frames = new Frames();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const { id, data } of frames.feed(value)) {
      if (data !== "[DONE]") yield { id: Number(id), part: JSON.parse(data) };
    }
  }
}

// The wire is typed by the server's own tests; here each part is read for what is needed.
function take(part: any, answer: Answer, watcher: Watcher, asked: number): void {
  const { type, data, messageMetadata: about } = part;
  const now = (time: keyof Answer["times"]) => {
    if (asked) answer.times[time] ??= Date.now() - asked;
  };
  if (/^(finish|error|abort)$/.test(type)) now("end");
  if (/^source-/.test(type)) {
    const { quote, ...source } = part.providerMetadata.footnote;
    answer.sources.push({ ...source, text: quote });
    now("sources");
  } else if (type === "start") {
    Object.assign(answer, { run: about.runId, notice: about.notice ?? "", model: about.model ?? "" });
    watcher.started();
  } else if (type === "data-status") {
    watcher.status(data.stage);
  } else if (type === "text-delta") {
    now("words");
    answer.text += part.delta;
    watcher.text(part.delta);
  } else if (type === "data-sentence") {
    answer.sentences.push(data);
  } else if (type === "data-citations") {
    answer.citations = data;
  } else if (type === "data-followups") {
    answer.followups = data;
  } else if (type === "finish") {
    answer.refused = Boolean(about?.refused);
    answer.unsure = about?.outcome === "unsure";
    answer.usage = about?.usage;
    answer.state = "done";
  } else if (type === "error") {
    answer.error = part.errorText;
    answer.state = "failed";
  } else if (type === "abort") {
    answer.state = part.reason === "user" ? "stopped" : "failed";
  }
}

async function call(
  to: Connection, method: string, path: string, body?: unknown, signal?: AbortSignal,
): Promise<Response> {
  const { token } = await to.sign.pass();
  const send = (token: string) => fetch(to.api + path, {
    method,
    headers: { ...(body ? { "content-type": "application/json" } : {}), ...(token && { authorization: `Bearer ${token}` }) },
    signal: signal ?? null,
    body: body ? JSON.stringify(body) : null,
  });
  let response = await send(token);
  if (response.status === 401) {
    to.sign.refuse(token);
    const fresh = await to.sign.pass();
    if (fresh.token !== token) response = await send(fresh.token);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(problem.detail ?? problem.title ?? "", response.headers.get("x-request-id") ?? "", response.status);
}
