//! The HTTP client for webhooks: no proxy, no redirects and, outside of local work, no private addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fault::{Failure, chain, codes};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

/// Shorter than any attempt, so that the log distinguishes an unreachable receiver from a slow one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Which addresses a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedAddresses {
    /// All, for local work.
    All,
    /// Only public ones. The check runs between resolving and connecting, so a name that resolves differently a moment
    /// later can't bypass it. An IP address in a URL is never resolved and therefore not checked here.
    PublicOnly,
}

/// A client that ignores proxy variables, follows no redirect and trusts the system's roots.
pub fn http_client(allowed: AllowedAddresses) -> Result<reqwest::Client, Failure> {
    // Process-wide. `Err` means a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")));
    let builder = match allowed {
        AllowedAddresses::All => builder,
        AllowedAddresses::PublicOnly => builder.dns_resolver(Arc::new(PublicOnly)),
    };
    builder.build().map_err(|error| {
        let what = "the HTTP client for webhooks can't be set up; are the system's root certificates (ca-certificates) \
installed?";
        Failure::new(&codes::webhook::CLIENT, format!("{what}: {}", chain(&error)))
    })
}

/// The system's resolver without private addresses.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            // The connector replaces the port.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("{host} resolves to no public address").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// By IANA's registries of special-purpose addresses.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    // This network; carrier-grade NAT; protocol assignments; 6to4 relays; benchmarks; multicast and reserved.
    let special = matches!(
        (a, b, c),
        (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) | (224.., ..)
    );
    !(special || ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, ..] = ip.segments();
    // Only 2000::/3 is assigned. Within it, exclude protocol assignments (Teredo among them), documentation, and 6to4,
    // which embeds IPv4 addresses.
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_not_public() {
        for public in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_not_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let error = http_client(AllowedAddresses::PublicOnly).unwrap().get(url).send().await.unwrap_err();
        assert!(error.is_connect());
        assert!(chain(&error).contains("localhost resolves to no public address"), "{error:?}");
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
