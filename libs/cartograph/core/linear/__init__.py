"""Linear algebra on matrices of customers and products."""
