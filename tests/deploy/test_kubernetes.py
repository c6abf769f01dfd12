"""The Kubernetes manifests: rendered by kustomize itself, held against the schemas of Kubernetes,
and against what the images and the settings are."""

import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.architecture.test_repository import fields_of
from tests.architecture.tree import ROOT
from tests.deploy import dockerfile

Manifest = dict[str, Any]

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ["overlays/local", "overlays/production"]
# The oldest that is still looked after, and the newest that the validator knows.
VERSIONS = ["1.34", "1.37"]
PROGRAMS = Path(sys.executable).parent
# Whatever the user calls them and wherever they lie.
IMAGES = {
    "subgrad-api": "api",
    "subgrad-dispatch": "dispatch",
    "subgrad-worker": "worker",
    "subgrad-worker-gpu": "worker",
}


@cache
def rendered(overlay: str) -> str:
    done = subprocess.run(
        [PROGRAMS / "kubectl", "kustomize", FOLDER / overlay],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(overlay: str, kind: str = "") -> list[Manifest]:
    found = yaml.safe_load_all(rendered(overlay))
    return [one for one in found if kind in ("", one["kind"])]


def named(overlay: str, kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests(overlay, kind)}


def pods(overlay: str) -> dict[str, Manifest]:
    """The specification of each workload's pods, by the workload's name."""
    workloads = manifests(overlay, "Deployment") + manifests(overlay, "StatefulSet")
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in workloads}


def containers(overlay: str) -> list[tuple[str, Manifest]]:
    return [
        (name, container)
        for name, pod in pods(overlay).items()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    ]


def own(overlay: str) -> list[tuple[str, Manifest]]:
    """Containers of our images, each with its target."""
    found = [(image_of(container), container) for _, container in containers(overlay)]
    return [(IMAGES[image], container) for image, container in found if image in IMAGES]


def image_of(container: Manifest) -> str:
    name = str(container["image"]).rpartition("/")[2]
    return name.partition(":")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_public_validator_finds_nothing(version: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{overlay.rpartition('/')[2]}.yaml" for overlay in OVERLAYS]
    for overlay, file in zip(OVERLAYS, files, strict=True):
        file.write_text(rendered(overlay))
    done = subprocess.run(
        [PROGRAMS / "kubernetes-validate", "--strict", "-k", version, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed for ") == sum(
        len(manifests(overlay)) for overlay in OVERLAYS
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_part_of_the_service_is_there(overlay: str) -> None:
    assert {"api", "dispatch", "worker"} <= set(pods(overlay))
    assert ("worker-gpu" in pods(overlay)) == (overlay == "overlays/production")
    assert ("postgres" in pods(overlay)) == (overlay == "overlays/local")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_needs_rights(overlay: str) -> None:
    """The namespace enforces the profile `restricted`; beyond it, nothing can be written to."""
    for name, pod in pods(overlay).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
    for name, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_container_may_take_a_whole_machine(overlay: str) -> None:
    for name, container in containers(overlay):
        assert "memory" in container["resources"]["limits"], name
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ours_run_as_the_user_of_the_image_and_write_where_it_writes(overlay: str) -> None:
    for name in ("api", "dispatch", "worker"):
        security = pods(overlay)[name]["securityContext"]
        (user,) = dockerfile.stages()["runtime"].all("USER")
        assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
    for target, container in own(overlay):
        home = dockerfile.environment_of(target)["SUBGRAD_HOME"]
        assert {home, "/tmp"} == {  # noqa: S108
            mount["mountPath"] for mount in container["volumeMounts"]
        }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_command_exists_and_none_hides_the_images_own(overlay: str) -> None:
    for _, container in own(overlay):
        is_migration = container["name"] == "migrate"
        assert ("command" in container) == is_migration
        probes = [
            container[probe]["exec"]["command"]
            for probe in ("livenessProbe", "readinessProbe")
            if "exec" in container.get(probe, {})
        ]
        for command in [*probes, *([container["command"]] if is_migration else [])]:
            assert command[:2] == ["python", "-m"]
            assert find_spec(command[2]) is not None


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_migrations_run_before_anything_of_ours(overlay: str) -> None:
    for name in ("api", "dispatch", "worker"):
        (first,) = pods(overlay)[name]["initContainers"]
        assert first["command"] == ["python", "-m", "service.db.migrate"]
        assert first["image"] == pods(overlay)[name]["containers"][0]["image"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_lasting_container_says_whether_it_is_well(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        (container,) = pod["containers"]
        assert "readinessProbe" in container, name
        if image_of(container) in IMAGES:
            assert "livenessProbe" in container, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_exists_and_every_map_that_holds_some_is_there(overlay: str) -> None:
    maps = named(overlay, "ConfigMap")
    given = {name for one in maps.values() for name in one["data"]}
    assert given - set(fields_of(Settings)) == set()
    for _, container in own(overlay):
        references = {
            kind: ref["name"] for one in container["envFrom"] for kind, ref in one.items()
        }
        assert references["configMapRef"] in maps
        assert references["secretRef"] == "subgrad"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_in_the_repository(overlay: str) -> None:
    assert manifests(overlay, "Secret") == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_a_pod(overlay: str) -> None:
    workloads = manifests(overlay, "Deployment") + manifests(overlay, "StatefulSet")
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in workloads]
    services = [one["spec"]["selector"] for one in manifests(overlay, "Service")]
    matched = [one["spec"]["selector"]["matchLabels"] for one in workloads]
    policies = [
        one["spec"]["podSelector"]["matchLabels"]
        for one in manifests(overlay, "NetworkPolicy")
        if one["spec"]["podSelector"]
    ]
    for selector in services + matched + policies:
        assert any(selector.items() <= label.items() for label in labels), selector


def test_a_worker_has_longer_to_stop_than_it_needs() -> None:
    assert pods("overlays/local")["worker"]["terminationGracePeriodSeconds"] > 10


def test_the_autoscaler_and_nobody_else_decides_how_many_workers_there_are() -> None:
    (scaler,) = manifests("overlays/production", "HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    workers = named("overlays/production", target["kind"])[target["name"]]
    assert "replicas" not in workers["spec"]


def test_a_gpu_worker_has_one_gpu() -> None:
    (container,) = pods("overlays/production")["worker-gpu"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_images_of_others_have_a_version() -> None:
    others = {
        str(container["image"])
        for _, container in containers("overlays/local")
        if image_of(container) not in IMAGES
    }
    assert others == {"postgres:17", "redis:7"}
