"""--keep-optimizer: the tensors of optimizers as PyTorch saved them, in a file and in a folder.

usage: run.sh optimizer.py (torch, safetensors); RECAST: as in run.sh
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

RECAST = os.environ["RECAST"]


def convert(source, out, *options):
    done = subprocess.run([RECAST, "convert", source, "-o", out, "--no-manifest", *options],
                          capture_output=True, text=True)
    return done.returncode, done.stderr


def trained(kind, named):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7),
                                torch.nn.Linear(7, 3))
    parameters = model.named_parameters() if named else model.parameters()
    optimizer = kind(parameters)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def wanted(start, state):
    """The tensors of a state under our names."""
    names = {}
    for group in state["param_groups"]:
        names.update(zip(group["params"], group.get("param_names", [])))
    out = {}
    for number, entry in state["state"].items():
        for key, value in entry.items():
            if isinstance(value, torch.Tensor):
                known = names.get(number)
                out[f"{start}.{key}.{known}" if known else f"{start}.state.{number}.{key}"] = value
    return out


KINDS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adamw amsgrad": lambda p: torch.optim.AdamW(p, lr=1e-3, amsgrad=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}


def cases():
    for name, kind in KINDS.items():
        for named in (False, True):
            model, optimizer = trained(kind, named)
            state = optimizer.state_dict()
            weights = dict(model.state_dict())
            yield (f"{name} named {named}", weights | wanted("optimizer", state),
                   {"model_state_dict": weights, "optimizer_state_dict": state, "epoch": 3})
            yield (f"{name} beside the weights, named {named}",
                   weights | wanted("optimizer", state), {**weights, "optimizer": state})
    model, first = trained(KINDS["adam"], False)
    _, second = trained(KINDS["sgd"], False)
    weights = dict(model.state_dict())
    states = [first.state_dict(), second.state_dict()]
    yield ("one of Lightning", weights | wanted("optimizer", states[0]),
           {"state_dict": weights, "optimizer_states": states[:1], "global_step": 2})
    both = {}
    for i, state in enumerate(states):
        both |= wanted(f"optimizer.optimizer_states.{i}", state)
    yield ("two of Lightning", weights | both, {"state_dict": weights, "optimizer_states": states})


def compare(have, want):
    wrong = [f"{n} is missing" for n in want.keys() - have.keys()]
    wrong += [f"{n} is too much" for n in have.keys() - want.keys()]
    return wrong + [f"{n}: other values" for n in want.keys() & have.keys()
                    if have[n].dtype != want[n].dtype or not torch.equal(have[n], want[n])]


def check(want, value, scratch):
    source, out = scratch / "c.pt", scratch / "o.safetensors"
    torch.save(value, source)
    weights = {n: t for n, t in want.items() if not n.startswith("optimizer.")}
    for options, expected in (([], weights), (["--keep-optimizer"], want)):
        out.unlink(missing_ok=True)
        code, text = convert(source, out, *options)
        if code:
            return [f"exit {code}: {text[:300]}"]
        wrong = compare(load_file(out), expected)
        if wrong:
            return wrong
        if ("optimizer" in text and "WC005" in text) == bool(options):
            return [f"{options}: listed as dropped or not: {text[:300]}"]
    # From one container to the next: as they are, or dropped and listed.
    for options, expected in ((["--precision", "f16"], weights),
                              (["--precision", "f16", "--keep-optimizer"], want)):
        again = scratch / "again.safetensors"
        again.unlink(missing_ok=True)
        code, text = convert(out, again, *options)
        have = load_file(again) if code == 0 else {}
        moved = {n: t for n, t in have.items() if n.startswith("optimizer.")}
        wrong = compare(moved, {n: t for n, t in expected.items() if n.startswith("optimizer.")})
        if code or wrong:
            return [f"{options}: exit {code} {text[:200]}", *wrong]
    return []


def check_folder(scratch):
    """A model folder keeps them in a file of their own, and back."""
    bard = pathlib.Path(__file__).resolve().parents[2] / "demo/bard"
    weights = {}
    for path in sorted(bard.glob("*.safetensors")):
        weights |= load_file(path)
    moments = {f"optimizer.exp_avg.{n}": t.float() for n, t in list(weights.items())[:4]}
    source = scratch / "run"
    source.mkdir()
    for path in bard.iterdir():
        if path.suffix in (".json", ".model", ".jinja") and "index" not in path.name:
            (source / path.name).write_bytes(path.read_bytes())
    state = {"state": {n.removeprefix("optimizer.exp_avg."): {"exp_avg": t}
                       for n, t in moments.items()}, "param_groups": [{"lr": 0.5}]}
    torch.save({"state_dict": weights, "optimizer": state}, source / "last.ckpt")
    first, second, third = scratch / "first", scratch / "second", scratch / "third"
    for origin, folder, options in ((source / "last.ckpt", first, ["--keep-optimizer"]),
                                    (first, second, ["--keep-optimizer", "--precision", "f16"]),
                                    (first, third, ["--precision", "f16"])):
        code, text = convert(origin, folder, "-t", "hf", *options)
        if code:
            yield f"{folder.name}: exit {code}: {text[:300]}"
            return
    for folder in (first, second):
        yield from compare(load_file(folder / "optimizer.safetensors"), moments)
    yield from compare(load_file(first / "model.safetensors"), weights)
    if json.loads((first / "config.json").read_text()).get("dtype") != "bfloat16":
        yield "the dtype of the config counts the optimizer"
    if (third / "optimizer.safetensors").exists() or "optimizer.safetensors" not in text:
        yield "an optimizer that was not asked for"
    code, text = convert(source / "last.ckpt", scratch / "m.gguf", "--keep-optimizer")
    if code != 2:
        yield f"to GGUF: exit {code}: {text[:200]}"


def main():
    failed = count = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for what, want, value in cases():
            count += 1
            for line in check(want, value, scratch):
                failed += 1
                print(f"FAIL {what}: {line}")
        for line in check_folder(scratch):
            failed += 1
            print(f"FAIL folder: {line}")
    print(f"{count} checkpoints, {failed} wrong")
    return 1 if failed else 0


sys.exit(main())
