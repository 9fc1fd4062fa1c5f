"""Exact geometry of threat balls inside the pixel box.

Perturbed images must stay in a ball around the clean image *and* in the box of pixel values. Projecting on the ball and
then clipping is not the projection on their intersection: its fixed points lie below the optimum wherever pixels
saturate. Here both constraints are met at once.

All functions take a batch of items along the first axis, of any rank, and treat each item on its own: an item's
result does not depend on the others in the batch. Results have the dtype of the clean images and never exceed their
radius by more than 1e-6 of it, recomputed in float64 from the values returned. The box is [0, 1] unless ``low`` and
``high`` say otherwise: numbers, or tensors that broadcast against the images, such as (channel, 1, 1).
"""

from __future__ import annotations

from .norms import ascent_direction, norm_of
from .projection import project
from .steps import shortest_step, steepest_step, step_in_box

__all__ = ["ascent_direction", "norm_of", "project", "shortest_step", "steepest_step", "step_in_box"]
