"""Lists of a Map in JSON Lines, which moto's interpreter does not read."""

import enum
import json

from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader import item_reader_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_output_transformer import (
    transformer,
    transformer_csv,
    transformer_json,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.reader_config import input_type
from moto.stepfunctions.parser.asl.eval.environment import Environment


class _JsonLines(transformer.ResourceOutputTransformer):
    def _eval_body(self, env: Environment) -> None:
        most = env.stack.pop()["MaxItemsValue"]
        items = [json.loads(line) for line in env.stack.pop().splitlines() if line.strip()]
        env.stack.append(items[:most] if most else items)


_READERS = {
    "CSV": transformer_csv.ResourceOutputTransformerCSV,
    "JSON": transformer_json.ResourceOutputTransformerJson,
    "JSONL": _JsonLines,
}


def install() -> None:
    """Adds JSON Lines to the types of a list."""
    input_type.InputTypeValue = enum.Enum("InputTypeValue", {name: name for name in _READERS})
    item_reader_decl.resource_output_transformer_for = lambda input_type: _READERS[input_type.input_type_value.value]()
