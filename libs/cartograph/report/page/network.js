// A force-directed layout: springs along the links, repulsion between nodes that are near. The same every time.
function networkLayout(nodes, links, width, height) {
  nodes.forEach((node, index) => {
    const angle = index * 2.399963;  // the golden angle spreads any number of points evenly
    const far = 0.45 * Math.sqrt((index + 0.5) / nodes.length);
    node.x = width * (0.5 + far * Math.cos(angle));
    node.y = height * (0.5 + far * Math.sin(angle));
  });
  const ideal = 0.8 * Math.sqrt((width * height) / Math.max(nodes.length, 1));
  for (let step = 0; step < 250; step++) {
    const most = ideal * 0.25 * (1 - step / 250);
    for (const node of nodes) node.dx = node.dy = 0;
    for (let i = 0; i < nodes.length; i++)
      for (let j = i + 1; j < nodes.length; j++) {
        const [a, b] = [nodes[i], nodes[j]];
        const x = a.x - b.x || 0.01 * (i - j), y = a.y - b.y || 0.01;
        const far = x * x + y * y, push = far > 6 * ideal * ideal ? 0 : (ideal * ideal) / far;
        a.dx += x * push; a.dy += y * push; b.dx -= x * push; b.dy -= y * push;
      }
    for (const { from, to } of links) {
      const x = to.x - from.x, y = to.y - from.y, pull = Math.hypot(x, y) / ideal;
      from.dx += x * pull; from.dy += y * pull; to.dx -= x * pull; to.dy -= y * pull;
    }
    for (const node of nodes) {
      node.dx += (width / 2 - node.x) * 0.15; node.dy += (height / 2 - node.y) * 0.3;
      const length = Math.hypot(node.dx, node.dy) || 1, step = Math.min(length, most) / length;
      node.x = Math.min(width - 12, Math.max(12, node.x + node.dx * step));
      node.y = Math.min(height - 12, Math.max(12, node.y + node.dy * step));
    }
  }
}

// A rule of several products on the left comes from each of them.
function networkOf(rules) {
  const nodes = new Map(), links = [];
  const node = (id) => nodes.get(id) ?? nodes.set(id, { id, n: 0 }).get(id);
  for (const rule of rules)
    for (const from of rule.antecedent)
      for (const to of rule.consequent) {
        const link = { from: node(from), to: node(to), rule };
        link.from.n++; link.to.n++;
        links.push(link);
      }
  return { nodes: [...nodes.values()], links };
}

// The names of those nodes that can be written beside them, the first ones first: node -> name.
function namesThatFit(nodes, width, length) {
  const names = nodes.map((one) => {
    const isLeft = one.x > width - 8 * length;
    return { x: one.x + (isLeft ? -9 : 9), y: one.y + 4, anchor: isLeft ? "end" : "start", text: shorten(title(one.id), length) };
  });
  const fits = fitting(names);
  return new Map(nodes.map((one, index) => [one, names[index]]).filter((_, index) => fits[index]));
}

function rulesNetwork(rules, width, choose) {
  const height = Math.min(520, Math.max(320, width * 0.6));
  const { nodes, links } = networkOf(rules);
  networkLayout(nodes, links, width, height);
  const arrows = links.map(({ from, to, rule }) => {
    const length = Math.hypot(to.x - from.x, to.y - from.y) || 1, [x, y] = [(to.x - from.x) / length, (to.y - from.y) / length];
    const [tipX, tipY] = [to.x - 7 * x, to.y - 7 * y], [backX, backY] = [tipX - 6 * x, tipY - 6 * y];
    const text = `${rule.text}\nconfidence ${percent(rule.confidence)} · lift ${number(rule.lift, 1)}`;
    return svg("g", { class: "link", onpointermove: (event) => showTip(text, event.clientX, event.clientY), onpointerleave: hideTip },
      svg("line", { x1: from.x, y1: from.y, x2: backX, y2: backY, "stroke-width": 0.6 + 2.4 * rule.confidence }),
      svg("path", { d: `M${tipX} ${tipY} L${backX - 3 * y} ${backY + 3 * x} L${backX + 3 * y} ${backY - 3 * x} Z` }));
  });
  const named = namesThatFit([...nodes].sort((a, b) => b.n - a.n), width, 20);
  const dots = nodes.map((one) => svg("g", { class: "node", tabindex: 0, role: "button", "aria-label": `Rules of ${title(one.id)}`,
    onclick: () => { hideTip(); choose(one.id); },
    onkeydown: (event) => { if (event.key === "Enter") choose(one.id); },
    onpointermove: (event) => showTip(`${title(one.id)}\n${one.n} rules`, event.clientX, event.clientY), onpointerleave: hideTip },
  svg("circle", { cx: one.x, cy: one.y, r: 3.5 + Math.sqrt(one.n) }),
  named.has(one) ? written(named.get(one)) : null));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": "Products joined by rules" },
    ...arrows, ...dots);
}
