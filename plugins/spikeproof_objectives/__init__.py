"""The objectives of spikeproof: what a perturbation is meant to move, at each of the three scales."""
