// Cards change places by hand: a pointer drags the handle, with a visible place where the card will drop; on the keyboard
// Space or Enter picks it up, arrows move it, Escape puts it back.

const SLACK = 4; // pixels before a press becomes a drag
const EDGE = 80; // near the top or bottom of the window the page scrolls
const SPEED = 9; // pixels a frame

/** @param {{list: () => {node: HTMLElement, handle: HTMLElement}[], move: (from: number, to: number) => void,
 *           said: (what: string, values: any) => void}} options list: the cards in their present order */
export function createDrag(options) {
  return {
    /** Make a card's handle work. @param {{node: HTMLElement, handle: HTMLElement}} card */
    attach(card) {
      card.handle.addEventListener("pointerdown", (event) => event.button === 0 && press(event, card, options));
      card.handle.addEventListener("keydown", (event) => key(event, card, options));
      card.handle.addEventListener("blur", () => !card.isMoving && letGo(card));
    },
  };
}

function press(event, card, options) {
  const start = { x: event.clientX, y: event.clientY };
  const gone = new AbortController();
  let drag = null;
  card.handle.setPointerCapture(event.pointerId);
  const on = (name, act) => card.handle.addEventListener(name, act, { signal: gone.signal });
  on("pointermove", (move) => {
    if (!drag && Math.hypot(move.clientX - start.x, move.clientY - start.y) < SLACK) return;
    drag ??= lift(card, start, options);
    drag.to(move.clientX, move.clientY);
  });
  const end = (isDropped) => {
    gone.abort();
    drag?.end(isDropped);
  };
  on("pointerup", () => end(true));
  on("pointercancel", () => end(false));
  document.addEventListener("keydown", (pressed) => pressed.key === "Escape" && drag && (pressed.stopPropagation(), end(false)),
    { signal: gone.signal, capture: true });
}

/** The card follows the pointer; a dashed place of its size stands where it will drop. */
function lift(card, start, { list, move, said }) {
  const from = list().indexOf(card);
  const box = card.node.getBoundingClientRect();
  const place = document.createElement("li");
  place.className = "lb-drop";
  place.style.height = `${box.height}px`;
  card.node.before(place);
  Object.assign(card.node.style, { position: "fixed", left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`,
    height: `${box.height}px`, pointerEvents: "none", zIndex: "20" });
  card.node.classList.add("is-dragged");
  const others = list().filter((each) => each !== card);
  let at = start;
  const settle = () => {
    const spot = spotAt(at.x, at.y, others);
    if (spot) spot.isBefore ? spot.card.node.before(place) : spot.card.node.after(place);
  };
  const stopScrolling = scrollAtEdges(() => at.y, settle);
  return {
    to(x, y) {
      at = { x, y };
      card.node.style.transform = `translate(${x - start.x}px, ${y - start.y}px)`;
      settle();
    },
    end(isDropped) {
      stopScrolling();
      const siblings = [...place.parentElement.children].filter((node) => node === place || others.some((each) => each.node === node));
      const to = siblings.indexOf(place);
      place.remove();
      card.node.removeAttribute("style");
      card.node.classList.remove("is-dragged");
      if (isDropped && to !== from && to >= 0) {
        move(from, to);
        said("moved", { i: to + 1, total: list().length });
      }
      card.handle.focus({ preventScroll: true });
    },
  };
}

/** A card held near the top or the bottom of the window moves the page, as long as it is held there. */
function scrollAtEdges(yNow, scrolled) {
  let frame = requestAnimationFrame(function step() {
    const y = yNow();
    const way = y < EDGE ? -1 : y > innerHeight - EDGE ? 1 : 0;
    if (way !== 0) {
      scrollBy(0, way * SPEED);
      scrolled();
    }
    frame = requestAnimationFrame(step);
  });
  return () => cancelAnimationFrame(frame);
}

/** The card under the pointer, or the nearest one in its row, and on which side of its middle. */
function spotAt(x, y, others) {
  let best = null;
  for (const card of others) {
    const box = card.node.getBoundingClientRect();
    const away = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
    if (best && away >= best.away) continue;
    const isColumn = others.length < 2 ? box.width > innerWidth * 0.7 : isStacked(others);
    best = { card, away, isBefore: isColumn ? y < box.top + box.height / 2 : x < box.left + box.width / 2 };
  }
  return best;
}

function isStacked(cards) {
  const [a, b] = cards.map((card) => card.node.getBoundingClientRect());
  return Math.abs(a.left - b.left) < 2;
}

function key(event, card, options) {
  const { list, move, said } = options;
  const at = list().indexOf(card);
  if (event.key === " " || event.key === "Enter") {
    event.preventDefault();
    if (card.pickedAt === undefined) pickUp(card, at, options);
    else {
      letGo(card);
      said("dropped", { i: at + 1, total: list().length });
    }
    return;
  }
  if (card.pickedAt === undefined) return;
  const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: list().length - 1,
    Escape: card.pickedAt }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const goal = Math.max(0, Math.min(list().length - 1, to));
  if (event.key === "Escape") letGo(card);
  step(card, at, goal, move);
  said(event.key === "Escape" ? "put_back" : "moved", { i: goal + 1, total: list().length });
}

function pickUp(card, at, { list, said }) {
  card.pickedAt = at;
  card.node.classList.add("is-picked");
  card.handle.setAttribute("aria-pressed", "true");
  said("picked", { i: at + 1, total: list().length });
}

/** Moving a node takes the focus away from it for a moment. */
function step(card, from, to, move) {
  if (from === to) return;
  card.isMoving = true;
  move(from, to);
  card.handle.focus();
  card.isMoving = false;
}

function letGo(card) {
  card.pickedAt = undefined;
  card.node.classList.remove("is-picked");
  card.handle.setAttribute("aria-pressed", "false");
}
