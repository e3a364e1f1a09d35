"""What several steps share: table schemas, the model contract, histories, top-k, metrics."""
