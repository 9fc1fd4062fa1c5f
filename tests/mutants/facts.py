"""What must hold of the attacks: the tests that hold it, and slips that these tests must notice.

``docs/verification.md`` shows it as tables; ``tests/docs_tables.py`` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import slips
from .slips import Slip

__all__ = ["CHECKS", "INPUTS", "TRAPS", "Check", "every_check"]

PGD = "plugins/attacks/test_pgd_known_answers.py"
BALL = "plugins/attacks/test_ball_attacks.py"
EXACT = "plugins/attacks/test_exact_optima.py"
RULES = "plugins/attacks/test_apgd_rules.py"
CONSTANTS = "plugins/attacks/test_algorithm_constants.py"
ANY = "plugins/attacks/test_any_unit.py"
PEERS = "plugins/attacks/test_traps_of_peers.py"
SMALLEST = "plugins/attacks/test_minimal_known_answers.py"
SPECIAL = "plugins/attacks/test_special_attacks.py"
TARGET = "toolkit/engine/test_attack_target.py"
TARGETS = "toolkit/engine/test_attack_targets.py"
VIEWS = "toolkit/engine/test_search_models.py"
CLEAN = "toolkit/engine/test_clean_pass.py"
GEOMETRY = "toolkit/test_geometry.py"
L1 = "toolkit/test_geometry_l1_and_bounds.py"
UNTOUCHED = "plugins/torch/test_torch_untouched.py"
REFUSALS = "plugins/torch/test_torch_refusals.py"
FAST = "plugins/torch/test_torch_acceleration.py"
POPULATION = "plugins/objectives/test_population_objective.py"
RUNS = "toolkit/pipeline/test_execute.py"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold.

    Parameters
    ----------
    says : str
        What, in one line of Markdown.
    tests : tuple of str
        Tests that hold it, ``FILE::FUNCTION`` below ``tests``.
    slips : tuple of callable
        Each makes one of the tests fail.
    """

    says: str
    tests: tuple[str, ...]
    slips: tuple[Slip, ...] = ()


