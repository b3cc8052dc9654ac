// The page around the chat: what is in the index, and a way to begin again.
const chat = document.getElementById("chat");
const side = document.getElementById("documents");
const toggle = document.getElementById("toggle");
const list = document.getElementById("list");
const filter = document.getElementById("filter");
let documents = [];

const show = (open) => {
  side.hidden = !open;
  toggle.setAttribute("aria-expanded", String(open));
};
toggle.addEventListener("click", () => show(side.hidden));
document.getElementById("fresh").addEventListener("click", () => chat.reset());
filter.addEventListener("input", draw);
show(matchMedia("(min-width: 821px)").matches);

function draw() {
  const wanted = filter.value.toLowerCase();
  const rows = documents.filter(({ title, uri }) => `${title} ${uri}`.toLowerCase().includes(wanted));
  list.replaceChildren(...rows.map(({ title, uri, url }) => {
    const link = Object.assign(document.createElement("a"), { href: url, target: "_blank", rel: "noopener" });
    const small = document.createElement("small");
    small.textContent = uri;
    link.append(title || uri, small);
    const row = document.createElement("li");
    row.append(link);
    return row;
  }));
}

async function load() {
  let next = "";
  do {
    const response = await fetch(`/v1/documents?limit=200${next}`);
    if (!response.ok) throw new Error(`${response.status}`);
    const page = await response.json();
    documents.push(...page.documents);
    next = page.next ? `&after=${encodeURIComponent(page.next)}` : "";
  } while (next && documents.length < 5000);
  document.getElementById("count").textContent = String(documents.length);
  document.getElementById("empty").hidden = documents.length > 0;
  draw();
  const version = await (await fetch("/version")).json();
  const writer = version.model === "extractive" ? "answers quote the documents, no language model is set" : version.model;
  document.getElementById("state").textContent = writer;
}
load().catch(() => {
  document.getElementById("state").textContent = "The documents cannot be listed without a key.";
});
