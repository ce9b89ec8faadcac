"""Ray as kdtune starts it: no listening socket can be reached from another machine."""

import ipaddress
from typing import Any

import psutil


def listening() -> dict[tuple[str, int], str]:
    """Return the addresses at which this process and its children listen, with the name of the process."""
    found = {}
    here = psutil.Process()
    for process in (here, *here.children(recursive=True)):
        try:
            for socket in process.net_connections("inet"):
                if socket.status == psutil.CONN_LISTEN:
                    found[socket.laddr.ip, socket.laddr.port] = process.name()
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_sweep_listens_to_this_machine_only(small_run: Any) -> None:
    found = listening()
    processes = set(found.values())
    assert any("gcs_server" in name for name in processes), f"no Ray here: {found}"
    assert any("raylet" in name for name in processes)
    for (address, port), name in found.items():
        ip = ipaddress.ip_address(address)
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        assert (mapped or ip).is_loopback, f"{name} listens at {address}, port {port}"
