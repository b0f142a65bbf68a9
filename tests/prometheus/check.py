"""Looks at the order service with two Prometheus, one for each text: `check.py CLUSTER ORDER_SERVICE [--picture]`, see `scripts/prometheus`."""

import contextlib
import math
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client import parser as prometheus_text

from dashboard import Dashboard
from parts import RATE_INTERVAL, Cluster, OrderService, Prometheus, Scraped, get, until
from picture import draw
from story import TOPICS, Load, Story

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
ALERTS = DOCS / "monitoring" / "alerts.yml"
CONSUMERS = ["orders", "payments"]
# What a check that hangs is ended after, in seconds.
LIMIT = 240
TEXT, OPEN_METRICS = "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"
# What of the dashboard is drawn, and its unit.
DRAWN = [("Records by outcome", "1/s"), ("Lag in time", "s"), ("Duration of calls", "s"), ("Failed attempts", "1/s")]


class Checks:
    def __init__(self):
        self.failed = 0

    def that(self, what, is_so, found=""):
        print(f"{'ok' if is_so else 'NOT SO':>6}  {what}" + ("" if is_so else f": {found}"), flush=True)
        self.failed += 0 if is_so else 1


def without_zeros(counts):
    return {labels: count for labels, count in counts.items() if count}


def counted(prometheus, metric, *labels):
    """What a counter says, by the values of these labels."""
    series = prometheus.now(f"sum by ({', '.join(labels)}) ({metric})")
    values = {tuple(dict(of).get(label) for label in labels): value for of, value in series.items()}
    return without_zeros({of if len(of) > 1 else of[0]: value for of, value in values.items()})


def settled(prometheus):
    labels = ("evkafka_consumer", "evkafka_event", "evkafka_outcome")
    return counted(prometheus, "evkafka_records_settled_total", *labels)


def check_counts(checks, prometheus, load):
    failed = counted(prometheus, "evkafka_attempts_failed_total", "evkafka_event", "error_type")
    retried = counted(prometheus, "evkafka_attempts_retried_total", "evkafka_event")
    sent = counted(prometheus, 'messaging_client_sent_messages_total{error_type=""}', "evkafka_event")
    for what, found, expected in [
        ("settled records", settled(prometheus), load.settled),
        ("failed attempts", failed, load.failed),
        ("retried attempts", retried, load.retried),
        ("events sent", sent, load.sent),
        ("rebalances", counted(prometheus, "evkafka_rebalances_total", "evkafka_change"), {"assigned": len(CONSUMERS)}),
    ]:
        is_so = found == without_zeros(expected)
        total = sum(found.values())
        checks.that(f"{prometheus.name}: {total:.0f} {what}, neither more nor less", is_so, f"{found}, not {expected}")
    lag = prometheus.now("sum(evkafka_partition_lag)")
    checks.that(f"{prometheus.name}: no lag in the end", list(lag.values()) == [0], lag)


def check_dashboard(checks, prometheus, dashboard, start, end):
    """Each query has data, and something other than zeros. The series of each, for the picture."""
    variables = {"__rate_interval": RATE_INTERVAL, **dashboard.variables(prometheus)}
    checks.that(f"{prometheus.name}: the dashboard lists the consumers", variables["consumer"] == f"({'|'.join(CONSUMERS)})", variables)
    answers = []
    for query in dashboard.queries():
        try:
            series = prometheus.between(query.with_variables(variables), start, end)
        except ValueError as error:
            checks.that(f"{prometheus.name}: {query}", False, f"{error}: {query.expression}")
            continue
        values = [value for _, points in series for _, value in points if math.isfinite(value)]
        is_so = bool(values) and (query.may_be_zero or any(values))
        found = "only zeros" if values else f"no data in {len(series)} series"
        checks.that(f"{prometheus.name}: {query}", is_so, f"{found}: {query.expression}")
        answers.append((query, series))
    return answers


def check_alerts(checks, prometheus):
    expected = set(re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8")))

    def rules():
        return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]

    until("the alerts are evaluated", lambda: all(rule["health"] != "unknown" for rule in rules()))
    ill = [(rule["name"], rule.get("lastError")) for rule in rules() if rule["health"] != "ok"]
    checks.that(f"{prometheus.name}: the alerts load and are evaluated", not ill, ill)
    loaded = {rule["name"] for rule in rules()}
    checks.that(f"{prometheus.name}: all {len(expected)} of them", loaded == expected, loaded)
    alerts = [alert for alert in prometheus.api("alerts")["alerts"] if alert["state"] == "firing"]
    summaries = [(alert["labels"]["alertname"], alert["annotations"]["summary"]) for alert in alerts]
    letters = ("EvkafkaDeadLetters", "payments has sent records of OrderPaid to the dead-letter topic")
    checks.that(f"{prometheus.name}: it fires for the dead letters, and for nothing else", summaries == [letters], summaries)


