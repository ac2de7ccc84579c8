"""Runs a command on a machine that is alone, and writes down what tried to leave it.

``python alone.py REPORT COMMAND...`` runs COMMAND in a network namespace of its own. Beside loopback it has one
device with the default route (for IPv4), at whose other end is this program: it answers nothing and notes each packet.
Names are asked of a server that lies beyond. REPORT is JSON: ``packets`` (protocol, address, port) and ``unroutable``,
how often a process found no route at all; where the system has no such device, that is all there is to see. Ends with
77 where the system gives no namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

IMPOSSIBLE = 77
DEVICE = b"out0"
HERE, BEYOND, NAME_SERVER, MASK, ANY = "192.0.2.1", "192.0.2.2", "198.51.100.53", "255.255.255.0", "0.0.0.0"  # RFC 5737
SETTLE_SECONDS = 0.5

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
TUNSETIFF, IFF_TUN, IFF_NO_PI, IFF_UP = 0x400454CA, 0x0001, 0x1000, 0x1
SIOCADDRT, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x890B, 0x8913, 0x8914, 0x8916, 0x891C
RTF_UP, RTF_GATEWAY = 1, 2
TCP, UDP, ICMPV6 = 6, 17, 58

_libc = ctypes.CDLL(None, use_errno=True)


def leave_the_world() -> None:
    """Give this process a network and mounts of its own. Raises OSError where the system does not."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)))
    if uid:  # the same user inside, so that nothing takes it for root
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))


def ask_beyond_for_names() -> None:
    """Names are looked up beyond the default route, never through another process of this machine."""
    for path, text in (
        ("/etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n"),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ):
        if os.path.exists(path):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                os.chmod(file.name, 0o644)
                _check(_libc.mount(file.name.encode(), path.encode(), None, MS_BIND, None))


def open_the_way_out() -> int | None:
    """Bring loopback up, and a device with the default route; what leaves by it can be read from the descriptor."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _bring_up(control, b"lo")
        try:
            way_out = os.open("/dev/net/tun", os.O_RDWR)
        except OSError:
            return None
        fcntl.ioctl(way_out, TUNSETIFF, struct.pack("16sH22x", DEVICE, IFF_TUN | IFF_NO_PI))
        for request, address in ((SIOCSIFADDR, HERE), (SIOCSIFNETMASK, MASK)):
            fcntl.ioctl(control, request, struct.pack("16s16s", DEVICE, _address(address)))
        _bring_up(control, DEVICE)
        route = struct.pack("L16s16s16sH", 0, _address(ANY), _address(BEYOND), _address(ANY), RTF_UP | RTF_GATEWAY)
        fcntl.ioctl(control, SIOCADDRT, route.ljust(128, b"\0"))
    return way_out


def note(way_out: int, packets: list[tuple[str, str, int]]) -> None:
    """Note each packet that leaves, but for what the kernel itself says to its neighbours."""
    while True:
        packet = os.read(way_out, 65536)
        if packet[0] >> 4 == 4:
            protocol, length = packet[9], 4 * (packet[0] & 15)
            address = socket.inet_ntop(socket.AF_INET, packet[16:20])
        else:
            protocol, length = packet[6], 40
            address = socket.inet_ntop(socket.AF_INET6, packet[24:40])
            if address.startswith("ff02::"):
                continue
        port = struct.unpack("!H", packet[length + 2 : length + 4])[0] if protocol in (TCP, UDP) else 0
        packets.append(({TCP: "tcp", UDP: "udp"}.get(protocol, str(protocol)), address, port))


def unroutable() -> int:
    """How often something found no route, by the kernel's count since this network began."""
    names, values = [line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines()[:2]]
    found = int(values[names.index("OutNoRoutes")])
    ipv6 = Path("/proc/self/net/snmp6")
    if ipv6.exists():
        found += int(dict(line.split() for line in ipv6.read_text().splitlines())["Ip6OutNoRoutes"])
    return found


def main(report: str, *command: str) -> int:
    """Run the command and write the report; its exit code."""
    try:
        leave_the_world()
    except OSError as error:
        print(f"no network of its own: {error}", file=sys.stderr)
        return IMPOSSIBLE
    ask_beyond_for_names()
    way_out = open_the_way_out()
    packets: list[tuple[str, str, int]] = []
    if way_out is not None:
        threading.Thread(target=note, args=(way_out, packets), daemon=True).start()
    done = subprocess.run(command, check=False)
    time.sleep(SETTLE_SECONDS)
    Path(report).write_text(json.dumps({"packets": packets, "unroutable": unroutable()}))
    return done.returncode


def _bring_up(control: socket.socket, device: bytes) -> None:
    asked = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sh22x", device, 0))
    flags = struct.unpack("16sh22x", asked)[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", device, flags | IFF_UP))


def _address(text: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
