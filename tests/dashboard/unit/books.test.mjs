/** The books behind the page, and what it makes of them. */

import assert from "node:assert/strict";
import { test } from "node:test";

const STATIC = "../../../sinks/relay/static/";
const { byHorizon, informationText, markoutOf, simulatedText, unknownOf } = await import(
  `${STATIC}accuracy.mjs`
);
const { Feeds } = await import(`${STATIC}feeds.mjs`);
const { parseFilter } = await import(`${STATIC}filter.mjs`);
const format = await import(`${STATIC}format.mjs`);
const { Gaps } = await import(`${STATIC}gaps.mjs`);
const { LatencyWindow, ServerClock } = await import(`${STATIC}latency.mjs`);
const { beside } = await import(`${STATIC}list.mjs`);
const { LEVEL_SECONDS_MAX, Market, SECONDS_MAX } = await import(`${STATIC}market.mjs`);
const { netOf } = await import(`${STATIC}pressure.mjs`);
const { REVISIONS_MAX, SignalBook } = await import(`${STATIC}signals.mjs`);
const { partsOf } = await import(`${STATIC}sum.mjs`);
const { moveOf } = await import(`${STATIC}words.mjs`);

const NS = "000000000";
const signal = (n, more = {}) => ({
  id: `s${n}`,
  revision: 1,
  seq: n,
  change: "opened",
  root: "ES",
  kind: "stop_run",
  side: "buy",
  action: "LONG",
  strength: "HIGH",
  ts_event: `17103384${String(n).padStart(5, "0")}000000`,
  ts_opened: `17103384${String(n).padStart(5, "0")}000000`,
  price: "5000",
  probability: 0.7,
  size: 5,
  log_odds: 0.8,
  contract: { symbol: "ESH4" },
  ...more,
});
const front = (second, more = {}) => ({
  root: "ES",
  ts_event: `${1_710_000_000 + second}${NS}`,
  instruments: [
    {
      instrument_id: 1,
      symbol: "ESH4",
      front: true,
      bid: "5000",
      ask: "5000.25",
      last: "5000.25",
      bid_size: 4,
      ask_size: 5,
      volume_buy: 2,
      volume_sell: 1,
      levels: [
        { price: "5000", bid_size: 4, ask_size: 0 },
        { price: "5000.25", bid_size: 0, ask_size: 5 },
      ],
      windows: { 5: { buy: 2, sell: 1 } },
      ...more,
    },
  ],
});

test("instants keep their order and their nanoseconds", () => {
  assert.equal(format.msOf("1710338400123456789"), 1710338400123);
  assert.ok(format.compareNs("999", "1000") < 0);
  assert.ok(format.compareNs("1710338400123456789", "1710338400123456788") > 0);
  assert.equal(
    format.bothClocks("1710338400123456789"),
    "2024-03-13 09:00:00 Chicago · 2024-03-13 14:00:00.123456789 UTC",
  );
});

test("the exchange's clock knows summer and winter", () => {
  assert.equal(format.clock(Date.UTC(2026, 0, 5, 14, 30)), "08:30:00");
  assert.equal(format.clock(Date.UTC(2026, 6, 6, 13, 30)), "08:30:00");
});

test("figures say neither more nor less than is known", () => {
  assert.deepEqual([0, 0.004, 0.5, 0.995, 1].map(format.percent), ["0", "<1", "50", ">99", "100"]);
  assert.deepEqual(
    [120, -35, 0, -0.001].map((v) => format.signed(v)),
    ["+120", "−35", "0", "0"],
  );
  assert.equal(format.oneIn(0.00012345), "1 in 8,100 of");
  assert.deepEqual([5, 60, 90, 300, 900, 7200].map(format.duration), [
    "5 s",
    "1 min",
    "90 s",
    "5 min",
    "15 min",
    "2.0 h",
  ]);
  assert.deepEqual([0.25, 0.01, 1, 0.015625].map(format.decimalsOf), [2, 2, 0, 6]);
});

test("a signal book keeps the newest revision and the order of opening", () => {
  const book = new SignalBook();
  assert.equal(book.offer(signal(1)), "opened");
  assert.equal(book.offer(signal(2)), "opened");
  assert.equal(book.offer(signal(1, { revision: 3, seq: 3, probability: 0.9 })), "revised");
  assert.equal(book.offer(signal(1, { revision: 2, seq: 2 })), "old");
  assert.deepEqual(
    book.newestFirst().map((s) => [s.id, s.probability]),
    [
      ["s2", 0.7],
      ["s1", 0.9],
    ],
  );
  assert.deepEqual(
    book.get("s1").revisions.map((r) => r.revision),
    [1, 2, 3],
  );
});

