// The first and the last week with data of all their days: those before and after are drawn dashed, because they look like a fall.
function wholeWeeks(weeks) {
  const whole = weeks.map((week, index) => (week.n_days < 7 ? -1 : index)).filter((index) => index >= 0);
  return whole.length ? [whole[0], whole.at(-1)] : [0, -1];
}

function salesNote(weeks) {
  const partly = (week, which) => (week.n_days < 7 ? [`the ${which} week has ${week.n_days} of 7 days`] : []);
  const parts = [...(weeks.length > 1 ? partly(weeks[0], "first") : []), ...partly(weeks.at(-1), "last")];
  return parts.length ? `Dashed: ${parts.join(", ")}.` : "";
}

function drawSales() {
  const { weeks } = data.sales;
  if (!weeks.length) return;
  const container = byId("sales-plot"), measure = byId("measure");
  const partial = (index) => weeks[index].n_days < 7;
  const [first, last] = wholeWeeks(weeks);
  byId("sales-note").textContent = salesNote(weeks);
  const redraw = responsive(container, (width) => {
    const name = measure.value, height = 260, left = 52, right = width - 8, top = 12, bottom = height - 30;
    const values = weeks.map((week) => week[name] ?? 0);
    const x = linear(0, Math.max(weeks.length - 1, 1), left, right);
    const ticks = niceTicks(0, Math.max(...values, 1));
    const y = linear(0, Math.max(ticks.at(-1), ...values), bottom, top);
    const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
    const cursor = svg("line", { class: "cursor", y1: top, y2: bottom, visibility: "hidden" });
    const dot = svg("circle", { class: "dot", r: 4, visibility: "hidden" });
    const every = Math.max(1, Math.ceil(weeks.length / (width / 90)));
    const shown = weeks.map((_, index) => index).filter((index) => index % every === 0 && index < weeks.length - every / 3);
    const label = measure.selectedOptions[0].text;
    const point = (event) => {
      const box = container.getBoundingClientRect();
      const index = Math.round(((event.clientX - box.left - left) / (right - left)) * (weeks.length - 1));
      const near = Math.min(Math.max(index, 0), weeks.length - 1);
      for (const mark of [cursor, dot]) mark.setAttribute("visibility", "visible");
      cursor.setAttribute("x1", x(near)); cursor.setAttribute("x2", x(near));
      dot.setAttribute("cx", x(near)); dot.setAttribute("cy", y(values[near]));
      const days = partial(near) ? `\n${weeks[near].n_days} of 7 days` : "";
      showTip(`Week of ${day(weeks[near].week)}\n${number(values[near])} ${label}${days}`, event.clientX, event.clientY);
    };
    const leave = () => { hideTip(); for (const mark of [cursor, dot]) mark.setAttribute("visibility", "hidden"); };
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${label} per week`, onpointermove: point, onpointerleave: leave },
      ...yAxis(ticks, y, left, right, compact),
      ...xAxis(shown, x, bottom, (index) => new Date(weeks[index].week).toLocaleDateString("en-GB", { month: "short", year: "2-digit", timeZone: "UTC" })),
      last < first ? null : svg("path", { class: "area", d: `M${x(first)},${bottom}L${points.slice(first, last + 1).join("L")}L${x(last)},${bottom}Z` }),
      svg("polyline", { class: "curve", points: points.slice(first, last + 1).join(" ") }),
      ...[[0, first], [last, weeks.length - 1]].filter(([from, to]) => from < to).map(([from, to]) =>
        svg("polyline", { class: "curve partial", points: points.slice(Math.max(from, 0), to + 1).join(" ") })),
      ...weeks.map((_, index) => index).filter(partial).map((index) =>
        svg("circle", { class: "partial", cx: x(index), cy: y(values[index]), r: 3.5 })), cursor, dot,
      svg("rect", { x: left, y: top, width: right - left, height: bottom - top, fill: "transparent" }));
  });
  measure.addEventListener("change", redraw);
}
