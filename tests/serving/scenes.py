"""Plausible situations drawn at random from a seed, to find what can happen."""

import random

from data_contracts.durations import MINUTE_US
from tests.serving.life import Life

TITLES = ("quarterly report", "call the plumber", "tax return", "book the dentist", "slides for Ana", "renew passport")
LABELS = ("run", "read", "meditate", "stretch")


def scene(rng: random.Random) -> Life:
    """Return one person at one waking instant of a weekday or a Saturday."""
    weekday = rng.random() < 0.7
    face = f"{rng.randrange(8, 22):02d}:{rng.choice([5, 20, 35, 50]):02d}"
    life = Life.on(f"2026-03-{4 if weekday else 7:02d}T{face}")
    _tasks(life, rng)
    _calendar(life, rng)
    for label in rng.sample(LABELS, rng.choice([0, 1, 4])):
        life.streak(label, rng.choice([1, 4]), until=rng.choice([0, 1, 4]))
    if rng.random() < 0.5:
        life.mood(rng.choice([1, 2, 4]), rng.choice([1, 2, 4]), hours_ago=50)
    if rng.random() < 0.8:
        life.mood(rng.choice([1, 2, 3, 5]), rng.choice([0, 1, 2, 5]), hours_ago=rng.choice([1, 22]))
    if rng.random() < 0.9:
        place = rng.choice(["home", "work", "out"])
        focus = rng.choice([None, False])
        life.context(rng.choice(["phone", "desktop"]), place, focus=focus, since_min=rng.choice([10, 70, 120]))
    return life


def _tasks(life: Life, rng: random.Random) -> None:
    dues = (
        None,
        life.now_us + 90 * MINUTE_US,
        life.clock(0, "23:59"),
        life.clock(1, "12:00"),
        life.clock(-1, "12:00"),
        life.clock(4, "23:59"),
    )
    for title in TITLES[: rng.choice([0, 1, 2, 4, 6])]:
        life.task(
            title,
            rng.choice(dues),
            priority=rng.choice([1, 4]),
            effort=rng.choice([0, 10]),
            created_days=rng.choice([3, 40]),
        )
    crowd = rng.choice(["", "", "open", "today", "late"])
    due_us = {"today": life.clock(0, "23:59"), "late": life.clock(-2, "12:00")}.get(crowd)
    for number in range({"": 0, "open": 30}.get(crowd, 4)):
        life.task(f"task {number}", due_us)
    for number in range(rng.choice([0, 2, 5])):
        life.task(f"finished {number}", done_min_ago=30 + number)


def _calendar(life: Life, rng: random.Random) -> None:
    gap = rng.choice([8, 15, 25, 45, 90, 200])
    shape = rng.choice(["free", "one", "many", "between"])
    if shape == "free":
        life.meeting(life.clock(-1, "09:00"), life.clock(-1, "10:00"))
        return
    for step in range(5 if shape == "many" else 1):
        begins = life.now_us + (gap + 70 * step) * MINUTE_US
        life.meeting(begins, begins + 60 * MINUTE_US)
    if shape == "between":
        life.meeting(life.ago(70), life.ago(10))
    life.meeting(life.clock(1, "09:00"), life.clock(1, "14:00"))
