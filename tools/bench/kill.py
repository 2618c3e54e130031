#!/usr/bin/env python3
"""Kill -9 of scans and quarantines at random moments, two at once, full disks: is a photo ever lost, a vector ever wrong?

Exit code 1 when anything is. The moments are drawn from --seed, which is printed.
"""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time

import common
import photos
from common import DUPFIND, Figures, Scratch, dupfind, scan

# Vectors of one photo in batches of other sizes may differ in the last bits.
SAME_VECTOR = 1e-5


MANIFEST = b"dupfind-manifest.jsonl"  # stays after a restore, as a record of it


def hashes(folder):
    """Path -> (SHA-256, mtime, mode) of every file below, whatever its name, manifests of the quarantine left out."""
    found = {}
    for root, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            if name == MANIFEST:
                continue
            path = os.path.join(root, name)
            st = os.lstat(path)
            with open(path, "rb") as f:
                digest = hashlib.file_digest(f, "sha256").hexdigest()
            found[os.path.relpath(path, os.fsencode(folder))] = (digest, st.st_mtime_ns, st.st_mode)
    return found


def contents(tree):
    """The multiset of the contents, wherever they are."""
    return collections.Counter(digest for digest, _, _ in tree.values())


def vectors(db):
    """SHA-256 of a content -> its vector."""
    rows = common.query(db, "SELECT c.sha256, e.vector FROM embeddings e JOIN contents c ON c.id = e.content_id")
    return {sha: struct.unpack(f"<{len(v) // 4}f", v) for sha, v in rows}


def pairs(db):
    return dupfind("report", "--format", "pairs", "--db", db)[1]


def distance(a, b):
    return 1 - sum(x * y for x, y in zip(a, b, strict=True))


