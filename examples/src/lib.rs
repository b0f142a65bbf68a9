//! What the recipes share: a place where handlers note what they did, and a way to run an app until they did it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use evkafka::App;
use tokio::sync::watch;

/// Notes of handlers, in the order in which they came. A clone is the same notes.
#[derive(Clone, Debug)]
pub struct Notes(Arc<Mutex<Vec<String>>>, Arc<watch::Sender<usize>>);

impl Default for Notes {
    fn default() -> Self {
        Self(Arc::default(), Arc::new(watch::Sender::new(0)))
    }
}

impl Notes {
    /// Notes and prints a line.
    pub fn add(&self, line: impl Into<String>) {
        let line = line.into();
        println!("  {line}");
        let mut lines = self.0.lock().expect("nothing panics in here");
        lines.push(line);
        self.1.send_replace(lines.len());
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nothing panics in here").clone()
    }

    /// Runs an app until so many lines were noted.
    ///
    /// # Errors
    /// The app's own, or that the lines did not come within a minute.
    pub async fn run_until(&self, lines: usize, app: App) -> evkafka::Result<()> {
        let mut count = self.1.subscribe();
        let mut in_time = false;
        app.run_until(async {
            let noted = count.wait_for(|count| *count >= lines);
            in_time = tokio::time::timeout(Duration::from_secs(60), noted).await.is_ok();
        })
        .await?;
        if in_time {
            Ok(())
        } else {
            Err(evkafka::Error::other("the handlers were not called within a minute"))
        }
    }
}
