/** What is asked and told in dialogs: keys, marks, sound and notices. */

import { byId, el, setText } from "./dom.mjs";
import { keyOfMarks } from "./glyph.mjs";
import { KEYS } from "./keys.mjs";
import { KINDS, STRENGTHS, words } from "./words.mjs";

/** Fill the dialogs for keys and notices and let their controls act. */
export function wireDialogs(notices) {
  byId("help-keys").replaceChildren(
    ...KEYS.flatMap(([key, text]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)]),
  );
  byId("help-marks").replaceChildren(...keyOfMarks(KINDS, { isTold: true }));
  byId("keys-of-marks").replaceChildren(...keyOfMarks(KINDS));
  byId("notice-strength").replaceChildren(
    ...STRENGTHS.map((one) => el("option", { value: one }, words(one))),
  );
  byId("notice-kinds").replaceChildren(
    ...Object.entries(KINDS).map(([kind, { name }]) =>
      el(
        "label",
        {},
        el("input", {
          type: "checkbox",
          checked: notices.wants.kinds[kind] !== false,
          onchange: (event) =>
            notices.change({ kinds: { ...notices.wants.kinds, [kind]: event.target.checked } }),
        }),
        ` ${name}`,
      ),
    ),
  );
  byId("notice-strength").value = notices.wants.strength;
  byId("want-sound").checked = notices.wants.sound;
  byId("want-notice").checked = notices.wants.notice;
  for (const button of document.querySelectorAll("[data-close]"))
    button.addEventListener("click", () => byId(button.dataset.close).close());
  wireNotices(notices);
  drawSound(notices);
}

function wireNotices(notices) {
  const on = (id, name, run) => byId(id).addEventListener(name, run);
  on("want-sound", "change", (event) => {
    notices.change({ sound: event.target.checked });
    drawSound(notices);
  });
  on("want-notice", "change", async (event) => {
    const answer = event.target.checked ? await notices.askForNotices() : "off";
    byId("want-notice").checked = answer === "granted";
    notices.change({ notice: answer === "granted" });
    setText(byId("notice-state"), answer === "denied" ? "the browser does not allow it" : "");
    drawSound(notices);
  });
  on("notice-strength", "change", (event) => notices.change({ strength: event.target.value }));
  on("try-sound", "click", () => notices.sound(1));
}

/** The button's look: whether anything is heard or shown. */
export function drawSound(notices) {
  const { sound, notice } = notices.wants;
  const isOn = (sound || notice) && !notices.isMuted;
  byId("sound").setAttribute("aria-pressed", String(isOn));
  byId("sound").title = notices.isMuted
    ? "Muted (M)"
    : isOn
      ? "Sound and desktop notices are on (M mutes)"
      : "Sound and desktop notices are off";
}
