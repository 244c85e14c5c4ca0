/** The page: what has come, and what is drawn of it. Everything that grows has a bound. */

import { PriceChart } from "./chart.mjs";
import { Frames, byId, el, setChildren, setText } from "./dom.mjs";
import { Feeds } from "./feeds.mjs";
import { parseFilter } from "./filter.mjs";
import { bothClocks, clock, compareNs, count, day, duration, latency, msOf, percent, secondOf, signed } from "./format.mjs";
import { Gaps } from "./gaps.mjs";
import { keyOfMarks } from "./glyph.mjs";
import { KEYS, listen } from "./keys.mjs";
import { LatencyWindow, ServerClock } from "./latency.mjs";
import { Link, nowMs } from "./link.mjs";
import { SignalList } from "./list.mjs";
import { Market } from "./market.mjs";
import { PressureTable } from "./pressure.mjs";
import { Quality } from "./quality.mjs";
import { ask } from "./rest.mjs";
import { SignalBook } from "./signals.mjs";
import { Notices } from "./sound.mjs";
import { Tape } from "./tape.mjs";
import { twinOf } from "./twin.mjs";
import { WhyDrawer } from "./why.mjs";
import { KINDS, STRENGTHS, TAGS, kindOf, lifeOf, sideOf, words } from "./words.mjs";

const ROOTS_MAX = 32;
const OLDER_ASKED = 200;
const TOKEN = "ifd.token";
const THEME = "ifd.theme";

const page = {
  book: new SignalBook(), gaps: new Gaps(), feeds: new Feeds(), markets: new Map(),
  latencies: new LatencyWindow(), serverClock: new ServerClock(),
  link: { name: "connecting" }, seenMs: new Map(), chosenRoot: null, chosenId: null,
  isOneRoot: false, filter: parseFilter(""), isTwin: false, token: sessionStorage.getItem(TOKEN),
  lastPressureMs: new Map(), sinceMs: null, now: nowMs(), notes: [],
};

const list = new SignalList(byId("signal-rows"), (id) => openWhy(id));
const pressure = new PressureTable(byId("pressure-head"), byId("pressure-rows"), byId("pressure-empty"));
const tape = new Tape(byId("tape-rows"), byId("tape-empty"));
const drawer = new WhyDrawer(byId("why"), { onClose: closeWhy });
const notices = new Notices((id) => openWhy(id));
const quality = new Quality((path) => ask(path, page.token), () => frames.mark("quality"));
chooseTheme(localStorage.getItem(THEME));
const chart = new PriceChart(byId("chart"), { onMark: (id) => openWhy(id), onHover: (second) => drawLegend(second) });
const frames = new Frames({ top: drawTop, roots: drawRoots, chart: drawChart, signals: drawSignals, pressure: drawPressure, tape: drawTape, quality: () => quality.draw(page), why: drawWhy });
let link = null;

/** What the socket tells. */
const listener = {
  message(channel, root, data, how) {
    page.now = nowMs();
    if (!how.isOld && how.publishedNs && how.publishedNs !== "0") {
      page.latencies.add(page.now + page.serverClock.offsetMs - Number(BigInt(how.publishedNs) / 1000n) / 1000);
    }
    take[channel]?.(data, how, root);
  },
  gap(channel, root, from, to, why) {
    page.gaps.missing(channel, root, from, to, why, nowMs());
    if (why !== "before") announce(`${to - from + 1} messages of ${root} ${channel} are missing`);
    frames.mark("signals", "quality", "top");
  },
  begin(epoch, isFirst) {
    const isSeen = page.book.size || page.markets.size;
    page.book.clear();
    page.gaps.clear();
    page.markets.clear();
    page.seenMs.clear();
    tape.clear();
    page.epoch = epoch;
    if (!isFirst && isSeen) note(`A new run of the data flow began (${epoch}): everything before it is of the last one.`);
    closeWhy();
    chart.show(null);
    markAll();
  },
  ready() {
    frames.mark("top");
  },
  lost() {
    for (const market of page.markets.values()) market.cut();
  },
  state(state) {
    page.link = { ...state, sinceMs: nowMs() };
    frames.mark("top");
  },
  server(ns, sentMs) {
    page.serverClock.take(Number(BigInt(ns) / 1000n) / 1000, sentMs, nowMs());
  },
  token(reason) {
    sessionStorage.removeItem(TOKEN);
    page.token = null;
    byId("token-reason").textContent = reason;
    if (!byId("token-dialog").open) byId("token-dialog").showModal();
  },
  notice: note,
};

