#!/usr/bin/env python3
"""Remote backends, each figure beside its bar; exit code 1 when one falls short.

The servers are the shipped ones with the pretend GPU, 5 ms and 0.5 ms a photo, one run at a time: what is measured is all
but the model. Server, simulated link and client share this machine's cores, so that ratios within one run are what counts.
"""

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import common
import photos
import servers
from common import BENCH, DUPFIND, Figures, Scratch, median, scan

COPIES = 100  # of each of the eight camera photos
RTT, UP = "180ms", "20mbit"
RTT_SECONDS, UP_BYTES = 0.180, 20e6 / 8
NAIVE_BATCHES = 3

# What the client holds at most, beside a list of the files: 64 calls of 8 tiles, 64 tiles on their way to them and two with the
# decoders, 87 MB; as much again in requests under way, of which there are 32 MB at most, as a message and as it is sent; all
# of that twice, for Go collects garbage when there is as much of it as there is in use; and 60 MB for the program.
MEMORY_MIB = 400
# Of memory for each file of the library: its row and its place in line, and in the search at the end its vector of 2 KiB and
# the packed copies that are compared; twice, as above.
FILE_BYTES = 8192
SMALL, LARGE = 5_000, 20_000  # photos
STALL_SECONDS, SETTLE_SECONDS = 25, 5


def bench(server, *flags, whole=True):
    """Run `dupfind bench` for one server; its record, of which all must have worked unless the whole is not asked for."""
    with tempfile.TemporaryDirectory(dir=BENCH) as out:
        common.dupfind("bench", "--backend", server.url, "--name", "server", "--out", out, "--quiet", *flags)
        with open(f"{out}/server.json", encoding="utf-8") as f:
            record = json.load(f)
    if record.get("error") or whole and any(m.get("error") or m["failed"] for m in record["measurements"]):
        raise common.Failed(f"dupfind bench {' '.join(map(str, flags))}: {json.dumps(record)[:2000]}")
    return record


def measured(record, test):
    return next(m for m in record["measurements"] if m["test"] == test)


def embedded_all(summary, count):
    if summary["embedded"] != count or summary["sent"]["photos"] != count:
        raise common.Failed(f"the scan embedded {summary['embedded']} of {count} photos")
    return summary


# ---- a slow link ----


def naive(server, folder):
    """Photos a second of the naive client, and what its time went into. The first batch opens the connection and is left out."""
    command = [servers.PYTORCH, common.REPO / "tools/bench/naive.py", "send", server.address, NAIVE_BATCHES, folder]
    _, out = common.timed(command, env=servers.environment() | {"PYTHONPATH": str(servers.SOURCE)})
    done = json.loads(out)
    seconds, inside = median(done["seconds"][1:]), median(done["server_seconds"][1:])
    return done["photos"] / seconds, seconds, inside, statistics.mean(done["bytes"]) / done["photos"]


def slow_link(figures, scratch):
    folder = photos.camera_library(COPIES)
    files = sorted(folder.glob("*.jpg"))
    mean = statistics.mean(f.stat().st_size for f in files)
    figures.note(f"{len(files)} photos of {mean / 1e6:.2f} MB on average; round trip {RTT}, upload {UP}")
    with servers.originals() as server, servers.link(server, RTT, UP) as way:
        base, seconds, inside, size = naive(way, folder)
    figures.note(f"naive client: 32 files of {size / 1e6:.2f} MB in {seconds:.1f} s, of which the server takes {inside:.2f} s: {base:.2f} photos/s")
    with servers.pytorch() as server:
        with servers.link(server, RTT, UP) as way:
            rates, shares = [], []
            for _ in range(3):
                seconds, summary = scan(folder, scratch.db(), "--backend", way.url)
                sent = embedded_all(summary, len(files))["sent"]
                rates.append(len(files) / seconds)
                shares.append(sent["bytes"] / sent["busy_seconds"] / UP_BYTES)
                figures.note(f"scan: {seconds:.1f} s, of which requests {sent['busy_seconds']:.1f} s; {rates[-1]:.1f} photos/s as {sent['wire']}, "
                             f"{sent['bytes'] / sent['photos'] / 1e3:.1f} kB each, {sent['photos'] / sent['requests']:.1f} in a request")
            seconds, summary = scan(folder, scratch.db(), "--backend", way.url, "--wire", "raw")
            embedded_all(summary, len(files))
            raw = len(files) / seconds
        figures.note(f"scan --wire raw: {seconds:.1f} s, {raw:.1f} photos/s")
        record = bench(server, "--tests", "adaptive", "--rtt", RTT, "--up", UP, "--photos", folder, "--duration", "15s")
    rate = median(rates)
    figures.at_least(f"{RTT}, {UP}: times the naive client", rate / base, 17, digits=1)
    figures.at_least(f"{RTT}, {UP}: times raw tiles", rate / raw, 1.8)
    figures.at_least(f"{RTT}, {UP}: payload as a share of the link", median(shares), 0.9)
    m = measured(record, "adaptive")
    a = m["adaptive"]
    least = a["batch"] * m["sent_bytes_per_photo"] / UP_BYTES + RTT_SECONDS
    figures.note(f"requests of {a['batch']} photos, {a['in_flight']} in flight: p50 {a['request_p50_ms'] / 1e3:.2f} s, max {a['request_max_ms'] / 1e3:.2f} s; "
                 f"alone one would take {least:.2f} s")
    figures.at_most(f"{RTT}, {UP}: p50 of a request, in times of one alone", a["request_p50_ms"] / 1e3 / least, 4)


