"""Distributions that exist only as a module and a ``.dist-info`` folder on the path."""

from fake_distributions import good, install

__all__ = ["good", "install"]
