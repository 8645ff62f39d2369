//! Where metrics go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

/// Where metrics go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// To whoever asks there.
    Address(SocketAddr),
    /// Into this file.
    File(PathBuf),
}

impl Target {
    /// A port (with or without a colon) is on the loopback; `HOST:PORT` is there; everything else, and everything with
    /// a slash, is a file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty: give a file, a port, or an address with a port".into());
        }
        if text.contains('/') {
            return Ok(Self::File(text.into()));
        }
        let digits = text.strip_prefix(':').unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let port: u16 = digits
                .parse()
                .map_err(|_| "the port must be from 0 to 65535".to_owned())?;
            return Ok(Self::Address(
                (IpAddr::V4(Ipv4Addr::LOCALHOST), port).into(),
            ));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port: u16 = port
                    .parse()
                    .map_err(|_| "the port must be from 0 to 65535".to_owned())?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let mut found = (host, port)
                    .to_socket_addrs()
                    .map_err(|error| error.to_string())?;
                let address = found.next().ok_or("the host has no address")?;
                Ok(Self::Address(address))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_on_the_loopback_and_a_path_is_a_file() {
        let at = |text: &str| Ok(Target::Address(text.parse().unwrap()));
        for (text, target) in [
            ("9120", at("127.0.0.1:9120")),
            (":9120", at("127.0.0.1:9120")),
            ("0.0.0.0:80", at("0.0.0.0:80")),
            ("[::1]:80", at("[::1]:80")),
            ("/run/x:80", Ok(Target::File("/run/x:80".into()))),
            ("xen.prom", Ok(Target::File("xen.prom".into()))),
            ("C:x", Ok(Target::File("C:x".into()))),
        ] {
            assert_eq!(Target::parse(text), target, "{text}");
        }
        for bad in ["", "70000", "127.0.0.1:70000", ":99999999"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
