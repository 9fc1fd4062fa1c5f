"""The readouts of spikeproof: linear classifiers on unit responses, held out over stimuli."""
