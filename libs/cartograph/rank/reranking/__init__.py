"""From the fused candidates to the lists shown, in `rerank`: business rules, diversity, new products, newcomers."""
