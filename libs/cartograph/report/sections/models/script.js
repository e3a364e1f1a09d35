const METRICS = {
  ndcg: ["NDCG", "How close the list is to the ideal order: 1 if all bought products are at the top."],
  recall: ["Recall", "Share of the bought products that are in the list."],
  precision: ["Precision", "Share of the list that was bought."],
  hit_rate: ["Hit rate", "Share of customers who bought at least one product of their list."],
  map: ["MAP", "Mean of the precision at each bought product."],
  mrr: ["MRR", "One over the rank of the first bought product, on average."],
  coverage: ["Coverage", "Share of the catalogue that appears in at least one list."],
  novelty: ["Novelty", "Self-information of the products shown, in bits: higher means less popular products."],
  user_coverage: ["User coverage", "Share of the evaluated customers who got a list at all."],
  auc: ["AUC", "Probability that a bought product ranks above one that was not bought; what is not listed ranks last."],
  revenue: ["Revenue", "Money spent in the days after on products of the list, per customer."],
  serendipity: ["Serendipity", "Share of the list that was bought and that popularity alone would not have shown."],
  diversity: ["Diversity", "How different the products of a list are: 0 if all are the same, 1 if they have nothing in common."],
  calibration: ["Calibration", "How far the categories of the list are from the customer's own (divergence)."],
  gini: ["Gini", "How unevenly lists show the catalogue: 0 if all products are shown equally often, 1 if one product is shown to all."],
  head_exposure: ["Best sellers' share", "Share of all positions that show best sellers."],
  mid_exposure: ["Middle's share", "Share of all positions that show the middle of the range."],
  tail_exposure: ["Slow sellers' share", "Share of all positions that show slow sellers."],
  ndcg_behind_best: ["NDCG behind the best", "Paired difference from the best model of the slice; its interval is narrower than those of the two."],
  ndcg_behind_best_p: ["NDCG behind the best, p", "p-value of the difference from the best model, corrected for the number of models (Holm)."],
};
const SLICES = {
  all: "all customers, first purchases", with_repeats: "all customers, repeat purchases too",
  repeats: "all customers, repeat purchases only", returning_users: "returning customers",
  new_users: "new customers", head_products: "best sellers only", mid_products: "middle of the range only", tail_products: "slow sellers only",
  baskets: "related products: the rest of the basket",
};

function drawModels() {
  const rows = data.models.evaluation;
  if (!rows.length) return;
  const metric = byId("metric"), slice = byId("slice");
  const distinct = (name) => [...new Set(rows.map((row) => row[name]))];
  const models = distinct("model").sort((a, b) => (b === "fused") - (a === "fused") || (a < b ? -1 : 1));
  const colour = (model) => `var(--c${models.indexOf(model) % 8})`;
  const position = (known, name) => (name in known ? Object.keys(known).indexOf(name) : 1000);
  const ordered = (names, known) => names.sort((a, b) => position(known, a) - position(known, b) || (a < b ? -1 : 1));
  metric.append(...ordered(distinct("metric"), METRICS).map((name) => html("option", { value: name }, METRICS[name]?.[0] ?? name)));
  slice.append(...ordered(distinct("slice"), SLICES).map((name) => html("option", { value: name }, SLICES[name] ?? name.replace("=", ": "))));
  const chosen = () => rows.filter((row) => row.metric === metric.value && row.slice === slice.value && row.value !== null);
  const redraw = responsive(byId("models-plot"), (width) => modelPlot(chosen(), models, colour, width));
  const update = () => {
    const note = METRICS[metric.value]?.[1] ?? "", less = direction(metric.value) < 0 ? " Lower is better." : "";
    byId("metric-note").textContent = note + less;
    modelTable(chosen(), colour, direction(metric.value));
    redraw();
  };
  metric.addEventListener("change", update);
  slice.addEventListener("change", update);
  update();
}

