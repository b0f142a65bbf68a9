use super::ConsumerConfig;

impl ConsumerConfig {
    /// The servers by which the cluster is known here, in lower case and with their port.
    pub(crate) fn servers(&self) -> impl Iterator<Item = String> {
        // An empty entry is no server, as librdkafka sees it.
        let servers = self.bootstrap_servers.split(',').map(str::trim).filter(|server| !server.is_empty());
        servers.map(|server| {
            let server = server.to_ascii_lowercase();
            let server = server.split_once("://").map_or(server.as_str(), |(_, address)| address);
            if server.rsplit_once(':').is_some() { server.to_owned() } else { format!("{server}:9092") }
        })
    }
}
