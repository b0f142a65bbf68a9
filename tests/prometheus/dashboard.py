"""The queries of the dashboard, as Grafana would send them."""

import json
import re

# Rows and charts whose numbers are kept only where a service asks for them, and what it has to set. The order service does not set it.
NEEDS_A_SETTING = {"Kafka clients": "statistics_interval"}
# The order service cannot be paused from outside; and its one rebalance may be before the first scrape.
MAY_BE_ZERO = ["evkafka_paused_partitions", "evkafka_rebalances_total"]


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
        """Those of all charts, folded rows included, but not of what needs a setting."""
        shown = [panel for titles, panel in self._charts() if not titles & NEEDS_A_SETTING.keys()]
        return [Query(panel, target) for panel in shown for target in panel["targets"]]

    def left_out(self):
        """The rows and charts that need a setting, and which."""
        titles = set().union(*(titles for titles, _ in self._charts()))
        return [(title, setting) for title, setting in NEEDS_A_SETTING.items() if title in titles]

    def _charts(self):
        """Each chart, with its title and that of its row."""
        row = None
        for panel in self.content["panels"]:
            if panel["type"] == "row":
                row = panel["title"]
            for chart in panel.get("panels", [panel]):
                if chart["type"] != "row":
                    yield {row, chart["title"]}, chart

    def variables(self, prometheus):
        """What its variables stand for when all values of each are chosen, as in Grafana, but by name."""
        variables = {}
        for variable in self.content["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
                values = prometheus.api(f"label/{label}/values", **{"match[]": metric})
                variables[variable["name"]] = f"({'|'.join(values)})"
        return variables
