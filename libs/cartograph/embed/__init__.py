"""Vectors of products: from words, texts, images and attributes, from what they are seen and bought with, and fused."""
