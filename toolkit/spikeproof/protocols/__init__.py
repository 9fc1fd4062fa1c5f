"""The protocols that components satisfy, a module for each kind; ``spikeproof.types`` exports them all."""