# ---- a long and fast link ----


def long_link(figures, _):
    times = ("--wire", "raw", "--rtt", RTT, "--duration", "40s", "--warmup", "5s")  # windows agree after 20 s at the earliest
    with servers.pytorch() as server:
        alone = measured(bench(server, "--tests", "batch", "--batch", "32", *times), "batch")
        m = measured(bench(server, "--tests", "adaptive", *times), "adaptive")
    figures.note(f"{RTT}, no limit: one request of 32 in flight {alone['photos_per_second']:.0f} photos/s, "
                 f"adaptive {m['photos_per_second']:.0f} ({m['adaptive']['in_flight']} of {m['adaptive']['batch']} as {m['adaptive']['wire']})")
    figures.at_least(f"{RTT}, no limit: times one request in flight", m["photos_per_second"] / alone["photos_per_second"], 3.5)


# ---- no link ----


def near(figures, scratch):
    """A scan at a server next door against decoding alone, in turns: the same photos by as many of the same processes.

    Both rates leave out what happens once, connecting and the search at the end, and count starting the processes. The server
    shares the cores here, which a far one does not: its time is told beside, and not taken off.
    """
    folder = photos.camera_library(COPIES)
    count = len(list(folder.glob("*.jpg")))
    decode, scans, wholes, busy = [], [], [], []
    with servers.pytorch() as server:
        for _ in range(5):
            _, out = common.timed([BENCH / "decoderate", "-dupfind", DUPFIND, folder])
            decode.append(json.loads(out)["seconds"])
            before = server.cpu_seconds()
            whole, out = common.dupfind("scan", folder, "--db", scratch.db(), "--json", "--backend", server.url)
            embedded_all(common.last_document(out), count)
            scans.append(stage_seconds(out, "scan"))
            wholes.append(whole)
            busy.append(server.cpu_seconds() - before)
    figures.note(f"decoding alone {median(decode):.2f} s, {count / median(decode):.0f} photos/s; scan at a server on this machine {median(scans):.2f} s, "
                 f"{count / median(scans):.0f} photos/s, {median(wholes):.2f} s in all, beside {median(busy):.2f} s of CPU in the server")
    figures.at_least("no delay: scan as a share of decoding alone", median(decode) / median(scans), 0.9)


def stage_seconds(out, stage):
    """How long a stage of a scan took, by its lines of JSON."""
    return next(line["elapsed_seconds"] for line in map(json.loads, out.splitlines()) if line.get("stage") == stage and line["finished"])


# ---- the servers ----


def ceiling(figures, scratch):
    with contextlib.ExitStack() as stack:
        for name, server in (("PyTorch server", servers.pytorch()), ("Triton", servers.triton(scratch.path / "models"))):
            stack.enter_context(server)
            full = measured(bench(server, "--tests", "closed", "--batch", "32", "--in-flight", "8", "--duration", "10s"), "closed")
            one = measured(bench(server, "--tests", "batch", "--batch", "8", "--duration", "10s"), "batch")
            p = one["latency"]
            figures.note(f"{name}: {full['photos_per_second']:.0f} photos/s; alone, batch 8: p50 {p['p50_ms']:.1f} ms, p99 {p['p99_ms']:.1f} ms, "
                         f"max {p['max_ms']:.1f} ms of {p['count']}")
            figures.at_least(f"{name}: share of {servers.CEILING:.0f} photos/s, batch 32, 8 in flight", full["photos_per_second"] / servers.CEILING, 0.85)
            figures.at_most(f"{name}: p99 in times of p50, batch 8, one in flight", p["p99_ms"] / p["p50_ms"], 3)


# ---- memory ----