def check_scrapes(checks, prometheus, scraped, content_type):
    asks_first = {asked.partition(",")[0].partition(";")[0] for asked in scraped.asked}
    checks.that(f"{prometheus.name}: it asks for OpenMetrics first", asks_first == {"application/openmetrics-text"}, scraped.asked)
    answered = {answer.replace(" ", "").removesuffix(";charset=utf-8") for answer in scraped.answered}
    checks.that(f"{prometheus.name}: it was answered with {content_type}", answered == {content_type}, answered)
    targets = prometheus.api("targets")["activeTargets"]
    errors = [target["lastError"] for target in targets if target["health"] != "up"]
    checks.that(f"{prometheus.name}: it can read it", len(targets) == 1 and not errors, errors)


def samples(families):
    """All series, with the values of those that nothing changes in the end: gauges may depend on the clock.

    OpenMetrics has the limits of histograms with a point: `10.0`.
    """

    def labels(sample):
        return tuple(sorted((name, float(value) if name == "le" else value) for name, value in sample.labels.items()))

    def value(family, sample):
        return None if family.type == "gauge" else sample.value

    return {(sample.name, labels(sample)): value(family, sample) for family in families for sample in family.samples}


def both_texts(service):
    return {accept: get(service.url + "/metrics", accept)[2] for accept in (TEXT, OPEN_METRICS)}


def check_texts(checks, service):
    texts = both_texts(service)
    promtool = subprocess.run(["promtool", "check", "metrics"], input=texts[TEXT], text=True, capture_output=True)
    said = promtool.stdout + promtool.stderr
    checks.that("promtool finds nothing wrong with the text", promtool.returncode == 0 and not said, said)
    # A report of a Kafka client may come between the two.
    for _ in range(3):
        text = samples(prometheus_text.text_string_to_metric_families(texts[TEXT]))
        try:
            other = samples(open_metrics.text_string_to_metric_families(texts[OPEN_METRICS]))
        except ValueError as error:
            checks.that("Python's parser reads OpenMetrics", False, error)
            return
        differ = set(text.items()) ^ set(other.items())
        if not differ:
            break
        texts = both_texts(service)
    checks.that(f"Python's parsers read the same {len(text)} series in both texts", len(text) > 100 and not differ, differ)


def run(stack, cluster, order_service, picture):
    directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    servers = Cluster(stack, cluster, TOPICS).servers
    service = OrderService(stack, order_service, servers, directory)
    pairs = []
    for name, content_type, accept in [("OpenMetrics", OPEN_METRICS, None), ("text", TEXT, TEXT)]:
        scraped = Scraped(stack, service, accept)
        pairs.append((Prometheus(stack, name, scraped, ALERTS, directory), scraped, content_type))
    # It waits five seconds before it first scrapes a target.
    until("Prometheus scrapes", lambda: all(p.now("up == 1") for p, _, _ in pairs))

    load = Load(servers)

    def until_settled():
        for prometheus, _, _ in pairs:
            wanted = sum(load.settled.values())
            until(f"{wanted} records are settled", lambda: sum(settled(prometheus).values()) >= wanted)

    story = Story(load, service, until_settled)
    start = time.time()
    story.tell()
    until("nothing waits", lambda: all(not any(p.now("sum(evkafka_partition_lag)").values()) for p, _, _ in pairs))
    end = time.time()

    checks, dashboard = Checks(), Dashboard(DOCS / "monitoring" / "grafana.json")
    for prometheus, scraped, content_type in pairs:
        check_scrapes(checks, prometheus, scraped, content_type)
        check_counts(checks, prometheus, load)
        answers = check_dashboard(checks, prometheus, dashboard, start, end)
        check_alerts(checks, prometheus)
    check_texts(checks, service)
    if checks.failed:
        sys.exit(f"prometheus: {checks.failed} of this is not so")
    if picture:
        charts = [(title, unit, [of for of in answers if of[0].title == title]) for title, unit in DRAWN]
        (DOCS / "metrics.svg").write_text(draw(charts, story.parts), encoding="utf-8")


def main():
    cluster, order_service, *options = sys.argv[1:]
    # What it has started ends with it, whoever ends it.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, lambda number, _: sys.exit(f"prometheus: ended by {signal.Signals(number).name}"))
    signal.alarm(LIMIT)
    with contextlib.ExitStack() as stack:
        run(stack, cluster, order_service, options == ["--picture"])


main()
