/** Event tape: notable executions, newest first, by size and kind. */

import { el, setChildren } from "./dom.mjs";
import { bothClocks, clockMs, count, msOf } from "./format.mjs";
import { TAGS, sideOf, words } from "./words.mjs";

export const EXECUTIONS_MAX = 400;
const ROWS_MAX = 100;

export class Tape {
  constructor(body, empty) {
    [this.body, this.empty] = [body, empty];
    this.executions = [];
    this.rows = new Map();
    this.sizeMin = 0;
    this.tags = new Set(Object.keys(TAGS));
  }

  add(execution) {
    this.executions.push(execution);
    if (this.executions.length > EXECUTIONS_MAX) this.executions.shift();
  }

  clear() {
    this.executions = [];
  }

  draw(root) {
    const wanted = [];
    let ofRoot = 0;
    for (let i = this.executions.length - 1; i >= 0 && wanted.length < ROWS_MAX; i -= 1) {
      const one = this.executions[i];
      if (root && one.root !== root) continue;
      ofRoot += 1;
      if (one.size >= this.sizeMin && one.tags.some((tag) => this.tags.has(tag) || !TAGS[tag]))
        wanted.push(this.row(one));
    }
    const kept = new Set(wanted);
    for (const [key, row] of this.rows) if (!kept.has(row)) this.rows.delete(key);
    setChildren(this.body, wanted);
    this.empty.textContent = wanted.length
      ? ""
      : ofRoot
        ? "Nothing of this size and kind."
        : "No notable execution of this root yet.";
  }

  row(one) {
    const key = `${one.root}/${one.seq}`;
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = rowOf(one)));
    return row;
  }
}

function rowOf(one) {
  const side = sideOf(one.side);
  const isOnePrice = one.price_first === one.price_last;
  const hidden = one.hidden ? `, ${count(one.hidden)} hidden, ${count(one.refills)} refills` : "";
  const title = `${one.symbol} order ${one.order_id}, sequence ${one.sequence_first} – ${one.sequence_last}, met ${count(one.fill_count)} orders${hidden}`;
  return el(
    `tr${one.size >= 100 ? ".big" : ""}`,
    { title },
    el("td", { title: bothClocks(one.ts_event) }, clockMs(msOf(one.ts_event))),
    el(
      "td",
      {},
      ...one.tags.map((tag) =>
        el("span.tag", { title: words(tag), "aria-label": words(tag) }, TAGS[tag]?.letter ?? tag),
      ),
    ),
    el("td.dim", {}, one.symbol),
    el(`td.num.${one.side}`, {}, `${side.arrow} ${count(one.size)}`),
    el("td.num", {}, isOnePrice ? one.price_first : `${one.price_first} → ${one.price_last}`),
    el("td.num.dim", {}, one.levels > 1 ? String(one.levels) : "·"),
    el(
      "td.wide.dim",
      {},
      `${words(one.aggressor)}${one.hidden ? ` · ${count(one.hidden)} hidden` : ""}`,
    ),
  );
}
