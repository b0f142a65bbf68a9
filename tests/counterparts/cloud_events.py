"""The CloudEvents SDK on a Kafka client.

cloud_events.py write-binary BROKERS TOPIC       sends the orders on standard input
cloud_events.py write-structured BROKERS TOPIC   the same, attributes and data in one JSON object
cloud_events.py read BROKERS TOPIC COUNT         prints so many events, whatever their mode

A line is `{"key": ..., "order": {...}}`; the key may be null. What is read has the event's `type` besides.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent


async def write(convert, brokers: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    for line in map(json.loads, sys.stdin):
        attributes = {
            "id": f"order-{line['order']['id']}",
            "source": "/shop",
            "specversion": "1.0",
            "type": "com.acme.OrderCreated",
            "datacontenttype": "application/json",
        }
        if line["key"] is not None:
            attributes["partitionkey"] = line["key"]
        message = convert(CloudEvent(attributes, line["order"]), JSONFormat())
        key = message.key.encode() if message.key is not None else None
        await producer.send_and_wait(topic, message.value, key=key, headers=list(message.headers.items()))
    await producer.stop()


async def read(brokers: str, topic: str, count: int) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    for _ in range(count):
        record = await consumer.getone()
        event = from_kafka(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
        key = event.get_extension("partitionkey")
        print(json.dumps({"type": event.get_type(), "key": key, "order": event.get_data()}), flush=True)
    await consumer.stop()


command, brokers, topic, *rest = sys.argv[1:]
if command == "read":
    asyncio.run(read(brokers, topic, int(rest[0])))
else:
    asyncio.run(write({"write-binary": to_binary, "write-structured": to_structured}[command], brokers, topic))
