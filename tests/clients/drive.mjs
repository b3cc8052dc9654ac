// Drives one released client against a live server and prints what it got as one JSON object:
//   node drive.mjs CLIENT SCENARIO URL        SCENARIO: read | stop | resume
// { text, finished, error, usage, citations: [{ title, url, page, quote }] }

const QUESTION = "How much leave?";
const [client, scenario, url] = process.argv.slice(2);

const drivers = {
  "useChat of @ai-sdk/react on ai 5": () => useChat("ai5", "react-2"),
  "useChat of @ai-sdk/react on ai 6": () => useChat("ai6", "react-3"),
  "useChat of @ai-sdk/react on ai 7": () => useChat("ai7", "react-4"),
  "@ai-sdk/openai responses": () => aiSdk("responses"),
  "@ai-sdk/openai chat": () => aiSdk("chat"),
  "@ai-sdk/openai-compatible": () => aiSdk("compatible"),
  "openai-js 6 chat": () => openaiChat("openai6"),
  "openai-js 7 chat": () => openaiChat("openai7"),
  "openai-js 6 responses": () => openaiResponses("openai6"),
  "openai-js 7 responses": () => openaiResponses("openai7"),
  "@ag-ui/client": agUi,
};

// The released hook, in a component that React renders.
async function useChat(name, hook) {
  const { DefaultChatTransport } = await import(name);
  const { useChat } = await import(hook);
  const { createElement } = await import("react");
  const { default: renderer } = await import("react-test-renderer");
  console.error = () => {}; // that its renderer is deprecated
  let sawText, failed, chat;
  const text = new Promise((resolve) => (sawText = resolve));
  // what a browser does when the network goes: the body breaks off, nobody calls stop()
  const cutter = new AbortController();
  const fetcher = (input, init) =>
    fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, cutter.signal]) : cutter.signal });
  const transport = (fetch_) => new DefaultChatTransport({ api: `${url}/api/chat`, fetch: fetch_ });
  function Chat(options) {
    chat = useChat({ id: "chat1", onError: (error) => (failed = error.message), ...options });
    if (chat.messages.at(-1)?.role === "assistant" && chat.messages.at(-1).parts.some((part) => part.text)) sawText();
    return null;
  }
  const rendered = () => new Promise((resolve) => setTimeout(resolve, 50));
  renderer.create(createElement(Chat, { transport: transport(scenario === "resume" ? fetcher : undefined) }));
  await rendered();
  const sending = chat.sendMessage({ text: QUESTION });
  if (scenario === "stop") {
    await text;
    const response = await fetch(`${url}/api/chat/chat1/stop`, { method: "POST" });
    if (!(await response.json()).stopped) throw new Error("the server did not confirm");
  }
  if (scenario === "resume") {
    await text;
    cutter.abort();
    await sending.catch(() => {});
    await rendered();
    failed = undefined;
    // a reload: the page remembers the messages, and the hook asks for the run that goes on
    renderer.create(createElement(Chat, { transport: transport(), messages: chat.messages }));
    await rendered();
    await chat.resumeStream();
  } else await sending;
  await rendered();
  const parts = chat.messages.filter((message) => message.role === "assistant").at(-1)?.parts ?? [];
  const sources = parts.filter((part) => part.type.startsWith("source-"));
  const cited = parts.find((part) => part.type === "data-citations")?.data ?? [];
  const texts = parts.filter((part) => part.type === "text");
  return {
    text: texts.map((part) => part.text).join(""),
    finished: chat.messages.at(-1)?.metadata?.usage !== undefined && !failed,
    error: failed ?? null,
    usage: chat.messages.at(-1)?.metadata?.usage?.totalTokens ?? null,
    textCitations: texts.flatMap((part) => part.citations ?? []).length,
    citations: cited.map((each) => {
      const source = sources.find((part) => part.sourceId === each.sourceId);
      const mine = source?.providerMetadata?.footnote ?? {};
      return { title: mine.title, url: mine.url, page: mine.page ?? null, quote: each.quote };
    }),
  };
}

