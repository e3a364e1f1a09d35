// The most central products of the largest communities, each community in a colour; one of them can be highlighted.
function drawCommunities() {
  const { communities, map: { nodes, edges } } = data.communities;
  if (!nodes.length) return;
  const names = communities.map((one) => one.community_id);
  const colour = (id) => `var(--c${names.indexOf(id) % 8})`;
  let picked = null;
  const redraw = responsive(byId("community-map"), (width) => communityPicture(communities, nodes, edges, colour, () => picked, width, pick));

  function pick(id) {
    picked = picked === id ? null : id;
    for (const button of byId("community-list").querySelectorAll("button"))
      button.setAttribute("aria-pressed", button.dataset.id === picked);
    redraw();
  }

  byId("community-list").replaceChildren(...communities.map((one) => html("li", {},
    html("button", { type: "button", "data-id": one.community_id, "aria-pressed": false, onclick: () => pick(one.community_id) },
      html("i", { style: `background:${colour(one.community_id)}` }), `${number(one.n_products)} products`),
    html("span", { class: "why" }, one.leaders.map((id) => isolated(title(id))).join(" · ")))));
}

function communityPicture(communities, all, edges, colour, picked, width, pick) {
  const height = Math.min(560, Math.max(320, width * 0.75));
  const nodes = all.map((one) => ({ ...one, id: one.product_id }));
  const at = new Map(nodes.map((one) => [one.id, one]));
  const links = edges.map((edge) => ({ from: at.get(edge.src), to: at.get(edge.dst), edge }));
  networkLayout(nodes, links, width, height);
  const off = (one) => picked() !== null && one.community_id !== picked();
  const most = Math.max(...nodes.map((one) => one.pagerank ?? 0)) || 1;
  const leaders = communities.map((one) => at.get(one.leaders.find((id) => at.has(id)))).filter((one) => one && !off(one));
  const named = namesThatFit(leaders, width, 22);
  const lines = links.map(({ from, to, edge }) => svg("line", {
    class: off(from) || off(to) ? "edge off" : "edge", x1: from.x, y1: from.y, x2: to.x, y2: to.y,
    onpointermove: (event) => showTip(`${isolated(title(from.id))} – ${isolated(title(to.id))}\n${number(edge.n_orders)} orders together`, event.clientX, event.clientY),
    onpointerleave: hideTip }));
  const described = (one) => [title(one.id), one.core === null ? null : `core ${one.core}`,
    one.n_triangles === null ? null : `${number(one.n_triangles)} triangles`].filter(Boolean).join("\n");
  const dots = nodes.map((one) => svg("g", {
    class: off(one) ? "node off" : "node", tabindex: 0, role: "button", "aria-label": `Community of ${title(one.id)}`,
    onclick: () => { hideTip(); pick(one.community_id); },
    onkeydown: (event) => { if (event.key === "Enter") pick(one.community_id); },
    onpointermove: (event) => showTip(described(one), event.clientX, event.clientY), onpointerleave: hideTip },
  svg("circle", { cx: one.x, cy: one.y, r: 3 + 6 * Math.sqrt((one.pagerank ?? 0) / most), style: `fill:${colour(one.community_id)}` }),
  named.has(one) ? written(named.get(one)) : null));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": "Products and the edges between them" },
    ...lines, ...dots);
}
