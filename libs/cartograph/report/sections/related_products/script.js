function drawRelatedProducts() {
  const all = data.related_products.best_sellers;
  if (!all.length) return;
  const known = new Map(all.map((product) => [product.product_id, product]));
  const list = byId("pick-list"), input = byId("pick");
  let current = all[0];
  const redraw = responsive(byId("ego-map"), (width) => egoMap(current, known, width, choose));

  function choose(id) {
    if (!known.has(id)) return;
    current = known.get(id);
    byId("ego-title").textContent = title(id);
    byId("ego-list").replaceChildren(...current.related.map((item) => html("li", { "data-id": item.product_id },
      html("button", { type: "button", disabled: !known.has(item.product_id), onclick: () => choose(item.product_id) }, title(item.product_id)),
      html("span", { class: "why" }, item.why))));
    byId("ego-others").replaceChildren(...otherLists(current.others, known, choose));
    for (const option of list.children) option.setAttribute("aria-selected", option.dataset.id === id);
    redraw();
  }

  function search() {
    const words = input.value.toLowerCase().split(/\s+/);
    const found = all.filter((product) => words.every((word) => title(product.product_id).toLowerCase().includes(word)));
    const options = found.slice(0, 150).map((product) => html("li", {
      role: "option", tabindex: 0, "data-id": product.product_id, "aria-selected": product === current,
      onclick: () => choose(product.product_id),
      onkeydown: (event) => moveOrChoose(event, product.product_id),
    }, title(product.product_id), html("span", { title: "baskets" }, number(product.n_baskets))));
    list.replaceChildren(...(options.length ? options : [html("li", {}, "Nothing found")]));
  }

  function moveOrChoose(event, id) {
    const next = { ArrowDown: event.target.nextElementSibling, ArrowUp: event.target.previousElementSibling || input }[event.key];
    if (next) { event.preventDefault(); next.focus(); }
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(id); }
  }

  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); list.firstElementChild.focus(); }
    if (event.key === "Enter" && list.firstElementChild.dataset.id) choose(list.firstElementChild.dataset.id);
  });
  search();
  choose(current.product_id);
}

// Substitutes and variants, a list each.
function otherLists(others, known, choose) {
  const headings = { substitute: "Alternatives", variant: "Variants: another size, colour or pack" };
  return Object.entries(headings).flatMap(([relation, heading]) => {
    const items = others.filter((item) => item.relation === relation);
    if (!items.length) return [];
    return [html("h4", {}, heading), html("ol", { class: "ranked" }, items.map((item) => html("li", {},
      html("button", { type: "button", disabled: !known.has(item.product_id), onclick: () => choose(item.product_id) }, title(item.product_id)),
      relation === "variant" ? null : html("span", { class: "why" }, item.why))))];
  });
}

// The product in the middle, its neighbours around it: the better the rank, the nearer.
function egoMap(product, known, width, choose) {
  const height = Math.min(430, width * 0.8), middle = [width / 2, height / 2];
  const wide = width > 560, reach = [width / 2 - (wide ? 170 : 100), height / 2 - 34];
  const strongest = product.related[0].score, weakest = product.related.at(-1).score;
  const places = product.related.map((item, index) => {
    const angle = (index / product.related.length) * 2 * Math.PI - Math.PI / 2 + 0.32;
    const far = 1 - 0.5 * ((item.score - weakest) / (strongest - weakest || 1));
    const x = middle[0] + Math.cos(angle) * reach[0] * far, y = middle[1] + Math.sin(angle) * reach[1] * far;
    const side = x > middle[0] + 20 ? 1 : x < middle[0] - 20 ? -1 : 0;
    const name = { x: x + 12 * side, y: y + (side ? 4 : y > middle[1] ? 22 : -13), anchor: ["end", "middle", "start"][side + 1],
      text: shorten(title(item.product_id), wide ? 26 : 12) };
    return { item, x, y, name };
  });
  const fits = fitting(places.map((place) => place.name));
  const at = new Map(places.map((place) => [place.item.product_id, place]));
  const ties = new Set();
  for (const place of places)
    for (const other of known.get(place.item.product_id)?.related ?? [])
      if (at.has(other.product_id)) ties.add([place.item.product_id, other.product_id].sort().join("\u0000"));
  const line = (kind, a, b) => svg("line", { class: kind, x1: a.x, y1: a.y, x2: b.x, y2: b.y });
  const home = { x: middle[0], y: middle[1] };
  const light = (id, on) => {
    for (const mark of document.querySelectorAll("#ego-map .node, #ego-list li"))
      if (mark.getAttribute("data-id") === id) mark.classList.toggle("lit", on);
  };
  const nodes = places.map(({ item, x, y, name }, index) => svg("g", {
    class: "node", "data-id": item.product_id, tabindex: 0, role: "button", "aria-label": `${title(item.product_id)}. ${item.why}`,
    onclick: () => { hideTip(); choose(item.product_id); },
    onkeydown: (event) => { if (event.key === "Enter") choose(item.product_id); },
    onpointermove: (event) => { light(item.product_id, true); showTip(`${title(item.product_id)}\n${item.why}`, event.clientX, event.clientY); },
    onpointerleave: () => { light(item.product_id, false); hideTip(); },
  }, svg("circle", { cx: x, cy: y, r: 7 }),
  fits[index] ? written(name) : null));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": `Products related to ${title(product.product_id)}` },
    ...[0.5, 0.75, 1].map((share) => svg("ellipse", { class: "ring", cx: middle[0], cy: middle[1], rx: reach[0] * share, ry: reach[1] * share })),
    ...[...ties].map((pair) => { const [a, b] = pair.split("\u0000"); return line("tie", at.get(a), at.get(b)); }),
    ...places.map((place) => line("spoke", home, place)),
    svg("g", { class: "node home" }, svg("circle", { cx: home.x, cy: home.y, r: 9 })), ...nodes);
}
