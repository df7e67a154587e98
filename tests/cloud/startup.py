"""How large functions are and how long they take to start: from the start of the process to its first question for work.

    python tests/cloud/startup.py target/lambda [--times 50]

The folder is as `cargo lambda build` leaves it: `<function>/bootstrap`. Put an empty function beside ours to compare.
"""

import argparse
import io
import statistics
import zipfile
from collections.abc import Iterator
from pathlib import Path

from emulator.lambdas.process import Process

# What a deployed function is told; nothing listens there, and before the first call nobody asks.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_LOG_GROUP_NAME": "none",
    "AWS_LAMBDA_LOG_STREAM_NAME": "none",
    "LAKEHEAD_BUCKET": "none",
}


def main() -> None:
    """Prints a table in Markdown."""
    options = argparse.ArgumentParser(description="Sizes and start times of functions.")
    options.add_argument("folder", type=Path)
    options.add_argument("--times", type=int, default=50)
    given = options.parse_args()
    print("| function | bytes | zip, bytes | start, median ms | of ten, the slowest ms |")
    print("|---|---:|---:|---:|---:|")
    for bootstrap in sorted(given.folder.glob("*/bootstrap")):
        times = sorted(_starts(bootstrap.parent, given.times))
        tenth = times[int(len(times) * 0.9)]
        size, packed = bootstrap.stat().st_size, _packed(bootstrap)
        print(f"| {bootstrap.parent.name} | {size:,} | {packed:,} | {statistics.median(times):.1f} | {tenth:.1f} |")


def _starts(folder: Path, times: int) -> Iterator[float]:
    """Milliseconds of each start."""
    for _ in range(times):
        environment = {**ENVIRONMENT, "AWS_LAMBDA_FUNCTION_NAME": folder.name}
        said: list[str] = []
        process = Process(folder, environment, said.append)
        seconds = process.wait_until_ready()
        if process.dead:
            raise SystemExit(f"{folder.name} ended before it asked for work:\n" + "\n".join(said))
        process.kill()
        yield seconds * 1000


def _packed(bootstrap: Path) -> int:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(bootstrap, "bootstrap")
    return len(body.getvalue())


if __name__ == "__main__":
    main()
