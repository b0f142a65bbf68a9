use super::{ConsumerConfig, names::servers};

impl ConsumerConfig {
    /// The servers by which the cluster is known here, in lower case and with their port.
    pub(crate) fn servers(&self) -> impl Iterator<Item = String> {
        servers(&self.bootstrap_servers).map(|server| {
            let server = server.to_ascii_lowercase();
            let server = server.split_once("://").map_or(server.as_str(), |(_, address)| address);
            if server.rsplit_once(':').is_some() { server.to_owned() } else { format!("{server}:9092") }
        })
    }
}
