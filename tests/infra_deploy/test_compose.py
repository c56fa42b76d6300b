"""The deployment files: valid, closed to the outside, and naming nothing that does not exist."""

import copy
import re
from typing import Any

import jsonschema
import pytest

from infra.settings import Settings
from tests.infra_deploy.compose import DEPLOY, compose, own_commands, schema
from tests.outside_world import TELEMETRY_OFF
from tests.source_tree import CHECKOUT, ROOTS
from tests.test_architecture import quoted, rows
from tests.test_setup import project


def test_the_compose_file_is_valid() -> None:
    """Compose would accept it."""
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(compose(), schema())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("comand", ["oo"]),
        ("ports", ["8421:8421"]),
        ("ports", ["0.0.0.0:8421:8421"]),
        ("profiles", ["everything"]),
        ("depends_on", {"database": {"condition": "service_happy"}}),
        ("image", "oo"),
        ("environment", ["A=b"]),
    ],
)
def test_a_mistake_in_the_compose_file_is_found(key: str, value: Any) -> None:
    """The schema can refuse; a port that is open to the network is a mistake too."""
    broken = copy.deepcopy(compose())
    broken["services"]["api"][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def names_nowhere(file: dict[str, Any]) -> set[str]:
    """Return the services and volumes that are named and not declared."""
    services = file["services"].values()
    wanted: set[str] = {name for one in services for name in one.get("depends_on", {})}
    mounted: set[str] = {volume.partition(":")[0] for one in services for volume in one.get("volumes", [])}
    return wanted.difference(file["services"]) | mounted.difference(file["volumes"])


def test_every_service_and_volume_that_is_named_is_declared() -> None:
    """Nothing waits for a service that never comes."""
    assert names_nowhere(compose()) == set()
    assert names_nowhere({"services": {"a": {"depends_on": {"b": {}}, "volumes": ["c:/d"]}}, "volumes": {}}) == {
        "b",
        "c",
    }


def test_each_profile_runs_what_it_promises() -> None:
    """`core` is complete: the api with its page, the stream and the worker."""
    services = compose()["services"]
    members = {
        profile: {name for name, one in services.items() if profile in one["profiles"]}
        for profile in ("core", "full", "mlops", "ai")
    }
    assert members["core"] == {"api", "stream", "worker"}
    assert members["full"] == members["core"] | {"scorer", "database"}
    assert members["mlops"]
    assert members["ai"]


def test_the_services_start_the_processes_of_the_architecture() -> None:
    """ARCHITECTURE.md, the compose file and the command line speak of the same processes."""
    printed = {quoted(command)[0] for _, command, _ in rows("Processes and stores")} - {"oo up"}
    assert {" ".join(command) for command in own_commands().values()} == printed


def test_only_what_asks_for_a_credential_is_published() -> None:
    """The api, and both pages behind their passwords; scorer, database and model stay inside the project."""
    services = compose()["services"]
    assert {name for name, one in services.items() if "ports" in one} == {"api", "registry", "scheduler"}
    assert services["database"]["environment"]["POSTGRES_PASSWORD"] == "${OO_DATABASE_PASSWORD:-}"
    # an empty one does not open it: the image refuses to start
    assert "POSTGRES_HOST_AUTH_METHOD" not in services["database"]["environment"]


def test_the_environment_names_real_settings_and_holds_no_secret() -> None:
    """A variable is read by somebody, and its secret value comes from outside."""
    known = {f"OO_{name.upper()}" for name in Settings.model_fields} | {"ADMIN_TOKEN"}
    for name, one in compose()["services"].items():
        for variable, value in one.get("environment", {}).items():
            assert variable in known or not variable.startswith("OO_"), f"{name}: {variable}"
            if re.search("TOKEN|PASSWORD|SECRET|KEY", variable):
                assert re.fullmatch(r"\$\{\w+:-\}", value), f"{name}: {variable}"


def test_the_image_holds_every_root_and_runs_as_nobody() -> None:
    """The image is what the wheel is, with the telemetry of its parts off, and not root."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE) == list(ROOTS)
    assert {name for name in TELEMETRY_OFF if f"{name}={TELEMETRY_OFF[name]}" not in text} == set()
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["oo"]
    groups = re.search(r'^ARG GROUPS="(.*)"$', text, re.MULTILINE)
    assert groups is not None
    assert set(groups[1].split()) == project()["dependency-groups"].keys() - {"test", "build", "bench"}


def test_the_build_context_holds_every_root_and_no_home() -> None:
    """What is not named does not travel into the image."""
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {f"!{root}" for root in ROOTS} <= set(lines)
