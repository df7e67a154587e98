"""A state machine by CloudFormation: it can be executed, and the placeholders of its definition are filled."""

from typing import Any

import moto.stepfunctions.models as models
from moto.stepfunctions.parser.models import stepfunctions_parser_backends


def install() -> None:
    """Mends how moto's CloudFormation makes state machines."""
    models.stepfunctions_backends = stepfunctions_parser_backends
    for name in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        setattr(models.StateMachine, name, classmethod(_filled(getattr(models.StateMachine, name).__func__)))


def _filled(make: Any) -> Any:
    def made(cls: type, *arguments: Any, **named: Any) -> Any:
        template = named.get("cloudformation_json") or next(value for value in arguments if isinstance(value, dict))
        properties = template["Properties"]
        definition = properties.get("DefinitionString", "")
        for name, value in (properties.get("DefinitionSubstitutions") or {}).items():
            definition = definition.replace("${" + name + "}", str(value))
        properties["DefinitionString"] = definition
        return make(cls, *arguments, **named)

    return made
