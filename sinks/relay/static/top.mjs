/** The top of the page: which market, how good, how fast, which roots. */

import { byId, el, setChildren, setText } from "./dom.mjs";
import { clock, day, duration, latency, msOf, percent, priceText } from "./format.mjs";
import { ROOTS_MAX, isPreparing, page, rootsInOrder, strongestOpen } from "./page.mjs";
import { nowMs } from "./link.mjs";
import { sideOf } from "./words.mjs";

export function drawTop() {
  page.now = nowMs();
  const found = page.feeds.judge(page.link, page.now, {
    hasData: page.markets.size > 0,
    openGaps: page.gaps.open.size,
  });
  const mode = byId("mode");
  setText(mode, found.mode);
  mode.dataset.mode = found.mode;
  byId("light").dataset.level = found.level;
  setText(byId("light-text"), found.text);
  document.title = `${found.mode === "LIVE" ? "" : `${found.mode} · `}IFD`;
  document.body.classList.toggle("offline", found.mode === "OFFLINE");
  document.body.classList.toggle("connected", page.link.name === "connected");
  drawBanner(found);
  const rank = page.latencies.quantiles();
  setText(byId("p50"), rank ? latency(rank.p50) : "–");
  setText(byId("p99"), rank ? latency(rank.p99) : "–");
  const newest = newestMs();
  const at = byId("clock");
  setText(at, newest ? `${clock(newest)} CT` : "");
  at.title = newest
    ? `Newest data: ${day(newest)} ${clock(newest)} Chicago, ${new Date(newest).toISOString().slice(0, 19).replace("T", " ")} UTC`
    : "";
  setText(byId("session"), page.epoch ? `run ${page.epoch}` : "");
}

function newestMs() {
  let newest = 0;
  for (const { status } of page.feeds.byName.values())
    newest = Math.max(newest, msOf(status.ts_event));
  for (const one of page.markets.values())
    newest = Math.max(newest, (one.seconds.at(-1)?.t ?? 0) * 1000);
  return newest;
}

function drawBanner(found) {
  const banner = byId("banner");
  const text = bannerText(found);
  banner.hidden = !text;
  banner.dataset.level = found.level;
  setText(banner, text);
}

function bannerText({ mode }) {
  if (page.link.name === "stopped") return page.link.text;
  if (page.link.name === "offline" || page.link.name === "reconnecting") {
    const waitMs = page.link.retryMs ? page.link.sinceMs + page.link.retryMs - page.now : 0;
    const when = waitMs > 900 ? `trying again in ${duration(waitMs / 1000)}` : "trying again";
    return `The relay cannot be reached${page.link.text ? ` (${page.link.text})` : ""}: ${when}. What is shown stands still; nothing of it is live.`;
  }
  if (mode === "PREPARING") return `Preparing: ${isPreparing()?.text ?? ""}`;
  return page.notes.at(-1) ?? "";
}

/** Buttons of the roots; `onChoose(root)`. */
export class RootBar {
  constructor(element, onChoose) {
    this.element = element;
    this.onChoose = onChoose;
    this.buttons = new Map();
  }

  draw() {
    const roots = rootsInOrder().slice(0, ROOTS_MAX);
    setChildren(
      this.element,
      roots.map((root, i) => this.filled(root, i)),
    );
    for (const root of this.buttons.keys()) if (!page.markets.has(root)) this.buttons.delete(root);
  }

  filled(root, i) {
    const market = page.markets.get(root);
    const button = this.buttons.get(root) ?? this.make(root);
    const newest = market.seconds.at(-1);
    const price = newest ? priceText(newest.last ?? newest.mid, market.tick) : "";
    const best = strongestOpen(root);
    const side = best ? sideOf(best.side) : null;
    setText(button.key, i < 9 ? String(i + 1) : "");
    setText(button.price, price);
    setText(button.flag, best ? `${side.arrow} ${percent(best.probability)}` : "");
    button.flag.className = `flag ${best?.side ?? ""}`;
    button.element.setAttribute("aria-pressed", String(root === page.chosenRoot));
    button.element.setAttribute(
      "aria-label",
      `${root} ${price}${best ? `, ${side.name} ${percent(best.probability)} percent` : ""}`,
    );
    return button.element;
  }

  make(root) {
    const [key, price, flag] = [el("span.key"), el("span.at.figures"), el("span.flag")];
    const element = el(
      "button.root",
      { type: "button", onclick: () => this.onChoose(root) },
      el("span", {}, key, el("span.name", {}, root), flag),
      price,
    );
    const button = { element, key, price, flag };
    this.buttons.set(root, button);
    return button;
  }
}
