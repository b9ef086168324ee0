"""What the fault walks share: small sources, conversions that replace an old output, and judging."""

import concurrent.futures
import hashlib
import os
import shutil
import subprocess
import tempfile

PROGRAM = os.path.realpath(os.environ["RECAST"])
BARD = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "demo", "bard")

# Conversions: name, and arguments in a folder beside source/. The output of all is out/m*.
CASES = {
    "folder to one file": ["../source/hf", "-o", "out/m.gguf", "-Q", "q8_0"],
    "file to a set": ["../source/m.gguf", "-o", "out/m.gguf", "--split", "tensors:6",
                      "--journal=1K"],
    "file to a folder": ["../source/m.gguf", "-o", "out/m", "-t", "hf", "--shard-size", "100K"],
}


def run(args, folder, wrapper=(), environment=()):
    """Runs `recast convert ARGS` in `folder`, under a tracer when `wrapper` names one."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("RECAST_")}
    env.update({"LC_ALL": "C.UTF-8", **dict(environment)})
    return subprocess.run([*wrapper, PROGRAM, "convert", *args, "-j", "1"], cwd=folder, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def must(args, folder):
    done = run(args, folder)
    assert done.returncode == 0, done.stderr.decode()


def tree(folder):
    """Every entry below the folder with the hash of its bytes. A manifest holds times: its last
    bytes stand for it, which are written last."""
    out = {}
    for where, folders, files in os.walk(folder):
        for name in folders:
            out[os.path.relpath(os.path.join(where, name), folder) + "/"] = ""
        for name in files:
            path, digest = os.path.join(where, name), hashlib.sha256()
            with open(path, "rb") as file:
                if name.endswith("recast.json"):
                    file.seek(max(0, os.path.getsize(path) - 2))
                while piece := file.read(1 << 20):
                    digest.update(piece)
            out[os.path.relpath(path, folder)] = digest.hexdigest()
    return out


def can_trace():
    """Whether strace may follow a program here; says why not."""
    if shutil.which("strace") is None:
        print("SKIPPED: no strace")
        return False
    if subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True).returncode:
        print("SKIPPED: tracing is not allowed here")
        return False
    return True


def memory_folder():
    """A folder for the work, in memory where that is possible: syncs cost nothing there."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def make_sources(work):
    """A llama of one layer with bard's tokenizer, as folder and as GGUF, in work/source."""
    config = os.path.join(work, "config")
    shutil.copytree(BARD, config, ignore=shutil.ignore_patterns("*.safetensors", "*.index.json"))
    with open(os.path.join(work, "small.json"), "w") as file:
        file.write('{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,'
                   ' "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}')
    os.mkdir(os.path.join(work, "source"))
    fake = [config, "--fake-weight", "--fake-weight-mode", "random", "--model-config", "small.json",
            "--no-manifest"]
    must([*fake, "-o", "source/hf", "-t", "hf"], work)
    must([*fake, "-o", "source/m.gguf"], work)


class Walk:
    """The old output of one case, fresh copies of it, and the tree that a whole run leaves."""

    def __init__(self, work, case):
        self.work, self.args = work, [*CASES[case], "--force"]
        old = self.folder("old")
        shutil.rmtree(old, ignore_errors=True)
        os.makedirs(os.path.join(old, "out"))
        must([*CASES[case], "--metadata", "general.description=the old one"], old)
        self.before = tree(old)
        plain = self.fresh("plain")
        must(self.args, plain)
        self.good = tree(plain)

    def folder(self, name):
        return os.path.join(self.work, name)

    def fresh(self, name):
        folder = self.folder(name)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder("old"), folder)
        return folder

    def each(self, jobs, one):
        """Yields (job, one(job, slot)) for every job, a core each; a slot is a name of one's own."""
        slots = [f"slot{i}" for i in range(os.cpu_count() or 1)]
        free = list(slots)

        def go(job):
            slot = free.pop()
            try:
                return job, one(job, slot)
            finally:
                free.append(slot)

        with concurrent.futures.ThreadPoolExecutor(len(slots)) as pool:
            yield from pool.map(go, jobs)
