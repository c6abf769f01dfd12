"""A job through the real path: HTTP, database, Celery message, worker, PyTorch, SQL, HTTP."""

import math

from tests.stack import Stack, digits_spec


def test_a_posted_job_is_trained_and_its_metrics_are_read_back(stack: Stack) -> None:
    stack.start_all()
    job = stack.ended(stack.post(digits_spec(epochs=5)))
    epochs = stack.epochs(job["id"])
    layers = stack.layers(job["id"])
    assert (job["status"], job["outcome"], job["progress"]) == ("succeeded", "completed", 1.0)
    assert job["attempt"] == 1
    assert epochs["epoch"] == [0, 1, 2, 3, 4, 5]
    assert epochs["train_loss"][-1] < epochs["train_loss"][0]
    assert epochs["train_metric"][-1] > 0.8
    assert epochs["grad_norm_mean"][0] is None
    assert epochs["grad_norm_mean"][1] > 0
    assert job["summary"] | {"seconds": 0} == {name: c[-1] for name, c in epochs.items()} | {
        "seconds": 0
    }
    assert layers["layer"] == [0, 1] * 6
    assert layers["units"] == [16] * 12
    assert job["environment"]["torch"]


def test_jobs_that_may_train_together_have_the_numbers_they_have_alone(stack: Stack) -> None:
    spec = digits_spec()
    others = [
        digits_spec(activation={"name": "relu", "derivative_at_zero": a}, seed=s)
        for a in (0.5, 1.0)
        for s in (0, 1)
    ]
    stack.start("service.api")
    stack.wait_until_listening()
    together = [stack.post(one) for one in [spec, *others]]
    stack.start("service.dispatch")
    stack.start("workers")
    stack.wait_until_ready()
    for job_id in together:
        stack.ended(job_id)
    alone = stack.ended(stack.post(spec))
    assert stack.epochs(alone["id"]) == stack.epochs(together[0])
    assert stack.layers(alone["id"]) == stack.layers(together[0])


def test_a_diverging_job_succeeds_and_says_when_it_diverged(stack: Stack) -> None:
    stack.start_all()
    linear = {
        "dataset": {"name": "diabetes", "scaling": "none"},
        "network": {"kind": "linear"},
        "activation": {"name": "identity"},
        "loss": {"name": "mse"},
        "optimizer": {"learning_rate": 1e30},
        "epochs": 50,
    }
    job = stack.ended(stack.post(linear))
    assert (job["status"], job["outcome"]) == ("succeeded", "diverged")
    assert job["diverged_at_step"] >= 1
    last = stack.epochs(job["id"])["train_loss"][-1]
    assert last in ("NaN", "Infinity") or not math.isfinite(last)


def test_an_epoch_zero_job_measures_the_initial_state(stack: Stack) -> None:
    stack.start_all()
    job = stack.ended(stack.post(digits_spec(epochs=0)))
    assert job["status"] == "succeeded"
    assert stack.epochs(job["id"])["epoch"] == [0]


def test_a_linear_job_tells_how_far_it_is_from_the_exact_optimum(stack: Stack) -> None:
    stack.start_all()
    spec = {
        "dataset": {"name": "diabetes", "scale_target": True},
        "network": {"kind": "linear"},
        "activation": {"name": "identity"},
        "loss": {"name": "mae"},
        "optimizer": {"learning_rate": 0.1, "schedule": {"name": "cosine"}},
        "epochs": 20,
    }
    epochs = stack.epochs(stack.ended(stack.post(spec))["id"])
    gaps, apart, rates = (
        epochs[name] for name in ("optimality_gap", "weight_distance", "learning_rate")
    )
    assert gaps[0] > 0.1
    assert 0 < gaps[-1] < 0.01
    assert 0 < apart[-1] < apart[0]
    assert rates[0] is None
    assert 0.1 > rates[1] > rates[-1] > 0
