"""CloudFormation, where moto's stumbles over a template that AWS takes."""

from typing import Any

from moto.kms.models import Key


def install() -> None:
    """Mends how keys are made: their tags have other names in a template than in an API call."""
    make = Key.create_from_cloudformation_json.__func__  # type: ignore[attr-defined]

    def made(cls: type, resource_name: str, cloudformation_json: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        properties = cloudformation_json["Properties"]
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
        told = {**cloudformation_json, "Properties": {**properties, "Tags": tags}}
        return make(cls, resource_name, told, *arguments, **named)

    Key.create_from_cloudformation_json = classmethod(made)
