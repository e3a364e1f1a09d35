"""Views of silver tables that several steps share: baskets, histories, interactions, ratings, texts."""