function modelPlot(rows, models, colour, width) {
  const ks = [...new Set(rows.map((row) => row.k))].sort((a, b) => a - b);
  const present = models.filter((model) => rows.some((row) => row.model === model));
  const height = 320, left = 56, right = width - 8, top = 16, bottom = height - 36;
  const [low, high] = valueRange(rows), ticks = niceTicks(low, high);
  const y = linear(Math.min(low, ticks[0]), Math.max(high, ticks.at(-1)), bottom, top);
  const band = (right - left) / ks.length, step = Math.min(34, (band * 0.8) / present.length);
  const x = (k, model) => left + band * (ks.indexOf(k) + 0.5) + step * (present.indexOf(model) - (present.length - 1) / 2);
  const marks = rows.map((row) => {
    const at = x(row.k, row.model), interval = row.low === null ? "" : ` (${number(row.low, 4)} to ${number(row.high, 4)})`;
    const text = `${row.model.replaceAll("_", " ")} at ${row.k}\n${number(row.value, 4)}${interval}\n${number(row.n_users)} lists`;
    return svg("g", { style: `color:${colour(row.model)}`, onpointermove: (event) => showTip(text, event.clientX, event.clientY), onpointerleave: hideTip },
      svg("line", { x1: at, x2: at, y1: y(row.low ?? row.value), y2: y(row.high ?? row.value), stroke: "currentColor", "stroke-width": 2.2 }),
      svg("circle", { cx: at, cy: y(row.value), r: 5, fill: "currentColor" }),
      svg("rect", { x: at - step / 2, y: top, width: step, height: bottom - top, fill: "transparent" }));
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Metric by list length and model; the table below holds the same" },
    ...yAxis(ticks, y, left, right, (tick) => String(+tick.toPrecision(6))),
    ...ks.map((k, index) => svg("text", { x: left + band * (index + 0.5), y: bottom + 20, "text-anchor": "middle" }, `first ${k}`)), ...marks);
}

// From the least to the most that is drawn, zero included: differences from the best lie below it.
function valueRange(rows) {
  const low = Math.min(0, ...rows.map((row) => row.low ?? row.value)), high = Math.max(0, ...rows.map((row) => row.high ?? row.value));
  return low === high ? [0, 1e-6] : [low, high];
}

// 1 where a higher value is better, -1 where a lower one is, 0 where neither is: a p-value says how certain, not how good.
function direction(metric) {
  if (metric.endsWith("_p")) return 0;
  return data.models.lower_is_better.includes(metric) ? -1 : 1;
}

function bestValues(models, ks, towards) {
  const values = (k) => models.map(({ at }) => at[k]?.value).filter((value) => value !== undefined);
  return Object.fromEntries(ks.map((k) => [k, towards ? towards * Math.max(...values(k).map((value) => towards * value)) : null]));
}

function modelTable(rows, colour, towards) {
  const ks = [...new Set(rows.map((row) => row.k))].sort((a, b) => a - b);
  const models = [...new Set(rows.map((row) => row.model))].map((model) => ({ model, at: Object.fromEntries(rows.filter((row) => row.model === model).map((row) => [row.k, row])) }));
  const best = bestValues(models, ks, towards);
  const columns = [
    { label: "Model", value: (row) => row.model },
    ...ks.map((k) => ({ label: `at ${k}`, numeric: true, k, value: (row) => row.at[k]?.value ?? null })),
    { label: "Lists", numeric: true, value: (row) => row.at[ks[0]]?.n_users ?? 0 },
  ];
  const cell = (row, { k, label, value }) => {
    if (label === "Model") return html("td", {}, html("span", { class: "swatch", style: `background:${colour(row.model)}` }), row.model.replaceAll("_", " "));
    if (k === undefined) return html("td", { class: "n" }, number(value(row)));
    const found = row.at[k];
    if (!found) return html("td", { class: "n" }, "–");
    const interval = found.low === null ? null : html("small", {}, `  ${number(found.low, 3)}–${number(found.high, 3)}`);
    return html("td", { class: found.value === best[k] ? "n best" : "n" }, number(found.value, 4), interval);
  };
  sortableTable(byId("models-table"), columns, models, [Math.min(2, ks.length), towards >= 0], (ordered, body) =>
    body.replaceChildren(...ordered.map((row) => html("tr", {}, ...columns.map((column) => cell(row, column))))));
}
