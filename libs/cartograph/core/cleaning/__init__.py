"""How the values of a source are written, and how they are read."""
