"""Folders of torch.distributed.checkpoint that PyTorch wrote: every tensor is the saved one.

The reference folders (one process, one and two dimensions of ranks, FSDP 1 and 2, Megatron, the
safetensors form), and new ones of 2 and 4 ranks.
usage: run.sh dcp.py (torch, safetensors); RECAST, RECAST_SHARED: as in run.sh
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from safetensors.torch import load_file
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

RECAST = os.environ["RECAST"]
SHARED = pathlib.Path(os.environ["RECAST_SHARED"])
REFS = SHARED / "refs/torch/dcp"
MODEL = "model."  # the key that is taken off where a trainer saved more than the model


def convert(source, out, *options):
    return subprocess.run([RECAST, "convert", source, "-o", out, "--no-manifest", *options],
                          capture_output=True, text=True)


def compare(have, want):
    wrong = [f"{n} is missing" for n in want.keys() - have.keys()]
    wrong += [f"{n} is not in the original" for n in have.keys() - want.keys()]
    for name in want.keys() & have.keys():
        a, b = have[name], want[name]
        if a.dtype != b.dtype or a.shape != b.shape:
            wrong.append(f"{name} is {a.dtype} {list(a.shape)}, expected {b.dtype} {list(b.shape)}")
        elif not torch.equal(a.reshape(-1).view(torch.uint8), b.contiguous().reshape(-1).view(
                torch.uint8)):
            wrong.append(f"{name}: other values")
    return wrong


def check(folder, want, scratch, *options):
    out = scratch / "out.safetensors"
    out.unlink(missing_ok=True)
    done = convert(folder, out, *options)
    if done.returncode:
        return [f"exit {done.returncode}: {done.stderr.strip()[:300]}"]
    return compare(load_file(out), want)


def model_of(tensors):
    """Without optimizer and the key above the model."""
    kept = {n: t for n, t in tensors.items() if not n.startswith("optimizer.")}
    below = all(n.startswith(MODEL) for n in kept)
    return {n.removeprefix(MODEL) if below else n: t for n, t in kept.items()}


def kept_name(name):
    """optimizer.state.PARAMETER.KEY of PyTorch as we call it."""
    if not name.startswith("optimizer.state."):
        return name.removeprefix(MODEL)
    parameter, key = name.removeprefix("optimizer.state.").rsplit(".", 1)
    return f"optimizer.{key}.{parameter}"


def check_refs(scratch):
    for row in json.loads((REFS / "expected.json").read_text()):
        name = row["folder"]
        want = load_file(REFS / row["expected"])
        if name == "zstd":
            done = convert(REFS / name, scratch / "z.safetensors")
            good = done.returncode == 5 and "stream.zstd/1" in done.stderr
            yield name, [] if good else [f"exit {done.returncode}: {done.stderr[:300]}"]
            continue
        yield name, check(REFS / name, model_of(want), scratch)
        if any(n.startswith("optimizer.") for n in want):
            yield name + " with its optimizer", check(
                REFS / name, {kept_name(n): t for n, t in want.items()}, scratch,
                "--keep-optimizer")
    sharded = REFS / "hf_dcp_consolidated/sharded"
    yield "sharded", check(sharded, load_file(REFS / "hf_dcp_consolidated.expected.safetensors"),
                           scratch)


def flat(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, torch.Tensor):
            yield prefix + key, value


def check_megatron(scratch):
    for metadata in sorted((SHARED / "refs/megatron").glob("*/torch_dist*/iter_*/.metadata")):
        folder = metadata.parent
        whole = scratch / "whole.pt"
        dcp_to_torch_save(folder, whole)
        tree = dict(flat(torch.load(whole, weights_only=False)))
        want = {n: t for n, t in tree.items() if not n.startswith(("optimizer.", "chained_"))}
        yield str(folder.relative_to(SHARED / "refs")), check(folder, want, scratch)


# ---- new folders
def tensors_of(seed):
    torch.manual_seed(seed)
    return {
        "rows": (torch.randn(13, 6), [Shard(0)]),
        "columns": (torch.randn(5, 11).to(torch.bfloat16), [Shard(1)]),
        "middle": (torch.randn(3, 10, 4).to(torch.float16), [Shard(1)]),
        "few": (torch.arange(6).reshape(3, 2), [Shard(0)]),
        "whole": (torch.randn(7), [Replicate()]),
        "wide": (torch.randn(2, 300_000), [Shard(1)]),
        "empty": (torch.zeros(0, 4), [Replicate()]),
        "turned": (torch.randn(6, 9).t(), [Shard(0)]),
    }


def write(rank, ranks, dimensions, folder, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    mesh = init_device_mesh("cpu", dimensions)
    state = {}
    for name, (tensor, placements) in tensors_of(ranks).items():
        if len(dimensions) == 2:
            other = Shard(tensor.dim() - 1) if tensor.dim() > 1 else Replicate()
            placements = [*placements, other]
        state[name] = distribute_tensor(tensor, mesh, placements)
    dcp.save({"model": state, "step": 7, "note": "text"}, checkpoint_id=folder)
    dcp.save(state, storage_writer=dcp.HuggingFaceStorageWriter(folder + ".hf",
                                                                save_distributed=True))
    dist.destroy_process_group()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_new(scratch):
    for dimensions in ((2,), (4,), (2, 2)):
        ranks = torch.Size(dimensions).numel()
        folder = scratch / ("x".join(map(str, dimensions)))
        mp.spawn(write, (ranks, dimensions, str(folder), free_port()), nprocs=ranks)
        want = {name: tensor for name, (tensor, _) in tensors_of(ranks).items()}
        yield f"new {dimensions}", check(folder, want, scratch)
        document = subprocess.run([RECAST, "inspect", scratch / "out.safetensors", "--json"],
                                  capture_output=True, text=True).stdout
        facts = json.loads(document)["metadata"]
        good = facts["src.pytorch.step"] in (7, "7") and "text" in facts["src.pytorch.note"]
        yield f"values of {dimensions}", [] if good else [str(facts)]
        yield f"new {dimensions} in safetensors", check(str(folder) + ".hf", want, scratch)
        slices = sorted(pathlib.Path(str(folder) + ".hf").iterdir())
        done = convert(slices[-1], scratch / "slice.safetensors")
        yield "one file of slices", [] if done.returncode == 5 else [f"exit {done.returncode}"]
        shutil.rmtree(folder)


def main():
    failed = checked = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for checks in (check_refs, check_megatron, check_new):
            for what, wrong in checks(scratch):
                checked += 1
                failed += bool(wrong)
                for line in wrong[:5]:
                    print(f"FAIL {what}: {line}")
    print(f"{checked} folders, {failed} wrong")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
