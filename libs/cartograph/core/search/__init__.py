"""The k best products for many vectors or lists, and lists of neighbours."""
