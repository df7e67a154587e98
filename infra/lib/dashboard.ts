// The dashboard: runs, what they published, what functions and queries took.

import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { failedRuns, published, type Watched } from "./alarms.js";
import { FUNCTIONS } from "./deployment.js";

const HOUR = Duration.hours(1);

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, watched: Watched & { workgroup: string }) {
    super(scope, id);
    const { deployment, machine, functions, undelivered, workgroup } = watched;
    const graph = (title: string, left: cloudwatch.IMetric[], width = 8) =>
      new cloudwatch.GraphWidget({ title, left, width, leftYAxis: { min: 0 } });
    const ofFunctions = (title: string, metric: (name: (typeof FUNCTIONS)[number]) => cloudwatch.IMetric) =>
      graph(title, FUNCTIONS.map(metric));
    const ofAthena = (metricName: string, statistic: string) =>
      new cloudwatch.Metric({
        namespace: "AWS/Athena",
        metricName,
        dimensionsMap: { WorkGroup: workgroup },
        statistic,
        period: HOUR,
      });
    new cloudwatch.Dashboard(this, "Dashboard", {
      dashboardName: deployment.name,
      defaultInterval: Duration.days(7),
      widgets: [
        [
          graph("Runs", [
            machine.metricStarted({ period: HOUR }),
            machine.metricSucceeded({ period: HOUR }),
            failedRuns(machine),
          ]),
          graph(
            "Published",
            deployment.pipelines.map(({ definition }) =>
              published(definition.name, HOUR).with({ label: definition.name }),
            ),
          ),
          graph("How long runs take", [machine.metricTime({ statistic: "Maximum", period: HOUR })]),
        ],
        [
          ofFunctions("Calls", (name) => functions[name].metricInvocations({ period: HOUR, label: name })),
          ofFunctions("How long calls take", (name) =>
            functions[name].metricDuration({ period: HOUR, statistic: "p95", label: name }),
          ),
          ofFunctions("Calls that failed", (name) => functions[name].metricErrors({ period: HOUR, label: name })),
        ],
        [
          ofFunctions("Calls refused", (name) => functions[name].metricThrottles({ period: HOUR, label: name })),
          graph("Bytes that Athena read", [ofAthena("ProcessedBytes", "Sum")]),
          graph("Starts not delivered", [undelivered.metricApproximateNumberOfMessagesVisible({ period: HOUR })]),
        ],
      ],
    });
  }
}
