"""What a spec's data set becomes: shapes, split, scaling, and the synthetic formulas."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sklearn import datasets as sklearn_datasets

from service.domain.datasets import AnyDataset, Classification, Dataset, Synthetic
from service.domain.errors import InvalidData
from service.domain.spec import JobSpec
from workers.training.data import Data, examples, load, scale

Array = NDArray[Any]
ADAPTER: TypeAdapter[Dataset] = TypeAdapter(AnyDataset)

BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
SYNTHETIC = ("linear", "abs", "sine", "bump", "two_moons", "spirals", "blobs")
CLASSES = ("digits", "iris", "wine", "breast_cancer", "two_moons", "spirals", "blobs")
NUMBERS = ("diabetes", "linear", "abs", "sine", "bump")


def dataset(name: str, **changes: Any) -> Dataset:
    return ADAPTER.validate_python({"name": name} | changes)


def spec_of(name: str, loss: str | None = None, **changes: Any) -> JobSpec:
    fitting = "cross_entropy" if name in CLASSES else "mse"
    return JobSpec.model_validate(
        {
            "dataset": {"name": name} | changes,
            "activation": {"name": "relu"},
            "loss": {"name": loss or fitting},
            "optimizer": {"learning_rate": 0.1},
        }
    )


def loaded(name: str, **changes: Any) -> Data:
    return load(spec_of(name, **changes))


def whole(data: Data) -> tuple[Array, Array]:
    """Both parts, one after the other."""
    return (
        np.concatenate([data.train.features, data.validation.features]),
        np.concatenate([data.train.targets, data.validation.targets]),
    )


def rows(features: Array, targets: Array) -> list[tuple[float, ...]]:
    """The examples as sorted tuples: equal for equal multisets."""
    table = np.column_stack([features, targets.reshape(len(targets), -1)])
    return sorted(map(tuple, table.tolist()))


class TestEveryDataSet:
    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_has_the_shape_that_planning_was_told(self, name: str) -> None:
        spec = spec_of(name)
        data = load(spec)
        features, targets = whole(data)
        assert features.shape == (spec.dataset.example_count, spec.dataset.feature_count)
        assert features.dtype == np.float64
        assert np.isfinite(features).all()
        assert data.train.count == spec.training_examples
        assert data.validation.count == spec.validation_examples
        if isinstance(spec.dataset, Classification):
            assert targets.dtype == np.int64
            assert sorted(set(targets.tolist())) == list(range(spec.dataset.output_count))
        else:
            assert targets.shape == (spec.dataset.example_count, spec.dataset.output_count)
            assert targets.dtype == np.float64

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_is_divided_without_loss_or_repeat(self, name: str) -> None:
        data = loaded(name, scaling="none", validation_fraction=0.3)
        assert rows(*whole(data)) == rows(*examples(dataset(name)))

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    @pytest.mark.parametrize("fraction", [0.1, 0.25, 0.9])
    def test_gives_validation_its_fraction_rounded(self, name: str, fraction: float) -> None:
        data, count = loaded(name, validation_fraction=fraction), dataset(name).example_count
        assert data.validation.count == round(fraction * count)
        assert data.train.count == count - round(fraction * count)

    @pytest.mark.parametrize("name", CLASSES)
    @pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
    def test_is_stratified_by_class_to_within_one_example(self, name: str, fraction: float) -> None:
        data = loaded(name, validation_fraction=fraction)
        everything = np.bincount(whole(data)[1])
        chosen = np.bincount(data.validation.targets, minlength=len(everything))
        share = data.validation.count / everything.sum()
        assert (np.abs(chosen - share * everything) < 1).all()

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_without_validation_all_examples_are_trained_on(self, name: str) -> None:
        data = loaded(name, validation_fraction=0.0)
        assert data.train.count == dataset(name).example_count
        assert data.validation.features.shape == (0, dataset(name).feature_count)
        assert data.validation.count == 0

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_is_the_same_for_the_same_spec(self, name: str) -> None:
        one, two = loaded(name), loaded(name)
        assert np.array_equal(one.train.features, two.train.features)
        assert np.array_equal(one.train.targets, two.train.targets)
        assert np.array_equal(one.validation.features, two.validation.features)

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_another_split_seed_divides_the_same_examples_otherwise(self, name: str) -> None:
        one, two = (loaded(name, scaling="none", split_seed=seed) for seed in (0, 1))
        assert rows(*whole(one)) == rows(*whole(two))
        assert rows(one.train.features, one.train.targets) != rows(
            two.train.features, two.train.targets
        )

    @pytest.mark.parametrize("name", BUNDLED)
    def test_bundled_examples_are_scikit_learns(self, name: str) -> None:
        bunch = getattr(sklearn_datasets, f"load_{name}")()
        features, targets = examples(dataset(name))
        assert np.array_equal(features, bunch.data)
        assert np.array_equal(targets.ravel(), bunch.target)


class TestScaling:
    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_standard_gives_the_training_part_mean_0_and_deviation_1(self, name: str) -> None:
        train = loaded(name, scaling="standard").train.features
        varies = np.ptp(train, axis=0) > 0
        # Sums of up to 1,797 numbers near 1.
        assert np.abs(train.mean(axis=0)).max() < 1e-12
        assert np.abs(train[:, varies].std(axis=0) - 1).max() < 1e-12

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_minmax_gives_the_training_part_the_range_0_to_1(self, name: str) -> None:
        train = loaded(name, scaling="minmax").train.features
        varies = np.ptp(train, axis=0) > 0
        assert (train[:, varies].min(axis=0) == 0).all()
        assert (train[:, varies].max(axis=0) == 1).all()

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_global_minmax_keeps_the_proportions_between_features(self, name: str) -> None:
        raw, scaled = loaded(name, scaling="none"), loaded(name, scaling="global_minmax")
        low, high = raw.train.features.min(), raw.train.features.max()
        for before, after in ((raw.train, scaled.train), (raw.validation, scaled.validation)):
            expected = (before.features - low) / (high - low)
            np.testing.assert_allclose(after.features, expected, rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("name", ["iris", "linear"])
    @pytest.mark.parametrize("scaling", ["standard", "minmax"])
    def test_the_validation_part_is_scaled_by_the_training_parts_statistics(
        self, name: str, scaling: str
    ) -> None:
        raw, scaled = loaded(name, scaling="none"), loaded(name, scaling=scaling)
        train = raw.train.features
        centre, width = (
            (train.mean(axis=0), train.std(axis=0))
            if scaling == "standard"
            else (train.min(axis=0), np.ptp(train, axis=0))
        )
        expected = (raw.validation.features - centre) / width
        np.testing.assert_allclose(scaled.validation.features, expected, rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("name", [*BUNDLED, *SYNTHETIC])
    def test_none_leaves_the_examples_as_they_are(self, name: str) -> None:
        """Found among the raw examples; the split's own test says they are all there."""
        raw = set(rows(*examples(dataset(name))))
        train = loaded(name, scaling="none").train
        assert set(rows(train.features, train.targets)) <= raw

    @pytest.mark.parametrize("scaling", ["standard", "minmax"])
    def test_the_pixels_of_digits_that_are_always_0_stay_0(self, scaling: str) -> None:
        constant = np.ptp(sklearn_datasets.load_digits().data, axis=0) == 0
        assert constant.any()
        data = loaded("digits", scaling=scaling)
        assert not whole(data)[0][:, constant].any()

    @pytest.mark.parametrize("scaling", ["standard", "minmax"])
    @pytest.mark.parametrize("constant", [0.1, 1e9, -3.0])
    def test_a_feature_constant_in_the_training_part_is_0_everywhere(
        self, scaling: str, constant: float
    ) -> None:
        """Even where the rounding of the mean leaves a deviation above 0, and where the
        validation part (the last row) differs."""
        values = np.array([[constant, 1.0]] * 7 + [[constant, 3.0], [constant + 5, 2.0]])
        scaled = scale(values, np.arange(8), scaling)
        assert not scaled[:, 0].any()
        assert np.isfinite(scaled).all()
        assert scaled[:, 1].any()

    @pytest.mark.parametrize("name", NUMBERS)
    def test_targets_stay_raw_unless_asked_for(self, name: str) -> None:
        raw = set(examples(dataset(name))[1].ravel().tolist())
        assert set(loaded(name).train.targets.ravel().tolist()) <= raw

    @pytest.mark.parametrize("name", NUMBERS)
    def test_scale_target_standardises_by_the_training_part(self, name: str) -> None:
        raw, scaled = loaded(name), loaded(name, scale_target=True)
        mean, deviation = raw.train.targets.mean(), raw.train.targets.std()
        for before, after in ((raw.train, scaled.train), (raw.validation, scaled.validation)):
            expected = (before.targets - mean) / deviation
            np.testing.assert_allclose(after.targets, expected, rtol=1e-12, atol=1e-12)
            assert np.array_equal(before.features, after.features)


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


