// Scales, axes and a redraw on resize: what every plot here needs.
const linear = (d0, d1, r0, r1) => (value) => r0 + ((value - d0) / (d1 - d0 || 1)) * (r1 - r0);
const logarithmic = (d0, d1, r0, r1) => {
  const scale = linear(Math.log10(d0), Math.log10(d1), r0, r1);
  return (value) => scale(Math.log10(value));
};

function niceTicks(low, high, count = 5) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) ticks.push(+tick.toPrecision(12));
  return ticks;
}

function logTicks(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const m of [1, 2, 5]) all.push(m * 10 ** power);
  const inside = all.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  if (inside.length < 3) return niceTicks(low, high).filter((tick) => tick >= low && tick <= high);
  return inside.length > 9 ? inside.filter((tick) => Number.isInteger(Math.log10(tick) + 1e-9) || Math.abs(Math.log10(tick) % 1) < 1e-9) : inside;
}

// Names beside their marks, as {x, y, anchor, text}: which of them can be written without covering one before them.
function fitting(names) {
  const written = [];
  return names.map(({ x, y, anchor, text }) => {
    const wide = 6.4 * text.length, left = anchor === "end" ? x - wide : anchor === "middle" ? x - wide / 2 : x;
    if (written.some((other) => left < other.right && other.left < left + wide && Math.abs(y - other.y) < 13)) return false;
    written.push({ left, right: left + wide, y });
    return true;
  });
}
const written = ({ x, y, anchor, text }) => svg("text", { x, y, "text-anchor": anchor }, text);

// Calls draw(width) now and whenever the container's width changes.
function responsive(container, draw) {
  let drawn = 0;
  const redraw = () => {
    const width = Math.floor(container.clientWidth);
    if (width && width !== drawn) { drawn = width; container.replaceChildren(draw(width)); }
  };
  new ResizeObserver(redraw).observe(container);
  redraw();
  return () => { drawn = 0; redraw(); };
}

function yAxis(ticks, y, left, right, format) {
  return ticks.map((tick) => svg("g", {},
    svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
    svg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick))));
}

function xAxis(ticks, x, bottom, format) {
  return ticks.map((tick) => svg("text", { x: x(tick), y: bottom + 18, "text-anchor": "middle" }, format(tick)));
}

// A table whose columns sort by a click; columns are [label, value(row), cell(row), numeric].
function sortableTable(table, columns, rows, sorted, onOrder) {
  let [column, falling] = sorted;
  const order = () => [...rows].sort((a, b) => {
    const [left, right] = [columns[column].value(a), columns[column].value(b)];
    if (left === null || right === null) return (left === null) - (right === null);  // what is not known comes last
    return (left > right ? 1 : left < right ? -1 : 0) * (falling ? -1 : 1);
  });
  const heads = columns.map(({ label, numeric }, index) => html("th", { class: numeric ? "n" : null, scope: "col" },
    html("button", { type: "button", onclick: () => {
      falling = index === column ? !falling : Boolean(numeric);
      column = index;
      update();
    } }, label)));
  const body = html("tbody");
  table.replaceChildren(html("thead", {}, html("tr", {}, ...heads)), body);
  function update() {
    heads.forEach((head, index) => index === column
      ? head.setAttribute("aria-sort", falling ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    onOrder(order(), body);
  }
  update();
  return update;
}