test("a signal book has bounds, and counts what it lets go", () => {
  const book = new SignalBook(10);
  for (let n = 0; n < 100; n += 1) book.offer(signal(n));
  for (let n = 2; n < 500; n += 1) book.offer(signal(99, { revision: n }));
  assert.equal(book.size, 10);
  assert.equal(book.evicted, 90);
  assert.ok(book.get("s99").revisions.length <= REVISIONS_MAX);
  assert.equal(book.get("s99").revisions[0].revision, 1);
  assert.equal(book.get("s99").latest.revision, 499);
});

test("history that comes later does not push out what is newer", () => {
  const book = new SignalBook(3);
  for (const n of [5, 6, 7]) book.offer(signal(n));
  book.offer(signal(1));
  assert.deepEqual(
    book.newestFirst().map((s) => s.id),
    ["s7", "s6", "s5"],
  );
});

test("a market keeps bounded seconds and fewer levels", () => {
  const market = new Market();
  for (let second = 0; second < SECONDS_MAX + 500; second += 1) market.take(front(second));
  assert.equal(market.seconds.length, SECONDS_MAX);
  assert.equal(market.seconds.filter((one) => one.levels).length, LEVEL_SECONDS_MAX);
  assert.equal(market.tick, 0.25);
  assert.equal(market.symbol, "ESH4");
});

test("an old second is no new one, the same one replaces itself", () => {
  const market = new Market();
  assert.equal(market.take(front(5)), true);
  assert.equal(market.take(front(5, { last: "5001" })), true);
  assert.equal(market.take(front(4)), false);
  assert.deepEqual(
    market.seconds.map((one) => one.last),
    [5001],
  );
});

test("seconds between a cut and what came next are a hole, idle ones are not", () => {
  const market = new Market();
  market.take(front(1));
  market.take(front(9));
  market.cut();
  market.take(front(20));
  market.take(front(21));
  assert.deepEqual(market.holes(), [{ from: 1_710_000_009, to: 1_710_000_020 }]);
});

test("another front future starts another line", () => {
  const market = new Market();
  market.take(front(1));
  market.take({
    ...front(2),
    instruments: [{ ...front(2).instruments[0], instrument_id: 2, symbol: "ESM4" }],
  });
  assert.deepEqual([market.symbol, market.seconds.length, market.instruments.size], ["ESM4", 1, 2]);
});

test("bids and asks keep their side in the packed levels", () => {
  const market = new Market();
  market.take(front(1));
  assert.deepEqual([...market.seconds[0].levels.sizes], [-4, 5]);
});

test("the light tells the worst of all feeds, and the badge the least that is promised", () => {
  const feeds = new Feeds();
  const connected = { name: "connected" };
  const status = (feed, more = {}) => ({
    feed,
    state: "live",
    ts_event: "1",
    records: 1,
    lag_ns: 0,
    text: "",
    ...more,
  });
  assert.equal(feeds.judge(connected, 0).mode, "WAITING");
  feeds.take(status("a"), 0);
  assert.deepEqual(feeds.judge(connected, 100), { mode: "LIVE", level: "ok", text: "feed good" });
  feeds.take(status("b", { lag_ns: 4e9 }), 0);
  assert.deepEqual(feeds.judge(connected, 100), {
    mode: "DELAYED",
    level: "warn",
    text: "lags 4 s",
  });
  feeds.take(status("b", { late: true, receive_lag_ns: 8e9, processing_lag_ns: 1e9 }), 0);
  assert.deepEqual(feeds.judge(connected, 100), {
    mode: "DELAYED",
    level: "warn",
    text: "lags 9 s",
  });
  feeds.take(status("b", { state: "replay" }), 0);
  assert.equal(feeds.judge(connected, 100).mode, "REPLAY");
  assert.equal(feeds.judge(connected, 20_000).level, "bad");
  assert.equal(feeds.judge({ name: "offline" }, 100).mode, "OFFLINE");
  feeds.take(status("simulated", { state: "replay" }), 0);
  assert.equal(feeds.judge(connected, 100).mode, "SIMULATED");
  assert.equal(feeds.judge(connected, 100, { openGaps: 2 }).text, "2 instruments with faulty data");
});

