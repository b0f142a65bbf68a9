//! Producers of other languages. Their programs are in `tests/counterparts`, and have the settings of the others here.

use std::process::Command;

use crate::produce;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/counterparts");

/// A program that sends the same events.
pub(crate) struct Program {
    language: &'static str,
    name: &'static str,
}

/// The program of this variant, if it is one.
pub(crate) fn of_variant(variant: &str) -> Option<Program> {
    match variant {
        "send-java" => Some(Program { language: "java", name: "JavaProducer.java" }),
        "send-franz" => Some(Program { language: "go", name: "franz" }),
        _ => None,
    }
}

impl Program {
    /// Sends so many events to a topic that is made for it; the line that the program prints.
    pub(crate) fn send(&self, brokers: &str, topic: &str, records: u64, partitions: u64) -> String {
        let topic = format!("{topic}-{}-{}", self.name, std::process::id());
        produce::create(brokers, &topic, i32::try_from(partitions).expect("a number of partitions"));
        let mut command = Command::new(SCRIPT);
        command.args([self.language, self.name, brokers, &topic, &records.to_string()]);
        let output = command.output().expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.name);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
