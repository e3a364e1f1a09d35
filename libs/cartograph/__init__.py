"""Cartograph maps which products of a shop belong together, and shows the evidence."""

__version__ = "0.1.0"
