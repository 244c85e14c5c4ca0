/** The keyboard: letters work unless one is writing. */

export const KEYS = [
  ["1 – 9", "choose a root"],
  ["J  K", "next, previous signal"],
  ["Enter", "why"],
  ["Esc", "close"],
  ["/", "filter the signals"],
  ["M", "mute and unmute"],
  ["H", "heat map"],
  ["R", "only the chosen root"],
  ["T", "dark or light"],
  ["?", "this list"],
];

/** `does`: root(i), step(±1), open(), close(), filter(), mute(), heat(), scope(), theme(), help(). */
export function listen(does) {
  const letters = {
    j: () => does.step(1),
    k: () => does.step(-1),
    "/": () => does.filter(),
    m: () => does.mute(),
    h: () => does.heat(),
    r: () => does.scope(),
    t: () => does.theme(),
    "?": () => does.help(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return void does.close();
    const target = event.target;
    if (target.closest("dialog[open]") || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
    if (event.key === "Enter") {
      if (!/^(BUTTON|A|SUMMARY)$/.test(target.tagName)) does.open();
      return;
    }
    const run = /^[1-9]$/.test(event.key)
      ? () => does.root(Number(event.key) - 1)
      : letters[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
