"""Fails every system call of small conversions, one run for each, and judges what is left.

usage: RECAST=PROGRAM walk.py [--all] [CASE...]

strace makes the n-th call of one kind fail; the program is the one that users run. What must hold
after each run: exit code and error fit the file that the call was about (source 3, output 7, no
room or no memory 6), the old output is untouched or the new one whole, nothing else is left in the
folder. Interrupted calls are no failures. Without --all, calls that come more than 25 times are met
at 25 places spread over the run.
"""

import collections
import re
import sys

from common import CASES, Walk, can_trace, make_sources, memory_folder, run, tree

PLACES = 25
NO_ROOM = ("ENOSPC", "EDQUOT", "EFBIG")
PASSING = ("EINTR", "EAGAIN", "ESTALE")  # asked again; only every third call fails here
# What a call may answer by its manual page. brk is left out: its failure is not an errno.
ERRORS = {
    "openat": ("EACCES", "EIO", "EMFILE", "ENOMEM", "EINTR"),
    "openat2": ("EACCES", "EIO", "EMFILE", "ENOMEM", "EINTR", "EAGAIN", "ENOSYS"),
    "pread64": ("EIO", "EINTR", "ESTALE"),
    "read": ("EIO", "EINTR"),
    "pwrite64": ("EIO", "EINTR", *NO_ROOM),
    "write": ("EIO", "ENOSPC", "EINTR"),
    "newfstatat": ("EIO", "EACCES", "ENOMEM"),
    "fstatfs": ("EIO", "ENOSYS"),
    "statfs": ("EIO",),
    "lseek": ("EIO",),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "EDQUOT"),
    "fallocate": ("EIO", "EINTR", "EOPNOTSUPP", *NO_ROOM),
    "ftruncate": ("EIO", "EFBIG"),
    "sync_file_range": ("EIO", "ENOSPC"),
    "renameat2": ("EIO", "ENOSPC", "EINVAL"),
    "unlinkat": ("EIO",),
    "mkdirat": ("EIO", "ENOSPC", "EDQUOT"),
    "fchmod": ("EIO", "EPERM"),
    "fcntl": ("EIO", "ENOLCK"),
    "close": ("EIO", "EINTR"),
    "getdents64": ("EIO",),
    "mmap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
    "clone3": ("EAGAIN",),
    "clone": ("EAGAIN",),
    "madvise": ("EINVAL",),
    "getrandom": ("ENOSYS",),
    "sysinfo": ("EFAULT",),
    "sched_getaffinity": ("EPERM",),
    "readlink": ("EIO",),
    "readlinkat": ("EIO",),
    "faccessat2": ("EIO",),
    "getcwd": ("ENOENT",),
    "ioctl": ("ENOTTY",),
    "pipe2": ("EMFILE", "ENFILE"),
}


def strace(log, *options):
    return ["strace", "-f", "--seccomp-bpf", "-y", "-qq", "-o", log, *options]


def calls_of(walk):
    """How often each kind of call comes in the thread that makes most of them (strace counts thread
    by thread), and how many of those come before main()."""
    log = walk.folder("plain.log")
    done = run(walk.args, walk.fresh("plain"), strace(log, "-e", "trace=" + ",".join(ERRORS) +
                                                      ",rt_sigaction"))
    assert done.returncode == 0, done.stderr.decode()
    seen, before_main, in_main = collections.Counter(), collections.Counter(), False
    with open(log, errors="replace") as file:
        for line in file:
            match = re.match(r"(\d+) +(\w+)\(", line)
            if not match:
                continue
            in_main = in_main or "rt_sigaction(SIGPIPE" in line  # its first act
            seen[match.group(2), match.group(1)] += 1
            if not in_main:
                before_main[match.group(2)] += 1
    most = collections.Counter()
    for (name, _), n in seen.items():
        if name in ERRORS:
            most[name] = max(most[name], n)
    return most, before_main


def about(line):
    """What a call was about: source, output, console or machine."""
    line = re.sub(r'^(\d+ +pwrite64\([^,]*), ".*"(\.\.\.)?,', r"\1,", line)  # not by what is written
    if re.search(r"^\d+ +(write|ioctl)\([12]<", line):
        return "console"
    path = " ".join(a or b for a, b in re.findall(r'<([^<>]*)>|"([^"]*)"', line))
    if re.search(r"\bsource\b", path):
        return "source"
    if re.search(r"(^|[ /])out(/| |$)|\.part-|\.lock|\.journal", path):
        return "output"
    return "machine"


def wanted_codes(subject, error):
    if error in NO_ROOM or error == "ENOMEM":
        return (6,)
    if error == "EMFILE":
        return (3, 7)
    return {"source": (3,), "output": (7,), "console": (7,), "machine": (3, 6, 7)}[subject]


def judge(walk, call, error, line, done, after):
    """What is wrong with a run in which the call of `line` failed; empty: nothing."""
    text, code, subject = done.stderr.decode(errors="replace"), done.returncode, about(line)
    whole = after == walk.good
    if code == 0:
        return "" if whole else "exit 0, but the output is not that of a whole run"
    if error in PASSING and not (error == "EAGAIN" and call.startswith("clone")):
        return f"a call that passes is no failure: exit {code}"
    if "error[" not in text:
        return f"exit {code} without an error"
    if code not in wanted_codes(subject, error):
        return f"exit {code}, not one of {wanted_codes(subject, error)}"
    # A lock that could not be looked at, and what could not be removed, may not be ours to remove.
    forgiven = {"fcntl": ".lock", "unlinkat": ""}.get(call)
    if forgiven is not None:
        after = {k: v for k, v in after.items() if k in walk.before or not k.endswith(forgiven)}
    told_late = subject in ("console", "machine") or call in ("fsync", "close", "unlinkat")
    if after != walk.before and not (whole and told_late):
        return f"the folder differs in {sorted(set(after.items()) ^ set(walk.before.items()))}"
    return ""


def walk_case(work, name, everything):
    walk = Walk(work, name)
    most, before_main = calls_of(walk)
    jobs = []
    for call, n in sorted(most.items()):
        step = 1 if everything else max(1, (n - before_main[call]) // PLACES)
        jobs += [(call, error, nth) for nth in range(before_main[call] + 1, n + 1, step)
                 for error in ERRORS[call]]

    def one(job, slot):
        call, error, nth = job
        folder, log = walk.fresh(slot), walk.folder(slot + ".log")
        done = run(walk.args, folder, strace(
            log, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}"))
        with open(log, errors="replace") as file:
            hit = next((line for line in file if "(INJECTED)" in line), None)
        if hit is None:
            return None
        wrong = judge(walk, call, error, hit, done, tree(folder))
        said = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
        return wrong and "\n    ".join([wrong, hit.strip()[:200], *said])

    bad = hits = 0
    for (call, error, nth), wrong in walk.each(jobs, one):
        hits += wrong is not None
        if wrong:
            bad += 1
            print(f"{name}: {call} number {nth} fails with {error}: {wrong}", flush=True)
    print(f"{name}: {hits} failures of {len(most)} kinds of calls, {bad} wrong", flush=True)
    return bad or not hits


def main():
    if not can_trace():
        return 77
    names = [a for a in sys.argv[1:] if a != "--all"] or list(CASES)
    with memory_folder() as work:
        make_sources(work)
        return 1 if sum(walk_case(work, name, "--all" in sys.argv) for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
