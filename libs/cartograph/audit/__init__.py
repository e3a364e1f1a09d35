"""Leakage: whether the tables of a day contain anything that was not known on that day."""
