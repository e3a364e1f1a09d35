"""Vectors of products: from their words, pictures and facts, from what they are seen and bought with, and fused."""
