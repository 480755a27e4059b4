"""What the server tells a supervisor, by `marshal` on its standard input."""

from typing import TypedDict


class Orders(TypedDict):
    """Everything about one run; 0 is no limit.

    `program`, `argv`, `env`, `cwd` and `uid` (None: as the supervisor) start it; `sandboxed` is
    whether the first two processes are bubblewrap's, `filtered` whether calls are refused;
    `group` ("": none) is a control group to make with `bounds`, which then holds memory;
    `mounts` are sources to be shown below `stage` under their numbers. `tasks` bounds threads,
    `memory`, `disk` (below `outputs`) and `log_limit` are bytes, `seconds` and `grace` real time.
    The rest are paths of the run's control folder, `record` is removed at the end.
    """

    program: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    uid: int | None
    sandboxed: bool
    filtered: bool
    group: str
    bounds: dict[str, str]
    shell: list[str]
    mounts: list[str]
    stage: str
    cores: list[int]
    rlimits: dict[str, int]
    tasks: int
    processes: int
    memory: int
    disk: int
    outputs: str
    seconds: float
    grace: float
    log: str
    log_limit: int
    stop: str
    started: str
    exit: str
    record: str
