"""What happens to the order service while Prometheus looks, and what of it has to be counted."""

import collections
import json
import signal
import time

from confluent_kafka import Producer

TOPICS = {"orders": 2, "payments": 2, "shipments": 1, "orders.dead": 1}
# Orders that are stored before the story begins, so that there is something to pay.
STORED = 400
ATTEMPTS = 5
# Seconds.
STEADY, FROZEN, TICK = 8, 5, 0.1


class Load:
    """Sends orders and payments, and knows what has to become of them."""

    def __init__(self, servers):
        self.producer = Producer({"bootstrap.servers": servers, "linger.ms": 2, "log_level": 2})
        self.ids = iter(range(1, 1_000_000))
        self.unpaid = collections.deque()
        # By consumer, event and outcome; by event and kind; retried attempts by event; events sent.
        self.settled, self.failed, self.retried, self.sent = (collections.Counter() for _ in range(4))

    def order(self, is_test=False):
        """An order, in a CloudEvent; the layer of the order service skips those of a load test."""
        number = next(self.ids)
        headers = [("ce_specversion", "1.0"), ("ce_id", str(number)), ("ce_source", "/check"), ("ce_type", "OrderCreated")]
        headers += [("load-test", "1")] if is_test else []
        order = json.dumps({"id": number, "cents": 100})
        self.producer.produce("orders", order, key=str(number), headers=headers)
        self.settled["orders", "OrderCreated", "skipped" if is_test else "handled"] += 1
        return number

    def payment(self):
        """Pays an order that is stored, which is shipped then."""
        self._payment({"order": self.unpaid.popleft(), "cents": 100})
        self.settled["payments", "OrderPaid", "handled"] += 1
        self.sent["ShipmentRequested"] += 1

    def payment_of_unknown_order(self):
        self._payment({"order": 0, "cents": 100})
        self.failed["OrderPaid", "error"] += ATTEMPTS
        self.retried["OrderPaid"] += ATTEMPTS - 1
        self.settled["payments", "OrderPaid", "dead_lettered"] += 1

    def undecodable_payment(self):
        self._payment({"order": "none"})
        self.failed["OrderPaid", "undecodable"] += 1
        self.settled["payments", "OrderPaid", "dead_lettered"] += 1

    def _payment(self, fields):
        number = next(self.ids)
        payment = {"type": "OrderPaid", "id": f"p-{number}", **fields}
        self.producer.produce("payments", json.dumps(payment), key=str(fields["order"]))

    def without_a_handler(self):
        """An event that nobody handles, and a record that is not an event."""
        self.producer.produce("payments", json.dumps({"type": f"Type{next(self.ids)}"}))
        self.settled["payments", "_other", "skipped"] += 1
        self.producer.produce("payments", "[]")
        self.settled["payments", "_untyped", "skipped"] += 1

    def steady(self, seconds):
        """Some twenty orders and ten payments a second, and what else there is in every topic."""
        due = time.monotonic()
        for tick in range(round(seconds / TICK)):
            self.order()
            self.order(is_test=tick % 5 == 0)
            self.payment()
            if tick % 10 == 0:
                self.without_a_handler()
            self.producer.poll(0)
            due += TICK
            time.sleep(max(0, due - time.monotonic()))

    def flush(self):
        assert self.producer.flush(60) == 0, "not all records were acknowledged"


class Story:
    """What happens, with the time of each part: by `tell`."""

    def __init__(self, load, service, until_settled):
        self.load, self.service, self.until_settled = load, service, until_settled
        # Name, start, end.
        self.parts = []

    def tell(self):
        begun = time.monotonic()
        self.load.unpaid.extend(self.load.order() for _ in range(STORED))
        self.load.flush()
        self.until_settled()
        # As many as the service takes some seconds for, whatever its disk is like.
        burst = max(100, int(STORED / (time.monotonic() - begun) * 10) // 100 * 100)
        self._part("", lambda: self.load.steady(STEADY))
        self._part(f"{burst:,} orders at once", lambda: self._burst(burst))
        self._part("payments of unknown orders", self._unknown)
        self._part("frozen by SIGSTOP", self._frozen)
        self._part("", lambda: self.load.steady(STEADY))
        self.load.flush()
        self.until_settled()

    def _part(self, name, happens):
        begun = time.time()
        happens()
        self.parts.append((name, begun, time.time()))

    def _burst(self, orders):
        for _ in range(orders):
            self.load.order()
        self.load.steady(STEADY)

    def _unknown(self):
        for _ in range(4):
            self.load.payment_of_unknown_order()
            self.load.undecodable_payment()
            self.load.steady(STEADY / 4)

    def _frozen(self):
        self.service.process.send_signal(signal.SIGSTOP)
        self.load.steady(FROZEN)
        self.service.process.send_signal(signal.SIGCONT)
