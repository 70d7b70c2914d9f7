//! Where a container's servers are reached from here: at the container's own address where the engine runs on this machine,
//! which leaves out the engine's proxies and their share of the processors, and else where they are published.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{ContainerInspectResponse, NetworkSettings};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a machine that is there takes at most to say that nothing listens.
const REFUSAL: Duration = Duration::from_secs(1);

/// Where the ports of a running container are reached, or `None` where they would have to be published for that and are not.
///
/// # Errors
/// The engine does not say, or says that a port that was to be published is not.
pub(crate) async fn addresses(
    docker: &Docker,
    container: &str,
    ports: &[u16],
    publishes: bool,
) -> Result<Option<Vec<SocketAddr>>, String> {
    let known = docker.inspect_container(container, None).await.map_err(|error| error.to_string())?;
    if publishes {
        let published = known.network_settings.as_ref().map(published).unwrap_or_default();
        let of = |port: &u16| {
            published.get(port).copied().ok_or_else(|| format!("its port {port} is not published"))
        };
        return ports.iter().map(of).collect::<Result<_, _>>().map(Some);
    }
    let (Some(own), Some(first)) = (own(container, &known), ports.first()) else { return Ok(None) };
    let here = answers((own, *first).into()).await;
    Ok(here.then(|| ports.iter().map(|port| (own, *port).into()).collect()))
}

fn published(settings: &NetworkSettings) -> HashMap<u16, SocketAddr> {
    let all = settings.ports.iter().flatten();
    all.filter_map(|(port, bindings)| {
        let port = port.strip_suffix("/tcp")?.parse().ok()?;
        let bindings = bindings.as_deref().unwrap_or_default();
        let host = bindings.iter().find_map(|binding| binding.host_port.as_deref()?.parse().ok())?;
        // Published on loopback: an engine on another machine cannot be reached.
        Some((port, (Ipv4Addr::LOCALHOST, host).into()))
    })
    .collect()
}

/// The container's address, where its network is one of this machine's: its process is among ours, and the network's gateway
/// is an address of ours. An engine elsewhere may well hand out an address that is somebody else's here.
fn own(container: &str, known: &ContainerInspectResponse) -> Option<IpAddr> {
    let process = known.state.as_ref()?.pid.filter(|pid| *pid > 0)?;
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    if !groups.contains(container) {
        return None;
    }
    let networks = known.network_settings.as_ref()?.networks.as_ref()?;
    let network = networks.values().next()?;
    let gateway: IpAddr = network.gateway.as_deref()?.parse().ok()?;
    // What can be bound is an address of this machine, in this network namespace.
    UdpSocket::bind((gateway, 0)).ok()?;
    network.ip_address.as_deref()?.parse().ok()
}

/// Whether there is somebody, who takes the connection or refuses it: a firewall does neither.
async fn answers(address: SocketAddr) -> bool {
    match timeout(REFUSAL, TcpStream::connect(address)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testcontainers::bollard::models::{ContainerState, EndpointSettings, PortBinding};

    /// What an engine says of a container whose first process is this one, with this gateway.
    fn known(gateway: &str) -> ContainerInspectResponse {
        let network = EndpointSettings {
            gateway: Some(gateway.to_owned()),
            ip_address: Some("192.0.2.7".to_owned()),
            ..EndpointSettings::default()
        };
        let binding =
            PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some("50445".to_owned()) };
        ContainerInspectResponse {
            state: Some(ContainerState { pid: Some(std::process::id().into()), ..ContainerState::default() }),
            network_settings: Some(NetworkSettings {
                ports: Some(HashMap::from([
                    ("445/tcp".to_owned(), Some(vec![binding])),
                    ("446/tcp".to_owned(), None),
                ])),
                networks: Some(HashMap::from([("bridge".to_owned(), network)])),
                ..NetworkSettings::default()
            }),
            ..ContainerInspectResponse::default()
        }
    }

    /// Words that are in the groups of this process: what its container's id would be.
    fn group() -> String {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
        groups.lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_container_elsewhere_is_not_reached_at_its_own_address() {
        let here = known("127.0.0.1");
        assert_eq!(own(&group(), &here), Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(own("5ca1ab1e0ddba11", &here), None, "another process has this number here");
        // An address for documentation (RFC 5737) is nobody's.
        assert_eq!(own(&group(), &known("192.0.2.1")), None, "its network is not one of this machine's");
        assert_eq!(own(&group(), &known("")), None);
        let ended = ContainerInspectResponse {
            state: Some(ContainerState { pid: Some(0), ..ContainerState::default() }),
            ..here
        };
        assert_eq!(own(&group(), &ended), None);
    }

    #[test]
    fn what_is_published_is_on_loopback() {
        let published = published(&known("").network_settings.unwrap());
        assert_eq!(published.get(&445), Some(&"127.0.0.1:50445".parse().unwrap()));
        assert_eq!(published.get(&446), None);
    }
}
