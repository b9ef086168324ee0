#!/usr/bin/env python3
"""Times commands in turn, A B A B ..., so that a drift of the machine hits them alike.

usage: measure.py [--rounds N] [--before COMMAND] [--memory] LABEL COMMAND [LABEL COMMAND ...]

Each COMMAND is one string, split as a shell splits words, run without a shell; write
"bash -c '...'" for more. A row a command: median wall seconds (smallest to largest), median CPU
seconds (user and system, children included), both as a ratio to the first command (median of the
ratios round by round) and with --memory the most anonymous resident memory (RssAnon of /proc,
sampled every 5 ms). --before runs ahead of every command, untimed. Exits 1 when a command fails.
"""
import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time


def anonymous_memory(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def run(command, sample):
    """Wall seconds, CPU seconds, most RssAnon in bytes."""
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=errors)
        most = 0
        pid = 0
        while pid == 0:
            if sample:
                time.sleep(0.005)
                most = max(most, anonymous_memory(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG if sample else 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"exit {process.returncode}: {command}\n{errors.read().decode(errors='replace')}")
    return wall, usage.ru_utime + usage.ru_stime, most


def print_table(labels, runs, memory):
    width = max(map(len, labels))
    print(f"{'':{width}}  {'wall s':>8} {'(range)':>15}  {'CPU s':>8}  {'wall ratio':>10}  {'CPU ratio':>9}"
          + ("  RssAnon MiB" if memory else ""))
    first = runs[0]
    for label, rounds in zip(labels, runs):
        walls = [r[0] for r in rounds]
        ratios = [statistics.median(r[i] / max(f[i], 1e-6) for r, f in zip(rounds, first)) for i in (0, 1)]
        text = (f"{label:{width}}  {statistics.median(walls):8.3f} {f'{min(walls):.3f}-{max(walls):.3f}':>15}"
                f"  {statistics.median(r[1] for r in rounds):8.3f}  {ratios[0]:10.2f}  {ratios[1]:9.2f}")
        print(text + (f"  {max(r[2] for r in rounds) / 2**20:11.1f}" if memory else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("pairs", nargs="+", metavar="LABEL COMMAND")
    args = parser.parse_args()
    if len(args.pairs) % 2:
        parser.error("every LABEL needs a COMMAND")
    labels, commands = args.pairs[::2], args.pairs[1::2]
    runs = [[] for _ in labels]
    for _ in range(args.rounds):
        for command, results in zip(commands, runs):
            if args.before:
                subprocess.run(shlex.split(args.before), check=True)
            results.append(run(command, args.memory))
    print_table(labels, runs, args.memory)


if __name__ == "__main__":
    main()
