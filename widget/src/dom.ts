/** Makes elements without markup strings. */
type Child = Node | string | false | undefined;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string | EventListener> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") made.setAttribute(name, value);
    else made.addEventListener(name, value);
  }
  made.append(...children.filter((child): child is Node | string => child !== false && child !== undefined));
  return made;
}

const PATHS: Record<string, string> = {
  send: "M12 20V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M7 7h10v10H7z",
  close: "M6 6l12 12M18 6 6 18",
  reset: "M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  good: "M7 11v9H4v-9zm0 0 4-8c1.7 0 2.6 1.2 2.2 3l-.7 3.5h5.3a2 2 0 0 1 2 2.4l-1.2 6.4A2 2 0 0 1 16.600 20H7",
  bad: "M17 13V4h3v9zm0 0-4 8c-1.700 0-2.600-1.200-2.200-3l.7-3.500H6.200a2 2 0 0 1-2-2.400l1.200-6.400A2 2 0 0 1 7.400 4H17",
  chat: "M4 5h16v11H10l-5 4v-4H4z",
};

export function icon(name: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]!);
  svg.append(path);
  return svg;
}
