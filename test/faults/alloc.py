"""Makes every allocation of small conversions fail, one run for each, and judges what is left.

usage: RECAST=PROGRAM alloc.py LIBRARY [--all] [CASE...]

LIBRARY is alloc.c, built to be preloaded. A run whose allocation fails ends with exit 6, says that
memory is short, leaves the old output and nothing else; or it does without and ends as it should.
Without --all, 300 places of each case are met, spread over the run.
"""

import os
import sys

from common import CASES, Walk, make_sources, memory_folder, run, tree

PLACES = 300


def walk_case(work, library, name, everything):
    walk = Walk(work, name)
    count_file = walk.folder("count")
    run(walk.args, walk.fresh("plain"), environment={"LD_PRELOAD": library,
                                                     "COUNT_ALLOCATIONS": count_file})
    with open(count_file) as file:
        total = int(file.read())
    step = 1 if everything else max(1, total // PLACES)

    def one(nth, slot):
        folder = walk.fresh(slot)
        done = run(walk.args, folder,
                   environment={"LD_PRELOAD": library, "FAIL_ALLOCATION": str(nth)})
        text, after = done.stderr.decode(errors="replace"), tree(folder)
        if done.returncode == 0 and after == walk.good:
            return "", text
        if done.returncode != 6:
            return f"exit {done.returncode}", text
        if "emory" not in text and "no thread could be started" not in text:
            return "no word of memory", text
        if after not in (walk.before, walk.good):
            return f"the folder differs in {sorted(set(after.items()) ^ set(walk.before.items()))}", text
        return "", text

    bad = runs = 0
    for nth, (wrong, text) in walk.each(range(1, total + 1, step), one):
        runs += 1
        if wrong:
            bad += 1
            said = "\n    ".join(text.strip().splitlines()[-5:])
            print(f"{name}: allocation {nth} of {total} fails: {wrong}\n    {said}", flush=True)
    print(f"{name}: {runs} of {total} allocations failed, {bad} wrong", flush=True)
    return bad


def main():
    library, *rest = sys.argv[1:]
    names = [a for a in rest if a != "--all"] or list(CASES)
    with memory_folder() as work:
        make_sources(work)
        return 1 if sum(walk_case(work, os.path.realpath(library), name, "--all" in rest)
                        for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
