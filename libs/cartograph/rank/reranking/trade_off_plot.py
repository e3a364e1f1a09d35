"""A plot of relevance against diversity, one point per weight of diversity."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure


def trade_off_figure(points: Sequence[tuple[float, float, float]], method: str) -> Figure:
    """A curve through the points (weight, relevance, spread) of `diversity.trade_off`."""
    figure = Figure(figsize=(6, 4))
    axes = figure.add_subplot()
    weights, relevance, spread = zip(*points, strict=True)
    axes.plot(spread, relevance, marker="o")
    for weight, x, y in zip(weights, spread, relevance, strict=True):
        axes.annotate(f"{weight:g}", (x, y), textcoords="offset points", xytext=(5, 5))
    axes.set_xlabel("spread: mean dissimilarity of the products of a list")
    axes.set_ylabel("relevance, as a share of the most relevant list's")
    axes.set_title(f"{method}: relevance against diversity (labels: weight)")
    return figure
