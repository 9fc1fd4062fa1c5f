"""Metrics of populations and behaviour: the cross-scale matrix, decoding, silencing and the margin."""
