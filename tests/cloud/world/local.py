"""Runs of `lakehead` on this machine, which the cloud is compared with."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Protocol

from . import binaries


class Origin(Protocol):
    """A source: what a run of its pipeline needs to get there."""

    pipeline: str
    params: dict[str, str]
    secrets: dict[str, str]


def run(source: Origin, pipelines: Path, root: Path, *options: str) -> dict[str, Any]:
    """Runs a pipeline below a root; answers its report."""
    params = [part for name, value in source.params.items() for part in ("--param", f"{name}={value}")]
    command = ["--pipelines", str(pipelines), "run", source.pipeline, "--root", str(root), "--format", "json"]
    return json.loads(_said([*command, *params, *options], source.secrets))


def tables(root: Path) -> list[dict[str, Any]]:
    """The published tables below a root, with their files."""
    return json.loads(_said(["tables", "--root", str(root), "--format", "json"], {}))


def _said(arguments: list[str], environment: dict[str, str]) -> str:
    ended = subprocess.run(
        [binaries.lakehead(), *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(
            f"lakehead {' '.join(arguments)} ended with {ended.returncode}\n{ended.stderr}\n{ended.stdout}"
        )
    return ended.stdout
