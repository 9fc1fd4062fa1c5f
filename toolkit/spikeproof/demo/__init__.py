"""The embedded demo: a simulated recording and small networks that come with the project."""
