//! The partition of a key is where Java's own producer puts it.

use std::fmt::Write;

use evkafka::{Producer, ProducerConfig};
use evkafka_tests::{kafka, noise};

use super::{orders, run};

/// Some hundred keys: the empty one, every byte, all short lengths, text in several scripts, numbers, long ones.
fn keys() -> Vec<Vec<u8>> {
    let noise = noise(140_000);
    let lengths = (0..70).chain([1_000, 65_537]).map(|len| noise[len..2 * len].to_vec());
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    let numbers = (0..200_u64).map(|n| (n * n * 7_919).to_string().into_bytes());
    let words = ["Zoë", "ключ", "鍵", "🗝", "\u{0}", " ", "a b", "customer-000001"];
    lengths.chain(bytes).chain(numbers).chain(words.map(|word| word.as_bytes().to_vec())).collect()
}

fn hexadecimal(key: &[u8]) -> String {
    key.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all");
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_goes_to_the_partition_where_javas_producer_puts_it() {
    let brokers = kafka::brokers();
    let event = orders().swap_remove(0).order;
    for partitions in [7, 12] {
        let [javas, ours] = ["javas", "ours"].map(|name| kafka::create_topic(&brokers, name, partitions));
        let lines: Vec<String> = keys().iter().map(|key| hexadecimal(key)).collect();
        let expected = run("java", &["Partitions.java", &brokers, &javas], &lines);
        let config = ProducerConfig::new().bootstrap_servers(&brokers).topic(&ours);
        let producer = Producer::new("test", &config).expect("a producer");
        let mut differ = Vec::new();
        assert_eq!(expected.len(), keys().len());
        for (key, expected) in keys().iter().zip(expected) {
            let delivered = producer.send(&event).key(key).await.expect("it is acknowledged");
            if delivered.partition.to_string() != expected {
                differ.push((hexadecimal(key), expected, delivered.partition));
            }
        }
        assert!(differ.is_empty(), "{differ:?}");
    }
}
