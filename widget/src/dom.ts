/** Makes elements without markup strings, and decides which addresses may be linked. */
type Child = Node | string | false | undefined | null | "";

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string | EventListener> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") made.setAttribute(name, value);
    else made.addEventListener(name, value);
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

export const button = (
  classes: string, act: () => void, attributes: Record<string, string> = {}, ...children: Child[]
): HTMLButtonElement => el("button", { class: classes, type: "button", ...attributes, click: act }, ...children);

/** A square button that shows an icon and says its label. */
export const tool = (name: string, label: string, act: () => void, attributes: Record<string, string> = {}) =>
  button("tool", act, { "aria-label": label, title: label, ...attributes }, icon(name));

/** Lets a link lead to a page or a mailbox; an address that is anything else leads nowhere. */
export function goTo(link: HTMLElement, address: string): void {
  if (!/^(https?|mailto):$/.test(URL.parse(address, location.href)?.protocol ?? "")) return;
  link.setAttribute("href", address);
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
}

const PATHS: Record<string, string> = {
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M7 7h10v10H7z",
  close: "m6 6 12 12M18 6 6 18",
  reset: "M12 5v14M5 12h14",
  past: "M12 7v5l3.5 2M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",
  erase: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  again: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  up: "M7 11v9H4v-9zm0 0 4-8c1.7 0 2.6 1.2 2.2 3l-.7 3.5h5.3a2 2 0 0 1 2 2.4l-1.2 6.4A2 2 0 0 1 16.6 20H7",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  explain: "M5 20v-6M12 20V4M19 20v-10",
};

export function icon(name: string): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  // A thumb down is a thumb up, turned.
  path.setAttribute("d", PATHS[name] ?? PATHS.up!);
  svg.append(path);
  return svg;
}
