"""What an attack is: a name, what is sent, what must be seen, and a function that does it and says what was seen."""

from collections.abc import Callable
from typing import NamedTuple

from tests.attack.target import Target


class Seen(NamedTuple):
    """What one attack saw, in one sentence, and whether the system held."""

    text: str
    held: bool


class Attack(NamedTuple):
    """One attack; `threats` are its numbers in docs/threats.md and docs/faults.md."""

    name: str
    threats: str
    sent: str
    must: str
    run: Callable[[Target], Seen]


ATTACKS: list[Attack] = []


def attack(threats: str, *, sent: str, must: str) -> Callable[[Callable[[Target], Seen]], Callable[[Target], Seen]]:
    """Enter a function into the catalogue; its name is the attack's name."""

    def enter(function: Callable[[Target], Seen]) -> Callable[[Target], Seen]:
        ATTACKS.append(Attack(function.__name__.replace("_", " "), threats, sent, must, function))
        return function

    return enter
