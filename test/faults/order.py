"""Looks at the order of the system calls of small conversions: what a power cut would find.

usage: RECAST=PROGRAM order.py

A power cut drops what was not synced. So: every part file is synced after its last write and before
it is renamed; the folder in which names appear or change is synced after the last rename and before
the success is told; what a journal says is done was synced before it says so.
"""

import os
import re
import sys

from common import CASES, Walk, can_trace, make_sources, memory_folder, run

CALLS = "openat,mkdirat,pwrite64,ftruncate,fchmod,fsync,fdatasync,renameat2,unlinkat,write"


def events(log):
    """(call, path of the first descriptor, strings, arguments) of each call that succeeded, in the
    order in which they ended."""
    begun = {}
    with open(log, errors="replace") as file:
        for line in file:
            thread, text = line.split(None, 1)
            if "<unfinished ...>" in text:
                begun[thread] = text[:text.index("<unfinished ...>")]
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
                text = begun.pop(thread, "") + resumed.group(1)
            match = re.match(r"(\w+)\((.*)\) +=+ (\d+)", text)
            if not match:
                continue
            call, arguments, _ = match.groups()
            path = re.match(r"(?:AT_FDCWD|\d+)<([^<>]*)>", arguments)
            yield call, path.group(1) if path else "", re.findall(r'"([^"]*)"', arguments), arguments


def judge(log):
    """What is out of order in a run, as sentences."""
    wrong, dirty, unsynced_names, renames = [], set(), set(), 0
    for call, path, texts, arguments in events(log):
        part = ".part-" in path
        if call in ("pwrite64", "ftruncate", "fchmod") and part:
            dirty.add(path)
        if call == "openat" and "O_CREAT" in arguments and texts and ".lock" not in texts[0]:
            unsynced_names.add(path)
        if call == "mkdirat":
            unsynced_names.add(path)
        if call in ("fsync", "fdatasync"):
            dirty.discard(path)
            unsynced_names.discard(path)
        if call == "pwrite64" and path.endswith(".journal") and "done" in arguments and dirty:
            wrong.append(f"a record while {sorted(dirty)} is not synced")
        if call == "renameat2":
            renames += 1
            moved = os.path.join(path, texts[0])
            late = [p for p in dirty if p == moved or p.startswith(moved + "/")]
            inside = [p for p in unsynced_names if p == moved or p.startswith(moved + "/")]
            if late or inside:
                wrong.append(f"{texts[0]} is renamed with {late + inside} not synced")
            unsynced_names.add(path)
        if call == "write" and arguments.startswith("1<") and unsynced_names:
            wrong.append(f"success is told before {sorted(unsynced_names)} is synced")
    if renames == 0:
        wrong.append("nothing was renamed")
    return wrong


def main():
    if not can_trace():
        return 77
    bad = 0
    with memory_folder() as work:
        make_sources(work)
        for name in CASES:
            walk, log = Walk(work, name), os.path.join(work, "log")
            journalled = [*(a for a in walk.args if a != "--journal=1K"), "--journal=1K"]
            for args in (journalled[:-1], journalled):
                done = run(args, walk.fresh("order"), ["strace", "-f", "-y", "-s", "64", "-qq", "-o",
                                                       log, "-e", "trace=" + CALLS])
                assert done.returncode == 0, done.stderr.decode()
                wrong = judge(log)
                bad += len(wrong)
                print(f"{name}: {' '.join(args[-2:])}:", "; ".join(wrong) or "in order", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
