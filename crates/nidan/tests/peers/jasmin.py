"""The Jasmin SMS gateway between Nidan and a short message centre, as a real gateway stands between them.

    jasmin.py start DIR UPSTREAM_PORT [PER_SECOND]    starts Redis, RabbitMQ and Jasmin, all below DIR; prints the port to
                                                      bind to, where so many messages a second are taken, or any number
    jasmin.py stop DIR                                stops all three

Runs with the Python that Jasmin is installed in. Nidan binds as "nidan", Jasmin binds upstream as "jasmin", each with the
password "secret". Every port is free when it is taken, and on loopback alone.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import txamqp

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
BOUND_S = 60
# Jasmin allows one of itself on a machine, by a lock in /tmp that outlives one which is killed. This gives each its own.
RUN_WITH_LOCK = """
import lockfile, runpy, sys
lock, place = lockfile.FileLock, sys.argv[1]
lockfile.FileLock = lambda _: lock(place)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def launch(directory, name, command, environment=None):
    """Starts a program in a process group of its own, and notes the group for `stop`."""
    (directory / name).mkdir(parents=True, exist_ok=True)
    with open(directory / name / "out", "wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=directory / name,
            env={**os.environ, "HOME": str(directory / name), **(environment or {})},
            start_new_session=True,
        )
    (directory / f"{name}.pid").write_text(str(process.pid))
    return process


def wait_until_open(port, process, directory, name):
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"{name} does not answer on port {port}:\n{(directory / name / 'out').read_text()[-2000:]}")


def start_redis(directory, port):
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    wait_until_open(port, launch(directory, "redis", command), directory, "redis")


def start_rabbitmq(directory, port, distribution_port):
    home = directory / "rabbitmq"
    home.mkdir(parents=True, exist_ok=True)
    (home / "plugins").write_text("[].")
    environment = {
        "RABBITMQ_NODENAME": f"nidan-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
    }
    process = launch(directory, "rabbitmq", [RABBITMQ], environment)
    wait_until_open(port, process, directory, "rabbitmq")


def start_jasmin(directory, ports, amqp, redis):
    """Jasmin itself. Without the two --enable-dlr options no receipt ever comes back."""
    smpp, smpp_pb, management, console = ports
    home = directory / "jasmin"
    for needed in ("etc/jasmin/resource", "etc/jasmin/store", "log"):
        (home / needed).mkdir(parents=True, exist_ok=True)
    specification = pathlib.Path(txamqp.__file__).parent / "specs/standard/amqp0-9-1.stripped.xml"
    (home / "jasmin.cfg").write_text(
        f"""
[amqp-broker]
host = 127.0.0.1
port = {amqp}
spec = {specification}
[redis-client]
host = 127.0.0.1
port = {redis}
[smpp-server]
bind = 127.0.0.1
port = {smpp}
[smpp-server-pb]
bind = 127.0.0.1
port = {smpp_pb}
[smpp-server-pb-client]
port = {smpp_pb}
[client-management]
bind = 127.0.0.1
port = {management}
store_path = {home}/etc/jasmin/store
[jcli]
port = {console}
authentication = False
[sm-listener]
submit_retrial_delay_smppc_not_ready = 2
[dlr]
dlr_lookup_retry_delay = 1
"""
    )
    daemon = pathlib.Path(sys.executable).parent / "jasmind.py"
    options = ["--enable-dlr-lookup", "--enable-dlr-thrower", "--disable-http-api"]
    command = [sys.executable, "-c", RUN_WITH_LOCK, str(home / "lock"), str(daemon)]
    command += ["-c", str(home / "jasmin.cfg"), *options]
    # It compares a validity in UTC with the time of day where it runs.
    environment = {"ROOT_PATH": str(home), "LOG_PATH": str(home / "log"), "TZ": "UTC"}
    process = launch(directory, "jasmin", command, environment)
    wait_until_open(console, process, directory, "jasmin")


class Console:
    """Jasmin's console, which is the only way to tell it who may bind and where messages go."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=BOUND_S)
        self.unread = b""
        self.tell("")

    def read_to_prompt(self):
        while True:
            ends = [self.unread.find(prompt) + len(prompt) for prompt in (b"jcli : ", b"\n> ") if prompt in self.unread]
            if ends:
                answer, self.unread = self.unread[: min(ends)], self.unread[min(ends) :]
                return answer.decode(errors="replace")
            received = self.connection.recv(4096)
            if not received:
                sys.exit(f"Jasmin's console closed: {self.unread.decode(errors='replace')}")
            self.unread += received

    def tell(self, line):
        self.connection.sendall(line.encode() + b"\r\n")
        return self.read_to_prompt()


def configure(console_port, upstream_port, per_second):
    console = Console(console_port)
    adding = {
        "group -a": ["gid group"],
        "user -a": [
            "username nidan",
            "password secret",
            "gid group",
            "uid nidan",
            f"mt_messaging_cred quota smpps_throughput {per_second or 'none'}",
        ],
        "smppccm -a": [
            "cid upstream",
            "host 127.0.0.1",
            f"port {upstream_port}",
            "username jasmin",
            "password secret",
            "submit_throughput 0",
            "con_fail_delay 1",
            "con_loss_delay 1",
        ],
    }
    for command, lines in adding.items():
        for line in [command, *lines]:
            console.tell(line)
        said = console.tell("ok")
        if "Successfully" not in said:
            sys.exit(f"Jasmin does not take `{command}`: {said}")
    console.tell("smppccm -1 upstream")
    # This one asks for its arguments in a prompt of its own, so its answers come a line late.
    for line in ["mtrouter -a", "type DefaultRoute", "connector smppc(upstream)", "rate 0.0", "ok"]:
        console.tell(line)
    until = time.monotonic() + BOUND_S
    while "BOUND_TRX" not in console.tell("smppccm -l"):
        if time.monotonic() > until:
            sys.exit("Jasmin does not bind upstream")
        time.sleep(0.2)


def start(directory, upstream_port, per_second=0):
    directory.mkdir(parents=True, exist_ok=True)
    redis, amqp, distribution, *jasmin = free_ports(7)
    start_redis(directory, redis)
    start_rabbitmq(directory, amqp, distribution)
    start_jasmin(directory, jasmin, amqp, redis)
    configure(jasmin[3], upstream_port, per_second)
    print(jasmin[0], flush=True)


def stop(directory):
    for name in ("jasmin", "rabbitmq", "redis"):
        noted = directory / f"{name}.pid"
        if noted.exists():
            try:
                os.killpg(int(noted.read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass
            noted.unlink()


def main():
    match sys.argv[1:]:
        case ["start", directory, *numbers] if len(numbers) in (1, 2):
            try:
                start(pathlib.Path(directory).resolve(), *map(int, numbers))
            except BaseException:
                stop(pathlib.Path(directory).resolve())
                raise
        case ["stop", directory]:
            stop(pathlib.Path(directory).resolve())
        case _:
            sys.exit(__doc__)


main()