def start(*args):
    """Start the program in a session of its own, so that nothing of ours is hit with it."""
    return subprocess.Popen([str(c) for c in (DUPFIND, *args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


def kill_after(seconds, *args):
    """Run a command and kill -9 it after a while; was it still running?"""
    run = start(*args)
    try:
        run.communicate(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        workers = common.children_of(run.pid)
        run.kill()
        run.communicate()
        wait_gone(workers)
        return True


def wait_gone(pids):
    """The worker processes of a killed parent must end by themselves."""
    deadline = time.time() + 20
    while time.time() < deadline:
        if not any(is_worker(pid) for pid in pids):
            return
        time.sleep(0.02)
    raise common.Failed(f"workers {pids} outlived their killed parent")


def is_worker(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"decode-worker" in f.read()
    except OSError:
        return False


def tree_of(figures, folder, before, what):
    after = hashes(folder)
    figures.figure(f"{what}: every file as before", f"{sum(after.get(p) == v for p, v in before.items())} of {len(before)}", after == before, "all, nothing else")


# ---- scan ----


def kill_scans(figures, scratch, folder, rounds, chance):
    before = hashes(folder)
    whole = scratch.db()
    seconds, _ = scan(folder, whole, codes=(0, 3))
    want, want_pairs = vectors(whole), pairs(whole)
    killed = completed = wrong = twice = 0
    saved = []
    worst = 0.0
    for _ in range(rounds):
        db = scratch.db()
        killed += kill_after(chance.uniform(0, seconds), "scan", folder, "--db", db)
        had = vectors(db) if db.exists() and has_schema(db) else {}
        saved.append(len(had))
        _, summary = scan(folder, db, codes=(0, 3))
        got = vectors(db)
        off = [distance(got[sha], want[sha]) for sha in got if sha in want]
        worst = max([worst, *off])
        wrong += sum(d > SAME_VECTOR for d in off) + sum(sha not in want for sha in got)
        twice += len(had) + summary["embedded"] - len(want)
        completed += got.keys() == want.keys() and same_pairs(pairs(db), want_pairs)
    figures.note(f"scan of {len(before)} files takes {seconds:.2f} s; {killed} of {rounds} kills hit it running, "
                 f"{min(saved)} to {max(saved)} of {len(want)} vectors were saved by then; largest 1 - cosine {worst:.2g}")
    figures.figure("scan killed: the next one completes, same vectors, same pairs", f"{completed} of {rounds}", completed == rounds, "all")
    figures.figure("scan killed: wrong vectors", wrong, wrong == 0, "0")
    figures.figure("scan killed: photos embedded twice", twice, twice == 0, "0")
    tree_of(figures, folder, before, "scan killed")


def has_schema(db):
    try:
        return common.query(db, "SELECT count(*) FROM sqlite_master WHERE name = 'embeddings'") == [(1,)]
    except sqlite3.OperationalError:
        return False


def same_pairs(a, b):
    """Equal but for the last digits of the cosines."""
    def names(out):
        return sorted(tuple(line.split(b"\t")[i] for i in (0, 1, 4)) for line in out.splitlines())
    return names(a) == names(b)


# ---- quarantine ----


def library_of_copies(folder):
    """Photos in several places each: the same bytes, so that quarantine moves them."""
    source = sorted((common.DATA / "bench" / "photos").glob("*.jpg"))[:40]
    for n in range(6):
        place = folder / f"copy {n}" / "deep"
        place.mkdir(parents=True)
        for photo in source:
            shutil.copy2(photo, place / photo.name)
    return folder


def kill_quarantines(figures, scratch, rounds, chance):
    folder = library_of_copies(scratch.path / "library")
    db = scratch.db()
    scan(folder, db)
    before = hashes(folder)
    seconds, _ = dupfind("quarantine", "--yes", "--db", db)
    moved_whole = len(moved(folder))
    back, _ = dupfind("restore", "--all", "--db", db)
    tree_of(figures, folder, before, "quarantine and restore")
    killed = lost = uneven = 0
    middle = []
    for i in range(rounds):
        killed += kill_after(chance.uniform(0, seconds), "quarantine", "--yes", "--db", db)
        middle.append(len(moved(folder)))
        lost += contents(hashes(folder)) != contents(before)
        if i % 5 == 4:  # the way back dies now and then as well
            kill_after(chance.uniform(0, back), "restore", "--all", "--db", db)
            lost += contents(hashes(folder)) != contents(before)
        dupfind("quarantine", "--yes", "--db", db)
        lost += contents(hashes(folder)) != contents(before)
        lost += not every_content_stays(folder, before)
        uneven += len(moved(folder)) != moved_whole
        dupfind("restore", "--all", "--db", db)
        uneven += hashes(folder) != before
    figures.note(f"a quarantine of {moved_whole} files takes {seconds:.2f} s, the restore {back:.2f} s; {killed} of {rounds} kills hit it running, "
                 f"with {min(middle)} to {max(middle)} files moved")
    figures.figure("quarantine killed: runs that lost a content", lost, lost == 0, "0")
    figures.figure("quarantine killed: the next run completes, restore brings all back", f"{2 * rounds - uneven} of {2 * rounds}", uneven == 0, "all")
    tree_of(figures, folder, before, "quarantine killed")


def moved(folder):
    return [path for path in hashes(folder) if b".dupfind-quarantine" in path]


def every_content_stays(folder, before):
    """At least one copy of every content is outside the quarantine."""
    stays = {digest for path, (digest, _, _) in hashes(folder).items() if b".dupfind-quarantine" not in path}
    return stays == {digest for digest, _, _ in before.values()}


# ---- two at once ----


def two_at_once(figures, scratch, folder):
    copies = library_of_copies(scratch.path / "twice")
    scanned = scratch.db()
    scan(copies, scanned)
    for command, db in ((("scan", folder), scratch.db()), (("quarantine", "--yes"), scanned)):
        what = f"two at once: {command[0]}"
        one = start(*command, "--db", db)
        stopped = stop_when_locked(one, db)
        two = start(*command, "--db", db)
        _, words = two.communicate(timeout=60)
        if stopped:
            one.send_signal(signal.SIGCONT)
        one.communicate()
        said = words.decode(errors="replace").strip().replace("\n", " | ")
        good = stopped and two.returncode == 1 and str(one.pid) in said and one.returncode in (0, 3)
        figures.figure(what, f"exit {two.returncode}, \"{said}\"; the first ends with {one.returncode}", good, "the second exits 1 and names the first")


def stop_when_locked(run, db):
    """Freeze a run once it holds the lock, so that the second one meets it for sure."""
    lock = pathlib.Path(f"{db}.lock")
    deadline = time.time() + 20
    while time.time() < deadline and run.poll() is None:
        if lock.exists() and str(run.pid) in lock.read_text(errors="replace"):
            run.send_signal(signal.SIGSTOP)
            return run.poll() is None
        time.sleep(0.001)
    return False


# ---- full disk ----


class SmallDisk:
    """A tmpfs of a few blocks; needs root."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, size

    def __enter__(self):
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.folder], check=True)
        return self

    def grow(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True)

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=False)


def run_into(command, limit=120):
    """Run a command that is expected to fail: exit code and what it said."""
    done = subprocess.run([str(c) for c in (DUPFIND, *command)], capture_output=True, check=False, timeout=limit, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr.decode(errors="replace").strip()


def says_full(words):
    return any(word in words.lower() for word in ("full", "no space"))


def first_line(words):
    return words.splitlines()[0] if words else ""


def full_disk_in_scan(figures, scratch, folder):
    before = hashes(folder)
    with SmallDisk(scratch.path / "small", "640k") as disk:
        db = disk.folder / "full.db"
        code, words = run_into(["scan", folder, "--db", db])
        figures.figure("disk full in a scan", f"exit {code}, \"{first_line(words)}\"", code == 1 and says_full(words), "exit 1 and says so")
        disk.grow("64m")
        _, summary = scan(folder, db, codes=(0, 3))
        whole = scratch.db()
        scan(folder, whole, codes=(0, 3))
        figures.figure("with room again: the scan completes", f"{len(vectors(db))} vectors", vectors(db).keys() == vectors(whole).keys(), f"{len(vectors(whole))}")
    tree_of(figures, folder, before, "disk full in a scan")


def full_disk_in_quarantine(figures, scratch):
    folder = library_of_copies(scratch.path / "full")
    db = scratch.db()
    scan(folder, db)
    before = hashes(folder)
    with SmallDisk(scratch.path / "small2", "512k") as disk:
        code, words = run_into(["quarantine", "--yes", "--db", db, "--to", disk.folder / "away"])
        there = contents(hashes(folder)) + contents(hashes(disk.folder))
        figures.figure("disk full in a quarantine", f"exit {code}, \"{first_line(words)}\"", code in (1, 3) and says_full(words), "exit 1 or 3 and says so")
        figures.figure("disk full in a quarantine: contents lost", sum((contents(before) - there).values()), not contents(before) - there, "0")
        disk.grow("256m")
        dupfind("quarantine", "--yes", "--db", db, "--to", disk.folder / "away", codes=(0,))
        dupfind("restore", "--all", "--db", db)
        tree_of(figures, folder, before, "disk full in a quarantine, then finished and restored")


def full_disk_under_journal(figures, scratch):
    """The database's own disk fills up: at once, or after some moves."""
    folder = library_of_copies(scratch.path / "journal")
    before = hashes(folder)
    stopped, lost, back = [], 0, 0
    with SmallDisk(scratch.path / "small3", "64m") as disk:
        db, filler = disk.folder / "full.db", disk.folder / "filler"
        scan(folder, db)
        leaves = (24, 64, 128, 160, 192, 256, 320, 384)  # KiB left free
        for leave in leaves:
            fill(filler, leave << 10)
            code, words = run_into(["quarantine", "--yes", "--db", db])
            if code == 1 and says_full(words):
                stopped.append(f"{leave} KiB: {len(moved(folder))} moved")
            lost += code not in (0, 1) or contents(hashes(folder)) != contents(before) or not every_content_stays(folder, before)
            filler.unlink()
            dupfind("quarantine", "--yes", "--db", db)
            dupfind("restore", "--all", "--db", db)
            back += hashes(folder) == before
    figures.figure("disk full under the journal: stops and says so", "; ".join(stopped) or "never", bool(stopped), "exit 1")
    figures.figure("disk full under the journal: runs that lost a content", lost, lost == 0, "0")
    figures.figure("disk full under the journal: then finished and restored", f"{back} of {len(leaves)}", back == len(leaves), "all")


def fill(path, leave):
    """Take what is free on a disk but for a little."""
    with open(path, "ab") as f:
        st = os.statvfs(path.parent)
        f.write(b"\0" * max(0, st.f_bavail * st.f_frsize - leave))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=("scan", "quarantine", "two", "full"))
    args = parser.parse_args()
    common.need(DUPFIND)
    figures = Figures("bench-kill")
    figures.note(f"seed {args.seed}")
    chance = random.Random(args.seed)
    with Scratch() as scratch:
        folder = scratch.path / "photos"
        shutil.copytree(common.REPO / "testdata/photos", folder)
        for photo in sorted(photos.camera_copies().glob("*_[012].jpg")):
            shutil.copy2(photo, folder / photo.name)
        parts = {
            "scan": lambda: kill_scans(figures, scratch, folder, args.rounds, chance),
            "quarantine": lambda: kill_quarantines(figures, scratch, args.rounds, chance),
            "two": lambda: two_at_once(figures, scratch, folder),
            "full": lambda: full_disks(figures, scratch, folder),
        }
        for name, part in parts.items():
            if args.only in (None, name):
                try:
                    part()
                except (common.Failed, subprocess.SubprocessError) as error:
                    figures.figure(name, str(error), False, "runs to its end")
    return figures.done()


def full_disks(figures, scratch, folder):
    if sys.platform != "linux" or os.geteuid() != 0:
        figures.note("full disks: not tried, a small disk needs root on Linux")
        return
    full_disk_in_scan(figures, scratch, folder)
    full_disk_in_quarantine(figures, scratch)
    full_disk_under_journal(figures, scratch)


if __name__ == "__main__":
    sys.exit(main())
