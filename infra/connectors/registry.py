"""All file connectors, in the order in which they are tried on a file."""

from pathlib import Path

from infra.connectors.calendars.ics_files import CalendarFiles
from infra.connectors.connector import Connector, FileRefused
from infra.connectors.tables.signal_lines import SignalLines
from infra.connectors.tables.signal_tables import CONTEXT, HABITS, MOOD
from infra.connectors.tasks.todoist_csv import TodoistCsv
from infra.connectors.tasks.todoist_json import TodoistJson
from infra.connectors.text_files import check, head

FILE_CONNECTORS: tuple[Connector, ...] = (
    CalendarFiles(),
    SignalLines(),
    TodoistJson(),
    TodoistCsv(),
    MOOD,
    HABITS,
    CONTEXT,
)


def connector_for(path: Path) -> Connector:
    """Return the connector of a file; raises `FileRefused` when it is no readable file or of no known kind."""
    check(path)
    first = head(path)
    found = next((connector for connector in FILE_CONNECTORS if connector.matches(path, first)), None)
    if found is None:
        raise FileRefused(path, "unknown_format")
    return found