CHECKS: dict[int, Check] = {
    1: Check(
        says="A linear unit without walls: ε times the length of its weights, up and down, along its weights.",
        tests=(
            f"{PGD}::test_a_linear_unit_gains_epsilon_times_its_norm_and_the_image_moves_along_its_weights",
            f"{BALL}::test_a_linear_unit_gains_epsilon_times_the_dual_norm_where_no_wall_is_near",
        ),
        slips=(slips.signs_for_l2,),
    ),
    2: Check(
        says="A linear unit, L2 in the box: the optimum by bisection, to 1e-6, up to the corner of the box.",
        tests=(
            f"{EXACT}::test_a_linear_unit_in_the_box_reaches_its_optimum_to_a_millionth_up_to_the_corner_of_the_box",
            f"{BALL}::test_a_linear_unit_in_the_box_reaches_its_optimum",
            f"{GEOMETRY}::test_a_step_in_the_box_equals_bisection",
        ),
        slips=(slips.straight_into_the_wall,),
    ),
    3: Check(
        says="A linear unit, L∞: each weight times the room of its pixel; one step of ε is enough.",
        tests=(
            f"{PGD}::test_a_linear_unit_under_linf_gains_its_weights_times_the_room_of_each_pixel",
            f"{EXACT}::test_a_linear_unit_in_the_box_reaches_its_optimum_to_a_millionth_up_to_the_corner_of_the_box",
        ),
        slips=(slips.slopes_for_linf,),
    ),
    4: Check(
        says="A linear unit, L1 in the box: the pixels of largest weight are filled first.",
        tests=(
            f"{EXACT}::test_a_linear_unit_in_the_box_reaches_its_optimum_to_a_millionth_up_to_the_corner_of_the_box",
            f"{L1}::test_the_steepest_step_equals_a_linear_programme",
        ),
        slips=(slips.all_into_one_pixel,),
    ),
    5: Check(
        says="The distance to a level is the gap over the dual norm of the gradient; the perturbation is that of the "
        "norm; DeepFool needs one step.",
        tests=(
            f"{EXACT}::test_up_to_the_nearest_kink_a_rectified_unit_meets_a_level_at_its_exact_distance",
            f"{EXACT}::test_deepfool_is_at_the_nearest_linear_border_after_one_step_along_the_perturbation_of_its_norm",
            f"{SMALLEST}::test_a_linear_unit_meets_its_level_at_the_distance_over_the_dual_norm",
            f"{SMALLEST}::test_a_linear_unit_in_the_box_meets_its_level_at_the_closed_form",
        ),
        slips=(slips.distances_of_l2,),
    ),
    6: Check(
        says="Linear classes: the nearest border counts, not the runner-up's; a decoder on a linear population is one "
        "linear map.",
        tests=(
            f"{EXACT}::test_deepfool_is_at_the_nearest_linear_border_after_one_step_along_the_perturbation_of_its_norm",
            f"{SMALLEST}::test_a_linear_choice_changes_at_the_nearest_border",
            f"{SMALLEST}::test_a_decoder_on_a_linear_population_is_a_linear_choice",
        ),
        slips=(slips.the_runner_up_only,),
    ),
    7: Check(
        says="One step is the gradient step, exactly ε long; k steps of α gain min(kα, ε) times the dual norm.",
        tests=(
            f"{EXACT}::test_steps_of_one_length_add_up_until_the_ball_is_reached",
            f"{PGD}::test_one_step_is_the_gradient_step_of_exactly_epsilon",
            f"{BALL}::test_one_step_of_pgd_is_the_fast_gradient_method",
            f"{BALL}::test_steps_of_momentum_add_up_to_epsilon",
        ),
        slips=(slips.shorter_steps,),
    ),
    8: Check(
        says="Projection on the ball within the box reaches 1 - 1e-4 of the optimum where projecting and then clipping "
        "stays below it.",
        tests=(
            f"{BALL}::test_at_epsilon_20_where_peers_stop_two_percent_short_the_optimum_is_reached",
            f"{PGD}::test_a_linear_unit_in_the_box_reaches_its_optimum_where_clipping_after_projection_falls_short",
            f"{PGD}::test_projection_of_the_intersection_is_what_makes_the_difference",
        ),
        slips=(slips.project_then_clip,),
    ),
    9: Check(
        says="A bump: its top if the ball holds it, else the nearest point; silenced the opposite way.",
        tests=(
            f"{PGD}::test_a_bump_is_climbed_to_its_top_inside_the_ball_and_to_the_nearest_point_outside",
            f"{BALL}::test_a_bump_is_climbed_to_its_top_inside_the_ball_and_to_the_nearest_point_outside",
        ),
        slips=(slips.always_on_the_sphere,),
    ),
    10: Check(
        says="A quadratic unit at its stationary point: half ε² times the largest eigenvalue, from a random start, "
        "reported as `zero-gradient`, nothing NaN.",
        tests=(
            f"{PGD}::test_a_stationary_clean_image_is_left_by_a_random_start_and_reported",
            f"{BALL}::test_a_stationary_clean_image_is_no_trap",
        ),
        slips=(slips.never_leaves, slips.nothing_is_wrong_with_zero),
    ),
    11: Check(
        says="A dead rectified unit: the clean image, flagged, nothing NaN; its threshold is exact before the "
        "rectification.",
        tests=(
            f"{PGD}::test_a_dead_unit_is_left_and_flagged_and_a_threshold_within_reach_is_crossed",
            f"{BALL}::test_a_dead_unit_leaves_a_finite_image_in_the_ball_and_an_alive_neighbour_alone",
        ),
        slips=(slips.nothing_is_wrong_with_zero,),
    ),
    12: Check(
        says="A unit that reads rectifiers: checks 1 to 5 hold with its local gradient, exactly, up to the nearest "
        "kink, whose distance is known.",
        tests=(
            f"{EXACT}::test_up_to_the_nearest_kink_a_rectified_unit_gains_exactly_what_its_gradient_says",
            f"{EXACT}::test_up_to_the_nearest_kink_a_rectified_unit_meets_a_level_at_its_exact_distance",
            f"{BALL}::test_a_network_within_one_linear_region_gains_its_local_gradient",
            "plugins/attacks/test_pgd_peers.py::"
            "test_on_a_trained_unit_no_rectifier_flips_and_the_gain_is_its_gradients_exactly",
        ),
        slips=(slips.slightly_askew,),
    ),
    13: Check(
        says="A complex cell from the blank: ε² times the squared length of its pair.",
        tests=(
            f"{PGD}::test_a_complex_cell_is_driven_from_the_blank_to_its_energy",
            f"{BALL}::test_a_complex_cell_is_driven_to_its_energy_and_a_normalised_one_to_the_best_angle",
        ),
        slips=(slips.never_leaves,),
    ),
    14: Check(
        says="Divisive normalisation: the best angle in the plane of weights and image.",
        tests=(f"{BALL}::test_a_complex_cell_is_driven_to_its_energy_and_a_normalised_one_to_the_best_angle",),
        slips=(slips.a_single_step,),
    ),
    15: Check(
        says="A linear population: ε times its largest singular value, from a gradient of zero; toward one direction "
        "u: ε times the length of W'u.",
        tests=(
            f"{SPECIAL}::test_on_a_linear_code_it_moves_the_population_by_epsilon_times_the_singular_value",
            f"{PGD}::test_a_linear_population_moves_by_its_largest_singular_value_and_bounds_its_units",
            f"{POPULATION}::test_farthest_of_a_linear_population_is_epsilon_times_the_largest_singular_value",
            f"{POPULATION}::test_gradient_at_the_clean_image_is_exactly_zero_and_finite",
            f"{EXACT}::test_a_partner_far_along_one_direction_pulls_by_epsilon_times_its_norm_back_in_the_image",
        ),
        slips=(slips.one_unit_for_all,),
    ),
    16: Check(
        says="In units of the noise: ε times the root of the largest eigenvalue of W'S⁻¹W; the scale of all responses "
        "makes no difference. (No objective here is a cosine.)",
        tests=(
            f"{POPULATION}::test_farthest_under_a_noise_covariance_is_the_mahalanobis_optimum",
            f"{SPECIAL}::test_the_distance_is_whitened",
            f"{SPECIAL}::test_the_scale_of_the_responses_makes_no_difference",
        ),
        slips=(slips.whitening_forgotten,),
    ),
    17: Check(
        says="A unit's gain is at most the population's displacement; the best unit's optimum ≤ the population's ≤ the "
        "root of the sum of squares of all units'.",
        tests=(
            f"{EXACT}::test_a_units_gain_bounds_the_population_from_below_and_all_units_together_from_above",
            f"{PGD}::test_a_linear_population_moves_by_its_largest_singular_value_and_bounds_its_units",
        ),
        slips=(slips.one_unit_for_all,),
    ),
    18: Check(
        says="Constants of the papers: APGD's checkpoints, momentum and halving (L1: shares and step lengths), "
        "MI-FGSM's sum, FMN's radius, Square's windows. (No DDN, no Carlini-Wagner, no DLR in the catalogue.)",
        tests=(
            f"{RULES}::test_every_iterate_is_that_of_the_algorithm_as_published",
            f"{RULES}::test_checkpoints_are_those_of_the_paper_whatever_the_number_of_steps",
            "plugins/attacks/test_apgd_reference.py::test_of_100_steps_from_one_start_each_is_the_authors_own",
            f"{CONSTANTS}::test_apgd_for_l1_follows_its_papers_shares_and_step_lengths",
            f"{CONSTANTS}::test_fmn_sets_its_radius_by_the_estimated_distance_and_shrinks_it_where_the_goal_is_reached",
            f"{BALL}::test_momentum_is_the_decaying_sum_of_gradients_over_their_l1_norms",
            f"{RULES}::test_windows_shrink_on_the_schedule_of_the_paper_whatever_the_number_of_queries",
        ),
        slips=(slips.checkpoints_rounded_down, slips.momentum_of_one),
    ),
    19: Check(
        says="Projections: nearest by the variational inequality, idempotent, non-expansive, L1 by its threshold; "
        "nothing to project is safe.",
        tests=(
            f"{L1}::test_the_l1_projection_equals_a_general_solver",
            f"{L1}::test_the_l1_projection_without_walls_is_the_soft_threshold_by_sorting",
            f"{L1}::test_a_projection_is_nearest_and_does_not_expand_in_any_box",
            f"{GEOMETRY}::test_a_projection_is_the_nearest_point_by_the_variational_inequality",
            f"{GEOMETRY}::test_a_projection_does_not_expand_distances",
            f"{GEOMETRY}::test_a_projection_is_inside_idempotent_and_leaves_inner_points_alone",
            f"{GEOMETRY}::test_the_l2_projection_equals_a_general_solver",
            f"{GEOMETRY}::test_radius_zero_returns_the_clean_image_bit_for_bit",
        ),
        slips=(slips.scale_for_threshold,),
    ),
    20: Check(
        says="Random starts: here all of them on the sphere, radius ε, no direction preferred.",
        tests=(
            f"{CONSTANTS}::test_random_starts_lie_on_the_sphere_and_favour_no_direction",
            f"{RULES}::test_a_random_l1_direction_is_uniform_on_the_sphere",
        ),
        slips=(slips.starts_inside,),
    ),
    21: Check(
        says="Neither the scale of the objective (1e-15 to 1e15) nor an offset changes the image.",
        tests=(
            f"{BALL}::test_the_scale_of_the_objective_does_not_change_the_image",
            f"{BALL}::test_an_offset_of_the_objective_does_not_change_the_image",
            f"{PGD}::test_the_scale_of_a_unit_does_not_change_the_image_found",
            f"{SMALLEST}::test_the_scale_of_the_objective_makes_no_difference",
            f"{GEOMETRY}::test_the_ascent_direction_does_not_depend_on_the_scale_of_the_gradient",
        ),
        slips=(slips.floor_below_norms,),
    ),
    22: Check(
        says="ε = 0 returns the clean image bit for bit.",
        tests=(
            f"{BALL}::test_epsilon_zero_returns_the_clean_image_bit_for_bit",
            f"{PGD}::test_epsilon_zero_returns_the_clean_image_bit_for_bit",
            f"{TARGETS}::test_epsilon_zero_gives_the_clean_stimulus_bit_for_bit",
            f"{SPECIAL}::test_epsilon_zero_returns_the_clean_image_bit_for_bit",
        ),
        slips=(slips.no_ball_is_empty,),
    ),
    23: Check(
        says="The value never falls with ε, with steps or with restarts, nor below the clean one.",
        tests=(
            f"{BALL}::test_the_value_never_falls_with_epsilon_or_below_the_clean_one_and_the_norm_is_kept",
            f"{ANY}::test_what_is_returned_is_the_best_of_all_points_in_the_ball_that_were_asked_about",
            f"{BALL}::test_more_steps_of_one_schedule_never_find_less",
            f"{BALL}::test_restarts_only_add",
            f"{PGD}::test_the_value_never_falls_with_epsilon_with_restarts_or_below_the_clean_one",
        ),
        slips=(slips.each_ball_alone, slips.the_last_point_counts),
    ),
    24: Check(
        says="Batch, order and chunk change no item beyond rounding; random numbers belong to the item.",
        tests=(
            f"{BALL}::test_an_item_is_the_same_alone_in_any_order_and_beside_any_other",
            f"{TARGET}::test_the_batch_and_the_company_of_other_stimuli_do_not_change_a_result",
            "toolkit/engine/test_minimal.py::test_where_two_directions_reach_the_goal_rounding_chooses_neither",
            "toolkit/engine/test_minimal.py::test_a_target_alone_is_as_in_company_and_in_smaller_batches",
        ),
        slips=(slips.numbers_by_place, slips.mean_of_the_batch, slips.rounding_settles_ties),
    ),
    25: Check(
        says="An item alone is that item in the grid.",
        tests=(
            f"{TARGETS}::test_targets_searched_together_are_as_each_alone",
            f"{TARGET}::test_the_batch_and_the_company_of_other_stimuli_do_not_change_a_result",
        ),
        slips=(slips.mean_of_the_batch,),
    ),
    26: Check(
        says="Norms in float64 exceed ε by 1e-6 of it at most, the box holds exactly; after storing as float32, and as "
        "whole grey levels, too.",
        tests=(
            f"{GEOMETRY}::test_rounding_to_float32_never_leaves_the_ball",
            "toolkit/closed_loop/test_rounding.py::test_plain_rounding_breaks_the_budget_or_erases_what_this_keeps",
            "toolkit/closed_loop/test_rounding.py::test_the_norm_never_exceeds_the_limit_and_no_pixel_leaves_the_box",
            f"{PGD}::test_the_norm_is_kept_in_float64_and_after_storing_as_float32",
            f"{BALL}::test_a_ball_is_kept_by_images_that_are_stored_as_eight_bits",
            f"{TARGET}::test_what_leaves_the_ball_or_the_box_is_refused_by_name",
        ),
        slips=(slips.rounding_is_kept, slips.plain_rounding_to_levels),
    ),
    27: Check(
        says="Images, parameters, their gradients, flags, hooks and the global random state are as found, after an "
        "exception too.",
        tests=(
            f"{TARGET}::test_everything_is_as_it_was_after_an_attack_and_after_one_that_fails",
            f"{UNTOUCHED}::test_the_network_and_the_random_state_are_as_found_after_an_attack",
            f"{UNTOUCHED}::test_they_are_as_found_after_an_attack_that_fails",
            f"{BALL}::test_inputs_and_global_random_numbers_are_left_alone_after_an_error_too",
        ),
        slips=(slips.gradients_of_parameters,),
    ),
    28: Check(
        says="Channels-last, strided, 2-D to 5-D images, float64, bounds per channel.",
        tests=(
            f"{BALL}::test_any_layout_rank_and_dtype_is_searched",
            f"{PGD}::test_any_layout_rank_and_dtype_gives_the_same_result",
            f"{L1}::test_items_ranks_and_memory_formats_make_no_difference_with_bounds_per_channel",
        ),
        slips=(slips.only_four_dimensions,),
    ),
    29: Check(
        says="Images and model turned over: the result turned over.",
        tests=(
            f"{PGD}::test_a_flip_of_all_images_and_of_the_model_flips_the_result",
            f"{BALL}::test_turning_images_and_unit_upside_down_turns_the_result",
        ),
        slips=(slips.places_weigh,),
    ),
    30: Check(
        says="The gain lies between one gradient step's, or the best random direction's, and what Lipschitz or "
        "interval bounds allow.",
        tests=(
            f"{BALL}::test_the_gain_lies_between_what_is_easily_found_and_what_is_possible",
            f"{PGD}::test_the_gain_lies_between_what_is_easily_found_and_what_is_possible",
            f"{ANY}::test_under_linf_no_response_is_beyond_what_interval_arithmetic_allows",
        ),
        slips=(slips.half_the_ball,),
    ),
    31: Check(
        says="Stopped at the layer = the whole network; folded = unfolded; in chunks = at once; a cone = the whole "
        "image.",
        tests=(
            f"{FAST}::test_it_gives_the_same_responses_scores_and_gradients",
            "plugins/torch/test_torch_layers.py::test_both_equals_each_alone_though_later_layers_overwrite_it",
            f"{TARGET}::test_the_batch_and_the_company_of_other_stimuli_do_not_change_a_result",
            f"{VIEWS}::test_units_with_a_cone_are_searched_in_their_window_with_the_same_result",
        ),
        slips=(slips.batch_norm_dropped,),
    ),
    32: Check(
        says="Finite differences agree with the gradient that is used.",
        tests=(
            f"{TARGET}::test_finite_differences_agree_with_the_gradient_that_attacks_are_given",
            "plugins/torch/test_torch_layers.py::test_gradients_reach_the_images_and_agree_with_finite_differences",
        ),
        slips=(slips.half_a_gradient,),
    ),
    33: Check(
        says="Silencing a unit is driving its negative.",
        tests=(
            f"{ANY}::test_unit_down_is_the_negated_unit_up",
            f"{PGD}::test_silencing_a_unit_is_driving_its_negative",
        ),
        slips=(slips.down_is_up,),
    ),
    34: Check(
        says="The smallest ε found succeeds just above and fails just below; on a linear unit it is check 5's.",
        tests=(
            f"{SMALLEST}::test_the_threshold_is_where_a_search_of_that_radius_begins_to_succeed",
            f"{SMALLEST}::test_a_linear_unit_meets_its_level_at_the_distance_over_the_dual_norm",
        ),
        slips=(slips.beyond_the_border,),
    ),
    35: Check(
        says="A rounded or detached unit is flagged as `masked`, and random search beats gradient attacks there.",
        tests=(
            f"{TARGET}::test_a_masked_gradient_is_told_from_a_dead_unit",
            f"{ANY}::test_where_the_gradient_is_masked_random_search_beats_every_gradient_attack",
            f"{CLEAN}::test_a_masked_layer_is_told_from_one_that_nothing_moves",
        ),
        slips=(slips.masked_is_dead,),
    ),
    36: Check(
        says="A grid that is killed and resumed is the uninterrupted one, bit for bit.",
        tests=(
            f"{RUNS}::test_a_killed_run_is_resumed_to_the_same_result_without_doing_finished_targets_again",
            "toolkit/pipeline/test_special_attacks_study.py::test_a_resumed_run_is_the_whole_run_to_the_last_bit",
        ),
        slips=(slips.unseeded,),
    ),
}
"""The analytic checks."""

