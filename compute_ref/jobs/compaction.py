"""A new file of what is current, written beside the journal that goes on, then put in its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from compute_ref.jobs.files import Disk, JournalFile
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import StoreDamaged

JOURNAL: Final = "store.journal"
DRAFT: Final = "store.journal.new"
SHORT_TAIL: Final = 2**18  # bytes that may be copied while nobody can change anything


class Interrupted(Exception):
    """The server is ending; the old file stays in use."""


def compact(journal: Journal, disk: Disk, ending: Callable[[], bool]) -> None:
    """Compact `journal`, whose file is ``store.journal`` on `disk`.

    Changes go on meanwhile. A crash at any moment leaves the old file or the new one, each whole;
    an error before the new one is in place leaves the old one in use. Raises OSError,
    StoreUnavailable, StoreDamaged or Interrupted.
    """
    journal.check()  # a closed one's folder may be another server's by now
    disk.remove(DRAFT)
    file = disk.open(DRAFT)
    try:
        _compact(journal, file, disk, ending)
    except BaseException:
        if not journal.uses(file):
            with suppress(OSError):  # what it took of a full disk
                disk.remove(DRAFT)
            file.close()
        raise


def _compact(journal: Journal, file: JournalFile, disk: Disk, ending: Callable[[], bool]) -> None:
    new = Journal(file, summaries=journal.summaries, watch=lambda *_: None, sync=False)
    copied = _copy_current(journal, new, ending)
    while journal.end - copied > SHORT_TAIL:
        copied = _copy_tail(journal, new, copied)
    file.sync()
    with journal.held() as durable_at:
        with journal.lock:
            journal.check()
            _copy_tail(journal, new, copied)
            file.sync()
            disk.replace(DRAFT, JOURNAL)
            former, position = journal.install(new), journal.position()
        try:
            disk.sync()
        except OSError:
            former.close()
            journal.give_up()  # after a power cut the name could be the old file's again
            raise
        durable_at(position)
    former.close()


def _copy_current(journal: Journal, new: Journal, ending: Callable[[], bool]) -> int:
    with journal.lock:
        end = journal.end
        tables = {name: dict(entries) for name, entries in journal.tables.items()}
    for table, entries in tables.items():
        for key, entry in entries.items():
            if ending():
                raise Interrupted
            new.copy(table, key, entry, journal.document_at(entry, table, key))
    return end


def _copy_tail(journal: Journal, new: Journal, start: int) -> int:
    end = journal.end
    for line in journal.lines(start, end):
        new.apply(line.changes)
        start = line.end
    if start < end:  # a start would take it for a torn tail
        raise StoreDamaged(start, "cannot be compacted")
    return end
