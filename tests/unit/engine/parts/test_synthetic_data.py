"""The synthetic data sets."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from tests.unit.engine.parts.loading import (
    SYNTHETIC,
    dataset,
)
from workers.training.data import examples


class TestSynthetic:
    @pytest.mark.parametrize("name", SYNTHETIC)
    @pytest.mark.parametrize("size", [7, 64])
    def test_has_as_many_examples_as_asked_for(self, name: str, size: int) -> None:
        features, targets = examples(dataset(name, size=size))
        assert len(features) == len(targets) == size

    @pytest.mark.parametrize("name", SYNTHETIC)
    def test_another_seed_draws_other_examples(self, name: str) -> None:
        one, two = (examples(dataset(name, seed=seed))[0] for seed in (0, 1))
        assert not np.array_equal(one, two)

    @pytest.mark.parametrize("name", SYNTHETIC)
    def test_the_seed_of_the_split_draws_no_other_examples(self, name: str) -> None:
        one, two = (examples(dataset(name, split_seed=seed))[0] for seed in (0, 1))
        assert np.array_equal(one, two)

    def test_linear_targets_are_a_linear_function_without_noise(self) -> None:
        features, targets = examples(dataset("linear", noise=0.0, features=5))
        weights, *_ = np.linalg.lstsq(features, targets, rcond=None)
        np.testing.assert_allclose(features @ weights, targets, rtol=0, atol=1e-12)
        assert np.abs(weights).max() > 0.1

    def test_linear_noise_has_the_deviation_asked_for(self) -> None:
        """Known to 1 / sqrt(2 n) = 1.1%; the 5 fitted weights take 0.1%."""
        features, targets = examples(dataset("linear", noise=0.7, features=5, size=4000))
        weights, *_ = np.linalg.lstsq(features, targets, rcond=None)
        assert float((targets - features @ weights).std()) == pytest.approx(0.7, rel=0.05)

    def test_linear_features_are_standard_normal(self) -> None:
        features, _ = examples(dataset("linear", features=10, size=4000))
        # 40,000 numbers: the mean is known to 0.005, a share to 0.0025.
        assert abs(float(features.mean())) < 0.025
        assert float(features.std()) == pytest.approx(1, abs=0.02)
        assert float((np.abs(features) < 1).mean()) == pytest.approx(0.6827, abs=0.0125)

    @pytest.mark.parametrize(("share", "moved"), [(0.0, 0), (0.1, 20), (0.333, 67), (1.0, 200)])
    def test_the_share_of_outliers_is_moved_by_10_to_20_deviations(
        self, share: float, moved: int
    ) -> None:
        options = {"noise": 0.0, "size": 200}
        clean = examples(dataset("linear", **options))[1]
        targets = examples(dataset("linear", outliers=share, **options))[1]
        distance = np.abs(targets - clean) / clean.std()
        far = distance > 0
        assert far.sum() == moved
        # A target moved by 20 deviations loses no more than the last few of its digits.
        assert ((distance[far] > 10 - 1e-9) & (distance[far] < 20 + 1e-9)).all()

    def test_outliers_lie_on_both_sides(self) -> None:
        clean, targets = (
            examples(dataset("linear", outliers=share, size=200))[1] for share in (0.0, 1.0)
        )
        assert 60 < int((targets > clean).sum()) < 140

    @pytest.mark.parametrize(
        ("name", "function"),
        [
            ("abs", abs),
            ("sine", lambda x: math.sin(math.pi * x)),
            ("bump", lambda x: math.exp(-4 * x**2)),
        ],
    )
    def test_targets_are_the_function_of_x_without_noise(self, name: str, function: Any) -> None:
        x, targets = examples(dataset(name, noise=0.0))
        assert targets.ravel().tolist() == pytest.approx(
            [function(v) for v in x.ravel()], abs=1e-15
        )

    @pytest.mark.parametrize("name", ["abs", "sine", "bump"])
    def test_x_is_uniform_between_minus_and_plus_the_root_of_3(self, name: str) -> None:
        x = examples(dataset(name, size=4000))[0]
        root = math.sqrt(3)
        assert -root <= x.min() < -0.99 * root
        assert 0.99 * root < x.max() <= root
        # Of 4,000 in each quarter 1,000, known to 27.
        quarters = np.histogram(x, bins=4, range=(-root, root))[0]
        assert np.abs(quarters - 1000).max() < 150

    @pytest.mark.parametrize("name", ["abs", "sine", "bump"])
    def test_noise_has_the_deviation_asked_for(self, name: str) -> None:
        clean, noisy = (examples(dataset(name, size=4000, noise=s))[1] for s in (0.0, 0.4))
        assert float((noisy - clean).std()) == pytest.approx(0.4, rel=0.05)

    def test_two_moons_are_scikit_learns_without_noise(self) -> None:
        ours = examples(dataset("two_moons", noise=0.0, size=51))
        theirs = sklearn_datasets.make_moons(51, shuffle=False)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-15)
        assert np.array_equal(ours[1], theirs[1])

    def test_spirals_turn_one_and_a_half_times_in_two_opposite_arms(self) -> None:
        """From a point's distance 2 t follows its angle."""
        features, labels = examples(dataset("spirals", noise=0.0, size=101))
        t = np.hypot(*features.T) / 2
        angle = 3 * np.pi * np.sqrt(t) + labels * np.pi
        expected = 2 * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        # t's rounding turns a point by 3 pi sqrt(t) eps.
        np.testing.assert_allclose(features, expected, rtol=0, atol=1e-13)
        assert t.min() < 0.05
        assert 0.95 < t.max() <= 1
        assert np.bincount(labels).tolist() == [51, 50]

    @pytest.mark.parametrize("name", ["two_moons", "spirals"])
    def test_points_are_moved_by_the_noise_asked_for(self, name: str) -> None:
        clean, noisy = (examples(dataset(name, size=2000, noise=s))[0] for s in (0.0, 0.3))
        assert float((noisy - clean).std()) == pytest.approx(0.3, rel=0.05)

    def test_blobs_are_equal_clouds_around_their_centres(self) -> None:
        options = {"centers": 4, "features": 3, "size": 4002}
        points = examples(dataset("blobs", noise=0.5, **options))
        centres = examples(dataset("blobs", noise=0.0, **options))
        features, labels = points
        assert np.array_equal(labels, centres[1])
        assert np.bincount(labels).tolist() == [1001, 1001, 1000, 1000]
        assert len(np.unique(centres[0], axis=0)) == 4
        assert np.abs(centres[0]).max() <= 10
        for label in range(4):
            cloud = features[labels == label] - centres[0][labels == label]
            # 1,000 points: deviations known to 2.2%, means to 0.016.
            assert np.abs(cloud.std(axis=0) - 0.5).max() < 0.05
            assert np.abs(cloud.mean(axis=0)).max() < 0.08