TRAPS: dict[str, Check] = {
    "suppressed units": Check(
        says="A wrapper of two classes has no gradient at a suppressed unit, and moves nothing, without a word.",
        tests=(f"{BALL}::test_a_strongly_suppressed_unit_is_driven_like_any_other",),
    ),
    "saturated starts": Check(
        says="A random start where the loss is saturated holds the search there.",
        tests=(f"{PEERS}::test_a_start_where_the_loss_is_saturated_does_not_hold_the_search_there",),
        slips=(slips.always_on_the_sphere,),
    ),
    "small gradients": Check(
        says="Small numbers added to norms, float32 underflow and means over the batch stop searches of faint units.",
        tests=(
            f"{PGD}::test_the_scale_of_a_unit_does_not_change_the_image_found",
            f"{BALL}::test_the_scale_of_the_objective_does_not_change_the_image",
        ),
        slips=(slips.floor_below_norms,),
    ),
    "size of the batch": Check(
        says="Gradients, or results, depend on how many items are searched together.",
        tests=(f"{TARGET}::test_the_batch_and_the_company_of_other_stimuli_do_not_change_a_result",),
        slips=(slips.mean_of_the_batch,),
    ),
    "ε = 0": Check(
        says="It gives NaN or an error.",
        tests=(f"{BALL}::test_epsilon_zero_returns_the_clean_image_bit_for_bit",),
        slips=(slips.no_ball_is_empty,),
    ),
    "layouts and types": Check(
        says="Channels-last, vectors, video and float64 raise.",
        tests=(f"{BALL}::test_any_layout_rank_and_dtype_is_searched",),
        slips=(slips.only_four_dimensions,),
    ),
    "pixels just outside": Check(
        says="An image that leaves [0, 1] by 1e-6, or a normalised one, fails without a message, or silently.",
        tests=("toolkit/test_stimuli.py::test_an_image_that_cannot_be_trusted_is_named",),
    ),
    "ball and box": Check(
        says="Projecting and then clipping stops 2 % short at a large ε.",
        tests=(f"{BALL}::test_at_epsilon_20_where_peers_stop_two_percent_short_the_optimum_is_reached",),
        slips=(slips.project_then_clip,),
    ),
    "budget": Check(
        says="Norms exceed ε by rounding or more, and nobody looks.",
        tests=(
            f"{TARGET}::test_what_leaves_the_ball_or_the_box_is_refused_by_name",
            f"{TARGET}::test_rounding_just_outside_the_ball_or_the_box_is_pulled_back",
            "plugins/foreign_attacks/test_foreign_foolbox.py::test_a_lying_attack_is_refused_by_the_host",
        ),
    ),
    "side effects": Check(
        says="Parameter gradients are left or added up, the model's mode is changed, frozen BatchNorm thawed, its "
        "statistics moved, the global generator seeded.",
        tests=(
            f"{UNTOUCHED}::test_the_network_and_the_random_state_are_as_found_after_an_attack",
            f"{UNTOUCHED}::test_they_are_as_found_after_an_attack_that_fails",
            f"{UNTOUCHED}::test_a_change_of_any_of_it_would_be_seen",
            "plugins/torch/test_torch_refusals.py::test_training_mode_that_changes_nothing_is_read",
        ),
    ),
    "zero gradients": Check(
        says="A search without a gradient returns the clean image, without a word.",
        tests=(
            f"{PGD}::test_a_stationary_clean_image_is_left_by_a_random_start_and_reported",
            f"{TARGETS}::test_dead_items_are_found_in_one_pass_and_not_stepped",
        ),
        slips=(slips.nothing_is_wrong_with_zero,),
    ),
    "numbers that are not finite": Check(
        says="One item's NaN or infinite gradient poisons the batch.",
        tests=(
            f"{TARGET}::test_a_gradient_that_is_not_finite_is_flagged_too",
            f"{TARGET}::test_a_stimulus_whose_values_are_not_finite_is_flagged_and_the_others_go_on",
        ),
        slips=(slips.infinities_pass,),
    ),
    "low precision": Check(
        says="What was found in half precision is reported as found.",
        tests=(
            f"{VIEWS}::test_bf16_searches_and_float32_decides",
            f"{VIEWS}::test_bf16_never_decides_that_an_item_is_dead",
        ),
    ),
    "APGD": Check(
        says="It follows its checkpoints at 100 steps only; targeted, its sign is wrong; near a loss of 0 it follows "
        "noise.",
        tests=(
            f"{RULES}::test_checkpoints_are_those_of_the_paper_whatever_the_number_of_steps",
            f"{PEERS}::test_toward_a_class_both_searches_climb_and_end_at_the_optimum",
            f"{PEERS}::test_where_the_objective_is_nearly_zero_apgd_gains_no_less_than_pgd",
        ),
    ),
    "probabilities for scores": Check(
        says="A network that ends in a softmax is attacked as if it gave scores, and looks robust.",
        tests=("toolkit/pipeline/test_heads.py::test_a_head_that_gives_probabilities_is_said",),
    ),
    "names that clash": Check(
        says="A wheel installs packages of other names beside its own.",
        tests=("test_project.py::test_the_wheel_installs_nothing_beside_its_own_name",),
    ),
}
"""What makes other libraries fail."""