/** What comes on each channel. */
const take = {
  signals(signal, how) {
    page.gaps.found("signals", signal.root, signal.seq);
    const what = page.book.offer(signal, how);
    market(signal.root).knowTick(signal.contract.symbol === market(signal.root).symbol ? Number(signal.contract.tick) : 0);
    if (!how.isOld && what === "opened") {
      page.seenMs.set(signal.id, page.now);
      if (page.seenMs.size > 200) page.seenMs.delete(page.seenMs.keys().next().value);
      notices.tell(signal);
      announce(spoken(signal));
    } else if (!how.isOld && signal.change === "retracted") announce(`Retracted: ${spoken(signal)}`);
    frames.mark("signals", "chart", "roots", "why");
  },
  executions(execution) {
    tape.add(execution);
    frames.mark("tape");
  },
  gaps(gap) {
    page.gaps.take(gap);
    frames.mark("quality", "chart", "top");
  },
  outcomes() {
    // The plots ask history, which has all of them: this page has those of its own time.
  },
  pressure(value, how, root) {
    const isNew = market(root).take(value);
    page.lastPressureMs.set(root, page.now);
    page.sinceMs ??= page.now;
    if (root === page.chosenRoot) frames.mark("pressure");
    if (isNew) frames.mark("roots", ...(root === page.chosenRoot ? ["chart"] : []));
  },
  status(status) {
    page.feeds.take(status, page.now);
    frames.mark("top", "quality");
  },
};

function market(root) {
  let found = page.markets.get(root);
  if (!found) {
    found = new Market();
    page.markets.set(root, found);
    if (page.markets.size > ROOTS_MAX) dropMarket();
    if (page.chosenRoot === null) chooseRoot(root);
    frames.mark("roots");
  }
  return found;
}

function dropMarket() {
  const idle = [...page.markets.keys()].filter((root) => root !== page.chosenRoot)
    .sort((a, b) => (page.lastPressureMs.get(a) ?? 0) - (page.lastPressureMs.get(b) ?? 0));
  page.markets.delete(idle[0]);
}

function rootsInOrder() {
  return [...page.markets.keys()].sort();
}

function chooseRoot(root) {
  page.chosenRoot = root;
  const found = page.markets.get(root) ?? null;
  chart.show(found, earliestOf(root));
  page.isScopeDirty = true;
  frames.mark("roots", "chart", "pressure", "tape", "signals");
}

/** The second of the oldest signal that the chart could still show. */
function earliestOf(root) {
  const oldest = page.book.newestFirst().filter((signal) => signal.root === root).at(-1);
  return oldest ? secondOf(oldest.ts_opened) - 5 : null;
}

function shownSignals() {
  return page.book.newestFirst().filter((signal) => page.filter.test(signal) && (!page.isOneRoot || signal.root === page.chosenRoot));
}

function ofRoot(root) {
  return page.book.newestFirst().filter((signal) => signal.root === root);
}

function markAll() {
  frames.mark("top", "roots", "chart", "signals", "pressure", "tape", "quality");
}

/* Drawing */

function drawTop() {
  page.now = nowMs();
  const found = page.feeds.judge(page.link, page.now, { hasData: page.markets.size > 0, openGaps: page.gaps.open.size });
  const mode = byId("mode");
  setText(mode, found.mode);
  mode.dataset.mode = found.mode;
  byId("light").dataset.level = found.level;
  setText(byId("light-text"), found.text);
  document.title = `${found.mode === "LIVE" ? "" : `${found.mode} · `}IFD`;
  drawBanner(found);
  const rank = page.latencies.quantiles();
  setText(byId("p50"), rank ? latency(rank.p50) : "–");
  setText(byId("p99"), rank ? latency(rank.p99) : "–");
  const newest = newestMs();
  const at = byId("clock");
  setText(at, newest ? `${clock(newest)} CT` : "");
  at.title = newest ? `Newest data: ${day(newest)} ${clock(newest)} Chicago, ${new Date(newest).toISOString().slice(0, 19).replace("T", " ")} UTC` : "";
  setText(byId("session"), page.epoch ? `run ${page.epoch}` : "");
}

