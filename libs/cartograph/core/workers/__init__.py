"""Tasks of one Spark stage that work together, and the files they share."""
