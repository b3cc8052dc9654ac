// How an answer came about, from the service's record of its run: times, what was found, how each sentence fared.
import { at, call, el } from "./page-service.js";

const FIRST = 8;
const STAGES = {
  understanding: "Reading the question", retrieving: "Searching", packing: "Choosing passages",
  deciding: "Is there an answer?", writing: "Writing and checking",
};
const RANKS = { dense: "meaning", lexical: "words", rerank: "read closely" };
const VERDICTS = { supported: "Supported", partly: "Partly", unsupported: "Not supported" };

const time = (ms) => (ms < 1 ? "< 1 ms" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);
const percent = (share) => `${Math.round(share * 100)} %`;
const length = (share) => `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
const section = (title, ...content) => el("section", {}, el("h3", {}, title), ...content);

/** A bar on a track: where it begins and how long it is, as shares of the track. */
function bar(start, share, mark) {
  const fill = el("i", {});
  fill.style.insetInlineStart = `min(${length(start)}, 100% - 2px)`;
  fill.style.inlineSize = `max(2px, ${length(share)})`;
  const track = el("span", { class: "track", "aria-hidden": "true" }, fill);
  if (mark !== undefined) {
    const line = el("b", {});
    line.style.insetInlineStart = length(mark);
    track.append(line);
  }
  return track;
}

/** The stages one under the other, each where its time lies: they follow one another. */
function times(timings) {
  const laps = timings.filter(({ stage }) => stage !== "first_text");
  const whole = laps.reduce((sum, { ms }) => sum + ms, 0);
  if (!whole) return "";
  let passed = 0;
  const rows = laps.map(({ stage, ms }) => {
    const row = el("li", {}, el("span", {}, STAGES[stage] ?? stage), bar(passed / whole, ms / whole), el("small", {}, time(ms)));
    passed += ms;
    return row;
  });
  const first = timings.find(({ stage }) => stage === "first_text");
  return section(`Time: ${time(whole)}`, el("ul", { class: "times" }, ...rows),
    first ? el("p", {}, `The first words were ready after ${time(first.ms)}.`) : "");
}

const HOLD = { refused: " No", unsure: " Not sure" };

function answerable({ answerability: found, outcome }) {
  if (!found) return "";
  const { probability, threshold, unsure_threshold: unsure, missing } = found;
  const sure = el("p", {}, el("b", {}, percent(probability)),
    ` by its own estimate: sure from ${percent(threshold)}, no answer below ${percent(unsure)}.`);
  return section(`Do the documents hold an answer?${HOLD[outcome] ?? ""}`,
    el("div", { class: "sure" }, bar(0, probability, threshold)), sure,
    missing.length ? el("p", {}, `In no passage: ${missing.join(", ")}.`) : "");
}

function candidate(found, cited) {
  const { title, uri, headings, page, score, stages, passage, dropped } = found;
  const heading = headings.at(-1) && headings.at(-1) !== title ? ` · ${headings.at(-1)}` : "";
  const ranks = stages.filter(({ name }) => RANKS[name]).map(({ name, rank }) => `${RANKS[name]} ${rank}.`).join("  ");
  const state = cited.has(passage) ? "cited" : passage ? "read" : dropped ?? "left out";
  return el("li", { class: cited.has(passage) ? "cited" : passage ? "" : "dropped" },
    el("sup", {}, passage ? String(passage) : "–"),
    el("span", {}, title || uri, heading, page ? `, p. ${page}` : ""),
    el("small", {}, score.toFixed(2)), bar(0, score),
    el("small", { class: "ranks-said" }, ranks), el("small", {}, state));
}

function candidates({ candidates: found, passages }, cited) {
  if (!found.length) return "";
  const rows = found.map((one) => candidate(one, cited));
  const rest = rows.slice(FIRST);
  const packed = passages.length;
  return section(`Found: ${found.length} places, packed into ${packed} ${packed === 1 ? "passage" : "passages"}, ${cited.size} cited`,
    el("p", {}, "The bar is the combined score; the ranks are those by meaning and by words. The number is the passage a place became part of."),
    el("ul", { class: "found" }, ...rows.slice(0, FIRST)),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more`), el("ul", { class: "found" }, ...rest)) : "");
}

function checks({ sentences, text }) {
  if (!sentences.length) return "";
  const rows = sentences.map(({ start, end, verdict, support }) => el("li", { class: verdict },
    el("span", { dir: "auto" }, text.slice(start, end).replace(/\s*\[\d+\]|\*\*|`/g, "").trim()),
    el("em", {}, `${VERDICTS[verdict]} · ${percent(support)}`)));
  return section("Every sentence against its passages", el("ul", { class: "checks" }, ...rows));
}

/** What the service searched for, where that is not the question as it was asked. */
function searched({ question, condensed, parts }) {
  const words = parts.length > 1 ? parts : condensed === question ? [] : [condensed];
  return words.length ? el("p", {}, "Searched for: ", words.map((one) => `“${one}”`).join(", ")) : "";
}

function record({ run, model, generation, prompt_hash: prompt, usage }) {
  const tokens = usage?.input_tokens ? `${usage.input_tokens} tokens read, ${usage.output_tokens} written` : "";
  const facts = [["Run", run], ["Written by", model === "extractive" ? "no language model" : model], ["Index", generation && `generation ${generation}`],
    ["Prompt", prompt?.slice(0, 12)], ["Tokens", tokens]].filter(([, value]) => value);
  return section("Record", el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}

/** Opens the drawer for an exchange of the chat: { question, answer }. */
export async function explain({ question, answer }) {
  const body = at("explanation");
  const cited = new Set(answer.citations.map(({ n }) => n));
  body.replaceChildren(el("p", { class: "asked" }, question), el("p", { role: "status" }, "Looking it up…"));
  at("explained").showModal();
  let run;
  try {
    run = await (await call(`/v1/runs/${encodeURIComponent(answer.run)}`)).json();
  } catch (error) {
    body.lastChild.replaceWith(el("p", { role: "status" }, error.message), checks(answer));
    return;
  }
  body.replaceChildren(el("p", { class: "asked" }, question), searched(run), answerable(run), times(run.timings),
    candidates(run, cited), checks(answer), record(run));
}

at("enough").addEventListener("click", () => at("explained").close());
// A press beside the drawer closes it.
at("explained").addEventListener("click", ({ target, currentTarget }) => target === currentTarget && currentTarget.close());
