"""An attack that blurs: a plugin in a distribution of its own, as a third party would write it."""
