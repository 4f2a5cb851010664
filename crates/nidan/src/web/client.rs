//! Who asks: the address that counts, and a short name for the program.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Where the connection comes from, put on every request by the server.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client's address: the peer, or what a trusted proxy says (ASVS 4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address of the client. `X-Forwarded-For` counts only when the peer is one of `trusted_proxies`; then it is read
    /// from the right, and the first address that is no trusted proxy is the client. Whatever a client writes stands to
    /// the left of that. No other header is looked at.
    pub fn of(peer: Peer, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Self {
        const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        let trusted = |address: IpAddr| trusted_proxies.iter().any(|net| net.contains(&address));
        let mut nearest = peer.0.ip().to_canonical();
        if !trusted(nearest) {
            return Self(nearest);
        }
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Some(address) = address_of(hop.trim()) else { break };
            nearest = address;
            if !trusted(nearest) {
                break;
            }
        }
        Self(nearest)
    }

    /// The address, IPv4-mapped ones as IPv4.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// An address that a site named in a request.
    pub fn named(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// The network around it, as owners read it: `203.0.113.x`, of IPv6 the first 48 bits, `2001:db8:1:…`.
    pub fn neighbourhood(self) -> String {
        match self.0 {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.x")
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:…")
            }
        }
    }

    /// The network that is one source: an IPv4 address as it is, of IPv6 the first 64 bits, e.g. `2001:db8::/64`.
    pub fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let prefix = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
                format!("{prefix}/64")
            }
        }
    }
}

/// `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
    ip.ok().map(|ip| ip.to_canonical())
}

/// A short name for the program that asks, fit for people of any language: `Chrome (Windows)`, `Safari (iPhone)`. It is
/// a hint for the owner and decides nothing. `None` when the text says nothing we know.
pub fn program_name(user_agent: &str) -> Option<String> {
    // The name that stands in more than one program's text comes after those which have a name of their own.
    const PROGRAMS: [(&str, &str); 17] = [
        ("Edg/", "Edge"),
        ("EdgA/", "Edge"),
        ("EdgiOS/", "Edge"),
        ("OPR/", "Opera"),
        ("OPT/", "Opera"),
        ("YJApp", "Yahoo! JAPAN"),
        ("Line/", "LINE"),
        ("Instagram", "Instagram"),
        ("FBAN", "Facebook"),
        ("FBAV", "Facebook"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Vivaldi/", "Vivaldi"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    // An iPad or iPhone says Mac OS X as well, Android says Linux.
    const SYSTEMS: [(&str, &str); 9] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("iPod", "iPod"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
    ];
    let text = user_agent.get(..512).unwrap_or(user_agent);
    let first =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    match (first(&PROGRAMS), first(&SYSTEMS)) {
        (Some(program), Some(system)) => Some(format!("{program} ({system})")),
        (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).expect("legal"));
        }
        for name in ["forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip"] {
            headers.insert(name, HeaderValue::from_static("192.0.2.66"));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().expect("a network")).collect();
        ClientAddress::of(Peer(peer.parse().expect("an address")), &headers, &trusted).ip().to_string()
    }

    #[test]
    fn strangers_cannot_choose_their_address() {
        assert_eq!(client("203.0.113.9:1", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9:1", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client("[::ffff:203.0.113.9]:1", &[], &[]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_is_asked_from_the_right() {
        let nets = ["10.0.0.0/8", "2001:db8:1::/48"];
        assert_eq!(client("10.0.0.1:1", &["192.0.2.1, 203.0.113.9"], &nets), "203.0.113.9");
        assert_eq!(client("10.0.0.1:1", &["192.0.2.1", "203.0.113.9, 10.0.0.2"], &nets), "203.0.113.9");
        assert_eq!(client("[::ffff:10.0.0.1]:1", &["203.0.113.9:4711"], &nets), "203.0.113.9");
        assert_eq!(client("[2001:db8:1::7]:1", &["[2001:db8:2::9]:4711"], &nets), "2001:db8:2::9");
        assert_eq!(client("10.0.0.1:1", &["192.0.2.1, not an address"], &nets), "10.0.0.1");
        assert_eq!(client("10.0.0.1:1", &["192.0.2.1, nonsense, 10.0.0.2"], &nets), "10.0.0.2");
        assert_eq!(client("10.0.0.1:1", &[], &nets), "10.0.0.1");
    }

    #[test]
    fn one_network_is_one_source() {
        let network = |text: &str| ClientAddress::named(text.parse().expect("an address")).network();
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:DB8:0:1:aaaa::1"), "2001:db8:0:1::/64");
        assert_eq!(network("2001:db8:0:1::2"), network("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    }

    #[test]
    fn owners_read_the_network_around_it() {
        let around = |text: &str| ClientAddress::named(text.parse().expect("an address")).neighbourhood();
        assert_eq!(around("203.0.113.9"), "203.0.113.x");
        assert_eq!(around("::ffff:203.0.113.250"), "203.0.113.x");
        assert_eq!(around("2001:DB8:1:aaaa::1"), "2001:db8:1:…");
    }

    #[test]
    fn programs_have_names() {
        let webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (text, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36",
                "Chrome (Windows)",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36 Edg/144.0",
                "Edge (Windows)",
            ),
            (
                &format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {webkit} Version/18.5 Mobile/15E148 Safari/604.1"
                ),
                "Safari (iPhone)",
            ),
            (
                &format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {webkit} CriOS/144.0 Mobile/15E148 Safari/604.1"
                ),
                "Chrome (iPhone)",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0 Mobile Safari/537.36",
                "Chrome (Android)",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox (Linux)"),
            (
                &format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Version/18.5 Safari/605.1.15"),
                "Safari (Mac)",
            ),
            (
                &format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {webkit} Mobile/15E148 Safari Line/15.2.0"
                ),
                "LINE (iPhone)",
            ),
            ("curl/8.5.0", ""),
            ("", ""),
        ] {
            assert_eq!(program_name(text).unwrap_or_default(), name, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_one_of_our_names_or_none(text in "\\PC{0,600}") {
            if let Some(name) = program_name(&text) {
                prop_assert!(name.len() <= 40 && name.is_ascii());
            }
        }
    }
}
