"""The ``nwb:`` source: spike counts per stimulus presentation from Neurodata Without Borders files."""
