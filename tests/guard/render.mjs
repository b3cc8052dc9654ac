// Reads one JSON line for each text: {"text", "allowed"}; answers {"live": [...], "shown": {...}, "broke": [...]} in the same order.
// `live` is whatever a reader's client would fetch, follow or run; `shown` is what the reader sees.
import { createInterface } from "node:readline";
import MarkdownIt from "markdown-it";
import { Marked } from "marked";
import { parseFragment } from "parse5";
import rehypeRaw from "rehype-raw";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

// Bare domains are linked as well: the default until version 14.
const it = (html) => {
  const made = new MarkdownIt({ html, linkify: true });
  made.linkify.set({ fuzzyLink: true, fuzzyEmail: true });
  return (text) => made.render(text);
};
const remark = (raw) => {
  const made = unified().use(remarkParse).use(remarkGfm).use(remarkRehype, { allowDangerousHtml: raw });
  if (raw) made.use(rehypeRaw);
  made.use(rehypeStringify);
  return (text) => String(made.processSync(text));
};
const marked = new Marked({ gfm: true });
const RENDERERS = {
  "markdown-it": it(false),
  "markdown-it with HTML": it(true),
  "marked": (text) => marked.parse(text),
  "remark-gfm": remark(false),
  "remark-gfm with HTML": remark(true),
};
const ACTIVE = new Set(("script style iframe frame object embed form button meta base link svg math video audio source " +
  "track picture portal template img").split(" "));
const ADDRESS = new Set("href src srcset action formaction data poster background cite xlink:href ping style".split(" "));

function* elements(node) {
  for (const child of node.childNodes ?? []) {
    if (child.tagName) yield child;
    yield* elements(child);
  }
}

const words = (node) => node.nodeName === "#text" ? node.value : (node.childNodes ?? []).map(words).join("");

function live(tree, allowed) {
  const found = [];
  for (const element of elements(tree)) {
    if (ACTIVE.has(element.tagName)) found.push(`<${element.tagName}>`);
    for (const { name, value } of element.attrs) {
      const harmless = element.tagName === "a" && name === "href" && allowed.includes(value);
      if ((ADDRESS.has(name) && !harmless) || name.startsWith("on")) {
        if (!(name === "style" && /^text-align:\s*\w+;?$/.test(value))) found.push(`${element.tagName} ${name}=${value}`);
      }
    }
  }
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { text, allowed, shown } = JSON.parse(line);
  const answer = { live: [], shown: {}, broke: [] };
  for (const [name, render] of Object.entries(RENDERERS)) {
    let html = "";
    try {
      html = render(text);
    } catch {
      answer.broke.push(name);  // marked throws at some lists inside quotes, guarded or not
    }
    const tree = parseFragment(html);
    for (const each of live(tree, allowed)) answer.live.push(`${name}: ${each}`);
    if (shown) answer.shown[name] = words(tree);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