async function aiSdk(kind) {
  const { streamText } = await import("ai7");
  let model;
  if (kind === "compatible") {
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    model = createOpenAICompatible({ name: "footnote", baseURL: `${url}/v1`, apiKey: "unused", includeUsage: true })("footnote");
  } else {
    const { createOpenAI } = await import("@ai-sdk/openai");
    model = createOpenAI({ baseURL: `${url}/v1`, apiKey: "unused" })[kind]("footnote");
  }
  const abort = new AbortController();
  const result = streamText({ model, prompt: QUESTION, maxRetries: 0, abortSignal: abort.signal, onError: () => {} });
  const got = { text: "", finished: false, error: null, usage: null, citations: [] };
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") {
      got.text += part.text;
      if (scenario === "stop") abort.abort();
    } else if (part.type === "source") {
      got.citations.push({ title: part.title ?? null, url: part.url ?? null, page: null, quote: null, kind: part.sourceType });
    } else if (part.type === "error") {
      got.error = String(part.error?.message ?? JSON.stringify(part.error));
    } else if (part.type === "finish") {
      got.reason = part.finishReason;
      got.finished = part.finishReason === "stop" && got.error === null;
      got.usage = part.totalUsage.totalTokens ?? null;
    }
  }
  return got;
}

async function openaiChat(name) {
  const { default: OpenAI } = await import(name);
  const api = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
  const got = { text: "", finished: false, error: null, usage: null, citations: [] };
  try {
    const stream = await api.chat.completions.create({
      model: "footnote",
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: QUESTION }],
    });
    for await (const chunk of stream) {
      const choice = chunk.choices[0];
      got.text += choice?.delta?.content ?? "";
      if (scenario === "stop" && got.text) stream.controller.abort();
      if (choice?.finish_reason === "stop") got.finished = true;
      for (const each of choice?.delta?.annotations ?? [])
        got.citations.push({ title: each.url_citation.title, url: each.url_citation.url, page: null, quote: null });
      const mine = chunk.footnote?.citations;
      if (mine) got.citations = mine.map(({ title, url, page, quote }) => ({ title, url, page: page ?? null, quote }));
      if (chunk.usage) got.usage = chunk.usage.total_tokens;
    }
  } catch (error) {
    got.error = error.message;
  }
  return got;
}

async function openaiResponses(name) {
  const { default: OpenAI } = await import(name);
  const api = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
  const got = { text: "", finished: false, error: null, usage: null, citations: [] };
  const take = async (stream) => {
    let last = -1;
    for await (const event of stream) {
      last = event.sequence_number;
      if (event.type === "response.created") got.id = event.response.id;
      if (event.type === "response.output_text.delta") {
        got.text += event.delta;
        if (scenario !== "read") return last;
      }
      if (event.type === "response.completed") {
        got.finished = true;
        got.usage = event.response.usage.total_tokens;
        got.citations = event.response.footnote.citations.map(({ title, url, page, quote }) => ({ title, url, page: page ?? null, quote }));
        if (event.response.output_text !== undefined && event.response.output_text !== got.text) got.error = "texts differ";
      }
      if (event.type === "response.failed") got.error = event.response.error.message;
      if (event.type === "response.incomplete") got.error = event.response.incomplete_details.reason;
    }
    return last;
  };
  try {
    const background = scenario === "resume";
    const last = await take(await api.responses.create({ model: "footnote", input: QUESTION, stream: true, background }));
    if (scenario === "resume") {
      for await (const event of await api.responses.retrieve(got.id, { stream: true, starting_after: last })) {
        if (event.type === "response.output_text.delta") got.text += event.delta;
        if (event.type === "response.completed") got.finished = true;
      }
    }
  } catch (error) {
    got.error = error.message;
  }
  return got;
}

async function agUi() {
  const { HttpAgent } = await import("@ag-ui/client");
  const agent = new HttpAgent({ url: `${url}/agui`, threadId: "t1" });
  agent.messages = [{ id: "m1", role: "user", content: QUESTION }];
  const got = { text: "", finished: false, error: null, usage: null, citations: [] };
  try {
    await agent.runAgent(
      { runId: "r1" },
      {
        onTextMessageContentEvent: ({ event }) => {
          got.text += event.delta;
          if (scenario === "stop") agent.abortRun();
        },
        onRunErrorEvent: ({ event }) => void (got.error = event.message),
        onRunFinishedEvent: ({ event }) => {
          got.finished = true;
          got.usage = event.result.inputTokens + event.result.outputTokens;
        },
        onCustomEvent: ({ event }) => {
          if (event.name === "footnote.citations")
            got.citations = event.value.map(({ title, url, page, quote }) => ({ title, url, page: page ?? null, quote }));
        },
      },
    );
  } catch (error) {
    got.error ??= error.message;
  }
  return got;
}

process.stdout.write(JSON.stringify(await drivers[client]()));
process.exit(0);
