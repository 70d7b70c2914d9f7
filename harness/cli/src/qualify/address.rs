//! Where a server is: what somebody typed, and what it resolves to.

use crate::exit::Failure;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The port of SMB over TCP.
const PORT: u16 = 445;
/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(10);

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A host name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `HOST`, `HOST:PORT`, `::1`, `[::1]` and `[::1]:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mend = |what: &str| {
            Failure::usage(format!(
                "the address `{text}` {what}: give a host name or an IP address, such as nas.example, 192.0.2.7:445 or \
                 [2001:db8::7]:445"
            ))
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| mend("has no `]`"))?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(mend("goes on behind its `]`")),
            }
        } else if text.matches(':').count() > 1 {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let is_host = |b: u8| b.is_ascii_alphanumeric() || b"._-:%".contains(&b) || b >= 0x80;
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(mend("names no host"));
        }
        let port = match port {
            None => PORT,
            Some(port) => {
                port.parse().ok().filter(|port| *port > 0).ok_or_else(|| mend("has a port that is none"))?
            }
        };
        Ok(Self { host: host.to_owned(), port })
    }

    /// What it is called in a UNC path. A colon has no place there: Windows has this form for IPv6.
    pub(crate) fn unc_host(&self) -> String {
        let (bare, scope) =
            self.host.split_once('%').map_or((self.host.as_str(), None), |(a, b)| (a, Some(b)));
        match bare.parse::<Ipv6Addr>() {
            Ok(address) => {
                let scope = scope.map(|scope| format!("s{scope}")).unwrap_or_default();
                format!("{}{scope}.ipv6-literal.net", address.to_string().replace(':', "-"))
            }
            Err(_) => self.host.clone(),
        }
    }

    /// The first of its addresses where something takes the connection.
    pub(crate) async fn reach(&self, within: Duration) -> Result<SocketAddr, Failure> {
        let Self { host, port } = self;
        let found = match timeout(RESOLVE, lookup_host((host.as_str(), *port))).await {
            Ok(Ok(found)) => found.collect::<Vec<_>>(),
            Ok(Err(error)) => {
                return Err(Failure::usage(format!(
                    "the host `{host}` does not resolve: {error}: check its spelling, or give its IP address"
                )));
            }
            Err(_) => {
                return Err(Failure::usage(format!(
                    "the host `{host}` does not resolve within {} s: check the name server, or give its IP address",
                    RESOLVE.as_secs()
                )));
            }
        };
        let mut problem = "it has no address".to_owned();
        for address in found {
            match timeout(within, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return Ok(address),
                Ok(Err(error)) => problem = format!("{address}: {error}"),
                Err(_) => problem = format!("{address}: no answer within {} s", within.as_secs()),
            }
        }
        Err(Failure::environment(format!(
            "nothing takes connections at {self}: {problem}: see that the server is up, that SMB is on, and that no \
             firewall is between"
        )))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        let bare = host.split('%').next().unwrap_or_default();
        let six = matches!(bare.parse::<IpAddr>(), Ok(IpAddr::V6(_)));
        match (six, *port) {
            (false, PORT) => f.write_str(host),
            (true, PORT) => write!(f, "[{host}]"),
            (false, port) => write!(f, "{host}:{port}"),
            (true, port) => write!(f, "[{host}]:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("nas", "nas", 445, "nas", "nas")]
    #[case("nas.example:4450", "nas.example", 4450, "nas.example:4450", "nas.example")]
    #[case("192.0.2.7", "192.0.2.7", 445, "192.0.2.7", "192.0.2.7")]
    #[case("::1", "::1", 445, "[::1]", "--1.ipv6-literal.net")]
    #[case("[::1]", "::1", 445, "[::1]", "--1.ipv6-literal.net")]
    #[case(
        "[fe80::1%eth0]:1445",
        "fe80::1%eth0",
        1445,
        "[fe80::1%eth0]:1445",
        "fe80--1seth0.ipv6-literal.net"
    )]
    fn addresses(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] shown: &str,
        #[case] unc: &str,
    ) {
        let address = Address::parse(text).unwrap();
        assert_eq!((address.host.as_str(), address.port), (host, port));
        assert_eq!((address.to_string(), address.unc_host()), (shown.to_owned(), unc.to_owned()));
    }

    #[rstest]
    #[case("")]
    #[case(":445")]
    #[case("nas:")]
    #[case("nas:0")]
    #[case("nas:65536")]
    #[case("nas:x")]
    #[case("[::1")]
    #[case("[::1]x")]
    #[case("\\\\nas\\share")]
    #[case("smb://nas")]
    #[case("nas/share")]
    fn what_is_no_address_says_so(#[case] text: &str) {
        let message = Address::parse(text).unwrap_err().message;
        assert!(message.contains("such as"), "{message}");
    }
}
