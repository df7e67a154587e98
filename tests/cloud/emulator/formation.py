"""CloudFormation: types that moto passes over are made, and where it stumbles over a good template, it is mended.

What is made so is made in moto's own Athena and Scheduler. Redshift Serverless is a name only: the Data API takes any.
"""

from typing import Any

from moto.athena.models import athena_backends
from moto.core.common_models import CloudFormationModel
from moto.kms.models import Key
from moto.scheduler.models import scheduler_backends


def install() -> None:
    """Mends how keys are made: their tags have other names in a template than in an API call."""
    make = Key.create_from_cloudformation_json.__func__

    def made(cls: type, resource_name: str, cloudformation_json: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        properties = cloudformation_json["Properties"]
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
        told = {**cloudformation_json, "Properties": {**properties, "Tags": tags}}
        return make(cls, resource_name, told, *arguments, **named)

    Key.create_from_cloudformation_json = classmethod(made)


class _Made:
    """A resource that was made: its name, and attributes that tell which one is meant."""

    def __init__(self, kind: str, name: str, account: str, region: str):
        self.kind = kind
        self.type = kind
        self.physical_resource_id = name
        self._arn = f"arn:aws:{kind.split('::')[1].lower()}:{region}:{account}:{name}"

    def get_cfn_attribute(self, attribute: str) -> str:
        """`Arn` and its like are an ARN, all else is the name."""
        return self._arn if attribute.endswith("Arn") else self.physical_resource_id

    def is_created(self) -> bool:
        """It is there as soon as it is made."""
        return True


class _Type(CloudFormationModel):
    """What the types below share. moto finds its direct subclasses of CloudFormationModel only, so each names it too."""

    @staticmethod
    def cloudformation_type() -> str:
        return "Lakehead::Nothing::Nothing"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> _Made:
        cls.make(resource_name, cloudformation_json.get("Properties", {}), account_id, region_name)
        return _Made(cls.cloudformation_type(), resource_name, account_id, region_name)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], account: str, region: str) -> None:
        """Makes it where its API finds it."""


class Workgroup(_Type, CloudFormationModel):
    """A workgroup of Athena."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Athena::WorkGroup"

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], account: str, region: str) -> None:
        athena_backends[account][region].create_work_group(name, properties["WorkGroupConfiguration"], "", [])


class ScheduleGroup(_Type, CloudFormationModel):
    """A group of schedules."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::ScheduleGroup"

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], account: str, region: str) -> None:
        scheduler_backends[account][region].create_schedule_group(name, [])


class Schedule(_Type, CloudFormationModel):
    """A schedule; it never fires."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::Schedule"

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], account: str, region: str) -> None:
        scheduler_backends[account][region].create_schedule(
            description=properties.get("Description", ""),
            end_date=properties.get("EndDate"),
            flexible_time_window=properties["FlexibleTimeWindow"],
            group_name=properties.get("GroupName", "default"),
            kms_key_arn=properties.get("KmsKeyArn"),
            name=name,
            schedule_expression=properties["ScheduleExpression"],
            schedule_expression_timezone=properties.get("ScheduleExpressionTimezone", "UTC"),
            start_date=properties.get("StartDate"),
            state=properties.get("State", "ENABLED"),
            target=properties["Target"],
            action_after_completion=None,
        )


class RedshiftNamespace(_Type, CloudFormationModel):
    """Where Redshift Serverless keeps databases."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "NamespaceName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::RedshiftServerless::Namespace"


class RedshiftWorkgroup(_Type, CloudFormationModel):
    """What runs statements of Redshift Serverless."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "WorkgroupName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::RedshiftServerless::Workgroup"