test("every state of a feed has its light, its badge and its words", () => {
  const said = {
    connecting: ["LIVE", "waiting", "feed connecting"],
    authenticating: ["LIVE", "waiting", "feed connecting"],
    snapshot: ["LIVE", "warn", "books are filled anew"],
    replaying: ["DELAYED", "warn", "catching up"],
    waiting: ["DEGRADED", "bad", "its own words"],
    degraded: ["DEGRADED", "warn", "its own words"],
    delayed: ["DELAYED", "warn", "history, not live"],
    closed: ["CLOSED", "waiting", "exchange closed"],
    stopped: ["STOPPED", "bad", "feed stopped"],
    failed: ["STOPPED", "bad", "its own words"],
    of_next_year: ["LIVE", "waiting", "of next year"],
  };
  for (const [state, [mode, level, text]] of Object.entries(said)) {
    const feeds = new Feeds();
    feeds.take({ feed: "a", state, ts_event: "1", lag_ns: 0, text: "its own words" }, 0);
    assert.deepEqual(feeds.judge({ name: "connected" }, 100), { mode, level, text }, state);
  }
});

test("the filter speaks the language of the API and plain words", () => {
  const passes = (text, more) => parseFilter(text).test(signal(1, more));
  assert.ok(passes("root=ES,NQ side=buy kind=stop_run min_confidence=0.7"));
  assert.ok(!passes("min_confidence=0.71"));
  assert.ok(passes("esh4 buy stoprun"));
  assert.ok(passes("strength=high,extreme"));
  assert.ok(!passes("retracted"));
  assert.match(parseFilter("sdie=buy").error, /^sdie: expected one of root, side/);
  assert.match(parseFilter("min_confidence=7").error, /expected 0 to 1, found 7/);
  assert.match(parseFilter("strength=huge").error, /expected one of LOW/);
});

test("gaps count what is missing until it is found", () => {
  const gaps = new Gaps();
  gaps.missing("signals", "ES", 3, 5, "missing", 0);
  gaps.missing("signals", "NQ", 1, 9, "before", 0);
  assert.equal(gaps.missingCount, 3);
  gaps.found("signals", "ES", 4);
  gaps.found("signals", "ES", 4);
  assert.equal(gaps.missingCount, 2);
});

test("faults of an instrument are spans, the last one open until it closes", () => {
  const gaps = new Gaps();
  const fault = (change, ts, instrument_id = 1) =>
    gaps.take({ root: "ES", instrument_id, change, ts_event: ts, reason: "crossed" });
  fault("opened", "10");
  fault("closed", "20");
  fault("opened", "30");
  fault("opened", "15", 2);
  assert.deepEqual(gaps.spans("ES", 1), [
    { from: "30", to: null, text: "crossed" },
    { from: "10", to: "20", text: "crossed" },
  ]);
  assert.equal(gaps.open.size, 2);
});

test("of pings the quickest sets the clock, of other words none once there was one", () => {
  const clock = new ServerClock();
  clock.take(1_000, null, 900);
  assert.equal(clock.offsetMs, 100);
  clock.take(1_050, 900, 940);
  clock.take(2_000, 1_900, 1_902);
  clock.take(9_999, null, 1);
  assert.equal(clock.offsetMs, 99);
  assert.equal(clock.errorMs, 1);
});

test("quantiles are by nearest rank over a bounded window", () => {
  const window = new LatencyWindow();
  assert.equal(window.quantiles(), null);
  for (let n = 1; n <= 100; n += 1) window.add(n);
  assert.deepEqual(window.quantiles(), { p50: 50, p99: 99, max: 100, count: 100 });
  for (let n = 0; n < 5_000; n += 1) window.add(-1);
  assert.deepEqual(window.quantiles(), { p50: 0, p99: 0, max: 0, count: 512 });
});

test("parts of the log-odds follow each other and end at the sum", () => {
  const given = {
    bias: -1.75,
    log_odds: 1.25,
    contributions: [
      { detector: "sweep", log_odds: 2.6 },
      { detector: "stop_run", log_odds: 0.4 },
    ],
  };
  const { parts, total, isWhole } = partsOf(given);
  assert.deepEqual(
    parts.map((part) => part.name),
    ["prior", "sweep", "stop run"],
  );
  parts.slice(1).forEach((part, i) => assert.equal(part.from, parts[i].to));
  assert.ok(Math.abs(total - 1.25) < 1e-9 && isWhole);
  assert.equal(partsOf({ ...given, log_odds: 1.3 }).isWhole, false);
});