class TestTinyAndImpossible:
    @pytest.mark.parametrize("name", SYNTHETIC)
    @pytest.mark.parametrize("scaling", ["standard", "minmax", "none"])
    @pytest.mark.parametrize("size", [2, 3, 4])
    def test_a_handful_of_examples_is_enough(self, name: str, size: int, scaling: str) -> None:
        data = loaded(name, size=size, scaling=scaling, validation_fraction=0.5)
        assert data.train.count == size - round(size / 2)
        assert np.isfinite(whole(data)[0]).all()

    def test_a_single_training_example_scales_to_0(self) -> None:
        data = loaded("abs", size=2, validation_fraction=0.5, scale_target=True)
        assert data.train.features.tolist() == [[0.0]]
        assert data.train.targets.tolist() == [[0.0]]

    def test_more_classes_than_validation_has_places_for(self) -> None:
        data = loaded("blobs", size=20, centers=10, validation_fraction=0.2)
        assert sorted(np.bincount(data.validation.targets, minlength=10).tolist())[-4:] == [1] * 4

    def test_more_classes_than_examples(self) -> None:
        data = loaded("blobs", size=5, centers=50, validation_fraction=0.0)
        assert sorted(data.train.targets.tolist()) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("name", SYNTHETIC)
    def test_nothing_left_to_train_on_is_invalid_and_says_what_to_change(self, name: str) -> None:
        with pytest.raises(InvalidData, match="validation_fraction"):
            loaded(name, size=2, validation_fraction=0.9)

    @pytest.mark.parametrize(
        ("name", "loss"),
        [(name, loss) for name in CLASSES for loss in ("mse", "mae")]
        + [(name, "cross_entropy") for name in NUMBERS],
    )
    def test_a_loss_of_the_other_task_is_invalid(self, name: str, loss: str) -> None:
        with pytest.raises(InvalidData, match=f"loss {loss}.*{name}"):
            load(spec_of(name, loss))

    def test_a_data_set_without_a_loader_is_invalid(self) -> None:
        unknown = Synthetic.model_construct(name="nobodys")
        assert type(unknown) is Synthetic
        with pytest.raises(InvalidData, match="nobodys"):
            examples(Dataset.model_construct(name="nobodys"))


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_a_bundled_data_set_is_read_once_and_cannot_be_changed(name: str) -> None:
    spec = spec_of(name)
    features, _ = examples(spec.dataset)
    assert examples(spec.dataset)[0] is features
    with pytest.raises(ValueError, match="read-only"):
        features[0, 0] = 1.0
    # What a job trains on is its own: scaling one leaves the other's numbers.
    first, second = load(spec), load(spec)
    first.train.features[:] = 0.0
    assert np.array_equal(second.train.features, load(spec).train.features)
    assert second.train.features.any()
