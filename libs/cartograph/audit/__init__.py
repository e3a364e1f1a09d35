"""Whether lists of a day hold anything that was not known on that day."""
