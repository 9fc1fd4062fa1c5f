"""The ``torch:`` models of spikeproof: any layer of any ``torch.nn.Module``."""
