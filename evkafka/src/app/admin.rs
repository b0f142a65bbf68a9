//! The endpoint of an app.

use super::builder::App;
use crate::{
    admin::{Admin, AdminServer, Sources},
    error::Result,
};

impl App {
    /// Has the app be seen from outside: an endpoint for metrics, probes and status, a file for exec probes. See [`admin`](crate::admin). A
    /// second one replaces the first.
    ///
    /// An address that is in use, or that others can reach without a token, is an error when the app is run.
    pub fn admin(mut self, admin: Admin) -> Self {
        self.admin = Some(admin);
        self
    }

    /// Starts the endpoint, if it is to have one.
    ///
    /// # Errors
    /// If its address is in use, or its file cannot be written.
    pub(super) fn start_admin(&mut self) -> Result<Option<AdminServer>> {
        let (health, control, metrics) = (self.health(), self.control(), self.metrics());
        let start = |admin| AdminServer::start(admin, Sources { health, control, metrics });
        self.admin.take().map(start).transpose()
    }
}
