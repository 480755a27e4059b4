"""What a plug-in may import: the hooks, the backend interface, the shapes they speak in."""

from compute_ref.plugins.backend import (
    RUN_NAME,
    AlgorithmUnavailable,
    Backend,
    BackendUnavailable,
    Exit,
    ExitReason,
    Folders,
    Handle,
    Image,
    Limits,
    Run,
    Site,
    environment_variables,
    run_name,
    shell_command,
)
from compute_ref.plugins.files import FileObject, FileUnavailable, OpenFile, WebClient
from compute_ref.plugins.hookspecs import BackendFactory, hookimpl

__all__ = [
    "RUN_NAME",
    "AlgorithmUnavailable",
    "Backend",
    "BackendFactory",
    "BackendUnavailable",
    "Exit",
    "ExitReason",
    "FileObject",
    "FileUnavailable",
    "Folders",
    "Handle",
    "Image",
    "Limits",
    "OpenFile",
    "Run",
    "Site",
    "WebClient",
    "environment_variables",
    "hookimpl",
    "run_name",
    "shell_command",
]
