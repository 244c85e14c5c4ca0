/** The drawer that says why: what was seen, against what, and how it adds up. */

import { el } from "./dom.mjs";
import { card, fact } from "./evidence.mjs";
import { bothClocks, clock, clockMs, compact, count, figure, msOf, percent } from "./format.mjs";
import { glyph } from "./glyph.mjs";
import { meter } from "./list.mjs";
import { sum } from "./sum.mjs";
import { kindOf, lifeOf, moveOf, sideOf, words } from "./words.mjs";

export class WhyDrawer {
  constructor(element, { onClose }) {
    this.element = element;
    this.onClose = onClose;
    this.id = null;
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** `entry` of the signal book; `more` what history has on it, null while it was not asked. */
  show(entry) {
    const { latest: signal, revisions } = entry;
    const isOther = this.id !== signal.id;
    if (!isOther && this.shown === signal && this.count === revisions.length) return;
    const scroll = isOther ? 0 : (this.element.querySelector(".body")?.scrollTop ?? 0);
    [this.id, this.shown, this.count] = [signal.id, signal, revisions.length];
    this.element.replaceChildren(this.top(signal), this.body(signal, revisions));
    this.element.hidden = false;
    document.body.classList.add("has-why");
    this.element.querySelector(".body").scrollTop = scroll;
  }

  close() {
    this.element.hidden = true;
    document.body.classList.remove("has-why");
    this.element.replaceChildren();
    this.id = this.shown = null;
  }

  top(signal) {
    const [kind, side, life] = [kindOf(signal.kind), sideOf(signal.side), lifeOf(signal)];
    const name = `${side.arrow} ${side.name.toUpperCase()} ${signal.contract.symbol}`;
    return el(
      "div.top",
      {},
      el(
        `span.${signal.side}`,
        {},
        glyph(signal.kind, { sign: side.sign, opacity: 0.2 + 0.8 * signal.probability }),
      ),
      el(
        "div",
        {},
        el(
          "h2",
          { id: "why-title" },
          el(`span.${signal.side}${life === "retracted" ? ".struck" : ""}`, {}, name),
          ` · ${kind.name}`,
        ),
        el(
          "p.sub.figures",
          { title: bothClocks(signal.ts_opened) },
          `${signal.root} · opened ${clockMs(msOf(signal.ts_opened))} Chicago · revision ${signal.revision}, ${words(signal.change)}`,
        ),
      ),
      el(
        "button",
        { type: "button", id: "why-close", title: "Close (Esc)", onclick: () => this.onClose() },
        "Close",
      ),
    );
  }

  body(signal, revisions) {
    const body = el("div.body", { tabindex: "0", role: "region", "aria-label": "Evidence" });
    body.append(
      el(
        "div.whole",
        {},
        el(
          "div.said",
          {},
          headline(signal),
          ...remarks(signal),
          el("h3", {}, "In words"),
          el("ul.reasons", {}, ...signal.reasons.map((reason) => el("li", {}, reason))),
          el("h3", {}, "How it adds up"),
          sum(signal),
        ),
        el(
          "div.seen",
          {},
          el("h3", {}, `Evidence (${signal.evidence.length})`),
          ...signal.evidence.map((one) => card(one, signal)),
        ),
        el(
          "div.from",
          {},
          el("h3", {}, "Contract and provenance"),
          provenance(signal),
          el(
            "h3",
            {},
            `Revisions (${revisions.length}${revisions[0].revision > 1 ? " held" : ""})`,
          ),
          timeline(signal, revisions),
          el(
            "p.actions",
            {},
            copyButton("Copy id", signal.id),
            copyButton("Copy as JSON", JSON.stringify(signal, null, 2)),
          ),
        ),
      ),
    );
    return body;
  }
}

function headline(signal) {
  const move = moveOf(signal);
  return el(
    "div.headline.figures",
    {},
    el(
      `span.big.${signal.side}${lifeOf(signal) === "retracted" ? ".struck" : ""}`,
      {},
      `${percent(signal.probability)} %`,
    ),
    el(`span.range.${signal.side}`, {}, meter(signal).bar),
    el(
      "span.dim",
      {},
      signal.calibration === "uncalibrated"
        ? "no interval yet"
        : `${percent(signal.probability_low)} – ${percent(signal.probability_high)} %`,
    ),
    ...(move
      ? [el("span.move", { title: "By more than half the spread; as outcomes so far say" }, move)]
      : []),
    el("span", {}, words(signal.strength)),
    el("span.action", { data: { action: signal.action } }, signal.action),
    el(
      "span.dim",
      {},
      `${signal.size ? `${count(signal.size)} contracts at ` : "at "}${signal.price}`,
    ),
  );
}

function remarks(signal) {
  const found = [];
  if (lifeOf(signal) === "retracted")
    found.push(
      el(
        "p.notice.bad",
        {},
        "Retracted: the data behind it proved bad. It stays here so that nobody wonders where it went.",
      ),
    );
  if (signal.delayed)
    found.push(
      el(
        "p.notice",
        {},
        "Delayed: made from history while the live feed was away. It is old news, and no alert was sent.",
      ),
    );
  if (signal.calibration === "uncalibrated")
    found.push(
      el(
        "p.notice",
        {},
        "Uncalibrated: the percentage orders signals, but no outcomes yet say how often such a signal is right.",
      ),
    );
  if (signal.baseline === "WARMING")
    found.push(
      el(
        "p.notice",
        {},
        `Warming: the baseline holds ${signal.baseline_sessions} sessions, so only evidence with fixed thresholds counts.`,
      ),
    );
  if (signal.quality < 0.9)
    found.push(el("p.notice", {}, `Feed quality was ${percent(signal.quality)} % at this point.`));
  return found;
}

function provenance(signal) {
  const { contract } = signal;
  return el(
    "dl.facts",
    {},
    fact("Contract", `${contract.symbol} (${contract.instrument_id})`),
    fact("Tick", contract.tick === null ? "not said by the feed" : contract.tick),
    fact(
      "Tick value",
      contract.tick_value === null
        ? "unknown"
        : `${figure(contract.tick_value)} ${contract.currency}`,
    ),
    fact(
      "Notional",
      contract.notional === null ? "unknown" : `${compact(contract.notional)} ${contract.currency}`,
      contract.notional === null ? null : count(contract.notional),
    ),
    fact("Baseline", `${signal.baseline}, ${signal.baseline_sessions} sessions`),
    fact("Calibration", signal.calibration),
    fact("Feed quality", `${percent(signal.quality)} %`),
    fact("Parameters", signal.params),
    fact("Stream position", `${signal.root} seq ${signal.seq}`),
    fact("Signal id", el("span.ids", {}, signal.id)),
  );
}

function timeline(signal, revisions) {
  const newest = signal.revision;
  return el(
    "ol.timeline",
    {},
    ...revisions.map((one) =>
      el(
        "li",
        { data: { change: one.change } },
        el("span.figures", { title: bothClocks(one.ts_event) }, clock(msOf(one.ts_event))),
        el(`span${one.change === "retracted" ? ".chip.bad" : ""}`, {}, words(one.change)),
        el(
          "span.figures.dim",
          {},
          `r${one.revision}${one.revision === newest ? " now" : ""} · ${percent(one.probability)} % · ${words(one.strength)} · ${count(one.size)} at ${one.price}`,
        ),
      ),
    ),
  );
}

function copyButton(text, content) {
  return el(
    "button",
    {
      type: "button",
      onclick: async (event) => {
        const button = event.currentTarget;
        try {
          await navigator.clipboard.writeText(content);
          button.textContent = "Copied";
        } catch {
          // No clipboard without https beyond this machine; the text can still be selected.
          button.textContent = "This browser does not allow it";
        }
      },
    },
    text,
  );
}
