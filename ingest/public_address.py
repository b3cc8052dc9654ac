"""Which internet addresses are public: nobody's own machine, network or cloud."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_CARRIERS: Final = tuple(
    IPv6Network(network)
    for network in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local, as it once was
        "3fff::/20",  # documentation, unknown to Python 3.11
        "5f00::/16",  # segment routing, the same
    )
)
"""IPv6 addresses that carry an IPv4 one, or lead nowhere that is anybody's."""
_OURS_ALONE: Final = frozenset(
    {
        ip_address("168.63.129.16"),  # Azure's own services, at an address that looks public
        ip_address("192.0.0.192"),  # Oracle's
    }
)
_BROADCAST: Final = ip_network("240.0.0.0/4")


def is_public(address: str) -> bool:
    """Say whether a numeric address belongs to the public internet; anything in doubt does not."""
    try:
        found = ip_address(address)
    except ValueError:
        # with a zone (fe80::1%eth0), or no address at all
        return False
    if isinstance(found, IPv6Address):
        return not found.scope_id and _is_public_v6(found)
    return _is_public_v4(found)


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or address in _BROADCAST
    return address.is_global and not special and address not in _OURS_ALONE


def _is_public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return False
    special = address.is_multicast or address.is_reserved or any(address in each for each in _CARRIERS)
    return address.is_global and not special
