"""A definition before it is run: what AWS refuses is refused, what moto's grammar lacks is put in its words."""

import json
from collections.abc import Iterator
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend


def install() -> None:
    """Looks at every definition before moto's parser does."""
    parse = AmazonStateLanguageParser.parse

    def in_its_words(definition: str) -> Any:
        return parse(json.dumps(_in_its_words(json.loads(definition))))

    def validate(definition: str) -> None:
        try:
            problems = list(dangling(json.loads(definition)))
            if not problems:
                in_its_words(definition)
        except Exception as error:  # whatever the parser says
            problems = [str(error)]
        if problems:
            raise JsonRESTError("InvalidDefinition", f"Invalid State Machine Definition: '{'; '.join(problems)}'")

    # A Fail state may pass on by `ErrorPath` what Step Functions itself called a failure.
    CustomErrorName.__init__ = lambda self, error_name: ErrorName.__init__(self, error_name=error_name)
    AmazonStateLanguageParser.parse = staticmethod(in_its_words)
    StepFunctionsParserBackend._validate_definition = staticmethod(validate)


def dangling(machine: dict[str, Any], path: str = "") -> Iterator[str]:
    """Transitions to states that do not exist, and states that nothing leads to."""
    states: dict[str, Any] = machine.get("States", {})
    reached = {machine.get("StartAt")}
    if machine.get("StartAt") not in states:
        yield f"MISSING_TRANSITION_TARGET: StartAt of {path or '/'} names no state"
    for name, state in states.items():
        choices = [*state.get("Choices", []), *state.get("Catch", [])]
        targets = [state.get("Next"), state.get("Default"), *(choice.get("Next") for choice in choices)]
        for target in filter(None, targets):
            reached.add(target)
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: `{target}` after {path}/{name}"
        inner = [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
        for part in [*state.get("Branches", []), *inner]:
            yield from dangling(part, f"{path}/{name}")
    for name in states.keys() - reached:
        yield f"UNREACHABLE_STATE: nothing leads to {path}/{name}"


def _in_its_words(value: Any) -> Any:
    """moto's grammar takes a percentage with a point only."""
    match value:
        case dict():
            return {
                name: float(part)
                if name == "ToleratedFailurePercentage" and isinstance(part, int)
                else _in_its_words(part)
                for name, part in value.items()
            }
        case list():
            return [_in_its_words(part) for part in value]
        case _:
            return value
