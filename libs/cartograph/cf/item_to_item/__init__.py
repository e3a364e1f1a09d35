"""Models whose answer is a list of neighbours per product, and what they score pairs by."""
