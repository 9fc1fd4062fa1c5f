"""Network: bounds on the Lipschitz constant and statistics of convolution filters.

Plain functions, imported from here: ``from spikeproof_metrics_network import lipschitz_upper_bound``.
"""
