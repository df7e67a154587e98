"""What a pipeline costs a month: the measured figures of one run, its schedule, and list prices."""

from collections.abc import Iterator
from dataclasses import dataclass

from .figures import Figures

# List prices in dollars of us-east-1 as known in November 2026, without free tiers.
PRICED = "November 2026"
GIGABYTE_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / 1e6
TRANSITION = 0.025 / 1e3
S3_WRITE = 0.005 / 1e3
S3_READ = 0.0004 / 1e3
TERABYTE_SCANNED = 5.0
SECRET_READ = 0.05 / 1e4
RPU_HOUR = 0.36
# A workgroup of Redshift that is waked works for a minute at least.
RPUS, LEAST_SECONDS = 8, 60
DAYS = 365 / 12


@dataclass(frozen=True)
class Cost:
    """What runs of a pipeline cost a month."""

    name: str
    runs: float
    figures: Figures

    def parts(self) -> Iterator[tuple[str, str, float]]:
        """What is paid for: its name, how much of it a run takes, and dollars a run."""
        took = self.figures
        seconds = took.megabyte_seconds / 1024
        yield "Lambda", f"{seconds:.2f} GB-s", seconds * GIGABYTE_SECOND
        yield "Lambda requests", str(len(took.used)), len(took.used) * LAMBDA_REQUEST
        # A child of the Map is started, which is a transition too.
        transitions = took.transitions + took.calls("states", "StartExecution")
        yield "Step Functions", f"{transitions} transitions", transitions * TRANSITION
        writes = took.calls("s3", "PutObject", "ListBucket")
        yield "S3 writes and lists", str(writes), writes * S3_WRITE
        reads = took.calls("s3", "GetObject")
        yield "S3 reads", str(reads), reads * S3_READ
        yield "Athena", f"{took.scanned / 1e6:.0f} MB", took.scanned / 1e12 * TERABYTE_SCANNED
        secrets = took.calls("secretsmanager")
        yield "Secrets Manager", f"{secrets} reads", secrets * SECRET_READ
        if took.statements:
            yield "Redshift", f"{RPUS} RPU, {LEAST_SECONDS} s", RPUS * LEAST_SECONDS / 3600 * RPU_HOUR

    @property
    def run(self) -> float:
        """Dollars a run."""
        return sum(dollars for _, _, dollars in self.parts())

    def lines(self) -> Iterator[str]:
        """The table in Markdown."""
        yield f"| {self.name}, {self.runs:.0f} runs a month | a run | $ a run | $ a month |"
        yield "|---|---:|---:|---:|"
        for name, amount, dollars in self.parts():
            yield f"| {name} | {amount} | {dollars:.6f} | {dollars * self.runs:.4f} |"
        yield f"| **all** | | **{self.run:.6f}** | **{self.run * self.runs:.4f}** |"


def runs_a_month(expression: str) -> float:
    """How often a schedule fires a month: those of the pipelines fire once a day or at some hours of it."""
    minute, hours, day, month, weekday, _ = expression.removeprefix("cron(").removesuffix(")").split()
    if (day, month, weekday) not in (("*", "*", "?"), ("?", "*", "*")) or not minute.isdigit():
        raise ValueError(f"the table knows schedules of hours of every day only, not `{expression}`")
    return DAYS * (24 if hours == "*" else 24 // int(hours.split("/")[1]) if "/" in hours else len(hours.split(",")))
