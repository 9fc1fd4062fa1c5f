"""Part of spikeproof."""
