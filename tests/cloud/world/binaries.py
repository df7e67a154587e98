"""The binaries under test: `lakehead`, and the functions as they are packed for Lambda."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = ("plan", "fetch-page", "transform", "load", "publish", "refresh")


def folder() -> Path:
    """Where cargo leaves what it builds for tests."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"


def lakehead() -> Path:
    """The command."""
    return _there(folder() / "lakehead")


def packed_functions(scratch: Path) -> Path:
    """A folder of folders `<function>/bootstrap`: LAKEHEAD_FUNCTIONS, as `cargo lambda build` leaves them, or those of
    the test build without what only a debugger reads."""
    if given := os.environ.get("LAKEHEAD_FUNCTIONS"):
        return Path(given)
    for name in FUNCTIONS:
        into = scratch / "functions" / name
        into.mkdir(parents=True)
        shutil.copy(_there(folder() / name), into / "bootstrap")
        subprocess.run(["strip", "--strip-all", into / "bootstrap"], check=True)
    return scratch / "functions"


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; build it with `cargo build --workspace --bins`")
    return path
