"""Attacks of other libraries, on choices."""
