#!/usr/bin/env python3
"""Speed and memory of a scan, each figure beside its bar; exit code 1 when one falls short.

All rivals run in turn in each round on the same files, which are in the page cache; medians of the rounds are compared.
"""

import argparse
import os
import subprocess
import sys

import common
import photos
from common import BENCH, DUPFIND, Figures, Scratch, median, scan, timed

ROUNDS = 5


def bound_seconds(files):
    """The least that decoding and the model can take: libjpeg-turbo at 1/8, then ONNX Runtime, all cores each."""
    _, out = timed([BENCH / "bound", common.cores(), *files])
    _, model = timed([sys.executable, common.REPO / "tools/bench/model_time.py", common.model_file(), len(files)])
    return float(out), float(model)


def immaculate(folder, method):
    return timed([common.REPO / "build/venv/bin/immaculate", "--method", method, "--json", folder])[0]


def czkawka(folder, scratch):
    environment = dict(os.environ, XDG_CACHE_HOME=str(scratch), XDG_CONFIG_HOME=str(scratch))
    command = [BENCH / "czkawka_cli", "image", "-d", folder, "-H", "-N", "-M", "-W"]
    return timed(command, codes=(0, 11), env=environment)[0]


def cold_scan(folder, db, count):
    """A scan into a new database; checks that it did what it was timed for."""
    seconds, summary = scan(folder, db)
    embedded = summary["embedded"]
    if embedded != count:
        raise common.Failed(f"the scan embedded {embedded} of {count} photos")
    return seconds


def speed(figures, scratch, rounds, full):
    folder = photos.camera_copies()
    files = sorted(folder.glob("*.jpg"))
    times = {}

    def add(name, seconds):
        times.setdefault(name, []).append(seconds)

    for _ in range(rounds):
        decode, model = bound_seconds(files)
        add("bound: decoding at 1/8", decode)
        add("bound: model", model)
        add("bound", decode + model)
        add("dupfind", cold_scan(folder, scratch.db(), len(files)))
        add("immaculate sscd", immaculate(folder, "sscd"))
        add("czkawka", czkawka(folder, scratch.path))
        if full:
            for method in ("pdq", "phash", "sscd_distilled"):
                add("immaculate " + method, immaculate(folder, method))
    middle = {name: median(seconds) for name, seconds in times.items()}
    for name, seconds in sorted(times.items(), key=lambda item: middle[item[0]]):
        figures.note(f"{name:26} {middle[name]:.2f} s  ({min(seconds):.2f} to {max(seconds):.2f}), {len(files) / middle[name]:.0f} photos/s")
    figures.figure("cold scan of the camera photos", f"exit 0, {len(files)} embedded", True, "exit 0, all embedded")
    figures.at_least("photos/s as a share of the bound", middle["bound"] / middle["dupfind"], 0.70)
    figures.at_least("times the speed of immaculate sscd", middle["immaculate sscd"] / middle["dupfind"], 2)
    figures.at_least("times the speed of czkawka", middle["czkawka"] / middle["dupfind"], 1)


def memory(figures, folder, db, total, flags=()):
    """A cold scan with its memory sampled."""
    command = [str(c) for c in (DUPFIND, "scan", folder, "--db", db, "--json", *flags)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        watch = common.Memory(run.pid)
        out = run.stdout.read()
        code = run.wait()
        watch.end()
    if code != 0:
        raise common.Failed(f"the scan of {folder} ended with {code}")
    summary = common.last_document(out)
    if summary["seen"] != total:
        raise common.Failed(f"the scan saw {summary['seen']} of {total} files")
    mib = 1 << 20
    figures.note(f"{total} files, {summary['embedded']} embedded; whole tree {watch.tree / mib:.0f} MiB at most")
    figures.at_most("memory of the parent", watch.parent / mib, (600e6 + 4096 * total) / mib, " MiB", 0)
    figures.at_most("memory of the largest worker", watch.child / mib, 1024, " MiB", 0)


def rescan(figures, folder, db, total, rounds):
    """Nothing changed: the time to notice that, against find."""
    ours, finds = [], []
    for _ in range(rounds):
        finds.append(timed(["find", folder, "-type", "f", "-printf", "%s %T@\n"])[0])
        seconds, summary = scan(folder, db)
        if summary["unchanged"] != total:
            raise common.Failed(f"the re-scan called {summary['unchanged']} of {total} files unchanged")
        ours.append(seconds)
    figures.note(f"re-scan {median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f}), find {median(finds):.2f} s ({min(finds):.2f} to {max(finds):.2f})")
    figures.at_most(f"re-scan of {total} unchanged files", median(ours), 3 * median(finds) + 0.3, " s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more rounds and rivals, and 100,000 photos through the model (half an hour)")
    parser.add_argument("--only", choices=("speed", "many"))
    args = parser.parse_args()
    common.need(DUPFIND, BENCH / "bound", BENCH / "czkawka_cli")
    rounds = 9 if args.full else ROUNDS
    figures = Figures("bench-scan")
    with Scratch() as scratch:
        if args.only != "many":
            speed(figures, scratch, rounds, args.full)
        if args.only != "speed":
            total, embedded = 100_000, 100_000 if args.full else 10_000
            folder, db = photos.many(total, embedded), scratch.db()
            memory(figures, folder, db, total)
            rescan(figures, folder, db, total, rounds)
    return figures.done()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Failed as error:
        print(f"bench-scan: {error}")
        sys.exit(1)
