function drawSales() {
  const container = byId("sales-plot"), measure = byId("measure"), weeks = data.sales;
  if (!weeks.length) return;
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
      showTip(`Week of ${day(weeks[near].week)}\n${number(values[near])} ${label}`, event.clientX, event.clientY);
    };
    const leave = () => { hideTip(); for (const mark of [cursor, dot]) mark.setAttribute("visibility", "hidden"); };
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${label} per week`, onpointermove: point, onpointerleave: leave },
      ...yAxis(ticks, y, left, right, compact),
      ...xAxis(shown, x, bottom, (index) => new Date(weeks[index].week).toLocaleDateString("en-GB", { month: "short", year: "2-digit", timeZone: "UTC" })),
      svg("path", { class: "area", d: `M${left},${bottom}L${points.join("L")}L${x(weeks.length - 1)},${bottom}Z` }),
      svg("polyline", { class: "curve", points: points.join(" ") }), cursor, dot,
      svg("rect", { x: left, y: top, width: right - left, height: bottom - top, fill: "transparent" }));
  });
  measure.addEventListener("change", redraw);
}
