//! An embedded cluster as a process of its own: for scripts, which write to it and start what reads from it.
//!
//! `--topics` is `NAME:PARTITIONS,…`. It prints the address of the cluster, and ends when its standard input does.
#![allow(clippy::print_stdout, reason = "scripts read it")]

use std::{env, io};

use evkafka::embedded::Cluster;
use evkafka_tests::options::Options;

fn main() -> evkafka::Result<()> {
    let options = Options::parse(env::args().skip(1));
    let cluster = Cluster::start()?;
    for topic in options.text("topics").split(',') {
        let (name, partitions) = topic.split_once(':').expect("a topic is NAME:PARTITIONS");
        cluster.create_topic(name, partitions.parse().expect("a number of partitions"))?;
    }
    println!("{}", cluster.bootstrap_servers());
    io::copy(&mut io::stdin(), &mut io::sink()).expect("standard input can be read");
    Ok(())
}
