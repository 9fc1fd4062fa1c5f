"""Peak of resident memory, in bytes, of a process that computes from 1,000 conditions x 7,000 channels x 10 repeats.

    python benchmarks/metrics/memory.py {correlation,crossnobis,covariance,precision}

The observations are in double precision (0.52 GiB), made in place, and part of what is counted, as is the interpreter.
``precision`` is the crossnobis RDM with the inverse of the shrunk noise covariance: minutes of work.
"""

from __future__ import annotations

import argparse
import resource
import sys

import numpy as np
from spikeproof_metrics_representation import (
    condition_means,
    noise_covariance,
    noise_precision,
    rdm_correlation,
    rdm_crossnobis,
    stack_repeats,
)

CONDITIONS, CHANNELS, REPEATS = 1000, 7000, 10


def main() -> None:
    """Compute, and print the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("correlation", "crossnobis", "covariance", "precision"))
    what = parser.parse_args().what
    values = np.empty((CONDITIONS * REPEATS, CHANNELS))
    np.random.default_rng(0).standard_normal(out=values)
    condition = np.tile(np.arange(CONDITIONS), REPEATS)
    if what == "covariance":
        noise_covariance(values, condition)
    elif what == "correlation":
        rdm_correlation(condition_means(values, condition)[0])
    else:
        precision = noise_precision(values, condition) if what == "precision" else None
        rdm_crossnobis(stack_repeats(values, condition)[0], precision)
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}\n")


if __name__ == "__main__":
    main()