function newestMs() {
  let newest = 0;
  for (const { status } of page.feeds.byName.values()) newest = Math.max(newest, msOf(status.ts_event));
  for (const one of page.markets.values()) newest = Math.max(newest, (one.seconds.at(-1)?.t ?? 0) * 1000);
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
  const preparing = [...page.feeds.byName.values()].find(({ status }) => status.state === "preparing");
  if (preparing && mode === "PREPARING") return `Preparing: ${preparing.status.text}`;
  return page.notes.at(-1)?.text ?? "";
}

function note(text) {
  page.notes.push({ text, atMs: nowMs() });
  if (page.notes.length > 5) page.notes.shift();
  setTimeout(() => {
    page.notes.shift();
    frames.mark("top");
  }, 12_000);
  frames.mark("top");
}

function drawRoots() {
  const buttons = rootsInOrder().slice(0, ROOTS_MAX).map((root, i) => {
    const one = page.markets.get(root);
    const button = rootButton(root);
    const newest = one.seconds.at(-1);
    const price = newest ? priceText(newest.last ?? newest.mid, one.tick) : "";
    const best = strongestOpen(root);
    const side = best ? sideOf(best.side) : null;
    setText(button.key, i < 9 ? String(i + 1) : "");
    setText(button.price, price);
    setText(button.flag, best ? `${side.arrow} ${percent(best.probability)}` : "");
    button.flag.className = `flag ${best?.side ?? ""}`;
    button.element.setAttribute("aria-pressed", String(root === page.chosenRoot));
    button.element.setAttribute("aria-label", `${root} ${price}${best ? `, ${side.name} ${percent(best.probability)} percent` : ""}`);
    return button.element;
  });
  setChildren(byId("roots"), buttons);
}

const rootButtons = new Map();

function rootButton(root) {
  let button = rootButtons.get(root);
  if (!button) {
    const [key, price, flag] = [el("span.key"), el("span.at.figures"), el("span.flag")];
    const element = el("button.root", { type: "button", onclick: () => chooseRoot(root) }, el("span", {}, key, el("span.name", {}, root), flag), price);
    button = { element, key, price, flag };
    rootButtons.set(root, button);
    if (rootButtons.size > 2 * ROOTS_MAX) rootButtons.delete(rootButtons.keys().next().value);
  }
  return button;
}

function strongestOpen(root) {
  return ofRoot(root).filter((signal) => lifeOf(signal) === "open").reduce((a, b) => (!a || b.probability > a.probability ? b : a), null);
}

function priceText(value, tick) {
  if (value === null || value === undefined) return "–";
  const text = String(tick ?? "");
  return value.toFixed(text.includes(".") ? text.split(".")[1].length : 2);
}

function drawChart() {
  const one = page.markets.get(page.chosenRoot) ?? null;
  chart.draw();
  chart.marks.set(page.chosenRoot ? ofRoot(page.chosenRoot) : [], page.chosenId);
  if (one) chart.shade(one.holes(), page.gaps.spans(page.chosenRoot, one.frontId));
  const newest = one?.seconds.at(-1);
  setText(byId("symbol"), one?.symbol ?? page.chosenRoot ?? "–");
  setText(byId("price"), newest ? priceText(newest.last ?? newest.mid, one.tick) : "–");
  setText(byId("quote"), newest && newest.bid !== null && newest.ask !== null ? `${count(newest.bidSize)} @ ${priceText(newest.bid, one.tick)}  ×  ${priceText(newest.ask, one.tick)} @ ${count(newest.askSize)}` : "");
  drawNow();
  drawChartNote(one, newest);
  if (page.isTwin) drawTwin();
}

