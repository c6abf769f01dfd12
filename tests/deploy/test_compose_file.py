"""The compose file, as far as it can be judged without an engine."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from service.settings import SECRETS, Settings
from tests.architecture.test_repository import fields_of
from tests.architecture.tree import ROOT, tracked
from tests.deploy import compose

SERVICES = compose.services()
LASTING = [name for name, one in SERVICES.items() if not one.runs_once]
OWN = list(compose.own())
STORES = {"postgres", "redis"}
SECRET_FILES = {f"SUBGRAD_{name}_FILE".upper() for name in SECRETS}


def test_it_is_what_the_compose_specification_allows() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_part_of_the_service_is_there() -> None:
    assert set(SERVICES) == {
        *("secrets", "postgres", "redis", "migrate", "api", "dispatch", "worker"),
        *("worker-gpu", "prometheus", "grafana"),
    }


def test_what_is_no_part_of_a_plain_up_has_its_profile() -> None:
    profiles = {name: one.given.get("profiles") for name, one in SERVICES.items()}
    assert {name: found for name, found in profiles.items() if found} == {
        "worker-gpu": ["gpu"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


def test_one_port_is_published_and_every_port_of_a_profile_to_this_machine_alone() -> None:
    ports = {name: one.given["ports"] for name, one in SERVICES.items() if "ports" in one.given}
    assert ports == {"api": ["127.0.0.1:8000:8000"], "grafana": ["127.0.0.1:3000:3000"]}


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_started_again_and_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name].given["restart"] == "unless-stopped"
    assert SERVICES[name].health


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_take_the_whole_machine(name: str) -> None:
    limits = SERVICES[name].given["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert limits["pids"] <= 4096


@pytest.mark.parametrize("name", SERVICES)
def test_no_log_fills_the_disk(name: str) -> None:
    assert set(SERVICES[name].given["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", OWN)
def test_ours_have_no_rights_and_nothing_to_write_to(name: str) -> None:
    given = SERVICES[name].given
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert "cap_add" not in given
    assert "privileged" not in given
    assert given["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [name for name in OWN if name in LASTING])
def test_ours_may_write_into_their_home(name: str) -> None:
    """A folder in memory is root's, unless it is said whose it is."""
    home = SERVICES[name].environment["SUBGRAD_HOME"]
    assert SERVICES[name].in_memory[home].startswith("uid=10001,gid=10001,")


@pytest.mark.parametrize("name", [name for name in OWN if name in LASTING])
def test_ours_start_after_the_migrations_and_the_broker(name: str) -> None:
    waits_for = SERVICES[name].waits_for
    assert waits_for["migrate"] == "service_completed_successfully"
    assert waits_for["redis"] == "service_healthy"


def test_the_migrations_run_once_after_the_database_and_the_database_after_its_secret() -> None:
    assert SERVICES["migrate"].runs_once
    assert SERVICES["migrate"].waits_for == {"postgres": "service_healthy"}
    assert SERVICES["postgres"].waits_for == {"secrets": "service_completed_successfully"}


def test_database_and_broker_are_reached_from_inside_alone() -> None:
    networks = compose.document()["networks"]
    assert networks["inside"] == {"internal": True}
    assert {SERVICES[name].given["networks"][0] for name in STORES} == {"inside"}
    assert {len(SERVICES[name].given["networks"]) for name in STORES} == {1}


def test_what_is_stored_is_in_named_volumes() -> None:
    declared = set(compose.document()["volumes"])
    mounted = {source for one in SERVICES.values() for source, _ in one.mounts}
    assert {source for source in mounted if not source.startswith(".")} == declared
    assert ("postgres-data", "/var/lib/postgresql/data") in SERVICES["postgres"].mounts
    assert ("redis-data", "/data") in SERVICES["redis"].mounts


def test_what_is_mounted_from_the_repository_is_in_it() -> None:
    ours = {str(path) for path in tracked()}
    mounted = {
        source.removeprefix("./")
        for one in SERVICES.values()
        for source, _ in one.mounts
        if source.startswith(".")
    }
    assert mounted
    assert {
        source for source in mounted if not any(path.startswith(source) for path in ours)
    } == set()


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_that_is_set_exists(name: str) -> None:
    set_here = {key for key in SERVICES[name].environment if key.startswith("SUBGRAD_")}
    assert set_here - set(fields_of(Settings)) - SECRET_FILES == set()


@pytest.mark.parametrize("name", OWN)
def test_every_setting_has_a_value_that_it_can_have(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in SERVICES[name].environment.items():
        if key not in SECRET_FILES:  # those are in the containers alone
            monkeypatch.setenv(key, value)
    Settings()


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_an_environment(name: str) -> None:
    for key, value in SERVICES[name].environment.items():
        assert "PASSWORD" not in key or key.endswith("_FILE")
        assert not re.search(r"://[^/]*:[^/]*@", value), f"{key} holds a password"


@pytest.mark.parametrize("name", OWN)
def test_every_module_that_is_run_exists(name: str) -> None:
    health = SERVICES[name].health or []
    for command in (SERVICES[name].command, health):
        if command[:2] == ["python", "-m"]:
            assert find_spec(command[2]) is not None


def test_it_comes_up_where_no_variable_is_set() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    without_default = [found[1] for found in compose.VARIABLE.finditer(text) if found[2] is None]
    assert without_default == []


def test_every_image_of_others_has_a_version() -> None:
    images = {name: one.given["image"] for name, one in SERVICES.items() if not one.target}
    assert images
    assert all(re.search(r":v?\d", image) for image in images.values()), images


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_there_may_be_any_number_of_workers(name: str) -> None:
    given = SERVICES[name].given
    assert {"container_name", "hostname", "ports"} & set(given) == set()


def test_a_worker_may_take_longer_to_stop_than_it_needs() -> None:
    assert SERVICES["worker"].grace_s > 10


def test_the_gpu_profile_reserves_gpus() -> None:
    (device,) = SERVICES["worker-gpu"].given["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


def test_prometheus_asks_the_api_where_it_listens() -> None:
    text = (ROOT / "deploy/monitoring/prometheus.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["api:8000"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    # What it shows lies where both have it mounted.
    key = job["authorization"]["credentials_file"]
    folder = key.rpartition("/")[0]
    assert SERVICES["api"].environment["SUBGRAD_METRICS_KEY_FILE"] == key
    assert ("metrics-secrets", folder) in SERVICES["api"].mounts
    assert ("metrics-secrets", folder) in SERVICES["prometheus"].mounts
