"""Linear filters of the graph of customers and products, in closed form."""
