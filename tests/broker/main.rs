//! Tests against Apache Kafka: `scripts/kafka run -- cargo test -p evkafka-tests --features broker`.

mod harness;
