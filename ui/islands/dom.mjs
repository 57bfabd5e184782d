// Making elements. Token text comes from a model and is hostile: it only ever goes through textContent.

/**
 * el("button", { class: "x", onclick: f, "data-testid": "draw" }, "text", child)
 * @param {string} tag @param {Object<string, any>} [props] false and null leave the attribute out
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Write only what changed: a redraw touches sixty text nodes, few of which differ. */
export function setText(node, text) {
  if (text.includes("␠")) fillToken(node, text);
  else if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

const SPACE = /(␠+)/;

/** A token's visible text; spaces are drawn by the stylesheet, since few fonts hold the glyph. */
export function fillToken(node, text) {
  if (node.textContent === text) return;
  const pieces = text.split(SPACE).filter(Boolean);
  node.replaceChildren(...pieces.flatMap((piece) =>
    piece[0] === "␠" ? [...piece].map((glyph) => el("span", { class: "lb-space" }, glyph)) : [piece]));
}

/** A paragraph whose "␠" are drawn. */
export function sentence(text) {
  const node = el("p");
  setText(node, text);
  return node;
}

/** A token as a chip: isolated, so that right-to-left text cannot disturb its neighbours. */
export function tokenChip(look, props = {}) {
  const node = el("bdi", { ...props, class: `lb-token ${tokenClasses(look)} ${props.class ?? ""}`.trim() });
  fillToken(node, look.text);
  return node;
}

export function tokenClasses(look) {
  return [look.isPartial && "is-partial", look.isSpecial && "is-special"].filter(Boolean).join(" ");
}

/** Arrow keys, Home and End move the focus among `items()`; only one of them is a tab stop. */
export function roving(container, items, { horizontal = false } = {}) {
  const [back, forth] = horizontal ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  container.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const to = { [back]: at - 1, [forth]: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
  });
  container.addEventListener("focusin", (event) => settle(items(), event.target));
  return () => settle(items(), document.activeElement);
}

function settle(items, focused) {
  const stop = items.includes(focused) ? focused : items.find((each) => each.tabIndex === 0) ?? items[0];
  for (const each of items) {
    const index = each === stop ? 0 : -1;
    if (each.tabIndex !== index) each.tabIndex = index;
  }
}
