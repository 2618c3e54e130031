"""The real servers that the remote benchmarks run, with the pretend GPU as their engine, and the simulated link before them."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import common
from common import BENCH, REPO

PYTORCH = REPO / "build/servers/pytorch/bin/python"
TRITON_SITE = REPO / "build/servers/triton/site/bin/python"
SOURCE = REPO / "server/pytorch/src"
LINK = BENCH / "link"
START_SECONDS = 90
END_SECONDS = 20
MODEL = "sim"

# The pretend GPU: 5 ms a run and 0.5 ms a photo, one run at a time; photos/s at the largest batch that dupfind sends.
CEILING = 32 / (0.005 + 32 * 0.0005)


def environment():
    """This process's, without what would change a server behind our back."""
    return {key: value for key, value in os.environ.items() if not key.startswith("DUPFIND_") and key != "PYTHONPATH"}


class Process:
    """A process in a session of its own, with its first line of output; it ends with the block."""

    def __init__(self, command, **variables):
        self.name = str(command[0])
        self.run = subprocess.Popen([str(c) for c in command], env=environment() | variables, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def first_line(self):
        ready, _, _ = select.select([self.run.stdout], [], [], START_SECONDS)
        line = self.run.stdout.readline().decode() if ready else ""
        if not line:
            self.end()
            raise common.Failed(f"{self.name} did not start")
        return line.strip()

    def signal(self, number):
        """To the whole group: what the process started, too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.run.pid, number)

    def end(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.run.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.run.communicate()


class Server(Process):
    """A server: `address` is host:port of its gRPC port."""

    address = ""

    @property
    def url(self):
        return f"grpc://{self.address}"

    def cpu_seconds(self):
        """What the process has used of the cores so far (Linux)."""
        with open(f"/proc/{self.run.pid}/stat", encoding="ascii") as f:
            user, system = f.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pytorch():
    """The server in server/pytorch."""
    server = Server([PYTORCH, "-m", "dupfind_server", "--engine", "sim", "--port", 0, "--metrics-port", 0], PYTHONPATH=str(SOURCE), PYTHONUNBUFFERED="1")
    words = dict(word.split("=", 1) for word in server.first_line().split() if "=" in word)
    server.address = words["grpc"]
    return server


def triton(folder):
    """Triton, its models written into a folder."""
    export = [TRITON_SITE, REPO / "server/triton/export.py", "--repository", folder, "--engine", "sim"]
    common.timed(export, env=environment())
    grpc, http, metrics = free_port(), free_port(), free_port()
    server = Server([REPO / "server/triton/run.sh", "--repository", folder, "--grpc-port", grpc, "--http-port", http, "--metrics-port", metrics,
                     "--", f"--backend-config=python,shm-region-prefix-name=dupfind_bench_{grpc}_"])
    server.address = f"127.0.0.1:{grpc}"
    wait_ready(server, f"http://127.0.0.1:{http}/v2/health/ready")
    return server


def wait_ready(server, url):
    deadline = time.time() + START_SECONDS
    while time.time() < deadline and server.run.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    server.end()
    raise common.Failed(f"{server.name} did not become ready")


def originals():
    """The server that takes original files, for the naive client."""
    server = Server([PYTORCH, REPO / "tools/bench/naive.py", "serve"], PYTHONPATH=str(SOURCE), PYTHONUNBUFFERED="1")
    server.address = server.first_line()
    return server


def link(server, rtt, up=""):
    """A simulated link before a server; used as the server itself."""
    way = Server([LINK, "-upstream", server.address, "-rtt", rtt, "-up", up])
    way.address = way.first_line()
    return way