function drawNow() {
  const best = page.chosenRoot ? strongestOpen(page.chosenRoot) : null;
  const now = byId("now");
  now.dataset.side = best?.side ?? "";
  setText(now, best ? `${sideOf(best.side).arrow} ${sideOf(best.side).name.toUpperCase()} ${percent(best.probability)} % ${kindOf(best.kind).name.toLowerCase()}` : "");
  now.title = best ? `Strongest open signal, since ${clock(msOf(best.ts_opened))}` : "";
}

function drawChartNote(one, newest) {
  byId("chart-empty").textContent = newest ? "" : emptyText();
  if (!newest) return setText(byId("chart-note"), "");
  const idleMs = page.now - (page.lastPressureMs.get(page.chosenRoot) ?? page.now);
  const stale = idleMs > 5_000 ? `last change ${duration(idleMs / 1000)} ago · ` : "";
  const faults = page.gaps.spans(page.chosenRoot, one.frontId).some((span) => span.to === null) ? "data at fault now · " : "";
  const hasLevels = one.seconds.some((second) => second.levels);
  return setText(byId("chart-note"), `${faults}${stale}prices from ${clock(one.seconds[0].t * 1000)}; history before is not held${hasLevels ? "" : " · no resting sizes came"}`);
}

function emptyText() {
  const preparing = [...page.feeds.byName.values()].find(({ status }) => status.state === "preparing");
  if (preparing) return `Preparing\n${preparing.status.text}`;
  if (page.link.name !== "connected") return "";
  return page.epoch ? "No price of this root has come yet." : "Connected. No worker has sent anything yet.";
}

function drawLegend(second) {
  const one = page.markets.get(page.chosenRoot);
  if (!second || second.mid === undefined) return setText(byId("legend"), second ? `${clock(second.t * 1000)}  nothing changed, or nothing came` : "");
  const at = (value) => priceText(value, one?.tick);
  return setText(byId("legend"), `${clock(second.t * 1000)}  last ${at(second.last)}  bid ${at(second.bid)}  ask ${at(second.ask)}  bought ${second.buy ?? "–"}  sold ${second.sell ?? "–"}  net ${second.buy === null ? "–" : signed(second.buy - second.sell)}`);
}

function drawSignals() {
  const shown = shownSignals();
  const missing = page.gaps.ranges.filter((range) => range.channel === "signals" && range.left);
  const breaks = missing.slice(0, 3).map((range) => `Missing: ${range.root} signals seq ${range.from === range.to ? range.from : `${range.from} – ${range.to}`} never reached this page (noticed ${clock(range.atMs)})`);
  list.draw(shown, { chosen: page.chosenId, breaks, atMs: page.now, freshOf: (id) => page.seenMs.get(id) ?? 0 });
  const open = shown.filter((signal) => lifeOf(signal) === "open").length;
  setText(byId("signals-count"), page.book.size ? `${open} open of ${count(shown.length)}${shown.length < page.book.size ? ` (${count(page.book.size)})` : ""}` : "");
  byId("signals-empty").textContent = shown.length ? "" : page.book.size ? "No signal matches the filter." : page.link.name === "connected" ? "No signal yet." : "";
  const before = [...page.gaps.before.values()].filter((one) => one.channel === "signals");
  byId("older").hidden = !before.length || page.hasOlder;
  const notes = [];
  if (shown.length > list.shown.length) notes.push(`${count(shown.length - list.shown.length)} older ones not drawn: use the filter`);
  if (page.book.evicted) notes.push(`${count(page.book.evicted)} oldest let go, ${count(page.book.max)} are kept`);
  if (page.olderError) notes.push(`history cannot be read: ${page.olderError}`);
  setText(byId("signals-note"), notes.join(" · "));
}

function drawPressure() {
  pressure.draw(page.markets.get(page.chosenRoot));
}

function drawTape() {
  tape.draw(page.chosenRoot);
}

function drawWhy() {
  const entry = page.chosenId ? page.book.get(page.chosenId) : null;
  if (drawer.isOpen && entry) drawer.show(entry);
}