class Watched:
    """A scan whose memory, that of the process alone, is looked at all the while."""

    def __init__(self, folder, db, server):
        command = [str(c) for c in (DUPFIND, "scan", folder, "--db", db, "--json", "--backend", server.url)]
        self.run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.peak = 0

    def until(self, photos):
        """Go on until so many photos are embedded."""
        for line in self.run.stdout:
            if json.loads(line).get("done", 0) >= photos:
                return
        raise common.Failed("the scan ended early")

    def watch(self, seconds):
        """The most memory within a time."""
        peak, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            peak = max(peak, common.resident(self.run.pid))
            time.sleep(0.05)
        self.peak = max(self.peak, peak)
        return peak

    def finish(self):
        """The summary, once the scan is over."""
        memory = common.Memory(self.run.pid)
        out = self.run.stdout.read()
        code = self.run.wait()
        memory.end()
        self.peak = max(self.peak, memory.parent)
        if code != 0:
            raise common.Failed(f"the scan ended with {code}")
        return common.last_document(out)


def memory(figures, scratch):
    mib = 1 << 20
    peaks = {}
    with servers.pytorch() as server:
        for count in (SMALL, LARGE):
            scanned = Watched(photos.many(count, count), scratch.db(), server)
            summary = scanned.finish()
            peaks[count] = scanned.peak / mib
            figures.note(f"scan of {summary['seen']} small photos, {summary['embedded']} sent: {peaks[count]:.0f} MiB at most, {summary['duration_seconds']:.0f} s")
        stalled = Watched(photos.many(LARGE, LARGE), scratch.db(), server)
        stalled.until(500)
        server.signal(signal.SIGSTOP)
        first = stalled.watch(SETTLE_SECONDS) / mib
        then = stalled.watch(STALL_SECONDS - SETTLE_SECONDS) / mib
        server.signal(signal.SIGCONT)
        summary = stalled.finish()
    allowed = MEMORY_MIB + FILE_BYTES * LARGE / mib
    figures.at_most(f"memory of the client, {LARGE} photos", peaks[LARGE], allowed, " MiB", 0)
    figures.at_most(f"memory of the client, {LARGE} photos more than {SMALL}", peaks[LARGE] - peaks[SMALL], FILE_BYTES * (LARGE - SMALL) / mib, " MiB", 0)
    figures.at_most(f"server stalled for {STALL_SECONDS} s: memory", max(first, then), allowed, " MiB", 0)
    figures.at_most(f"server stalled: memory after {SETTLE_SECONDS} s against that of the first {SETTLE_SECONDS} s", then / first, 1.05)
    good = summary["embedded"] + summary["low_detail"] == summary["seen"] == LARGE
    figures.figure("server stalled: it goes on, and all photos are embedded", f"{summary['embedded']} and {summary['low_detail']} without detail of {LARGE}", good, "all")


# ---- the wider tables ----


def tables(figures, _):
    """Photos a second over many links: K requests of 8 or 32 photos in flight, and the adaptive client."""
    folder = photos.camera_library(COPIES)
    with servers.pytorch() as server:
        for rtt in ("20ms", "180ms"):
            for up in ("5mbit", "20mbit", "100mbit"):
                figures.note(f"round trip {rtt}, upload {up}: photos/s (p50 in seconds)")
                for wire in ("raw", "webp", "jpeg95"):
                    figures.note(f"  {wire:6} {row(server, rtt, up, wire, folder)}")


def row(server, rtt, up, wire, folder):
    record = bench(server, "--tests", "closed,adaptive", "--batch", "8,32", "--in-flight", "1,4,8,16", "--wire", wire,
                   "--rtt", rtt, "--up", up, "--photos", folder, whole=False)
    cells = []
    for m in record["measurements"]:
        name = "adaptive" if m["test"] == "adaptive" else f"{m['photos_per_call']} x {m['in_flight']}"
        if m.get("error") or not m["photos_per_second"]:
            cells.append(f"{name}: over a minute")
            continue
        p50 = m["adaptive"]["request_p50_ms"] if m["test"] == "adaptive" else m["latency"]["p50_ms"]
        cells.append(f"{name}: {m['photos_per_second']:.1f} ({p50 / 1e3:.2f})")
    return ", ".join(cells)


PARTS = {"slow": slow_link, "long": long_link, "near": near, "servers": ceiling, "memory": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--full", action="store_true", help="instead the wider tables, without bars (half an hour)")
    args = parser.parse_args()
    common.need(DUPFIND, servers.LINK, servers.PYTORCH, servers.TRITON_SITE, BENCH / "decoderate")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end, too
    figures = Figures("bench-remote")
    with Scratch() as scratch:
        for name, part in {"tables": tables}.items() if args.full else PARTS.items():
            if args.only in (None, name):
                part(figures, scratch)
    return figures.done()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as error:
        print(f"bench-remote: {error}")
        sys.exit(1)
