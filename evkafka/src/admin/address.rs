//! Where an endpoint may listen, and what is wrong with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Access, Admin};

/// A token with fewer characters can be guessed.
const SHORTEST_TOKEN: usize = 16;

impl Admin {
    /// What is wrong with it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match self.socket().transpose() {
            Ok(Some(address)) if !address.ip().is_loopback() && self.access == Access::Local => faults.push(format!(
                "admin: `{address}` can be reached from other machines; set a token (`.token(…)`), or say `.without_token()` if the \
                 network keeps others out"
            )),
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
        if let Access::Token(token) = &self.access
            && (token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            faults.push(format!(
                "admin: the token must have at least {SHORTEST_TOKEN} characters, of visible ASCII without spaces"
            ));
        }
        if let Some(path) = self.liveness_file.as_deref().filter(|path| path.file_name().is_none()) {
            faults.push(format!("admin: the liveness file `{}` has no file name", path.display()));
        }
        faults
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> Option<Result<SocketAddr, String>> {
        let address = self.address.as_deref()?;
        let local = || {
            let port = address.strip_prefix("localhost:")?.parse().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        };
        Some(address.parse().ok().or_else(local).ok_or_else(|| {
            format!(
                "admin: `{}` is not an IP address with a port; example: `127.0.0.1:9000`",
                address.escape_debug()
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_machine_may_ask_unless_the_app_says_otherwise() {
        let token = "0123456789abcdef";
        for admin in [
            Admin::on("127.0.0.1:9000"),
            Admin::on("[::1]:9000"),
            Admin::on("localhost:0"),
            Admin::on("0.0.0.0:9000").token(token),
            Admin::on("[::]:9000").without_token(),
            Admin::file_only("/tmp/live"),
        ] {
            assert_eq!(admin.faults(), Vec::<String>::new(), "{admin:?}");
        }
        let fault = |admin: Admin| admin.faults().join("\n");
        assert_eq!(
            fault(Admin::on("0.0.0.0:9000")),
            "admin: `0.0.0.0:9000` can be reached from other machines; set a token (`.token(…)`), or say `.without_token()` if the \
             network keeps others out"
        );
        assert_eq!(
            fault(Admin::on("example.com:9000")),
            "admin: `example.com:9000` is not an IP address with a port; example: `127.0.0.1:9000`"
        );
        for short in ["", "short", "0123456789 abcdef", "0123456789abcdé"] {
            let fault = fault(Admin::on("127.0.0.1:9000").token(short));
            assert!(fault.starts_with("admin: the token must have at least 16 characters"), "{fault}");
        }
        assert!(!format!("{:?}", Admin::on("127.0.0.1:1").token(token)).contains(token));
    }
}
