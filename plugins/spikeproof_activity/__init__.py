"""Attacks on activity: silenced units and shifted population vectors. They need no images and no model."""
