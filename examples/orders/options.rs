//! The command line.

pub(crate) const HELP: &str = "\
A billing service on Kafka, written with evkafka.

orders                         runs on two clusters inside the process and stops by itself
orders --brokers HOST:PORT     runs on a real cluster until Ctrl-C
       [--topic TOPIC]         the topic to read, which must exist (default: orders)
       [--group GROUP]         the consumer group (default: billing)

An event names its type in the header `Event-Type`, and has JSON for payload:
  Event-Type: OrderPaid        {\"order\": 1001, \"cents\": 4990, \"method\": \"card\"}";

pub(crate) enum Request {
    Help,
    Embedded,
    Cluster(Options),
}

pub(crate) struct Options {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) group: String,
}

/// Reads the arguments.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let (mut brokers, mut topic, mut group) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let option = match argument.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--brokers" => &mut brokers,
            "--topic" => &mut topic,
            "--group" => &mut group,
            other => return Err(format!("there is no option `{other}`; `--help` lists them")),
        };
        *option = Some(arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?);
    }
    match (brokers, &topic, &group) {
        (None, None, None) => Ok(Request::Embedded),
        (None, ..) => {
            Err("`--topic` and `--group` are for a real cluster: say which with `--brokers`".to_owned())
        }
        (Some(brokers), ..) => Ok(Request::Cluster(Options {
            brokers,
            topic: topic.unwrap_or_else(|| "orders".to_owned()),
            group: group.unwrap_or_else(|| "billing".to_owned()),
        })),
    }
}
