"""Writes the pages that are generated from the command line and the settings: `python -m oo.documents [FOLDER]`.

The pages are committed; a test makes them again and compares.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_group

from infra.settings import Settings
from oo.cli import app

MADE = "<!-- made by python -m oo.documents; edit the code, not this page -->"


def commands_page() -> str:
    """Return the page of the command line."""
    parts = [_command(words, command) for words, command in _commands(get_group(app), ())]
    return _page(
        "Commands",
        "Data goes to stdout, messages to stderr. `--json` prints the data as JSON, `--person` says whose life it is"
        " (also `OO_PERSON`). Exit 0 is done, 1 is refused with one sentence, 2 is a wrong command or setting."
        " `OO_HOME` names the folder that holds everything.",
        *parts,
    )


def settings_page() -> str:
    """Return the page of the settings."""
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return _page(
        "Settings",
        "Each process reads them once from the environment, when it starts. None is needed.",
        "| variable | default | what it is |\n| --- | --- | --- |\n" + "\n".join(rows),
    )


PAGES = {"commands.md": commands_page, "settings.md": settings_page}


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def _commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def _command(words: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join(("oo", words, *(_usage(each) for each in arguments)))
    rows = [f"| `{_form(each)}` | {(each.help or '').replace('|', '/')} |" for each in command.params]
    table = "\n\n| | |\n| --- | --- |\n" + "\n".join(rows) if rows else ""
    return f"## {usage}\n\n{' '.join(command.help.split())}{table}"


def _usage(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _form(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name.upper())
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {parameter.name.upper()}"


def _setting(name: str, field: Any) -> str:
    aliases = getattr(field.validation_alias, "choices", (f"OO_{name.upper()}",))
    default = "`$XDG_DATA_HOME/oo`" if name == "home" else "" if field.default is None else f"`{field.default}`"
    return f"| `{aliases[0]}` | {default} | {field.description} |"


def main(folder: Path) -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs")
