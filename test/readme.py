"""Runs the commands that README.md and the pages of docs/ show and compares what they print.

In a ```sh block a line "$ COMMAND" is run by bash in a scratch folder where `recast` is the program
and `demo` is the demo folder; the lines up to the next "$ " are what it prints on both streams. A
line "..." stands for any number of lines, "..." inside a line for any text. Each page has its own folder.

usage: RECAST=build/release/recast readme.py PAGE...
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def blocks(text):
    """Lists of (command, expected lines), one list a block."""
    for body in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        steps = []
        for line in body.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif steps:
                steps[-1][1].append(line)
        if steps:
            yield steps


def matches(expected, printed):
    pattern = []
    for line in expected:
        if line.strip() == "...":
            pattern.append(r"(?:.*\n)*?")
        else:
            parts = [re.escape(part) for part in line.rstrip().split("...")]
            pattern.append(".*?".join(parts) + r"[ \t]*\n")
    return re.fullmatch("".join(pattern), printed) is not None


def self_test():
    assert matches(["a", "...", "z 1... s"], "a\nb\nc\nz 12.5 s\n")
    assert matches([], "") and matches(["..."], "")
    assert not matches(["a"], "b\n") and not matches(["a"], "a\nb\n") and not matches([], "a\n")


def check(page, demo, program):
    """(commands, those that differ) of one page."""
    failed = count = 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(folder + "/bin")
        os.symlink(program, folder + "/bin/recast")
        os.mkdir(folder + "/work")
        os.symlink(demo, folder + "/work/demo")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RECAST")}
        environment["PATH"] = folder + "/bin:" + environment["PATH"]
        for steps in blocks(page.read_text()):
            for command, expected in steps:
                count += 1
                run = subprocess.run(["bash", "-c", command], cwd=folder + "/work", env=environment,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, timeout=300)
                if not matches(expected, run.stdout):
                    failed += 1
                    print(f"$ {command}\nexit {run.returncode}, printed:\n{run.stdout}"
                          f"{page.name} shows:\n" + "\n".join(expected))
    print(f"{page.name}: {count} commands, {failed} differ")
    return count, failed


def main(pages):
    self_test()
    program = pathlib.Path(os.environ["RECAST"]).resolve()
    demo = pathlib.Path(__file__).resolve().parent.parent / "demo"
    results = [check(pathlib.Path(page), demo, program) for page in pages]
    return 1 if sum(n for n, _ in results) == 0 or any(failed for _, failed in results) else 0


sys.exit(main(sys.argv[1:]))
