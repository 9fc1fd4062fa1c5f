"""Attacks on images: projected gradient ascent, and its controls."""
