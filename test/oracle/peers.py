"""How the oracle tests call Recast and the independent programs they compare it with.

Run by run.sh, which sets RECAST (the program), RECAST_SHARED (reference data) and RECAST_ORACLES
(llama.cpp's library and the Node packages; this Python comes from there too).
"""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECAST = os.environ["RECAST"]
SHARED = pathlib.Path(os.environ["RECAST_SHARED"])
ORACLES = pathlib.Path(os.environ["RECAST_ORACLES"])
LLAMA = ORACLES / "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"
# llama.h's numbers of whole-file types
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9}


class Differs(Exception):
    """A result that is not the expected one; the text says which."""


def run(command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          **{"stdin": subprocess.DEVNULL, **kwargs})
    if done.returncode:
        shown = " ".join(str(c) for c in command[:8])
        raise Differs(f"exit {done.returncode} of {shown}\n"
                      + done.stderr.decode(errors="replace").strip()[-2000:])
    return done.stdout


def recast(*arguments):
    """Runs Recast without the options that the caller's environment might hold."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECAST")}
    return run([RECAST, *arguments], env=environment).decode()


def convert(source, output, *options):
    """Returns `output`, a path."""
    recast("convert", source, "-o", output, "--no-manifest", "--force", *options)
    if not output.exists():
        raise Differs(f"exit 0 without {output.name}")
    return output


def built(source):
    """The program of one C++ file, compiled on first use."""
    key = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = ROOT / f"build/oracle/{source.stem}-{key}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as folder:
            run(["g++", "-std=c++20", "-O1", source, "-o", folder + "/program", "-ldl"])
            os.replace(folder + "/program", program)
    return program


def llama(command, model, *arguments):
    return run([built(SHARED / "oracles/gguf_logits.cpp"), LLAMA, command, model, *arguments])


def llama_embed(command, model, *arguments, **kwargs):
    program = built(pathlib.Path(__file__).with_name("llama_embed.cpp"))
    return run([program, LLAMA, command, model, *arguments], **kwargs)


def ids_text(ids):
    return ",".join(map(str, ids))


def llama_hidden(model, ids):
    """float32 [len(ids), width]: the last hidden state of an encoder."""
    raw = llama_embed("tokens", model, ids_text(ids))
    return np.frombuffer(raw, np.float32).reshape(len(ids), -1)


def llama_pooled(model, texts):
    """float32 [len(texts), width]: one vector for each list of ids, pooled as the file says."""
    raw = llama_embed("pooled", model, *map(ids_text, texts))
    return np.frombuffer(raw, np.float32).reshape(len(texts), -1)


def llama_seq2seq(model, source, target):
    """float32 [len(target), vocabulary]: the decoder's logits."""
    raw = llama_embed("seq2seq", model, ids_text(source), ids_text(target))
    return np.frombuffer(raw, np.float32).reshape(len(target), -1)


def llama_tokenize(model, lines):
    """Ids of each line by the vocabulary alone, added tokens read out of the text, none added."""
    with tempfile.TemporaryFile() as text:
        text.write("\n".join(lines).encode())
        text.seek(0)
        numbers = np.frombuffer(llama_embed("tokenize", model, stdin=text), "<i4")
    ids = []
    while len(numbers):
        ids.append(numbers[1:1 + numbers[0]].tolist())
        numbers = numbers[1 + numbers[0]:]
    return ids


def llama_logits(model, ids):
    """float32 [len(ids), vocabulary] by llama.cpp: F32 cache, no flash attention, one thread."""
    raw = llama("logits", model, ids_text(ids), "raw", "exact")
    return np.frombuffer(raw, np.float32).reshape(len(ids), -1)


def llama_quantize(source, output, kind):
    llama("quantize", source, output, FILE_TYPES[kind], "pure")


def node(script, *arguments):
    return run(["node", SHARED / "oracles" / script, *arguments],
               env={**os.environ, "ORACLES": str(ORACLES)}).decode()


def gguf_tensors(path):
    """{name: {type, shape in the file's order, bytes, sha256}} by the gguf package."""
    return {t.name: {"type": t.tensor_type.name, "shape": [int(n) for n in t.shape],
                     "bytes": int(t.n_bytes),
                     "sha256": hashlib.sha256(t.data.tobytes()).hexdigest()}
            for t in gguf.GGUFReader(path).tensors}


def gguf_values(path):
    """{name: array} of the float tensors, as stored."""
    return {t.name: np.array(t.data) for t in gguf.GGUFReader(path).tensors}


def gguf_keys(path):
    """{key: ([types], value)} by the gguf package, without its own GGUF.* fields."""
    return {k: ([t.name for t in f.types[:2]], f.contents())
            for k, f in gguf.GGUFReader(path).fields.items() if not k.startswith("GGUF.")}


def compare_tensors(have, want, but=()):
    """Both as gguf_tensors gives them. Every difference outside `but` is a failure."""
    wrong = [f"tensor {n} is missing" for n in want.keys() - have.keys()]
    wrong += [f"tensor {n} is not in the reference" for n in have.keys() - want.keys()]
    for name in want.keys() & have.keys() - set(but):
        for field in ("type", "shape", "bytes", "sha256"):
            if have[name][field] != want[name][field]:
                wrong.append(f"{name}: {field} {have[name][field]}, expected {want[name][field]}")
                break
    fail_with(wrong)


def fail_with(wrong, shown=6):
    if wrong:
        more = [f"and {len(wrong) - shown} more"] if len(wrong) > shown else []
        raise Differs("\n".join(sorted(wrong)[:shown] + more))


def largest_gap(have, want):
    """Largest absolute difference relative to the largest expected value."""
    if have.shape != want.shape:
        raise Differs(f"shape {have.shape}, expected {want.shape}")
    if not np.isfinite(have).all():
        raise Differs("values that are not finite")
    return float(np.abs(have.astype("f8") - want.astype("f8")).max() / np.abs(want).max())


def expect_gap(have, want, limit, what):
    gap = largest_gap(have, want)
    if not gap <= limit:
        raise Differs(f"{what}: relative difference {gap:.2g}, allowed {limit:.2g}")
    return gap


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def attempt(checks):
    """Runs {name: function}: the notes of those that hold, the reasons of those that do not."""
    notes, reasons = {}, {}
    for name, check in checks.items():
        try:
            notes[name] = check() or ""
        except Differs as reason:
            reasons[name] = str(reason).replace("\n", "\n      ")
    return notes, reasons


def run_checks(checks):
    """One line a check; the exit status of the script."""
    failed = 0
    for name, check in checks.items():
        notes, reasons = attempt({name: check})
        failed += len(reasons)
        for word, rows in (("ok  ", notes), ("FAIL", reasons)):
            for text in rows.values():
                print(f"{word}  {name}  {text}".rstrip(), flush=True)
    print(f"{len(checks) - failed} of {len(checks)} as expected")
    return 1 if failed else 0


def run_case(case, checks):
    """One line a case, and one for each check that fails; 1 when any did."""
    notes, reasons = attempt(checks)
    text = ", ".join(f"{n} {t}".rstrip() for n, t in notes.items())
    print(f"{'FAIL' if reasons else 'ok  '}  {case}: {text}", flush=True)
    for name, reason in reasons.items():
        print(f"      {name}: {reason}", flush=True)
    return 1 if reasons else 0