function drawTwin() {
  const scroll = byId("twin").scrollTop;
  byId("twin").replaceChildren(twinOf(page.markets.get(page.chosenRoot), ofRoot(page.chosenRoot)));
  byId("twin").scrollTop = scroll;
}

/* What people do */

async function openWhy(id) {
  const entry = page.book.get(id);
  if (!entry) return;
  page.chosenId = id;
  if (entry.latest.root !== page.chosenRoot) chooseRoot(entry.latest.root);
  drawer.show(entry);
  byId("why").focus({ preventScroll: true });
  list.reveal(id);
  frames.mark("signals", "chart");
  // Older revisions than this page has seen are history's.
  if (entry.revisions[0].revision > 1 && !entry.isAsked) {
    entry.isAsked = true;
    const found = await ask(`/v1/signals/${encodeURIComponent(id)}`, page.token).catch(() => ({ items: [] }));
    for (const row of found.items) if (row.epoch === page.epoch) page.book.offer(row.data, { isOld: true });
    frames.mark("why");
  }
}

function closeWhy() {
  if (!drawer.isOpen) return;
  drawer.close();
  list.rows.get(page.chosenId)?.element.querySelector("button")?.focus({ preventScroll: true });
}

function step(by) {
  const id = list.beside(page.chosenId, by);
  if (!id) return;
  page.chosenId = id;
  list.reveal(id);
  if (drawer.isOpen) openWhy(id);
  frames.mark("signals", "chart");
}

async function loadOlder() {
  byId("older").disabled = true;
  try {
    const found = await ask(`/v1/signals?limit=${OLDER_ASKED}`, page.token);
    const rows = found.items.filter((row) => row.epoch === page.epoch).sort((a, b) => compareNs(a.data.ts_event, b.data.ts_event));
    for (const row of rows) take.signals(row.data, { isOld: true });
    page.hasOlder = true;
    page.olderError = "";
  } catch (error) {
    page.olderError = error.message;
  }
  byId("older").disabled = false;
  frames.mark("signals");
}

function toggle(button, isOn) {
  button.setAttribute("aria-pressed", String(isOn));
}

function setScope(isOneRoot) {
  page.isOneRoot = isOneRoot;
  toggle(byId("scope"), isOneRoot);
  frames.mark("signals");
}

function setHeat() {
  const isOn = !chart.heat.isOn;
  chart.setHeat(isOn);
  toggle(byId("heat"), isOn);
}

function setTwin() {
  page.isTwin = !page.isTwin;
  byId("twin").hidden = !page.isTwin;
  toggle(byId("twin-button"), page.isTwin);
  if (page.isTwin) drawTwin();
}

function chooseTheme(theme) {
  const isLight = theme ? theme === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = isLight ? "light" : "dark";
}

function otherTheme() {
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  localStorage.setItem(THEME, theme);
  restyle(theme);
}

function restyle(theme) {
  chooseTheme(theme);
  chart.restyle();
  quality.restyle();
}

function mute() {
  notices.isMuted = !notices.isMuted;
  drawSound();
  announce(notices.isMuted ? "Muted" : "No longer muted");
}

function drawSound() {
  const { sound, notice } = notices.wants;
  const isOn = (sound || notice) && !notices.isMuted;
  toggle(byId("sound"), isOn);
  byId("sound").title = notices.isMuted ? "Muted (M)" : isOn ? "Sound and desktop notices are on (M mutes)" : "Sound and desktop notices are off";
}

function announce(text) {
  byId("announcer").textContent = text;
}

function spoken(signal) {
  return `${signal.contract.symbol} ${sideOf(signal.side).name}, ${kindOf(signal.kind).name}, ${percent(signal.probability)} percent, ${words(signal.strength)}`;
}

function useToken() {
  const token = byId("token").value.trim();
  if (!token) return;
  page.token = token;
  sessionStorage.setItem(TOKEN, token);
  byId("token").value = "";
  byId("token-dialog").close();
  link.useToken(token);
}

