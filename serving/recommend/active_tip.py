"""Answers that need no new decision: a rule's silence, the active tip, a silence that still holds.

An active tip is returned as it was given until it is answered, expires, or may not be given any more: a busy event,
quiet hours, its cluster blocked, too little time left for its effort, its task done or its consent withdrawn. The
conditions that it was chosen under are not asked again: a sentence does not change its mind while it is read.
"""

from data_contracts.answers import Recommendation
from data_contracts.features import Source
from data_contracts.sealing import Sealer
from data_contracts.served import ServedRow
from serving.candidates.subjects import SOURCE_BIT
from serving.recommend.decision_inputs import DecisionInputs, vector_of
from serving.recommend.local_time import day_start_us
from serving.recommend.sealed_tip import Words, open_words
from serving.recommend.speaking_rules import Reason, closed_now, free_minutes, no_new_tip, stays_open


def without_deciding(seen: DecisionInputs, vault: Sealer) -> Recommendation | None:
    """Return the answer that needs no new decision; None when one must be made."""
    closed = closed_now(seen.moment)
    if closed is not None:
        return Recommendation(None, None, closed.value)
    active_tip = _active_tip(seen, vault)
    if active_tip is not None:
        return active_tip
    reason = no_new_tip(seen.moment)
    if reason is None:
        return None
    newest = seen.person.newest
    held = newest.id if newest is not None and reason is Reason.SILENCE_HOLDS else None
    return Recommendation(None, held, reason.value, repeated=held is not None)


def _active_tip(seen: DecisionInputs, vault: Sealer) -> Recommendation | None:
    newest, latest = seen.person.newest, seen.moment.latest
    if newest is None or latest is None or newest.text_box is None or not stays_open(latest, seen.moment):
        return None
    words = open_words(vault, seen.person.person, newest.id, newest.text_box)
    if not _still_true(seen, words):
        return None
    return Recommendation(words.view(newest.expires_us), newest.id, Reason.OPEN_TIP.value, repeated=True)


def _still_true(seen: DecisionInputs, words: Words) -> bool:
    person, newest = seen.person, seen.person.newest
    if newest is None or words.needs & ~person.consent_mask:
        return False
    if any(cluster == newest.cluster and until_us > seen.now_us for cluster, until_us in person.blocks):
        return False
    if newest.subject is not None and newest.subject not in _open_subjects(seen.packet.row, seen):
        return False
    vector = vector_of(seen)
    return words.effort_min <= free_minutes(seen.moment, vector.values, vector.masked)


def _open_subjects(row: ServedRow, seen: DecisionInputs) -> set[str]:
    """Return the tasks that are open, and the habits that are not logged today."""
    found: set[str] = set()
    mask = seen.person.consent_mask
    if mask >> SOURCE_BIT[Source.TASKS] & 1:
        found.update(row.tasks.due_keys, row.tasks.undated_keys)
    if mask >> SOURCE_BIT[Source.HABITS] & 1:
        today_us = day_start_us(seen.now_us, seen.zone)
        logs = zip(row.habits.log_us, row.habits.log_habit, strict=True)
        logged = {row.habits.habit_keys[habit] for at_us, habit in logs if at_us >= today_us}
        found.update(key for key in row.habits.habit_keys if key not in logged)
    return found
