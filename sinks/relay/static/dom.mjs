/** Elements from data. Text goes in as text, never as markup. */

/** `el("td.num", {title}, "text", child…)`: null children are left out. */
export function el(name, given = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(element.style, value);
    else if (key === "data") Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Change text only if it is another: an unchanged node costs nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function setClass(element, name, isOn) {
  element.classList.toggle(name, Boolean(isOn));
}

/** Make the children of `parent` these, moving as few as possible. */
export function setChildren(parent, wanted) {
  let at = parent.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** A colour of the page's style, for canvases. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Run what was marked, once per frame: a thousand messages draw once. */
export class Frames {
  constructor(draw) {
    this.draw = draw;
    this.dirty = new Set();
  }

  mark(...names) {
    if (!this.dirty.size) requestAnimationFrame(() => this.run());
    for (const name of names) this.dirty.add(name);
  }

  run() {
    const names = this.dirty;
    this.dirty = new Set();
    for (const name of names) this.draw[name]?.();
  }
}