function fillDialogs() {
  byId("help-keys").replaceChildren(...KEYS.flatMap(([key, text]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)]));
  byId("help-marks").replaceChildren(...keyOfMarks(KINDS, { isTold: true }));
  byId("keys-of-marks").replaceChildren(...keyOfMarks(KINDS));
  byId("notice-strength").replaceChildren(...STRENGTHS.map((one) => el("option", { value: one }, words(one))));
  byId("notice-kinds").replaceChildren(...Object.entries(KINDS).map(([kind, { name }]) => el("label", {},
    el("input", { type: "checkbox", checked: notices.wants.kinds[kind] !== false, onchange: (event) => notices.change({ kinds: { ...notices.wants.kinds, [kind]: event.target.checked } }) }), ` ${name}`)));
  byId("notice-strength").value = notices.wants.strength;
  byId("want-sound").checked = notices.wants.sound;
  byId("want-notice").checked = notices.wants.notice;
  byId("tape-tags").replaceChildren(...Object.entries(TAGS).map(([tag, { letter, name }]) => {
    const button = el("button", { type: "button", "aria-pressed": "true", title: name, "aria-label": name }, letter);
    button.addEventListener("click", () => {
      if (!tape.tags.delete(tag)) tape.tags.add(tag);
      toggle(button, tape.tags.has(tag));
      frames.mark("tape");
    });
    return button;
  }));
}

function wire() {
  const on = (id, name, run) => byId(id).addEventListener(name, run);
  on("filter", "input", (event) => {
    page.filter = parseFilter(event.target.value);
    setText(byId("filter-error"), page.filter.error);
    frames.mark("signals");
  });
  on("filter", "keydown", (event) => event.key === "Enter" && event.target.blur());
  on("scope", "click", () => setScope(!page.isOneRoot));
  on("heat", "click", setHeat);
  on("follow", "click", () => chart.newest());
  on("twin-button", "click", setTwin);
  on("older", "click", loadOlder);
  on("theme", "click", otherTheme);
  on("help", "click", () => byId("help-dialog").showModal());
  on("sound", "click", () => byId("notice-dialog").showModal());
  on("light", "click", () => quality.choose("feeds"));
  on("latency", "click", () => quality.choose("latency"));
  on("tape-size", "input", (event) => {
    tape.sizeMin = Number(event.target.value) || 0;
    frames.mark("tape");
  });
  on("want-sound", "change", (event) => { notices.change({ sound: event.target.checked }); drawSound(); });
  on("want-notice", "change", async (event) => {
    const answer = event.target.checked ? await notices.askForNotices() : "off";
    byId("want-notice").checked = answer === "granted";
    notices.change({ notice: answer === "granted" });
    setText(byId("notice-state"), answer === "denied" ? "the browser does not allow it" : "");
    drawSound();
  });
  on("notice-strength", "change", (event) => notices.change({ strength: event.target.value }));
  on("try-sound", "click", () => notices.sound(1));
  on("token-go", "click", useToken);
  on("token", "keydown", (event) => event.key === "Enter" && useToken());
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => byId(button.dataset.close).close());
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => localStorage.getItem(THEME) || restyle(null));
  listen({
    root: (i) => rootsInOrder()[i] && chooseRoot(rootsInOrder()[i]), step, open: () => page.chosenId && openWhy(page.chosenId),
    close: () => { if (document.activeElement === byId("filter")) byId("filter").blur(); else closeWhy(); },
    filter: () => byId("filter").focus(), mute, heat: setHeat, scope: () => setScope(!page.isOneRoot), theme: otherTheme,
    help: () => byId("help-dialog").showModal(),
  });
}

async function start() {
  fillDialogs();
  wire();
  drawSound();
  setInterval(() => {
    page.latencies.note(Math.floor(nowMs() / 1000));
    frames.mark("top", "quality", ...(page.chosenRoot ? ["chart"] : []));
  }, 1_000);
  let version;
  for (;;) {
    version = await ask("/v1/version").catch(() => null);
    if (version) break;
    listener.state({ name: "offline", text: "", retryMs: 2_000 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  setText(byId("version"), `IFD ${version.version}`);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  link = new Link(`${scheme}://${location.hostname}:${version.ws_port}/`, listener);
  if (page.token) link.protocol.token = page.token;
  link.connect();
}

start();
