"""The standard module `signal` by its core: the rest of it lengthens the start of every job."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]
