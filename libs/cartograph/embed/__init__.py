"""Product embeddings: of words, texts, images, attributes, of products viewed and bought together, and fused."""
