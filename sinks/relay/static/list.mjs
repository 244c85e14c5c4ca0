/** The list of signals: one row each, struck through when retracted, never gone. */

import { el, setAttribute, setChildren, setClass, setText } from "./dom.mjs";
import { bothClocks, clock, count, msOf, percent } from "./format.mjs";
import { glyph } from "./glyph.mjs";
import { kindOf, lifeOf, sideOf, strengthRank, words } from "./words.mjs";

export const ROWS_MAX = 150;
const FRESH_MS = 5_000;

/** Id of the signal `step` rows from that of `id`; of the first if none is chosen, null if there is none. */
export function beside(signals, id, step) {
  const last = Math.min(signals.length, ROWS_MAX) - 1;
  const at = signals.findIndex((signal) => signal.id === id);
  return signals[at < 0 ? 0 : Math.min(last, Math.max(0, at + step))]?.id ?? null;
}

export class SignalList {
  constructor(body, onOpen) {
    this.body = body;
    this.onOpen = onOpen;
    this.rows = new Map();
    this.shown = [];
  }

  /** Show these, newest first, at most ROWS_MAX; `breaks` are rows that say what is missing. */
  draw(signals, { chosen, breaks = [], atMs = 0, freshOf = () => 0 } = {}) {
    this.shown = signals.slice(0, ROWS_MAX);
    const reached = this.shown.some((signal) => signal.id === chosen) ? chosen : this.shown[0]?.id;
    const wanted = breaks.map((text) => el("tr.gap-row", {}, el("td", { colspan: 7 }, text)));
    for (const signal of this.shown) {
      const row = this.rows.get(signal.id) ?? this.make(signal.id);
      if (row.signal !== signal) this.fill(row, signal);
      setAttribute(row.element, "aria-selected", signal.id === chosen ? "true" : "false");
      // One stop for the tab key; J and K move it.
      setAttribute(row.cell.kind.firstChild, "tabindex", signal.id === reached ? "0" : "-1");
      setClass(row.element, "fresh", atMs - freshOf(signal.id) < FRESH_MS);
      wanted.push(row.element);
    }
    const kept = new Set(this.shown.map((signal) => signal.id));
    for (const id of this.rows.keys()) if (!kept.has(id)) this.rows.delete(id);
    setChildren(this.body, wanted);
  }

  make(id) {
    const cell = Object.fromEntries(
      ["time", "kind", "confidence", "strength", "price", "size", "action"].map((name) => [
        name,
        el("td"),
      ]),
    );
    cell.confidence.className = cell.price.className = "num";
    cell.strength.className = "wide";
    cell.size.className = "num wide";
    cell.price.classList.add("price-cell");
    const element = el(
      "tr",
      { onclick: () => this.onOpen(id), data: { id } },
      ...Object.values(cell),
    );
    const row = { element, cell };
    this.rows.set(id, row);
    return row;
  }

  fill(row, signal) {
    const { cell, element } = row;
    const kind = kindOf(signal.kind);
    const side = sideOf(signal.side);
    const life = lifeOf(signal);
    row.signal = signal;
    element.dataset.life = life;
    element.dataset.side = signal.side;
    cell.time.replaceChildren(
      el(
        "time.plain",
        {
          title: bothClocks(signal.ts_opened),
          datetime: new Date(msOf(signal.ts_opened)).toISOString(),
        },
        clock(msOf(signal.ts_opened)),
      ),
    );
    const label = `Why: ${signal.root} ${side.name} ${kind.name}, ${percent(signal.probability)} percent, ${life}`;
    cell.kind.replaceChildren(
      el(
        "button.open",
        { type: "button", "aria-label": label, tabindex: "-1" },
        el(
          `span.${signal.side}`,
          {},
          glyph(signal.kind, { sign: side.sign, opacity: 0.2 + 0.8 * signal.probability }),
        ),
        el("span.root-name", { title: signal.contract.symbol }, signal.root),
        el(`span.${signal.side}`, {}, side.arrow),
        el("span.kind", {}, kind.name),
      ),
    );
    cell.confidence.replaceChildren(confidence(signal));
    cell.strength.replaceChildren(strength(signal));
    setText(cell.price, signal.price);
    setText(cell.size, signal.size ? count(signal.size) : "");
    cell.action.replaceChildren(...stateOf(signal, life));
  }

  reveal(id) {
    this.rows.get(id)?.element.scrollIntoView({ block: "nearest" });
  }
}

/** The number, and its interval as a bar; a dotted line while nothing is known of it. */
export function confidence(signal) {
  const { title, bar } = meter(signal);
  return el(
    `span.confidence.${signal.side}`,
    { title },
    bar,
    el("b", {}, `${percent(signal.probability)} %`),
  );
}

/** The bar alone, and what it says in words. */
export function meter(signal) {
  const { probability, probability_low: low, probability_high: high } = signal;
  const isOpen = signal.calibration === "uncalibrated";
  const title = isOpen
    ? `${percent(probability)} %, uncalibrated: no outcomes stand behind this number yet`
    : `${percent(probability)} %, interval ${percent(low)} to ${percent(high)} %`;
  const bar = el(
    `span.meter${isOpen ? ".open-ended" : ""}`,
    { "aria-hidden": "true" },
    el("span.interval", {
      style: { left: `${low * 100}%`, width: `${Math.max(0, high - low) * 100}%` },
    }),
    el("span.point", { style: { left: `${probability * 100}%` } }),
  );
  return { title, bar };
}

function strength(signal) {
  const rank = strengthRank(signal.strength);
  const steps = Array.from({ length: 5 }, (_, i) => el(i < rank ? "i.on" : "i"));
  return el(
    `span.steps.${signal.side}`,
    { title: words(signal.strength), role: "img", "aria-label": words(signal.strength) },
    ...steps,
  );
}

function stateOf(signal, life) {
  const parts = [];
  if (life === "retracted")
    parts.push(el("span.chip.bad", { title: "Its data proved bad" }, "RETRACTED"));
  else if (life === "closed") parts.push(el("span.chip", {}, "closed"));
  else parts.push(el("span.action", { data: { action: signal.action } }, signal.action));
  if (signal.baseline === "WARMING")
    parts.push(
      el(
        "span.chip.warn",
        {
          title: `Baseline of ${signal.baseline_sessions} sessions: only structural evidence counts`,
        },
        "WARMING",
      ),
    );
  if (signal.delayed)
    parts.push(el("span.chip.warn", { title: "Made from history: old news" }, "DELAYED"));
  if (signal.quality < 0.9)
    parts.push(
      el("span.chip.warn", { title: "Feed quality at this point" }, `Q ${percent(signal.quality)}`),
    );
  return parts;
}
