#!/usr/bin/env python3
"""Recall and false pairs on edited copies of real photos, and what bad input does; exit code 1 when a figure falls short.

Everything goes through the command line: photos and edits are scanned, `report --format pairs` is scored by the data
set's own score.py. BENCH_DATA names the folder that holds the data (default ../shared).
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys

import common
from common import BENCH, DATA, DUPFIND, Figures, Scratch, dupfind, scan, timed

EDITS = BENCH / "edits"
# Files of corpora/robust that hold a good picture, whatever is odd about them.
GOOD = ("*_named.jpg", "jpeg_no_extension*", "exif_orientation_*", "jpeg_plus_*", "icc_*")


def make_edits():
    """The edits, made once: they are the same for the same Pillow."""
    script = DATA / "bench" / "make_edits.py"
    common.need(script)
    stamp = EDITS / ".made"
    if not stamp.exists():
        shutil.rmtree(EDITS, ignore_errors=True)
        timed([sys.executable, script, EDITS, "--jobs", common.cores()])
        stamp.touch()
    return EDITS


def score(pairs, name, scratch):
    """The data set's own verdict on a list of pairs: its text, recall, false pairs of originals."""
    found = scratch.path / f"found-{name}.tsv"
    found.write_bytes(pairs)
    _, out = timed([sys.executable, DATA / "bench/score.py", "--pairs", found, "--truth", EDITS / "pairs.tsv"])
    text = out.decode()
    line = re.search(r"recall ([\d.]+); false pairs: (\d+) of originals", text)
    if not line:
        raise common.Failed("score.py's answer has no line on recall and false pairs:\n" + text)
    return text, float(line[1]), int(line[2])


def accuracy(figures, scratch, full):
    edits, db = make_edits(), scratch.db()
    seconds, summary = scan(DATA / "bench/photos", db)
    more, edited = scan(edits, db)
    total = summary["embedded"] + edited["embedded"]
    figures.note(f"{total} photos embedded in {seconds + more:.0f} s")
    _, pairs = dupfind("report", "--format", "pairs", "--threshold", "0.95", "--db", db)
    text, recall, false = score(pairs, 0.95, scratch)
    figures.at_least("recall at 0.95", recall, 0.965, digits=4)
    figures.at_most("false pairs among the originals at 0.95", false, 3, digits=0)
    if full:
        print(text)
        for at in (0.90, 0.93, 0.96, 0.97, 0.98, 0.99):
            _, pairs = dupfind("report", "--format", "pairs", "--threshold", at, "--db", db)
            _, recall, false = score(pairs, at, scratch)
            figures.note(f"at {at:.2f}: recall {recall:.4f}, {false} false pairs among the originals")


def verdicts(db):
    """What the store says of each file: path -> (state, reason)."""
    rows = common.query(db, "SELECT path, state, reason FROM files WHERE gone_ns = 0")
    return {bytes(path): (state, reason) for path, state, reason in rows}


def bad_input(figures, folder, name, scratch, limit):
    """Scan a nasty folder: no crash, no hang, exit 3, each failure listed with a reason."""
    db = scratch.db()
    seconds, summary = scan(folder, db, codes=(3,), timeout=limit)
    state = verdicts(db)
    failed = {path: reason for path, (kind, reason) in state.items() if kind in ("skipped", "folder")}
    reasons = collections.Counter(failed.values())
    figures.note(f"{name}: {summary['seen']} seen in {seconds:.1f} s; " + ", ".join(f"{n} {r}" for r, n in reasons.most_common()))
    figures.figure(f"{name}: ends by itself", f"exit 3 in {seconds:.1f} s", True, f"exit 3 within {limit} s")
    figures.figure(f"{name}: seen = compared + skipped", f"{summary['seen']} = {summary['compared']} + {summary['skipped']}",
                   summary["seen"] == summary["compared"] + summary["skipped"], "totals reconcile")
    told = sum(1 for entry in common.skipped(db) if entry["reason"] and entry["text"])
    figures.figure(f"{name}: failures listed with a reason", f"{told} of {len(failed)}", told == len(failed) > 0, "all")
    _, again = scan(folder, db, codes=(3,), timeout=limit)
    figures.figure(f"{name}: a second scan embeds nothing", again["embedded"], again["embedded"] == 0, "0")
    return state


def robust(figures, scratch):
    folder = DATA / "corpora/robust"
    common.need(folder)
    state = bad_input(figures, folder, "robust", scratch, 300)
    good = [p.name.encode() for pattern in GOOD for p in folder.glob(pattern) if p.is_file()]
    lost = sorted(n.decode() for n in good if state.get(n, ("missing", ""))[0] != "photo")
    figures.figure("robust: odd files with a good picture are embedded", f"{len(good) - len(lost)} of {len(good)}" + (f", not {lost}" if lost else ""), not lost, "all")


def oddities(figures, scratch):
    folder = BENCH / "fs"
    common.need(DATA / "corpora/make_fs.sh")
    remove_tree(folder)
    timed(["sh", DATA / "corpora/make_fs.sh", folder])
    try:
        state = bad_input(figures, folder / "fs", "make_fs", scratch, 300)
        outside = [path for path in state if b"outside" in path]
        figures.figure("make_fs: links out of the library are not followed", len(outside), not outside, "0")
    finally:
        remove_tree(folder)


def remove_tree(folder):
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", folder], check=True)


def formats(figures, scratch):
    """Every file is embedded, or its absence explained."""
    folder, db = DATA / "corpora/formats", scratch.db()
    common.need(folder)
    _, summary = scan(folder, db, codes=(0, 3))
    state = verdicts(db)
    files = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    embedded, explained, silent = [], [], []
    for rel in files:
        kind, reason = state.get(os.fsencode(rel), ("missing", ""))
        if kind == "photo":
            embedded.append(rel)
        elif kind == "skipped" and reason:
            explained.append(f"{rel} ({reason})")
        else:
            silent.append(f"{rel} ({kind})")
    figures.note("formats, explained: " + (", ".join(explained) or "none"))
    figures.figure("formats: embedded or explained", f"{len(embedded)} + {len(explained)} of {len(files)}" + (f", silent: {silent}" if silent else ""),
                   not silent, "all")


def tiles(figures):
    """The decoder's tiles against Pillow's, by tile_agreement.py, which knows its own bars."""
    command = [sys.executable, common.REPO / "tools/bench/tile_agreement.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=common.REPO)
    lines = (done.stdout or done.stderr).strip().splitlines()
    for line in lines:
        figures.note(line)
    figures.figure("tiles agree with Pillow's", lines[-1] if lines else "no answer", done.returncode == 0, "at most 2 grey levels, mean cosine >= 0.995")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also by family of edit and at other thresholds")
    parser.add_argument("--only", choices=("tiles", "accuracy", "robust", "fs", "formats"))
    args = parser.parse_args()
    common.need(DUPFIND)
    figures = Figures("bench-accuracy")
    parts = {
        "tiles": lambda _: tiles(figures),
        "accuracy": lambda s: accuracy(figures, s, args.full),
        "robust": lambda s: robust(figures, s),
        "fs": lambda s: oddities(figures, s),
        "formats": lambda s: formats(figures, s),
    }
    with Scratch() as scratch:
        for name, part in parts.items():
            if args.only in (None, name):
                try:
                    part(scratch)
                except (common.Failed, subprocess.TimeoutExpired) as error:
                    figures.figure(name, str(error), False, "runs to its end")
    return figures.done()


if __name__ == "__main__":
    sys.exit(main())
