"""A service of the Python evkafka.

evkafka_service.py write BROKERS TOPIC        sends the orders on standard input
evkafka_service.py read BROKERS TOPIC COUNT   prints so many orders that its handler gets

A line is `{"key": ..., "order": {...}}`; the key may be null.
"""

import asyncio
import json
import sys
import types


def supply_asyncapi() -> None:
    """The published package imports a subpackage, a page of documentation, that it does not contain."""
    for module, name in [("server", "AsyncApiServer"), ("spec", "get_asyncapi_spec")]:
        stand_in = types.ModuleType(f"evkafka.asyncapi.{module}")
        setattr(stand_in, name, None)
        sys.modules[stand_in.__name__] = stand_in
    sys.modules["evkafka.asyncapi"] = types.ModuleType("evkafka.asyncapi")


supply_asyncapi()

from evkafka import EVKafkaApp, EVKafkaProducer, Request, Sender  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class OrderCreated(BaseModel):
    id: int
    customer: str
    cents: int
    express: bool
    note: str | None


async def write(brokers: str, topic: str) -> None:
    sender = Sender()

    @sender.event("OrderCreated")
    async def order_created(order: OrderCreated) -> None:
        pass

    async with EVKafkaProducer({"bootstrap_servers": brokers, "topic": topic}) as producer:
        sender.add_producer_callback(producer)
        for line in map(json.loads, sys.stdin):
            order = OrderCreated(**line["order"])
            if line["key"] is None:
                await order_created(order)
            else:
                await producer.send_event(order, "OrderCreated", key=line["key"].encode())
        await producer.flush()


async def read(brokers: str, topic: str, count: int) -> None:
    app = EVKafkaApp(
        config={
            "topics": [topic],
            "bootstrap_servers": brokers,
            "group_id": f"{topic}-python",
            "auto_offset_reset": "earliest",
        }
    )
    seen = 0

    @app.event("OrderCreated")
    async def on_order_created(order: OrderCreated, request: Request) -> None:
        nonlocal seen
        key = request.key.decode() if request.key is not None else None
        print(json.dumps({"key": key, "order": order.model_dump()}), flush=True)
        seen += 1
        app.should_exit = seen >= count

    await app.serve()


command, brokers, topic, *rest = sys.argv[1:]
if command == "write":
    asyncio.run(write(brokers, topic))
else:
    asyncio.run(read(brokers, topic, int(rest[0])))
