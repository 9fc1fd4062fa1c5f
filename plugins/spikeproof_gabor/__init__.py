"""A bank of V1-like simple and complex cells, as a model that needs no weights."""
