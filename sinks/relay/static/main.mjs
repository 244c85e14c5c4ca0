/** The page: its parts are made here and tied together. Everything that grows has a bound. */

import { PriceChart } from "./chart.mjs";
import { drawSound, wireDialogs } from "./dialogs.mjs";
import { Frames, byId, el, setText } from "./dom.mjs";
import { parseFilter } from "./filter.mjs";
import { compareNs, count } from "./format.mjs";
import { intake } from "./intake.mjs";
import { listen } from "./keys.mjs";
import { Link, nowMs } from "./link.mjs";
import { SignalList, beside } from "./list.mjs";
import { earliestOf, page, rootsInOrder, shownSignals } from "./page.mjs";
import { PressureTable } from "./pressure.mjs";
import { Quality } from "./quality.mjs";
import { ask } from "./rest.mjs";
import { Notices } from "./sound.mjs";
import { drawLegend, drawStage, drawTwin } from "./stage.mjs";
import { Tape } from "./tape.mjs";
import { RootBar, drawTop } from "./top.mjs";
import { WhyDrawer } from "./why.mjs";
import { TAGS, lifeOf } from "./words.mjs";

const OLDER_ASKED = 200;
const ANNOUNCE_MS = 1_000;
const TOKEN = "ifd.token";
const THEME = "ifd.theme";
const EVERYTHING = ["top", "roots", "chart", "signals", "pressure", "tape", "quality", "why"];

chooseTheme(localStorage.getItem(THEME));
const list = new SignalList(byId("signal-rows"), openWhy);
const pressure = new PressureTable(
  byId("pressure-head"),
  byId("pressure-rows"),
  byId("pressure-empty"),
);
const tape = new Tape(byId("tape-rows"), byId("tape-empty"));
const drawer = new WhyDrawer(byId("why"), { onClose: closeWhy });
const notices = new Notices(openWhy);
const quality = new Quality(
  (path) => ask(path, page.token),
  () => page.mark("quality"),
);
const roots = new RootBar(byId("roots"), chooseRoot);
const chart = new PriceChart(byId("chart"), { onMark: openWhy, onHover: drawLegend });
const frames = new Frames({
  top: drawTop,
  roots: () => roots.draw(),
  chart: () => drawStage(chart),
  signals: drawSignals,
  why: drawWhy,
  pressure: () => pressure.draw(page.markets.get(page.chosenRoot)),
  tape: () => tape.draw(page.chosenRoot),
  quality: () => quality.draw(page),
});
page.mark = (...names) => frames.mark(...names);
page.token = sessionStorage.getItem(TOKEN);
const taken = intake({
  chooseRoot,
  announce,
  askToken,
  reset,
  tape,
  tell: (signal) => notices.tell(signal),
});
const spoken = { waiting: [], atMs: 0 };
let link = null;

function reset() {
  tape.clear();
  closeWhy();
  chart.show(null);
  page.mark(...EVERYTHING);
}

function chooseRoot(root) {
  page.chosenRoot = root;
  const found = page.markets.get(root) ?? null;
  chart.show(found, earliestOf(root));
  page.mark("roots", "chart", "pressure", "tape", "signals");
}

function drawSignals() {
  const shown = shownSignals();
  const missing = page.gaps.ranges.filter((range) => range.channel === "signals" && range.left);
  const breaks = missing
    .slice(0, 3)
    .map(
      (range) =>
        `Missing: ${range.root} signals seq ${range.from === range.to ? range.from : `${range.from} – ${range.to}`} never reached this page`,
    );
  list.draw(shown, {
    chosen: page.chosenId,
    breaks,
    atMs: page.now,
    freshOf: (id) => page.seenMs.get(id) ?? 0,
  });
  const open = shown.filter((signal) => lifeOf(signal) === "open").length;
  setText(
    byId("signals-count"),
    page.book.size
      ? `${open} open of ${count(shown.length)}${shown.length < page.book.size ? ` (${count(page.book.size)})` : ""}`
      : "",
  );
  byId("signals-empty").textContent = shown.length
    ? ""
    : page.book.size
      ? "No signal matches the filter."
      : page.link.name === "connected"
        ? "No signal yet."
        : "";
  const before = [...page.gaps.before.values()].filter((one) => one.channel === "signals");
  byId("older").hidden = !before.length || page.hasOlder;
  const notes = [];
  if (shown.length > list.shown.length)
    notes.push(`${count(shown.length - list.shown.length)} older ones not drawn: use the filter`);
  if (page.book.evicted)
    notes.push(`${count(page.book.evicted)} oldest let go, ${count(page.book.max)} are kept`);
  if (page.olderError) notes.push(`history cannot be read: ${page.olderError}`);
  setText(byId("signals-note"), notes.join(" · "));
}

