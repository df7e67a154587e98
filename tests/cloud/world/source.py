"""A pipeline's source on this machine: `lakehead mock`, which ends with the test."""

import json
import subprocess
from types import TracebackType

from . import binaries, lifetime


class Source:
    """A running source."""

    def __init__(self, pipeline: str, *options: str):
        command = [binaries.lakehead(), "--pipelines", str(binaries.ROOT / "pipelines"), "mock", pipeline]
        command += ["--port", "0", "--format", "json", *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=lifetime.end_with_parent
        )
        assert self._process.stdout is not None
        told = json.loads(_document(self._process.stdout))
        self.pipeline = pipeline
        self.params: dict[str, str] = told["params"]
        self.secrets: dict[str, str] = told["secrets"]

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _document(lines: "object") -> str:
    """The first JSON document of a stream that goes on."""
    text = ""
    for line in lines:
        text += line
        try:
            json.loads(text)
        except ValueError:
            continue
        return text
    raise RuntimeError(f"the source ended: {text}")
