"""`python -m benchmarks.tip_door HOME`: oO's own door over a prepared home, its clock and seeds set from outside."""

import sys
from itertools import count
from pathlib import Path

from api.app import create_app
from api.parts import Parts
from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import serve
from feature_repo.online_tables import open_online
from infra.database.decision_writer import DecisionWriter
from infra.database.engine import open_database
from infra.health import Health
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.vault import Vault
from serving.champion import ChampionHolder
from serving.hydration import Hydrator
from serving.pool_maker import PoolMaker
from serving.reactions import ReactionDesk
from serving.receipt import Receipts
from serving.recommender import Recommender
from serving.seen import SeenReader
from serving.shelf import PolicyShelf


def open_door(home: Path) -> tuple[Parts, Settings]:
    """Return the parts of a process, wired as `oo up` wires them."""
    settings = Settings(home=home)
    clock = HandClock(home / "clock")
    vault, seal = Vault(settings.keys), PolicySeal(settings.keys)
    database = open_database(settings.database, tombstone=vault.tombstone)
    online = open_online(settings.online_db)
    champion = ChampionHolder(settings.policies, verify=seal.holds)
    writer = DecisionWriter(database)
    writer.start()
    seeds = count(1)
    recommender = Recommender(
        reader=SeenReader(database, online, vault, champion),
        writer=writer,
        vault=vault,
        champion=champion,
        pools=PoolMaker(online, vault, Hydrator(database, vault)),
        clock=clock,
        new_seed=lambda: next(seeds),
    )
    parts = Parts(
        database=database,
        vault=vault,
        clock=clock,
        health=Health(),
        recommender=recommender,
        reactions=ReactionDesk(database, champion, clock),
        receipts=Receipts(database, PolicyShelf(settings.policies, seal.holds)),
    )
    return parts, settings


def main(home: Path) -> None:
    """Serve until killed."""
    parts, settings = open_door(home)
    serve(create_app(settings, parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
