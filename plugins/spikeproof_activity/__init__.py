"""Attacks on activity: silenced or flipped units, shifted population vectors. They need no images and no model."""
