"""What happens to a home: two at once, keys and files that are gone or damaged, backups, the audit log."""

import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tests.attack.catalogue import Seen, attack
from tests.attack.clients import ask
from tests.attack.exhaustion import Pusher
from tests.attack.target import ADMIN_TOKEN, Server, Target, listening, tree
from tests.faults.damage import overwrite
from tests.oo.canaries import SOURCE, TASK_ID, TASK_TITLE, WORDS, found_in, write_inputs

GARBAGE = 40 << 10
Damage = Callable[[Path], object]


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(name))
    assert found, f"there is no {name}"
    return found[0]


def _garbage(home: Path) -> None:
    """Overwrite 40 KiB in the middle of the database."""
    path = home / "app.db"
    overwrite(path, path.stat().st_size // 2 // 4_096 * 4_096, b"\xa5" * GARBAGE)


DAMAGES: dict[str, Damage] = {
    "master.key missing": lambda home: (home / "keys/master.key").unlink(),
    "master.key damaged": lambda home: (home / "keys/master.key").write_bytes(b"\x01" * 32),
    "tombstone.key missing": lambda home: (home / "keys/tombstone.key").unlink(),
    "tombstone.key damaged": lambda home: (home / "keys/tombstone.key").write_bytes(b"\x01" * 32),
    "policy_signing.key missing": lambda home: _only(home / "keys", "policy_signing*").unlink(),
    "a person's key missing": lambda home: _only(home / "keys/people", "*").unlink(),
    "a person's key damaged": lambda home: _only(home / "keys/people", "*").write_bytes(b"\x02" * 61),
    "keys missing": lambda home: shutil.rmtree(home / "keys"),
    "app.db missing": lambda home: (home / "app.db").unlink(),
    "app.db empty": lambda home: (home / "app.db").write_bytes(b""),
    "app.db with 40 KiB of garbage": _garbage,
    "online.db missing": lambda home: (home / "online.db").unlink(),
    "online.db empty": lambda home: (home / "online.db").write_bytes(b""),
}
JSON = {"Content-Type": "application/json"}


@attack("R8", sent=f"{len(DAMAGES)} homes, each with one file or key gone or damaged", must="`oo doctor` finds each")
def doctor_on_damaged_homes(target: Target) -> Seen:
    """It exits with 1 and names it."""
    before = _findings(target, target.home())
    missed = []
    for name, damage in DAMAGES.items():
        home = target.home()
        damage(home)
        if _findings(target, home) <= before:
            missed.append(name)
    return Seen(f"{len(DAMAGES) - len(missed)} of {len(DAMAGES)} found{_list(missed)}", not missed)


def _findings(target: Target, home: Path) -> set[str]:
    """Return the parts that the doctor calls not ok, or its refusal."""
    done = target.oo(home, "doctor")
    said = {" ".join(line.split()[:3]) for line in done.stdout.splitlines() if line.startswith("NOT OK")}
    return said | ({done.stderr.strip()[:80]} if done.returncode and not said else set())


@attack(
    "R8",
    sent="`oo tip` in the same homes",
    must="a refusal, and nothing is made anew; online.db is made again from the events",
)
def commands_on_damaged_homes(target: Target) -> Seen:
    """A home that does not belong together is not taken for a new life.

    What signs new policies is not needed for a tip: without it the command may go on, and must not replace it.
    """
    refused, went_on, wrong = [], [], []
    for name, damage in DAMAGES.items():
        if name.startswith("a person's key"):
            continue  # one person's words are lost, the home goes on
        home = target.home()
        damage(home)
        done = target.oo(home, "tip", "--json")
        if done.returncode != 0 and "Traceback" not in done.stderr:
            refused.append(name)
        elif name.startswith("online.db") and _served(home) > 0:
            went_on.append(f"{name} (made again)")
        elif name.startswith("policy_signing") and not (home / "keys" / "policy_signing.key").exists():
            went_on.append(f"{name} (not replaced)")
        else:
            wrong.append(name)
    return Seen(f"{len(refused)} refused; went on: {', '.join(went_on) or 'none'}{_list(wrong)}", not wrong)


def _served(home: Path) -> int:
    """Return how many served rows a home has."""
    with closing(sqlite3.connect(home / "online.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM served").fetchone()[0])


def _list(names: list[str]) -> str:
    return f": {', '.join(names)} passed" if names else ""


@attack("R6", sent="a second `oo up --nats` on a home", must="it refuses and names the other; one nats-server runs")
def two_supervisors_on_a_home(target: Target) -> Seen:
    """Two servers on one store damage it."""
    home = target.home()
    with target.up(home, "--nats", "--no-flows") as first:
        command = [target.python, "-m", "oo", "up", "--json", "--port", "0", "--nats", "--no-flows"]
        second = subprocess.Popen(
            command,
            cwd=target.code,
            env=target.environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, said = second.communicate(timeout=60)
            ended = True
        except subprocess.TimeoutExpired:
            ended, said = False, ""
            extra = Server(home, 0, second, first.log)
            servers = [
                c for c in listening([*tree(first.process.pid), *tree(second.pid)]).values() if "nats-server" in c
            ]
            extra.end()
    if not ended:
        return Seen(f"both ran, with {len(servers)} nats-servers", held=False)
    named = str(first.process.pid) in said or "another" in said
    return Seen(f"exit {second.returncode}: {said.strip().splitlines()[-1][:120]}", second.returncode != 0 and named)


@attack(
    "T37",
    sent="restores of a backup made before an erasure, with the present, old and no keys",
    must="the erased stay erased, or a refusal",
)
def restore_behind_an_erasure(target: Target) -> Seen:
    """Tombstones lie beside the keys and travel in later backups."""
    home, archive, old_keys = target.home(), target.folder / "before.tgz", target.folder / "old-keys"
    assert target.oo(home, "backup", str(archive)).returncode == 0
    shutil.copytree(home / "keys", old_keys)
    assert target.oo(home, "forget", "--yes").returncode == 0
    later = target.folder / "after.tgz"
    assert target.oo(home, "backup", str(later)).returncode == 0
    seen, returned = [], []
    for name, keys, file in (
        ("present keys", home / "keys", archive),
        ("no keys", None, archive),
        ("old keys, later backup", old_keys, later),
    ):
        fresh = target.new_home()
        fresh.mkdir(mode=0o700)
        if keys is not None:
            shutil.copytree(keys, fresh / "keys")
        done = target.oo(fresh, "restore", str(file))
        people = _people(fresh)
        seen.append(f"{name}: {'refused' if done.returncode else f'restored, {people} people'}")
        if people and not done.returncode:
            returned.append(name)
        if name.startswith("old keys") and not done.returncode and not _tombstones(fresh):
            returned.append("the tombstone was lost")
    return Seen("; ".join(seen), not returned)


def _people(home: Path) -> int:
    if not (home / "app.db").exists():
        return 0
    with closing(sqlite3.connect(home / "app.db")) as connection:
        found = connection.execute("SELECT count(*) FROM people").fetchone()
    return int(found[0])


def _tombstones(home: Path) -> int:
    path = home / "keys" / "tombstones"
    return len(path.read_text().splitlines()) if path.is_file() else 0


@attack("T27", sent="`oo keys rotate` three times while a client pushes and reads", must="no failure; the data opens")
def key_rotation_under_load(target: Target) -> Seen:
    """Old rows are wrapped anew as they are read."""
    with target.api() as server:
        pusher = Pusher(server)
        pusher.start()
        codes = []
        for _ in range(3):
            codes.append(target.oo(server.home, "keys", "rotate").returncode)
            time.sleep(1)
        pusher.stop()
        tip = ask(server.port, "POST", "/api/recommend", b'{"trigger":"open"}', _signed(server))
        status = target.oo(server.home, "keys", "status")
    failed = {code: count for code, count in pusher.statuses.items() if not 200 <= code < 300}
    held = not any(codes) and not failed and tip.status == 200 and status.returncode == 0
    return Seen(f"rotations exit {codes}; pushes {pusher.statuses}; tip {tip.status}", held)


def _signed(server: Server) -> dict[str, str]:
    return {"Cookie": f"sid={server.sid}", "Content-Type": "application/json"}


TAMPERING = {
    "an edited row": "UPDATE audit SET action = 'nothing' WHERE rowid = (SELECT min(rowid) + 2 FROM audit)",
    "a deleted row": "DELETE FROM audit WHERE rowid = (SELECT min(rowid) + 2 FROM audit)",
    "an inserted row": "INSERT INTO audit ({columns}) SELECT {values} FROM audit LIMIT 1",
    "a cut tail": "DELETE FROM audit WHERE rowid > (SELECT max(rowid) - 2 FROM audit)",
}


@attack(
    "T40",
    sent=f"{len(TAMPERING)} changes of the audit log in the database file",
    must="`oo audit-log verify` names each",
)
def tampered_audit_log(target: Target) -> Seen:
    """A keyed hash chain, its head anchored outside the database."""
    home = target.home()
    with target.serving(home, "api", ADMIN_TOKEN=ADMIN_TOKEN) as server:
        for number in range(5):
            ask(server.port, "POST", "/api/auth/token", b'{"token":"wrong %d"}' % number, JSON)
    if target.oo(home, "audit-log", "verify").returncode != 0:
        return Seen("the log that nobody touched was not verified", held=False)
    missed = []
    for name, statement in TAMPERING.items():
        copy = Path(shutil.copytree(home, target.new_home()))
        with closing(sqlite3.connect(copy / "app.db")) as connection, connection:
            columns = [row[1] for row in connection.execute("PRAGMA table_info(audit)")]
            fresh = {"id": "'inserted'", "sequence": "(SELECT max(sequence) + 1 FROM audit)"}
            values = ", ".join(fresh.get(column, column) for column in columns)
            connection.execute(statement.format(columns=", ".join(columns), values=values))
        if target.oo(copy, "audit-log", "verify").returncode == 0:
            missed.append(name)
    return Seen(f"{len(TAMPERING) - len(missed)} of {len(TAMPERING)} named{_list(missed)}", not missed)


@attack(
    "T38",
    sent="task ids, titles, names, habits and a source full of unique words",
    must="no file but the inputs has one in clear",
)
def canaries_in_clear(target: Target) -> Seen:
    """Every byte of the home is read."""
    home = target.home()
    files = write_inputs(target.folder / "inputs", datetime.now(UTC))
    target.oo(home, "import", *map(str, files))
    with target.serving(home, "api") as server:
        server.sid = target.sign_in(server)
        data = {"task": TASK_ID, "state": "open", "title": TASK_TITLE, "priority": 4}
        item = {
            "id": TASK_ID,
            "kind": "task_changed",
            "at": datetime.now(UTC).isoformat(),
            "source": SOURCE,
            "data": data,
        }
        ask(server.port, "POST", "/api/signals", json.dumps({"signals": [item]}).encode(), _signed(server))
    hits = sorted({(name.partition("/")[0], word) for name, word in found_in(home, WORDS)})
    return Seen(f"{len(WORDS)} words, in clear: {', '.join(f'{w} in {n}' for n, w in hits) or 'none'}", not hits)
