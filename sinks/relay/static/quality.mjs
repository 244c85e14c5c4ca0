/** The panel that says how far to trust the rest: feeds, gaps, latency, reliability, markout. */

import { byId, colour, el, setChildren, setText } from "./dom.mjs";
import { lagOf } from "./feeds.mjs";
import { bothClocks, clock, count, latency, msOf } from "./format.mjs";
import { Outcomes } from "./outcomes.mjs";
import { Plot } from "./plots.mjs";

const TABS = ["feeds", "gaps", "latency", "reliability", "markout"];

export class Quality {
  /** `ask(path)` reads REST; `onChoose` is called when something is to be drawn. */
  constructor(ask, onChoose) {
    this.onChoose = onChoose;
    this.chosen = "feeds";
    for (const name of TABS) this.tab(name).addEventListener("click", () => this.choose(name));
    byId("tabs").addEventListener("keydown", (event) => this.onKey(event));
    this.plots = {};
    this.outcomes = new Outcomes(this.view("reliability"), this.view("markout"), ask, onChoose);
  }

  tab(name) {
    return byId(`tab-${name}`);
  }

  view(name) {
    return byId(`view-${name}`);
  }

  onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(this.chosen) + step + TABS.length) % TABS.length];
    this.choose(next);
    this.tab(next).focus();
  }

  choose(name) {
    this.chosen = name;
    for (const one of TABS) {
      this.tab(one).setAttribute("aria-selected", String(one === name));
      this.tab(one).tabIndex = one === name ? 0 : -1;
      this.view(one).hidden = one !== name;
    }
    this.onChoose();
  }

  restyle() {
    for (const plot of Object.values(this.plots)) plot.restyle();
    this.outcomes.restyle();
  }

  draw(page) {
    this[`draw_${this.chosen}`](page);
    const missing = page.gaps.missingCount + page.gaps.open.size;
    byId("gaps-count").hidden = !missing;
    setText(byId("gaps-count"), count(missing));
  }

  draw_feeds({ feeds, link, now }) {
    const rows = feeds.rows(now, link.name === "connected");
    if (!rows.length)
      return setChildren(this.view("feeds"), [el("p", {}, "No feed has said anything yet.")]);
    return setChildren(this.view("feeds"), [
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "col" }, "Feed"),
            el("th", { scope: "col" }, "State"),
            el("th.num", { scope: "col" }, "Lag"),
            el("th.num", { scope: "col" }, "Records"),
            el("th", { scope: "col" }, "Newest"),
            el("th", { scope: "col" }, "Says"),
          ),
        ),
        el(
          "tbody",
          {},
          ...rows.map((one) =>
            el(
              "tr",
              {},
              el("td", {}, one.feed),
              el(
                "td",
                {},
                el(
                  "span.state",
                  { data: { level: one.level } },
                  el("span.lamp", { "aria-hidden": "true" }),
                  one.level === "ok" ? one.state : one.reason,
                ),
              ),
              el("td.num", { title: lagParts(one) }, latency(lagOf(one) / 1e6)),
              el("td.num", {}, count(one.records)),
              el(
                "td",
                { title: bothClocks(one.ts_event) },
                one.ts_event.length > 9 ? clock(msOf(one.ts_event)) : "–",
              ),
              el("td.dim", {}, one.text),
            ),
          ),
        ),
      ),
    ]);
  }

  draw_gaps({ gaps }) {
    const ranges = gaps.ranges.map((one) =>
      el(
        "tr",
        {},
        el("td", { title: "When this page noticed, on the exchange's clock" }, clock(one.atMs)),
        el("td", {}, `${one.root} ${one.channel}`),
        el(
          "td",
          {},
          el("span.chip.bad", {}, one.left ? "missing" : "found"),
          ` seq ${one.from === one.to ? one.from : `${one.from} – ${one.to}`}`,
        ),
        el(
          "td.dim",
          {},
          one.left
            ? `${count(one.left)} never reached this page (${one.why})`
            : "filled from history",
        ),
      ),
    );
    const faults = gaps.faults.map((one) =>
      el(
        "tr",
        {},
        el("td", { title: bothClocks(one.ts_event) }, clock(msOf(one.ts_event))),
        el("td", {}, one.symbol),
        el(
          "td",
          {},
          el(`span.chip.${one.change === "opened" ? "warn" : "ok"}`, {}, one.change),
          ` ${one.reason}`,
        ),
        el("td.dim", {}, one.text),
      ),
    );
    const before = [...gaps.before.values()].map(
      (one) => `${one.root} ${one.channel} before seq ${one.to + 1}`,
    );
    const head = el(
      "thead",
      {},
      el(
        "tr",
        {},
        ...["Time", "Where", "What", "Said"].map((name) => el("th", { scope: "col" }, name)),
      ),
    );
    setChildren(this.view("gaps"), [
      ranges.length || faults.length
        ? el("table", {}, head, el("tbody", {}, ...ranges, ...faults))
        : el(
            "p",
            {},
            "Nothing is missing and no instrument's data is at fault, as far as this page has seen.",
          ),
      before.length
        ? el("p", {}, `Not held by the relay, older than what it sent: ${before.join("; ")}.`)
        : el("p"),
    ]);
  }

  draw_latency({ latencies, serverClock }) {
    const found = latencies.quantiles();
    const view = this.view("latency");
    if (!this.plots.latency) {
      this.head = el("p");
      const place = el("div.plot");
      view.replaceChildren(
        this.head,
        place,
        el(
          "p",
          {},
          el("span.buy", {}, "— median"),
          "  ",
          el("span.sell", {}, "— 99th percentile"),
          "  of the last 512 messages, once a second",
        ),
      );
      this.plots.latency = new Plot(place, 130, () => ({
        scales: {
          x: { time: false },
          y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] },
        },
        axes: [
          { values: (_, ticks) => ticks.map((t) => clock(t * 1000)) },
          { values: (_, ticks) => ticks.map((ms) => latency(ms)), size: 58, space: 22 },
        ],
        series: [
          {},
          { stroke: colour("buy"), width: 1.5, points: { show: false } },
          { stroke: colour("sell"), width: 1.5, points: { show: false } },
        ],
      }));
    }
    const error = serverClock.errorMs;
    setText(
      this.head,
      found
        ? `Worker to this screen, the last ${found.count}: p50 ${latency(found.p50)}, p99 ${latency(found.p99)}, longest ${latency(found.max)}. Clocks compared to ±${Number.isFinite(error) ? latency(error) : "unknown"}.`
        : "No live message has come yet; what was sent on connecting does not count.",
    );
    const points = latencies.history;
    this.plots.latency.set([
      points.map((p) => p.second),
      points.map((p) => p.p50),
      points.map((p) => p.p99),
    ]);
  }

  draw_reliability() {
    this.outcomes.drawReliability();
  }

  draw_markout() {
    this.outcomes.drawMarkout();
  }
}

/** Where a feed's lag arises, what waits, and what the connection went through. */
function lagParts(status) {
  const lost = status.lost_connections ?? 0;
  return [
    `exchange to vendor ${latency(status.lag_ns / 1e6)}`,
    `vendor to worker ${latency((status.receive_lag_ns ?? 0) / 1e6)}`,
    `waited there ${latency((status.processing_lag_ns ?? 0) / 1e6)}`,
    `queue ${Math.round(100 * (status.queue_ratio ?? 0))} %`,
    `${lost} connection${lost === 1 ? "" : "s"} lost`,
  ].join(" · ");
}