test("markouts are told where any is known, and what is not known by reason", () => {
  const at = (horizon_s, count, markout_error_ticks, unknown = {}) => ({
    score: {
      horizon_s,
      count,
      hit_ratio: count ? 0.5 : null,
      markout_mean_ticks: count ? 1 : null,
      markout_error_ticks,
      control_markout_mean_ticks: -0.5,
      unknown,
    },
  });
  const horizons = [
    at(60, 2, 0.5, { gap: 1, sampled: 9 }),
    at(300, 1, null, { gap: 2, stale: 1 }),
    at(900, 0, null),
  ];
  const found = markoutOf(horizons);
  assert.deepEqual(
    found.map(({ horizon, mean, control, count, low }) => [horizon, mean, control, count, low]),
    [
      [60, 1, -0.5, 2, 1 - 1.959964 * 0.5],
      [300, 1, -0.5, 1, null],
    ],
  );
  assert.deepEqual([...unknownOf(horizons)], [
    ["gap", 3],
    ["stale", 1],
  ]);
  assert.deepEqual(
    [...byHorizon([{ horizon_s: 60 }, { horizon_s: 300 }, { horizon_s: 60 }]).keys()],
    [60, 300],
  );
  assert.deepEqual(markoutOf([]), []);
});

test("what following signals would have made says that it is a simulation", () => {
  const followed = {
    enter_s: 1,
    leave_s: 900,
    trades: 1200,
    mean_ticks: -1.25,
    low_ticks: -2,
    high_ticks: -0.5,
    by_currency: { USD: { mean: -15.625 } },
  };
  assert.equal(
    simulatedText([{ followed: null }, { followed }]),
    "Simulation (one contract a signal, in after 1 s, out after 15 min, spread and fees paid): −1.3 ticks (−2.0 to −0.5), −15.63 USD a trade of 1,200",
  );
  assert.equal(
    simulatedText([{ followed: { ...followed, low_ticks: null, high_ticks: null, trades: 1 } }]),
    "Simulation (one contract a signal, in after 1 s, out after 15 min, spread and fees paid): −1.3 ticks, −15.63 USD a trade of 1",
  );
  assert.equal(simulatedText([{ followed: { ...followed, trades: 0 } }]), null);
  assert.equal(simulatedText([]), null);
});

test("a rank correlation is told at the longest horizon that has one", () => {
  const at = (horizon_s, coefficient) => ({
    score: { horizon_s },
    information: { coefficient, low: -0.05, high: 0.25, count: 60, control_count: 1400 },
  });
  assert.equal(
    informationText([at(1, 0.3), at(60, 0.1), at(900, null)]),
    "Rank correlation of probability and markout after 1 min: +0.10 (−0.05 to +0.25), 60 signals beside 1,400 controls of the same root, half hour and spread",
  );
  assert.equal(informationText([at(1, null)]), null);
});

test("what a signal says of the price has its interval and horizon, or is not shown", () => {
  const move = { p_move: 0.49, p_move_low: 0.452, p_move_high: 0.53, p_move_horizon_s: 60 };
  assert.equal(
    moveOf(signal(1, move)),
    "49 % (45 – 53 %) that the price goes its way within 1 min",
  );
  assert.equal(
    moveOf(signal(1, { ...move, p_move_low: null, p_move_high: null })),
    "49 % that the price goes its way within 1 min",
  );
  assert.equal(moveOf(signal(1, { ...move, p_move: null })), null);
  assert.equal(moveOf(signal(1)), null);
});

test("pressure of a window is net, and its share of all that was traded", () => {
  assert.deepEqual(netOf({ buy: 30, sell: 10 }), { buy: 30, sell: 10, net: 20, share: 0.5 });
  assert.equal(netOf(undefined).share, 0);
});

test("stepping through the list stays within it", () => {
  const signals = [signal(3), signal(2), signal(1)];
  assert.equal(beside(signals, null, 1), "s3");
  assert.equal(beside(signals, "s3", 1), "s2");
  assert.equal(beside(signals, "s1", 1), "s1");
  assert.equal(beside(signals, "s3", -1), "s3");
  assert.equal(beside([], null, 1), null);
});
