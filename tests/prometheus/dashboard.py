"""The queries of the dashboard, as Grafana would send them."""

import json
import re

MAY_BE_ZERO = [
    # The order service cannot be paused from outside; and its one rebalance, and its connecting, may be before the first scrape.
    "evkafka_paused_partitions",
    "evkafka_rebalances_total",
    "evkafka_broker_connects_total",
    # What a healthy cluster does not do.
    "evkafka_broker_disconnects_total",
    "evkafka_broker_requests_timed_out_total",
    "evkafka_broker_requests_waiting",
    "evkafka_broker_throttle_max_seconds",
    # Empty at a report more often than not.
    "evkafka_producer_queued",
]


class Query:
    def __init__(self, panel, target):
        self.title, self.reference = panel["title"], target["refId"]
        self.expression, self.legend = target["expr"], target["legendFormat"]
        self.may_be_zero = any(name in self.expression for name in MAY_BE_ZERO)

    def __str__(self):
        return f"chart `{self.title}`, query {self.reference}"

    def with_variables(self, variables):
        expression = self.expression
        # The longest first: `$__rate_interval` begins as `$__rate` would.
        for name in sorted(variables, key=len, reverse=True):
            expression = expression.replace(f"${name}", variables[name]).replace(f"${{{name}}}", variables[name])
        if "$" in expression:
            raise ValueError("a variable that the check does not know")
        return expression

    def named(self, labels):
        """The name of one of its series."""
        return re.sub(r"{{(\w+)}}", lambda name: labels.get(name[1], ""), self.legend).strip()


class Dashboard:
    def __init__(self, path):
        self.content = json.loads(path.read_text(encoding="utf-8"))

    def queries(self):
        """Those of all charts, folded rows included."""
        return [Query(panel, target) for panel in self._charts() for target in panel["targets"]]

    def _charts(self):
        for panel in self.content["panels"]:
            yield from (chart for chart in panel.get("panels", [panel]) if chart["type"] != "row")

    def variables(self, prometheus):
        """What its variables stand for when all values of each are chosen, as in Grafana, but by name."""
        variables = {}
        for variable in self.content["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
                values = prometheus.api(f"label/{label}/values", **{"match[]": metric})
                variables[variable["name"]] = f"({'|'.join(values)})"
        return variables
