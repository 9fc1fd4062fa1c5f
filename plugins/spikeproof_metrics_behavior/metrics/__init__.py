"""Metrics of behaviour, as the host asks for them."""
