"""Rooms of a network: namespaces of this machine, each with a wire to one switch, and ways to cut
them off. No packet leaves them."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_NAMED = Path("/run/netns")
_PREFIX = "subgrad-test-"
_SUBNET = "10.213.7"

DROP_BOTH = ("INPUT", "OUTPUT")
DROP_ANSWERS = ("INPUT",)
"""What is sent arrives; nothing comes back."""


class Impossible(Exception):
    """There can be no namespaces here; the message says why."""


class Network:
    """Rooms by name. The first has the switch, and the servers."""

    def __init__(self, rooms: tuple[str, ...]) -> None:
        self._core = rooms[0]
        self._number = {room: number for number, room in enumerate(rooms, start=1)}

    @classmethod
    @contextmanager
    def running(cls, *rooms: str) -> Iterator["Network"]:
        """The rooms, connected, for as long as the block lasts. Raises Impossible."""
        if os.geteuid() != 0:
            raise Impossible("only root may make network namespaces")
        for program in ("ip", "iptables"):
            if shutil.which(program) is None:
                raise Impossible(f"there is no program `{program}`")
        _remove_leftovers()
        network = cls(rooms)
        try:
            network._build()
            yield network
        finally:
            for room in rooms:
                if (_NAMED / _namespace(room)).exists():
                    _run("ip", "netns", "del", _namespace(room))

    def _build(self) -> None:
        try:
            for room in self._number:
                _run("ip", "netns", "add", _namespace(room))
                self._ip(room, "link", "set", "lo", "up")
            core = self._core
            self._ip(core, "link", "add", "switch", "type", "bridge")
            self._ip(core, "address", "add", f"{self.address(core)}/24", "dev", "switch")
            self._ip(core, "link", "set", "switch", "up")
            for room in self._number:
                if room != core:
                    self._lay_wire(room)
                self._filter(room, "-A", "INPUT", "-p", "tcp", "--sport", "0", "-j", "DROP")
        except subprocess.CalledProcessError as error:
            raise Impossible(f"{' '.join(error.cmd)}: {error.stderr.strip()}") from None

    def _lay_wire(self, room: str) -> None:
        end, core = self._port(room), self._core
        peer = ("peer", "name", "wire", "netns", _namespace(room))
        self._ip(core, "link", "add", end, "type", "veth", *peer)
        self._ip(core, "link", "set", end, "master", "switch", "up")
        self._ip(room, "address", "add", f"{self.address(room)}/24", "dev", "wire")
        self._ip(room, "link", "set", "wire", "up")

    def address(self, room: str) -> str:
        return f"{_SUBNET}.{self._number[room]}"

    @contextmanager
    def inside(self, room: str) -> Iterator[None]:
        """This thread, the connections that it makes and the processes that it starts are in that
        room while the block lasts."""
        with (
            Path("/proc/thread-self/ns/net").open() as here,
            (_NAMED / _namespace(room)).open() as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    @contextmanager
    def dropping(self, room: str, port: int, chains: tuple[str, ...] = DROP_BOTH) -> Iterator[None]:
        """Drops without a word what the room and that port of the servers say to each other. Both
        ends believe that they are connected."""
        rules = [
            (chain, "-p", "tcp", "--sport" if chain == "INPUT" else "--dport", str(port))
            for chain in chains
        ]
        for rule in rules:
            self._filter(room, "-A", *rule, "-j", "DROP")
        try:
            yield
        finally:
            for rule in rules:
                self._filter(room, "-D", *rule, "-j", "DROP")

    @contextmanager
    def unplugged(self, room: str) -> Iterator[None]:
        """The room's wire is out of the switch."""
        self._ip(self._core, "link", "set", self._port(room), "down")
        try:
            yield
        finally:
            self._ip(self._core, "link", "set", self._port(room), "up")

    def _port(self, room: str) -> str:
        return f"port{self._number[room]}"

    def _ip(self, room: str, *arguments: str) -> None:
        _run("ip", "-n", _namespace(room), *arguments)

    def _filter(self, room: str, *arguments: str) -> None:
        with self.inside(room):
            _run("iptables", "-w", *arguments)


def _namespace(room: str) -> str:
    return f"{_PREFIX}{os.getpid()}-{room}"


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _remove_leftovers() -> None:
    """Those of runs that were killed."""
    for old in _NAMED.glob(f"{_PREFIX}*"):
        pid = old.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _run("ip", "netns", "del", old.name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
