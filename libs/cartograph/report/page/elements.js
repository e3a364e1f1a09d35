"use strict";
// Elements are made by hand and text is always set as text, so nothing in a title can become markup.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const made = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
};
const html = (tag, attributes, ...children) => made(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => made(document.createElementNS(SVG, tag), attributes, children);

const title = (id) => data.titles[id] ?? id;
// Inside a longer text: letters of another direction do not turn what stands around them.
const isolated = (text) => `\u2068${text}\u2069`;
const number = (value, digits = 0) =>
  value === null || value === undefined ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const compact = (value) => value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
const percent = (share) => share === null || share === undefined ? "–" : (100 * share).toLocaleString("en", { maximumSignificantDigits: 3 }) + " %";
const day = (iso) => new Date(iso + "T00:00:00Z").toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const shorten = (text, length) => (text.length > length ? text.slice(0, length - 1).trimEnd() + "…" : text);

const tip = byId("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(x + 14, document.documentElement.clientWidth - box.width - 8);
  tip.style.left = Math.max(8, left) + window.scrollX + "px";
  tip.style.top = (y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18) + window.scrollY + "px";
}
const hideTip = () => { tip.hidden = true; };
