"""Pieces of algorithms, for any POSIX shell and nothing that busybox does not have."""

from __future__ import annotations

from typing import Final

READY: Final = "ready"  # the output that says so
SAY_READY: Final = f'echo yes > "$OUTPUTS/{READY}"\n'
NAP: Final = "sleep 0.1 2> /dev/null || sleep 1\n"
AWAIT_GO: Final = f'until test -e "$INPUTS/go"; do {NAP}done\n'
STAY: Final = f"{SAY_READY}while :; do {NAP}done\n"
COUNT_START: Final = 'echo once >> "$OUTPUTS/starts"\n'
#: writes without a pause into a file it holds open, wherever that is meanwhile and whosever
BEAT: Final = 'exec 3>> "$OUTPUTS/beat"\nwhile :; do echo x >&3; done\n'
BEAT_READY: Final = f"( {BEAT}) &\n" + 'until test -s "$OUTPUTS/beat"; do :; done\n' + SAY_READY
