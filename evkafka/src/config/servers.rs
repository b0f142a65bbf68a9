//! The servers of a configuration.

use super::ConsumerConfig;
use super::fault::Faults;
use super::names::{judge_protocol, judge_server, servers};
use super::properties::Properties;

/// Finds out whether there is no server at all.
pub(super) fn find_missing_servers(list: &str, faults: &mut Faults) {
    if servers(list).next().is_none() {
        faults.add("bootstrap_servers", "must name at least one server, such as `localhost:9092`");
    }
}

/// Finds what is wrong with the servers by themselves.
pub(super) fn find_in_servers(list: &str, faults: &mut Faults) {
    if list.contains('@') {
        return faults.add(
            "bootstrap_servers",
            "must be `host:port`, without credentials: set `sasl.username` and `sasl.password` as properties",
        );
    }
    if list.contains(char::is_control) {
        return faults.add("bootstrap_servers", "must not contain control characters, such as line breaks");
    }
    for fault in servers(list).filter_map(judge_server) {
        faults.add("bootstrap_servers", fault);
    }
}

/// Finds the servers of another protocol than the one in the properties.
pub(super) fn find_in_protocols(list: &str, properties: &Properties<'_>, faults: &mut Faults) {
    let Some(protocol) = properties.security_protocol() else { return };
    // What is no server at all has its fault, and one with a password in it is not to be shown.
    let sound = servers(list).filter(|server| !server.contains('@') && judge_server(server).is_none());
    for fault in sound.filter_map(|server| judge_protocol(server, protocol)) {
        faults.add("bootstrap_servers", fault);
    }
}

/// The servers without the white space around them.
pub(super) fn joined(list: &str) -> String {
    servers(list).collect::<Vec<_>>().join(",")
}

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
