"""Reads the compose file as Compose does: anchors resolved, one service at a time."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.source_tree import CHECKOUT

DEPLOY = CHECKOUT / "infra/deploy"


def compose() -> dict[str, Any]:
    """Return the compose file."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def schema() -> dict[str, Any]:
    """Return the strict schema of the subset that is used."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("compose.schema.json").read_text(encoding="utf-8"))
    return loaded


def own_commands() -> dict[str, list[str]]:
    """Return the commands of the services that are ours, by service."""
    services = compose()["services"]
    return {name: one["command"] for name, one in services.items() if one.get("command", [""])[0] == "oo"}
