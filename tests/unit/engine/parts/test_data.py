"""What a spec's data set becomes: shapes, split, scaling, and the synthetic formulas."""

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from service.domain.datasets import Classification, Dataset, Synthetic
from service.domain.errors import InvalidData
from tests.unit.engine.parts.loading import (
    BUNDLED,
    CLASSES,
    NUMBERS,
    SYNTHETIC,
    dataset,
    loaded,
    rows,
    spec_of,
    whole,
)
from workers.training.data import examples, load, scale


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
