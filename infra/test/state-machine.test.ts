import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import validate from "asl-validator";
import { ASL } from "../lib/state-machine.js";
import { only, PLAIN, shipped, text } from "./support.js";

const asl = () => JSON.parse(readFileSync(ASL, "utf8"));

test("the state machine is valid", () => {
  const { isValid, errors } = validate(asl());
  assert.ok(isValid, JSON.stringify(errors));
});

test("the validator finds what is broken", () => {
  const broken: [string, (machine: any) => void][] = [
    ["a state that nobody has", (machine) => (machine.States.Plan.Next = "Nowhere")],
    ["a state that nobody reaches", (machine) => (machine.States.Lost = { Type: "Succeed" })],
    ["a member that there is not", (machine) => (machine.States.Plan.Retri = [])],
    ["a path that is none", (machine) => (machine.States.EachSlice.ResultPath = "map")],
    ["a branch without its mode", (machine) => delete machine.States.EachSlice.ItemProcessor.ProcessorConfig.Mode],
  ];
  for (const [what, breakIt] of broken) {
    const machine = asl();
    breakIt(machine);
    assert.equal(validate(machine).isValid, false, what);
  }
});

test("every placeholder is filled by its function and no filling is without its placeholder", () => {
  const { template } = shipped(PLAIN);
  const { DefinitionSubstitutions, DefinitionString } = only(template, "AWS::StepFunctions::StateMachine").Properties;
  const placeholders = new Set([...readFileSync(ASL, "utf8").matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!));
  assert.deepEqual(new Set(Object.keys(DefinitionSubstitutions)), placeholders);
  assert.equal(text(DefinitionString), readFileSync(ASL, "utf8"));
  for (const [name, filling] of Object.entries(DefinitionSubstitutions)) {
    const logical = (filling as { "Fn::GetAtt": string[] })["Fn::GetAtt"][0]!;
    const kebab = name.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
    assert.equal(template.Resources[logical]?.Properties.FunctionName, `lakehead-${kebab}`);
  }
});

test("it is a standard one, with every event in its log and no data", () => {
  const { StateMachineType, LoggingConfiguration, TracingConfiguration, StateMachineName } = only(
    shipped(PLAIN).template,
    "AWS::StepFunctions::StateMachine",
  ).Properties;
  assert.equal(StateMachineName, "lakehead");
  assert.equal(StateMachineType, "STANDARD");
  assert.equal(LoggingConfiguration.Level, "ALL");
  assert.equal(LoggingConfiguration.IncludeExecutionData, false);
  assert.equal(TracingConfiguration.Enabled, true);
});
