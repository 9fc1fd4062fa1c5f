"""Components that are right, and mutants of them: each mutant breaks one sentence of the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from spikeproof.plugin import (
    AttackEntry,
    EncoderEntry,
    MetricEntry,
    ModelEntry,
    ObjectiveEntry,
    ReadoutEntry,
    SourceEntry,
    hookimpl,
)

BROKEN: dict[str, set[str]] = {
    "attack-right": set(),
    "attack-heavy": {"listing_it_imports_nothing_heavy"},
    "attack-undescribed": {"every_parameter_is_described"},
    "attack-unwritable": {"parameters_survive_a_study_file"},
    "attack-unpicklable": {"it_can_be_sent_to_a_worker"},
    "attack-reseeding": {"global_state_is_left_as_found"},
    "attack-too-long": {"it_stays_in_the_ball"},
    "attack-out-of-the-box": {"it_stays_in_the_box"},
    "attack-double": {"it_returns_images_like_the_clean_ones"},
    "attack-restless": {"no_budget_changes_nothing"},
    "attack-in-place": {"the_clean_images_are_left_alone"},
    "attack-mixing": {"an_item_alone_is_as_in_a_batch"},
    "attack-unseeded": {"the_same_seed_gives_the_same_images", "an_item_alone_is_as_in_a_batch"},
    "attack-aimless": {"it_beats_random_directions"},
    "attack-minimal-right": set(),
    "attack-minimal-short": {"it_reaches_the_goal"},
    "attack-minimal-long": {"its_perturbation_is_small"},
    "attack-minimal-out-of-the-box": {"the_box_holds_for_the_smallest_perturbation"},
    "attack-minimal-double": {"it_returns_one_image_an_item"},
    "attack-minimal-restless": {"what_is_reached_already_is_left_alone"},
    "attack-minimal-unseeded": {"a_smallest_perturbation_does_not_depend_on_company_or_time"},
    "attack-right-control": set(),
    "attack-half-control": {"a_control_has_the_norm_of_the_attack"},
    "attack-same-control": {"a_control_is_not_the_attack"},
    "attack-mixing-control": {"a_control_alone_is_as_in_a_batch"},
    "attack-right-activity": set(),
    "attack-descending-activity": {"its_targets_are_evidence"},
    "attack-lonely-activity": {"it_brings_a_control"},
    "attack-unseeded-activity": {"the_same_seed_gives_the_same_activity"},
    "metric-right": set(),
    "metric-offset": {"identical_responses_show_no_shift"},
    "metric-upside-down": {"every_number_has_an_interval"},
    "metric-mute": {"it_says_what_it_found"},
    "metric-weighted": {"the_order_of_units_does_not_matter"},
    "metric-writing": {"the_evidence_is_left_alone"},
    "metric-unseeded": {"the_same_seed_gives_the_same_interval"},
    "metric-right-score": set(),
    "metric-other-score": {"contributions_average_to_the_score"},
    "objective-right": set(),
    "objective-repeating": {"its_directions_are_named"},
    "objective-infinite": {"its_value_is_one_number_a_row", "its_gradient_agrees_with_finite_differences"},
    "objective-half-slope": {"its_gradient_agrees_with_finite_differences"},
    "objective-counting": {"a_row_does_not_depend_on_the_others"},
    "objective-aimless": {"its_goal_is_one_level_a_row"},
    "encoder-right": set(),
    "encoder-backwards": {"it_predicts_what_it_was_not_fitted_to"},
    "encoder-nameless": {"its_predictions_have_names"},
    "encoder-leaking": {"held_out_predictions_never_saw_their_fold"},
    "encoder-forgetful": {"it_can_be_kept"},
    "encoder-detached": {"its_predictions_can_be_differentiated"},
    "encoder-mixing": {"a_row_does_not_depend_on_its_batch"},
    "encoder-ordered": {"the_order_of_recorded_units_does_not_matter"},
    "encoder-unseeded": {"the_same_seed_gives_the_same_fit"},
    "encoder-secretive": {"it_says_what_it_chose"},
    "encoder-undemanding": {"it_refuses_too_few_stimuli"},
    "readout-right": set(),
    "readout-constant": {"it_reads_separable_categories"},
    "readout-leaking": {"it_is_held_out"},
    "readout-unseeded": {"the_same_seed_gives_the_same_readout"},
    "readout-nearest": set(),
    "readout-nearest-other": {"every_clean_stimulus_is_named_itself"},
    "readout-nearest-unseeded": {"it_is_the_same_twice"},
    "source-right": set(),
    "source-anonymous": {"it_says_where_the_data_came_from"},
    "source-changing": {"loading_twice_gives_the_same"},
    "source-dithering": {"its_images_can_be_read"},
    "source-silent": {"it_says_what_is_there"},
    "source-several": set(),
    "source-twins": {"it_says_where_the_data_came_from"},
    "source-listing": {
        "it_says_where_the_data_came_from",
        "loading_twice_gives_the_same",
        "its_images_can_be_read",
    },
    "source-empty": {
        "it_says_where_the_data_came_from",
        "loading_twice_gives_the_same",
        "its_images_can_be_read",
    },
    "model-right": set(),
    "model-batch-normalised": {"an_image_does_not_depend_on_its_batch"},
    "model-reordering": {"selected_units_are_those_columns"},
    "model-half-slope": {"its_gradient_agrees_with_finite_differences"},
    "model-showing": set(),
    "model-showing-another": {"what_it_shows_inside_is_what_it_computes"},
}
"""The checks that each component must fail, and no other."""


def _factory(name: str) -> str:
    kind, _, rest = name.removeprefix("attack-minimal").partition("-")
    if not kind:
        kind = "minimal"
    return f"mutants.{kind}s:{''.join(word.title() for word in rest.split('-'))}"


def _named(kind: str) -> Iterator[tuple[str, str]]:
    for name in BROKEN:
        if name.startswith(f"{kind}-") and name != "attack-heavy":
            yield name.removeprefix(f"{kind}-"), _factory(name)


@hookimpl
def spikeproof_encoders() -> Iterator[EncoderEntry]:
    for name, factory in _named("encoder"):
        yield EncoderEntry(name=name, factory=factory, summary="A mutant.")


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    for name, factory in _named("attack"):
        activity = name.endswith("-activity")
        yield AttackEntry(
            name=name,
            factory=factory,
            summary="A mutant.",
            domain="response" if activity else "stimulus",
            norms=() if activity else ("l2", "linf"),
            control=name.endswith("-control"),
            kind="minimal" if name.startswith("minimal-") else "ball",
        )


@hookimpl
def spikeproof_metrics() -> Iterator[MetricEntry]:
    for name, factory in _named("metric"):
        about: dict[str, Any] = (
            {"kind": "score", "aims": ("population",)} if name.endswith("-score") else {"domain": "stimulus"}
        )
        yield MetricEntry(name=name, factory=factory, summary="A mutant.", scale="population", **about)


@hookimpl
def spikeproof_objectives() -> Iterator[ObjectiveEntry]:
    for name, factory in _named("objective"):
        yield ObjectiveEntry(name=name, factory=factory, summary="A mutant.", scale="unit")


@hookimpl
def spikeproof_readouts() -> Iterator[ReadoutEntry]:
    for name, factory in _named("readout"):
        chooses: Literal["category", "stimulus"] = "stimulus" if name.startswith("nearest") else "category"
        yield ReadoutEntry(name=name, factory=factory, summary="A mutant.", chooses=chooses)


@hookimpl
def spikeproof_sources() -> Iterator[SourceEntry]:
    for name, factory in _named("source"):
        yield SourceEntry(name=name, factory=factory, summary="A mutant.")


@hookimpl
def spikeproof_models() -> Iterator[ModelEntry]:
    for name, factory in _named("model"):
        yield ModelEntry(name=name, factory=factory, summary="A mutant.")
