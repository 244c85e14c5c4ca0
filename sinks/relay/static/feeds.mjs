/** What one second's look at the top of the page says: which market this is, and whether to trust it. */

import { duration } from "./format.mjs";
import { words } from "./words.mjs";

export const STALE_MS = 5_000;
export const DELAYED_NS = 3_000_000_000;

const RANK = { ok: 0, waiting: 1, warn: 2, bad: 3 };
const SOUND = ["live", "replay"];
/** What a state means to who looks on; `own`: what the feed itself says is better, if it does. */
const SAID = {
  connecting: { level: "waiting", reason: "feed connecting" },
  authenticating: { level: "waiting", reason: "feed connecting" },
  snapshot: { level: "warn", reason: "books are filled anew" },
  replaying: { level: "warn", reason: "catching up" },
  waiting: { level: "bad", reason: "connection lost", own: true },
  degraded: { level: "warn", reason: "degraded", own: true },
  delayed: { level: "warn", reason: "history, not live" },
  closed: { level: "waiting", reason: "exchange closed" },
};

export class Feeds {
  constructor() {
    this.byName = new Map();
  }

  take(status, nowMs) {
    this.byName.set(status.feed, { status, seenMs: nowMs });
  }

  clear() {
    this.byName.clear();
  }

  /** Status and judgement of every feed; what is not connected can vouch for none. */
  rows(nowMs, isConnected = true) {
    return [...this.byName.values()]
      .sort((a, b) => a.status.feed.localeCompare(b.status.feed))
      .map((entry) => ({
        ...entry.status,
        ...(isConnected ? judgeFeed(entry, nowMs) : { level: "bad", reason: "not heard" }),
      }));
  }

  /** {mode, level, text}: the badge, the light (ok, waiting, warn, bad) and why. */
  judge(link, nowMs, { hasData = false, openGaps = 0 } = {}) {
    if (link.name === "stopped") return { mode: "OFFLINE", level: "bad", text: "stopped" };
    if (link.name === "locked") return { mode: "LOCKED", level: "waiting", text: "token needed" };
    if (link.name === "connecting")
      return { mode: "CONNECTING", level: "waiting", text: "connecting" };
    if (link.name !== "connected")
      return { mode: "OFFLINE", level: "bad", text: "relay unreachable" };
    const rows = this.rows(nowMs);
    if (!rows.length)
      return { mode: hasData ? "UNKNOWN" : "WAITING", level: "waiting", text: "no feed status" };
    const worst = rows.reduce((a, b) => (RANK[b.level] > RANK[a.level] ? b : a));
    const more =
      worst.level === "ok" && openGaps ? { level: "warn", reason: gapsText(openGaps) } : worst;
    return { mode: modeOf(rows), level: more.level, text: more.reason };
  }
}

function gapsText(openGaps) {
  return `${openGaps} instrument${openGaps === 1 ? "" : "s"} with faulty data`;
}

function judgeFeed({ status, seenMs }, nowMs) {
  const ageMs = nowMs - seenMs;
  const { state, text } = status;
  if (state === "preparing") return { level: "waiting", reason: "preparing" };
  if (state === "stopped") return { level: "bad", reason: "feed stopped" };
  if (state === "failed") return { level: "bad", reason: text || "feed failed" };
  if (ageMs > STALE_MS) return { level: "bad", reason: `no word for ${duration(ageMs / 1000)}` };
  if (state in SAID) return { ...SAID[state], ...(SAID[state].own && text ? { reason: text } : {}) };
  if (!SOUND.includes(state)) return { level: "waiting", reason: words(state) };
  if (isDelayed(status)) return { level: "warn", reason: `lags ${duration(lagOf(status) / 1e9)}` };
  return { level: "ok", reason: "feed good" };
}

/** From the exchange to the dataflow, ns. */
export function lagOf(status) {
  return status.lag_ns + (status.receive_lag_ns ?? 0) + (status.processing_lag_ns ?? 0);
}

function isDelayed(status) {
  if (status.late || status.state === "delayed" || status.state === "replaying") return true;
  return status.state === "live" && status.lag_ns > DELAYED_NS;
}

/** One word for all feeds: the one that promises least wins. */
function modeOf(rows) {
  if (rows.some((one) => one.state === "preparing")) return "PREPARING";
  if (rows.every((one) => ["stopped", "failed"].includes(one.state))) return "STOPPED";
  if (rows.some(isSimulated)) return "SIMULATED";
  if (rows.some((one) => one.state === "replay")) return "REPLAY";
  if (rows.every((one) => one.state === "closed")) return "CLOSED";
  if (rows.some((one) => ["failed", "waiting", "degraded"].includes(one.state))) return "DEGRADED";
  return rows.some(isDelayed) ? "DELAYED" : "LIVE";
}

function isSimulated(status) {
  return /simulat|demo/i.test(`${status.feed} ${status.text}`);
}