INPUTS: dict[str, Check] = {
    "ε negative, NaN, unsorted, repeated": Check(
        says="refused by name",
        tests=(
            f"{TARGET}::test_a_grid_that_does_not_fit_together_is_refused",
            "toolkit/test_study.py::test_a_bad_study_is_refused_with_its_place",
        ),
    ),
    "a norm that the attack lacks": Check(
        says="refused before anything runs, with those that it has",
        tests=(
            "toolkit/pipeline/test_heads.py::test_a_norm_that_an_attack_lacks_is_refused_with_those_that_it_has",
            "plugins/foreign_attacks/test_foreign_study.py::test_a_norm_that_the_target_lacks_is_refused_before_anything_runs",
        ),
    ),
    "dropout or batch statistics in training mode": Check(
        says="refused, saying `.eval()`",
        tests=(
            f"{REFUSALS}::test_training_mode_that_matters_is_refused_saying_eval",
            f"{REFUSALS}::test_functional_dropout_in_training_mode_is_told_to_call_eval",
            f"{REFUSALS}::test_dependence_on_the_batch_is_refused",
        ),
    ),
    "a forward pass with a state": Check(
        says="refused", tests=(f"{REFUSALS}::test_other_responses_when_called_again_are_refused",)
    ),
    "a forward pass in place": Check(
        says="read as it is",
        tests=(
            "plugins/torch/test_torch_layers.py::test_both_equals_each_alone_though_later_layers_overwrite_it",
            f"{FAST}::test_it_gives_the_same_responses_scores_and_gradients",
        ),
    ),
    "a layer that the image does not reach": Check(
        says="refused; masked and constant layers are told apart",
        tests=(
            f"{CLEAN}::test_a_layer_that_is_cut_off_from_the_image_is_refused",
            f"{CLEAN}::test_a_masked_layer_is_told_from_one_that_nothing_moves",
            f"{TARGET}::test_a_unit_without_any_path_to_the_image_is_refused",
            f"{RUNS}::test_a_layer_cut_off_from_the_image_is_refused_for_gradient_attacks",
        ),
    ),
    "NaN or infinite gradients in one item": Check(
        says="that item is flagged `not-finite`, the others go on, whatever the attack",
        tests=(
            "toolkit/engine/test_fragile_items.py::test_the_item_alone_is_flagged_and_the_others_are_searched_as_ever",
            f"{TARGET}::test_a_gradient_that_is_not_finite_is_flagged_too",
            f"{TARGET}::test_values_that_are_not_finite_are_never_the_best_and_gradients_become_zero",
            "plugins/torch/test_torch_fragile.py::test_the_one_image_is_flagged_and_the_others_are_driven_as_ever",
        ),
        slips=(slips.infinities_pass,),
    ),
    "memory that runs out": Check(
        says="the batch is halved, said once, and the search goes on",
        tests=(
            f"{TARGETS}::test_where_memory_runs_out_the_search_goes_on_in_smaller_batches_and_says_so_once",
            f"{TARGETS}::test_memory_that_runs_out_with_one_image_is_an_error",
            f"{CLEAN}::test_where_memory_runs_out_the_clean_pass_goes_on_with_fewer_images_and_says_so_once",
            "toolkit/engine/test_controls.py::test_where_memory_runs_out_a_control_is_read_in_smaller_passes",
        ),
    ),
}
"""Bad input, and what is made of it."""


def every_check() -> dict[str, Check]:
    """All of them, by a name each."""
    named = {f"check {number}": check for number, check in CHECKS.items()}
    return named | {f"trap: {name}": check for name, check in TRAPS.items()} | INPUTS
