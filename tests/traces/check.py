"""Sends an order in a trace, and looks for that trace at the other end: `check.py PROGRAM`, see `scripts/traces`."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TIMEOUT = 60

spans = {}
arrived = threading.Condition()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        with arrived:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    spans.update((span.name, span) for span in scope.spans)
            arrived.notify()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def order_in_a_trace(servers, endpoint):
    """Sends an order as an instrumented service does."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    with provider.get_tracer("shop").start_as_current_span("send orders", kind=SpanKind.PRODUCER):
        headers = {"Event-Type": "OrderCreated", "tracestate": "shop=1"}
        TraceContextTextMapPropagator().inject(headers)
        producer = Producer({"bootstrap.servers": servers})
        producer.produce("orders", json.dumps({"id": 7}), key="7", headers=list(headers.items()))
        assert producer.flush(TIMEOUT) == 0, "the order was not acknowledged"
    provider.shutdown()


def headers_of_first(servers, topic):
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "check", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            consumer.close()
            return {name: value.decode() for name, value in message.headers()}
    sys.exit(f"traces: nothing arrived in `{topic}`")


def names_span(headers, span):
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    is_it = (version, trace_id, span_id) == ("00", span.trace_id.hex(), span.span_id.hex())
    return is_it and int(flags, 16) & 1 == 1


def check(what, is_so):
    print(f"{'ok' if is_so else 'NOT SO':>6}  {what}")
    return is_so


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    service = subprocess.Popen(
        [sys.argv[1]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "billing"},
    )
    servers = service.stdout.readline().strip()
    assert servers, "the service did not start"
    order_in_a_trace(servers, endpoint)
    prices, audits = headers_of_first(servers, "prices"), headers_of_first(servers, "audits")
    service.stdin.close()
    assert service.wait(TIMEOUT) == 0, "the service failed"

    names = ["send orders", "process orders", "look up the price", "send audits", "send prices"]
    with arrived:
        arrived.wait_for(lambda: all(name in spans for name in names), TIMEOUT)
    missing = [name for name in names if name not in spans]
    if missing:
        sys.exit(f"traces: the receiver has not seen {missing}, but {sorted(spans)}")
    sent, process, inner, audit, price = (spans[name] for name in names)
    attributes = {item.key: item.value for item in process.attributes}
    results = [
        check("the receiver saw one trace", len({span.trace_id for span in spans.values()}) == 1),
        check("the handler's span is a child of the Python producer's", process.parent_span_id == sent.span_id),
        check("and has a link to it", [link.span_id for link in process.links] == [sent.span_id]),
        check("it is a CONSUMER", process.kind == Span.SPAN_KIND_CONSUMER),
        check("of the topic", attributes["messaging.destination.name"].string_value == "orders"),
        check("at the offset 0", attributes["messaging.kafka.offset"].int_value == 0),
        check("the handler's own span is a child of it", inner.parent_span_id == process.span_id),
        check("what it sent is a child of it", audit.parent_span_id == process.span_id),
        check("what it returned is a child of it", price.parent_span_id == process.span_id),
        check("both are PRODUCER", {audit.kind, price.kind} == {Span.SPAN_KIND_PRODUCER}),
        check("a Python consumer reads the span of what was sent", names_span(audits, audit)),
        check("a Python consumer reads the span of what was returned", names_span(prices, price)),
        check("and the producer's tracestate", prices["tracestate"] == audits["tracestate"] == "shop=1"),
    ]
    if not all(results):
        sys.exit("traces: it is not one trace")


main()
