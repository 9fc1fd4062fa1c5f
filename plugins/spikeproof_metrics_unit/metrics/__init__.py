"""The metrics as components: what they measure per target and how they summarise it."""
