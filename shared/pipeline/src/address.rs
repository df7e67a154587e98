//! Which network addresses a source may have: a name that leads into our own network is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What a source's host is allowed to be, decided from its configured address alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    loopback: bool,
    private: bool,
}

impl Reach {
    /// Public addresses only, but for a host that the configured address itself names as local or private,
    /// or a definition that allows private addresses.
    pub fn of(base: &Url, allow_private: bool) -> Self {
        let reach = match base.host() {
            Some(Host::Domain(name)) => Reach {
                loopback: is_localhost(name),
                private: false,
            },
            Some(Host::Ipv4(address)) => Reach::naming(address.into()),
            Some(Host::Ipv6(address)) => Reach::naming(address.into()),
            None => Reach::default(),
        };
        Reach {
            private: reach.private || allow_private,
            ..reach
        }
    }

    fn naming(address: IpAddr) -> Self {
        Reach {
            loopback: area(address) == Area::Loopback,
            private: area(address) == Area::Private,
        }
    }

    /// Whether a connection to this address may be made.
    pub fn allows(self, address: IpAddr) -> bool {
        match area(address) {
            Area::Public => true,
            Area::Loopback => self.loopback,
            Area::Private => self.private,
            Area::Never => false,
        }
    }
}

/// Whether the host of an address is this machine by its spelling.
pub fn is_this_machine(base: &Url) -> bool {
    match base.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => area(address.into()) == Area::Loopback,
        Some(Host::Ipv6(address)) => area(address.into()) == Area::Loopback,
        None => false,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    Public,
    Loopback,
    Private,
    /// Link-local (cloud metadata services live there), unspecified, multicast, reserved.
    Never,
}

fn area(address: IpAddr) -> Area {
    match address {
        IpAddr::V4(address) => area_v4(address),
        IpAddr::V6(address) => area_v6(address),
    }
}

fn area_v4(address: Ipv4Addr) -> Area {
    match address.octets() {
        [127, ..] => Area::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Area::Private,
        // Shared by carriers and by cloud providers' inner networks.
        [100, 64..=127, ..] => Area::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => {
            Area::Never
        }
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Area::Never,
        _ => Area::Public,
    }
}

fn area_v6(address: Ipv6Addr) -> Area {
    if address.is_loopback() {
        return Area::Loopback;
    }
    if let Some(inner) = inner_v4(address) {
        return area_v4(inner);
    }
    match address.segments() {
        // The metadata service of AWS has an address of its own in the private range.
        [0xfd00, 0x0ec2, ..] => Area::Never,
        [0xfc00..=0xfdff, ..] => Area::Private,
        [0xfe80..=0xfeff, ..] | [0xff00..=0xffff, ..] => Area::Never,
        [0x2001, 0x0db8, ..] | [0x0100, 0, 0, 0, ..] => Area::Never,
        [0x2000..=0x3fff, ..] => Area::Public,
        _ => Area::Never,
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, translated (NAT64), 6to4, Teredo.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0x0064, 0xff9b, 0 | 1, .., high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0, .., high, low] => v4(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(base: &str) -> Reach {
        Reach::of(&Url::parse(base).expect(base), false)
    }

    #[test]
    fn a_public_name_reaches_public_addresses_only() {
        let reach = reach("https://api.example/");
        for good in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(reach.allows(good.parse().expect(good)), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::7f00:1",
            "2002:7f00:0001::",
            "2002:a9fe:a9fe::1",
            "2001:0:0:0:0:0:80ff:fffe",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "100::1",
            "1::1",
            "4000::1",
        ] {
            assert!(!reach.allows(bad.parse().expect(bad)), "{bad}");
        }
    }

    #[test]
    fn a_host_named_as_local_or_private_is_reached_but_metadata_never() {
        let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
        let private: IpAddr = "10.1.2.3".parse().expect("an address");
        for (base, to_loopback, to_private) in [
            ("http://127.0.0.1:8080", true, false),
            ("http://0x7f.1/", true, false),
            ("http://2130706433/", true, false),
            ("http://localhost:1/", true, false),
            ("http://api.localhost./", true, false),
            ("http://[::1]:1/", true, false),
            ("http://[::ffff:127.0.0.1]/", true, false),
            ("http://10.9.9.9/", false, true),
            ("https://localhost.evil.example/", false, false),
            ("https://xlocalhost/", false, false),
        ] {
            let reach = reach(base);
            assert_eq!(
                (reach.allows(loopback), reach.allows(private)),
                (to_loopback, to_private),
                "{base}"
            );
        }
        let metadata: IpAddr = "169.254.169.254".parse().expect("an address");
        assert!(!reach("http://169.254.169.254/").allows(metadata));
        let allowed = Reach::of(&Url::parse("https://inner.example/").expect("a url"), true);
        assert!(allowed.allows(private) && !allowed.allows(loopback) && !allowed.allows(metadata));
    }
}
