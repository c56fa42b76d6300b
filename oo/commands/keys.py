"""Commands of keys: status and rotation."""

from typing import Annotated

import typer

from oo.ui.output import AsJson, emit, note, rows

keys_app = typer.Typer(name="keys", help="The keys of this home.", no_args_is_help=True, rich_markup_mode=None)
NAMES = ("master", "policy", "push")
REFUSED = {
    "tombstone": "is never rotated: erased people are keyed hashes under it, and could return under a new one",
    "audit": "is never rotated: the entries of the audit log would have to be written again",
}


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(keys_app)


@keys_app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show each key: its id, its age, and how much is still wrapped or signed by an older one. No key is shown.

    In a home whose parts do not belong together it names the key files that are missing, damaged or foreign.
    """
    from data_contracts.errors import DamagedStore
    from infra.settings import Settings
    from oo.actions.keyring import file_states, status
    from oo.runtime import opened

    try:
        with opened() as runtime:
            found = status(runtime)
    except DamagedStore as damage:
        note(f"{damage}")
        states = file_states(Settings())
        emit(states, rows([(state.name, state.id or "-", state.state) for state in states]), as_json=as_json)
        raise typer.Exit(1) from damage
    lines = [
        (
            each.name,
            each.id or "-",
            f"since {each.since:%Y-%m-%d}" if each.since else "-",
            f"{each.used_by} ({each.by_older} by older keys)" if each.by_older else str(each.used_by),
            each.note + (f"; older ones: {' '.join(each.older)}" if each.older else ""),
        )
        for each in found
    ]
    emit(found, rows(lines), as_json=as_json)


@keys_app.command("rotate")
def rotate(
    name: Annotated[str, typer.Argument(help="master, policy or push")] = "master", as_json: AsJson = False
) -> None:
    """Put a new key in place of one, while everything runs; run it again when it was interrupted.

    The keys of people are wrapped again and the old master key is destroyed; policies are signed again, and the old
    signing key still verifies; each webhook gets a new secret, and the old one works for a day more.
    """
    from oo.actions import keyring
    from oo.runtime import opened
    from oo.ui.cli_errors import Misused

    if name in REFUSED:
        raise Misused(f"the {name} key {REFUSED[name]}")
    if name not in NAMES:
        raise Misused(f"there is no key {name!r} to rotate; the keys are {', '.join(NAMES)}")
    with opened() as runtime:
        if name == "push":
            minted = keyring.rotate_push(runtime)
            if not as_json:
                note("Each webhook signs with this secret from tomorrow on at the latest; it cannot be shown again:")
            emit(minted, rows([tuple(each.values()) for each in minted]), as_json=as_json)
            return
        done = (keyring.rotate_master if name == "master" else keyring.rotate_policy)(runtime)
    word = "the interrupted rotation is finished" if done.finished else "rotated"
    what = "keys of people wrapped again" if name == "master" else "policies signed again"
    gone = f", {len(done.removed)} older keys destroyed" if done.removed else ""
    emit(done._asdict(), f"{name}: {word}, now {done.current}; {done.again} {what}{gone}", as_json=as_json)


@keys_app.command("distrust")
def distrust(
    key: Annotated[str, typer.Argument(help="The id of an older signing key, from `oo keys status`.")],
    as_json: AsJson = False,
) -> None:
    """Let policies that an older signing key has signed be refused from now on."""
    from oo.actions.keyring import distrust as distrust_key
    from oo.runtime import opened

    with opened() as runtime:
        distrust_key(runtime, key)
    emit({"distrusted": key}, f"{key} verifies no policy any more", as_json=as_json)
