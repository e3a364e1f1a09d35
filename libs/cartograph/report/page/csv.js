// Text of a CSV file. A cell of text that a spreadsheet would take for a formula gets an apostrophe in front, so that a
// product's title cannot run anything where the file is opened.
const csvCell = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = String(value);
  const risky = /^[\s\u00a0\u200b\ufeff]*[=+\-@＝＋－＠|]|^[\t\r\n]/.test(text);
  return '"' + (risky ? "'" : "") + text.replaceAll('"', '""') + '"';
};
const csvText = (names, rows) => [names, ...rows].map((row) => row.map(csvCell).join(",") + "\r\n").join("");

function download(name, text) {
  const url = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv;charset=utf-8" }));
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
