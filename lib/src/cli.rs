//! What the command lines of all tools share: the options that say where the store is, exit codes, error reports.

mod exit;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

pub use exit::{Exit, hint, report};

use crate::address::Address;
use crate::client::{Client, ClientOptions};
use crate::demo::{Host, Scenario};
use crate::error::Result;
use crate::transport::Connector;

/// Longest `--timeout`, in seconds: an hour.
const TIMEOUT_MAX: f64 = 3600.0;

/// Where the store is and how long to wait for it. Flatten it into a tool's own options.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectArgs {
    /// Where the store is: unix:PATH, dev:PATH or demo:[SCENARIO|FILE]; by default found as libxenstore finds it
    #[arg(long, value_name = "ADDRESS", conflicts_with = "demo")]
    pub connect: Option<Address>,

    /// Use a simulated Xen host instead of a store of this machine: a shipped scenario or a YAML file
    #[arg(
        long,
        value_name = "SCENARIO|FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = Scenario::DEFAULT
    )]
    pub demo: Option<String>,

    /// Seconds that the store may take for an answer [default: 5]
    #[arg(long, value_name = "SECS", value_parser = timeout)]
    pub timeout: Option<Duration>,
}

impl ConnectArgs {
    /// A client as the options and the environment (`XENBUS_TRACE`) ask for.
    ///
    /// A demo host lives as long as the client and its clones.
    ///
    /// # Errors
    /// What is wrong with an option or the environment, and [`crate::Error::Connect`].
    pub fn client(&self) -> Result<Client> {
        Client::with_connector(self.connector()?, self.options())
    }

    /// How to open streams to the store. Starts the demo host if one is asked for; it lives as long as the connector.
    ///
    /// # Errors
    /// What is wrong with the address or the scenario.
    pub fn connector(&self) -> Result<Arc<dyn Connector>> {
        match (self.demo_host()?, &self.connect) {
            (Some(host), _) => Ok(host.into_connector()),
            (None, Some(address)) => address.connector(),
            (None, None) => Address::Default.connector(),
        }
    }

    /// Starts the demo host, if one is asked for. For tools that want more of it than its store: files that move
    /// with its traffic ([`Host::keep_sysroot`]), ring pages ([`Host::ring_indices`]). [`Host::into_connector`] keeps
    /// it alive afterwards.
    ///
    /// # Errors
    /// What is wrong with the scenario.
    pub fn demo_host(&self) -> Result<Option<Host>> {
        let name = match (&self.demo, &self.connect) {
            (Some(name), _) => name,
            (None, Some(Address::Demo(name))) => name.as_deref().unwrap_or_default(),
            _ => return Ok(None),
        };
        Host::start(&Scenario::find(name)?).map(Some)
    }

    /// The client's options.
    pub fn options(&self) -> ClientOptions {
        let mut options = ClientOptions::default();
        if let Some(timeout) = self.timeout {
            options.timeout = timeout;
        }
        options
    }
}

/// Reads a number of seconds: decimal, fractions allowed, above 0 and at most an hour.
///
/// # Errors
/// What is wrong with it.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match text.parse::<f64>() {
        Ok(seconds) if plain && seconds > TIMEOUT_MAX => {
            Err(format!("more than {TIMEOUT_MAX} seconds"))
        }
        // Below a nanosecond is no duration.
        Ok(seconds) if plain && seconds >= 1e-9 => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) if plain => Err("it must be above 0".into()),
        _ => Err("not a number of seconds such as 5 or 0.5".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        connect: ConnectArgs,
        file: Option<String>,
    }

    fn parse(args: &[&str]) -> Result<Tool, clap::Error> {
        Tool::try_parse_from([&["tool"], args].concat())
    }

    #[test]
    fn a_bare_demo_is_the_default_scenario_and_takes_no_operand() {
        let tool = parse(&["--demo", "mnt"]).unwrap();
        assert_eq!(tool.connect.demo.as_deref(), Some(Scenario::DEFAULT));
        assert_eq!(tool.file.as_deref(), Some("mnt"));
        let tool = parse(&["--demo=quiet"]).unwrap();
        assert_eq!(tool.connect.demo.as_deref(), Some("quiet"));
    }

    #[test]
    fn connect_and_demo_together_are_an_error() {
        let error = parse(&["--demo", "--connect", "unix:/x"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn timeouts_are_read_strictly() {
        assert_eq!(timeout("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(timeout("3600"), Ok(Duration::from_hours(1)));
        for bad in [
            "",
            "0",
            "0.0",
            "-1",
            "+1",
            "1e3",
            "inf",
            "NaN",
            "5s",
            " 5",
            "3601",
            ".",
            "1.2.3",
            "0.0000000000001",
        ] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse(&["--timeout", "0"]).unwrap_err().kind(),
            ErrorKind::ValueValidation
        );
    }

    #[test]
    fn an_unknown_scenario_or_address_is_one_clear_error() {
        let args = ConnectArgs {
            demo: Some("no-such".into()),
            ..ConnectArgs::default()
        };
        let error = args.connector().unwrap_err().to_string();
        assert!(
            error.contains("no-such") && error.contains("small"),
            "{error}"
        );
        let error = parse(&["--connect", "nonsense\x1b"])
            .unwrap_err()
            .to_string();
        assert!(!error.contains('\x1b'), "{error}");
    }
}
