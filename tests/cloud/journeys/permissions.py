"""What was granted beside what was used, in both directions.

Granted is what the roles of the deployed stack hold; used is what the emulator saw. Actions that a service makes for a
function, as Athena does, need the function's permission too: of these nothing may be missing, but the emulator's
services do not do all that AWS's do, so what they have not used is no finding.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from emulator.witness import IMPLIED, Action
from world.stack import ACCOUNT, REGION, Stack

# Granted, not used in these journeys, and right: why, by who has it and the action.
OPTIONAL = {
    ("*", "s3:AbortMultipartUpload"): "an upload in parts breaks off; the journeys' files are too small to have parts",
    ("*", "athena:StopQueryExecution"): "a run is given up while its statements run",
    (
        "states",
        "states:DescribeExecution",
    ): "Step Functions follows the children of a Map with it; the emulator does not ask",
    ("states", "states:StopExecution"): "a Map that has failed ends its children; the emulator does not ask",
    ("states", "states:RedriveExecution"): "a redrive goes on with the children that failed",
    ("states", "s3:ListMultipartUploadParts"): "results of a Map that are written in parts",
    ("states", "s3:AbortMultipartUpload"): "results of a Map that are written in parts",
    ("states", "logs:*"): "Step Functions delivers its log itself",
    ("states", "xray:*"): "traces are Step Functions' own",
}


@dataclass(frozen=True)
class Grant:
    """One action that a role allows on resources."""

    action: str
    resources: tuple[str, ...]


def granted(stack: Stack, iam: Any, functions: Any, machine_role: str) -> dict[str, list[Grant]]:
    """What each function and the state machine may do, as IAM has it."""
    roles = {one["FunctionName"]: one["Role"] for one in functions.list_functions()["Functions"]}
    roles["states"] = machine_role
    return {name: list(_of_role(role.rsplit("/", 1)[1], iam)) for name, role in roles.items()}


def _of_role(role: str, iam: Any) -> Iterator[Grant]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        yield from _of_document(document)
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        yield from _of_document(found["PolicyVersion"]["Document"])


def _of_document(document: Any) -> Iterator[Grant]:
    read = json.loads(document) if isinstance(document, str) else document
    for statement in _list(read["Statement"]):
        if statement["Effect"] == "Allow":
            for action in _list(statement["Action"]):
                yield Grant(action, tuple(_list(statement["Resource"])))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass
class Findings:
    """What the comparison found."""

    rows: list[tuple[str, str, int, str]]
    unused: list[tuple[str, str]]
    not_granted: list[Action]
    wildcards: list[tuple[str, str]]
    optional: list[tuple[str, str, str]]

    def lines(self) -> list[str]:
        """The table for a person."""
        told = [f"  {'who':<22} {'action':<36} {'calls':>6}  by"]
        told += [f"  {who:<22} {action:<36} {count:>6}  {by}" for who, action, count, by in self.rows]
        told.append("  granted, not used, and why it is right:")
        told += [f"    {who} {action}: {why}" for who, action, why in self.optional]
        told += [f"  granted and not used: {who} {action}" for who, action in self.unused]
        told += [f"  used and not granted: {action}" for action in self.not_granted]
        told += [f"  wildcard: {who} {action}" for who, action in self.wildcards]
        told.append(
            f"  granted and unused {len(self.unused)} · used and not granted {len(self.not_granted)} · "
            f"wildcard actions {len(self.wildcards)}"
        )
        return told


def compare(stack: Stack, grants: dict[str, list[Grant]], used: Counter[Action]) -> Findings:
    """Compares both directions."""
    findings = Findings([], [], [], [], [])
    for who, mine in grants.items():
        actions = Counter({action: count for action, count in used.items() if action.principal == who})
        findings.not_granted += [action for action in actions if not any(_allows(grant, action) for grant in mine)]
        findings.wildcards += [(who, grant.action) for grant in mine if "*" in grant.action]
        names = _by_service(stack, who)
        for action in sorted({grant.action for grant in mine}):
            count = sum(times for one, times in actions.items() if f"{one.service}:{one.action}" == action)
            own = sum(
                times
                for one, times in actions.items()
                if f"{one.service}:{one.action}" == action and one.via in ("", IMPLIED)
            )
            by = "/".join(sorted(names.get(action, {"itself"})))
            findings.rows.append((who, action, count, by))
            if own or (count and "function" not in names.get(action, set())):
                continue
            if names and "function" not in names.get(action, {"function"}):
                continue
            why = _optional(who, action)
            if why:
                findings.optional.append((who, action, why))
            else:
                findings.unused.append((who, action))
    return findings


def _by_service(stack: Stack, who: str) -> dict[str, set[str]]:
    """Who makes each action with a function's role: itself, or a service for it."""
    found: dict[str, set[str]] = {}
    for grant in stack.grants.get(who.removeprefix("lakehead-"), []):
        for action in grant["actions"]:
            found.setdefault(action, set()).add(grant["by"])
    return found


def _optional(who: str, action: str) -> str | None:
    for (whose, pattern), why in OPTIONAL.items():
        if fnmatchcase(who, whose) and fnmatchcase(action, pattern):
            return why
    return None


def _allows(grant: Grant, action: Action) -> bool:
    if not fnmatchcase(f"{action.service}:{action.action}".lower(), grant.action.lower()):
        return False
    wanted = list(_arns(action))
    return not wanted or any(fnmatchcase(arn, pattern) for arn in wanted for pattern in grant.resources)


def _arns(action: Action) -> Iterable[str]:
    """What the action is about, as policies name it; nothing where a request does not tell."""
    here = f"{REGION}:{ACCOUNT}"
    match action.service:
        case "s3":
            yield f"arn:aws:s3:::{action.resource}"
        case "glue" if action.resource:
            database, _, table = action.resource.partition("/")
            yield (
                f"arn:aws:glue:{here}:table/{database}/{table}" if table else f"arn:aws:glue:{here}:database/{database}"
            )
        case "secretsmanager":
            # Secrets Manager adds six characters to the name.
            yield f"arn:aws:secretsmanager:{here}:secret:{action.resource}-a1b2c3"
            yield action.resource
        case "lambda":
            yield (
                action.resource
                if action.resource.startswith("arn:")
                else f"arn:aws:lambda:{here}:function:{action.resource}"
            )
        case "states" if action.resource.startswith("arn:"):
            yield action.resource