function drawWhy() {
  const entry = page.chosenId ? page.book.get(page.chosenId) : null;
  if (drawer.isOpen && entry) drawer.show(entry);
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
  page.mark("signals", "chart");
  // Older revisions than this page has seen are history's.
  if (entry.revisions[0].revision > 1 && !entry.isAsked) {
    entry.isAsked = true;
    const found = await ask(`/v1/signals/${encodeURIComponent(id)}`, page.token).catch(() => ({
      items: [],
    }));
    for (const row of found.items)
      if (row.epoch === page.epoch) page.book.offer(row.data, { isOld: true });
    page.mark("why");
  }
}

function closeWhy() {
  if (!drawer.isOpen) return;
  drawer.close();
  list.rows.get(page.chosenId)?.element.querySelector("button")?.focus({ preventScroll: true });
}

function step(by) {
  const id = beside(shownSignals(), page.chosenId, by);
  if (!id) return;
  page.chosenId = id;
  list.reveal(id);
  if (drawer.isOpen) openWhy(id);
  page.mark("signals", "chart");
}

async function loadOlder() {
  byId("older").disabled = true;
  try {
    const found = await ask(`/v1/signals?limit=${OLDER_ASKED}`, page.token);
    const rows = found.items
      .filter((row) => row.epoch === page.epoch)
      .sort((a, b) => compareNs(a.data.ts_event, b.data.ts_event));
    for (const row of rows) taken.take.signals(row.data, { isOld: true });
    page.hasOlder = true;
    page.olderError = "";
  } catch (error) {
    page.olderError = error.message;
  }
  byId("older").disabled = false;
  page.mark("signals");
}

function toggle(button, isOn) {
  button.setAttribute("aria-pressed", String(isOn));
}

function setScope(isOneRoot) {
  page.isOneRoot = isOneRoot;
  toggle(byId("scope"), isOneRoot);
  page.mark("signals");
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
  drawSound(notices);
  announce(notices.isMuted ? "Muted" : "No longer muted");
}

/** For those who listen: a sentence a second at most, and how many more there were. */
function announce(text) {
  spoken.waiting.push(text);
  if (spoken.waiting.length > 1) return;
  setTimeout(
    () => {
      const more = spoken.waiting.length - 1;
      byId("announcer").textContent = `${spoken.waiting.at(-1)}${more ? `, and ${more} more` : ""}`;
      spoken.waiting = [];
      spoken.atMs = nowMs();
    },
    Math.max(0, spoken.atMs + ANNOUNCE_MS - nowMs()),
  );
}

function askToken(reason) {
  sessionStorage.removeItem(TOKEN);
  page.token = null;
  byId("token-reason").textContent = reason;
  if (!byId("token-dialog").open) byId("token-dialog").showModal();
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

function drawTags() {
  byId("tape-tags").replaceChildren(
    ...Object.entries(TAGS).map(([tag, { letter, name }]) => {
      const button = el(
        "button",
        { type: "button", "aria-pressed": "true", title: name, "aria-label": name },
        letter,
      );
      button.addEventListener("click", () => {
        if (!tape.tags.delete(tag)) tape.tags.add(tag);
        toggle(button, tape.tags.has(tag));
        page.mark("tape");
      });
      return button;
    }),
  );
}

function wire() {
  const on = (id, name, run) => byId(id).addEventListener(name, run);
  on("filter", "input", (event) => {
    page.filter = parseFilter(event.target.value);
    setText(byId("filter-error"), page.filter.error);
    page.mark("signals");
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
    page.mark("tape");
  });
  on("token-go", "click", useToken);
  on("token", "keydown", (event) => event.key === "Enter" && useToken());
  matchMedia("(prefers-color-scheme: light)").addEventListener(
    "change",
    () => localStorage.getItem(THEME) || restyle(null),
  );
  listen({
    root: (i) => rootsInOrder()[i] && chooseRoot(rootsInOrder()[i]),
    step,
    open: () => page.chosenId && openWhy(page.chosenId),
    close: () => {
      if (document.activeElement === byId("filter")) byId("filter").blur();
      else closeWhy();
    },
    filter: () => byId("filter").focus(),
    mute,
    heat: setHeat,
    scope: () => setScope(!page.isOneRoot),
    theme: otherTheme,
    help: () => byId("help-dialog").showModal(),
  });
}

async function start() {
  wireDialogs(notices);
  drawTags();
  wire();
  setInterval(() => {
    page.latencies.note(Math.floor(nowMs() / 1000));
    page.mark("top", "quality", ...(page.chosenRoot ? ["chart"] : []));
  }, 1_000);
  let version;
  for (;;) {
    version = await ask("/v1/version").catch(() => null);
    if (version) break;
    taken.state({ name: "offline", text: "", retryMs: 2_000 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  setText(byId("version"), `IFD ${version.version}`);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  link = new Link(`${scheme}://${location.hostname}:${version.ws_port}/`, taken);
  if (page.token) link.protocol.token = page.token;
  link.connect();
}

start();
