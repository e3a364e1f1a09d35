"""The tables of the lake, by layer, and what a definition of one says."""
