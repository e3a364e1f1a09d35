function drawRules() {
  const { rules } = data.rules;
  if (!rules.length) return;
  const PAGE = 25, IN_NETWORK = 60;
  const names = (ids) => ids.map(title).join(" + ");
  rules.forEach((rule) => {
    rule.from = names(rule.antecedent);
    rule.to = names(rule.consequent);
    rule.text = [rule.antecedent, rule.consequent].map((ids) => ids.map((id) => isolated(title(id))).join(" + ")).join(" → ");
    rule.words = (rule.from + " " + rule.to).toLowerCase();
  });
  const columns = [
    { label: "If bought", value: (rule) => rule.from },
    { label: "Also bought", value: (rule) => rule.to },
    { label: "Baskets", value: (rule) => rule.n_baskets, numeric: true, cell: (rule) => number(rule.n_baskets) },
    { label: "Support", value: (rule) => rule.support, numeric: true, cell: (rule) => percent(rule.support) },
    { label: "Confidence", value: (rule) => rule.confidence, numeric: true, cell: (rule) => percent(rule.confidence) },
    { label: "Lift", value: (rule) => rule.lift, numeric: true, cell: (rule) => number(rule.lift, 1) },
    { label: "Leverage", value: (rule) => rule.leverage, numeric: true, cell: (rule) => percent(rule.leverage) },
    { label: "Trend", value: (rule) => rule.trend ?? "", cell: (rule) => ({ rising: "↑ rising", fading: "↓ fading" })[rule.trend] ?? "" },
  ];
  let shown = PAGE, found = rules;
  const filter = byId("rules-filter"), more = byId("rules-more"), significant = byId("rules-significant");
  const confidence = byId("rules-confidence"), lift = byId("rules-lift");
  const matches = (rule) => filter.value.toLowerCase().split(/\s+/).every((word) => rule.words.includes(word))
    && rule.confidence >= confidence.value / 100 && rule.lift >= lift.value && (!significant.checked || rule.is_significant);
  const lit = (rule, on) => {
    rule.row?.classList.toggle("lit", on);
    rule.dot?.classList.toggle("lit", on);
  };
  const fill = (ordered, body) => {
    found = ordered.filter(matches);
    rules.forEach((rule) => { rule.row = null; rule.dot?.classList.toggle("off", !matches(rule)); });
    body.replaceChildren(...found.slice(0, shown).map((rule) => {
      rule.row = html("tr", { onpointerenter: () => lit(rule, true), onpointerleave: () => lit(rule, false) },
        ...columns.map(({ value, cell, numeric }) => html("td", { class: numeric ? "n" : null }, (cell || value)(rule))));
      return rule.row;
    }));
    byId("rules-count").textContent = `${number(found.length)} of ${number(rules.length)}`;
    more.hidden = found.length <= shown;
    redraw();
  };
  const choose = (id) => { filter.value = title(id); changed(); };
  let redraw = () => {};
  plotRules(rules, lit);
  const update = sortableTable(byId("rules-table"), columns, rules, [6, true], fill);
  redraw = responsive(byId("rules-network"), (width) => rulesNetwork(found.slice(0, IN_NETWORK), width, choose));
  const changed = () => { shown = PAGE; update(); };
  for (const control of [filter, confidence, lift, significant]) control.addEventListener("input", changed);
  more.addEventListener("click", () => { shown += 4 * PAGE; update(); });
  byId("rules-csv").addEventListener("click", () => download("rules.csv", rulesCsv(found)));
}

function rulesCsv(rules) {
  const names = ["n_baskets", "support", "confidence", "lift", "leverage", "q_value", "is_significant", "trend"];
  return csvText(["antecedent", "consequent", "antecedent_ids", "consequent_ids", ...names], rules.map((rule) =>
    [rule.from, rule.to, rule.antecedent.join(" "), rule.consequent.join(" "), ...names.map((name) => rule[name])]));
}

function plotRules(rules, lit) {
  const span = (name) => {
    const values = rules.map((rule) => rule[name]).filter((value) => value > 0);
    return [Math.min(...values) * 0.9, Math.max(...values) * 1.15];
  };
  responsive(byId("rules-plot"), (width) => {
    const height = 340, left = 52, right = width - 12, top = 14, bottom = height - 44;
    const [s0, s1] = span("support"), [l0, l1] = span("lift");
    const x = logarithmic(s0, s1, left, right), y = logarithmic(l0, l1, bottom, top);
    const dots = rules.filter((rule) => rule.support > 0 && rule.lift > 0).sort((a, b) => b.confidence - a.confidence).map((rule) => {
      const text = `${rule.text}\n${number(rule.n_baskets)} baskets · confidence ${percent(rule.confidence)} · lift ${number(rule.lift, 1)}`;
      rule.dot = svg("circle", { class: "rule", cx: x(rule.support), cy: y(rule.lift), r: 2.5 + 6 * rule.confidence,
        onpointerenter: (event) => { lit(rule, true); showTip(text, event.clientX, event.clientY); },
        onpointerleave: () => { lit(rule, false); hideTip(); } });
      return rule.dot;
    });
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Support against lift, one dot a rule; the table below holds the same" },
      ...yAxis(logTicks(l0, l1), y, left, right, (tick) => number(tick, tick < 1 ? 1 : 0)), ...xAxis(logTicks(s0, s1), x, bottom, percent),
      svg("text", { class: "axis-title", x: right, y: height - 6, "text-anchor": "end" }, "support →"),
      svg("text", { class: "axis-title", x: left - 44, y: top - 2 }, "lift ↑"), ...dots);
  });
}
