import numpy as np

from degrade.noise.explain import distribution, explain_empty, explain_too_large, suggest_patch
from degrade.noise.mining import NoiseSettings, merge, mine


def noisy(sigma, side=256):
    noise = np.random.default_rng(3).normal(size=(side, side, 3))
    return np.clip(np.round(128 + sigma * noise), 0, 255).astype(np.uint8)


def test_suggested_thresholds_give_what_they_promise():
    options = NoiseSettings(patch=16, max_variance=10)
    windows = mine(noisy(8), options)
    seen = distribution([windows], options)
    assert seen.accepted == 0 and set(seen.thresholds) == {10, 100}
    for count, threshold in seen.thresholds.items():
        again = mine(noisy(8), NoiseSettings(patch=16, max_variance=threshold))
        assert count <= again.accepted.sum() < count + 5


def test_the_explanation_is_one_line_with_distribution_and_remedy():
    options = NoiseSettings(patch=64, max_variance=10)
    seen = distribution([mine(noisy(8, 128), options)], options)
    text = explain_empty(seen, options)
    low, median = seen.variance["min"], seen.variance["50 %"]
    assert text.startswith(
        f"no noise patch among 4 windows of 64 pixels (grey variance: min {low:.1f}, 5 % "
    )
    assert f"50 % {median:.1f}; refused: 4 by max_variance); --max-variance " in text
    assert text.endswith(f"--max-variance {seen.thresholds[4]:.1f} would give 4 patches")
    assert "\n" not in text


def test_where_no_threshold_helps_that_is_said():
    options = NoiseSettings(patch=64)
    flat = np.full((64, 64, 3), 9, np.uint8)
    text = explain_empty(distribution([mine(flat, options)], options), options)
    assert text == (
        "no noise patch among 1 windows of 64 pixels (grey variance: min 0.0, 5 % 0.0, 25 % 0.0, "
        "50 % 0.0; refused: 1 by min_variance); no --max-variance up to 200 would give any; give "
        "a smaller --patch, a larger --max-structure, or photos with smooth areas such as sky or "
        "walls"
    )


def test_the_parts_together_give_what_one_gives():
    options = NoiseSettings(patch=16, max_variance=60)
    parts = [mine(noisy(sigma, 96), options) for sigma in (3, 8, 20)]
    assert distribution(parts, options) == distribution([merge(parts)], options)


def test_no_windows_at_all_is_no_crash():
    options = NoiseSettings(patch=256)
    seen = distribution([mine(noisy(3, 64), options)], options)
    assert seen.windows == 0 and seen.thresholds == {} and seen.variance == {}


def test_a_patch_larger_than_the_photos_gets_a_size():
    assert explain_too_large([(170, 256), (160, 200)], 256) == (
        "noise patches of 256 pixels fit into none of 2 photos (the largest has 170 rows and 256 "
        "columns); give --patch 32"
    )
    assert suggest_patch([(3000, 4000)]) == 256
    assert suggest_patch([(384, 512)]) == 64
    assert suggest_patch([(20, 20)]) == 16
