"""Every file that real PyTorch releases wrote: tensors equal to PyTorch's own, bit for bit, or a
refusal that names the reason.

Standard library only. usage: torch_files.py [FILE]...
  RECAST, RECAST_SHARED: as in run.sh; exit 77 without the reference data
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECAST = pathlib.Path(os.environ.get("RECAST", HERE / "../../build/release/recast")).resolve()
SHARED = pathlib.Path(os.environ.get("RECAST_SHARED", HERE / "../../../shared"))
WEIGHTS = SHARED / "refs/torch/weights"

# Where the weights stand below the top, and prefixes of wrappers that are taken off.
TAKEN = {
    "nested.pt": "model.",
    "wrap_state_dict.ckpt": "state_dict.module.",
    "wrap_training.pt": "model.",
    "wrap_ema.pt": "model.",
    "wrap_compile.pt": "_orig_mod.",
    "wrap_compile_ddp.pt": "model_state_dict.module._orig_mod.",
    "wrap_params.pth": "params.",
    "wrap_peft_like.bin": "base_model.model.",
    "namespace_args.pt": "model.",
    "dataclass_config.pt": "model.",
    "module_in_dict.pt": "model.",
    "lightning.ckpt": "state_dict.",
    "t113_training.pth.tar": "state_dict.module.",
    "t12_training.pth.tar": "state_dict.module.",
    "t113_nested.pt": "model.",
    "t12_nested.pt": "model.",
}
NAMED = {"bare_tensor.pt": "tensor", "bare_parameter.pt": "tensor"}  # has no name in the file
# Exit code and a word that the message must have.
REFUSED = {
    "bare_typed_storage.pt": (4, "state dict"),
    "bare_untyped_storage.pt": (4, "state dict"),
    "empty_dict.pt": (4, "state dict"),
    "complex.pt": (5, "complex128"),  # no format holds it
    "complex32.pt": (5, "complex32"),
    "unicode_keys.pt": (4, "__metadata__"),  # safetensors cannot hold a tensor of this name
    "wrap_generator.pth": (5, "discriminator"),
    "object_holds_tensors.pt": (4, "trainlib.Holder"),
    "getattr_builtin.pt": (4, "getattr"),
    "module_custom.pt": (4, "trainlib.MyNet"),
    "module_pruned.pt": (4, "torch.nn.modules.linear.Linear"),
    "quantized.pt": (5, "quantized"),
    "quantized_4bit.pt": (5, "quantized"),
    "quantized_module_sd.pt": (5, "quantized"),
    "t113_quantized.pt": (5, "quantized"),
    "t12_quantized.pt": (5, "quantized"),
    "sparse.pt": (5, "sparse"),
    "t113_sparse.pt": (5, "sparse"),
    "nested_tensor.pt": (5, "nested"),
    "meta.pt": (5, "meta"),
    "subclass.pt": (4, "trainlib.MyTensor"),
    "rezip_no_folder.pt": (5, "zip"),
    "rezip_bzip2.pt": (5, "method 12"),
    "plain_pickle.bin": (4, "ordinary pickle"),
    "gzipped_legacy.pt.gz": (5, "gzip"),
    "torchao_int8.pt": (4, "torchao.quantization.Int8Tensor"),
    "dtensor.pt": (4, "torch.distributed.tensor.DTensor"),
    "t12_proto0.pt": (5, "protocol 0"),
}
# With --allow-unsafe-pickle the tensors of these come by attribute path.
UNSAFE = ("object_holds_tensors.pt", "module_custom.pt", "module_pruned.pt", "subclass.pt")
WARNED = {"crc_off.pt": "WF020", "skip_data.pt": "WF020", "wrap_training.pt": "WC005",
          "namespace_args.pt": "argparse.Namespace", "lightning.ckpt": "optimizer_states"}
# Files whose values PyTorch cannot tell: names only, dtype and shape where they are known.
NAMES_ONLY = {
    "dtypes_new_legacy.pt": ["f8_slice_b", "float8_e4m3fn", "float8_e5m2", "u16"],
    "skip_data.pt": None,
}


def read_safetensors(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: (row["dtype"], row["shape"],
                   data[8 + length + row["data_offsets"][0]:8 + length + row["data_offsets"][1]])
            for name, row in header.items()}


def convert(path, out, *options):
    return subprocess.run([RECAST, "convert", path, "-o", out, "--no-manifest", *options],
                          capture_output=True, text=True)


def expected_tensors(row):
    """{our name: (dtype, shape, bytes)}; dtype and shape are None where the encoding differs."""
    name = row["file"]
    values = read_safetensors(WEIGHTS / "expected" / (name + ".safetensors"))
    wanted = {}
    for tensor in row["tensors"]:
        below = tensor["name"].startswith(TAKEN.get(name, ""))
        if tensor.get("class") == "numpy.ndarray" or not below:
            continue
        dtype, shape, data = values[tensor["key"]]
        own = tensor["dtype"].startswith(("bits", "float8", "float4"))
        if tensor["encoding"] != "as is" or own:
            dtype = shape = None
        ours = NAMED.get(name) or tensor["key"].removeprefix(TAKEN.get(name, ""))
        wanted[ours] = (dtype, shape, data)
    return wanted


def compare(have, want):
    wrong = [f"{n!r} is missing" for n in want.keys() - have.keys()]
    wrong += [f"{n!r} is not in the original" for n in have.keys() - want.keys()]
    for name in want.keys() & have.keys():
        dtype, shape, data = want[name]
        if dtype and have[name][:2] != (dtype, shape):
            wrong.append(f"{name!r} is {have[name][:2]}, expected {(dtype, shape)}")
        elif have[name][2] != data:
            wrong.append(f"{name!r}: other bytes")
    return wrong


def check_refused(name, done, out):
    code, word = REFUSED[name]
    wrong = []
    if done.returncode != code:
        wrong.append(f"exit {done.returncode}, expected {code}: {done.stderr.strip()[:300]}")
    if word not in done.stderr:
        wrong.append(f"the message lacks {word!r}: {done.stderr.strip()[:300]}")
    if out.exists():
        wrong.append("an output was written")
    return wrong


def check_many(have):
    """layers.%d.p%d with value [i, -i]."""
    wrong = [] if len(have) == 5000 else [f"{len(have)} tensors, expected 5000"]
    for i, (dtype, shape, data) in enumerate(have[n] for n in sorted(have, key=many_order)):
        value = [int.from_bytes(data[j:j + 2], "little", signed=True) for j in (0, 2)]
        if dtype != "I16" or shape != [2] or value != [i, -i]:
            wrong.append(f"value {i} is {value}")
    return wrong[:5]


def many_order(name):
    layer, part = name.removeprefix("layers.").split(".p")
    return int(layer), int(part)


def check(row, folder):
    name = row["file"]
    out = folder / "out.safetensors"
    done = convert(WEIGHTS / name, out)
    if name in REFUSED:
        wrong = check_refused(name, done, out)
        if name in UNSAFE and not wrong:
            done = convert(WEIGHTS / name, out, "--allow-unsafe-pickle")
            if done.returncode != 0 or "WF022" not in done.stderr:
                return [f"taken as data: exit {done.returncode}: {done.stderr.strip()[:300]}"]
            wrong = compare(read_safetensors(out), expected_tensors(row))
        return wrong
    if done.returncode != 0:
        return [f"exit {done.returncode}: {done.stderr.strip()[:400]}"]
    if WARNED.get(name, "") not in done.stderr:
        return [f"no warning with {WARNED[name]}: {done.stderr.strip()[:300]}"]
    have = read_safetensors(out)
    if name == "many_keys.pt":
        return check_many(have)
    if name in NAMES_ONLY:
        want = NAMES_ONLY[name] or [t["key"] for t in row["tensors"]]
        return [] if sorted(have) == sorted(want) else [f"names {sorted(have)}, expected {want}"]
    return compare(have, expected_tensors(row))


def check_meta(folder):
    """Llama as Meta publishes it, in one and in two ranks, is its twin of Hugging Face."""
    twin = SHARED / "refs/torch/meta_llama/hf_twin/model.safetensors"
    wrong = []
    for ranks in ("meta_tp1", "meta_tp2"):
        out = folder / (ranks + ".safetensors")
        done = convert(twin.parent.parent / ranks, out)
        if done.returncode != 0:
            wrong.append(f"{ranks}: exit {done.returncode}: {done.stderr.strip()[:400]}")
        else:
            wrong += [f"{ranks}: {line}" for line in compare(read_safetensors(out),
                                                             read_safetensors(twin))]
    return wrong


def main():
    if not WEIGHTS.is_dir():
        print("SKIPPED: no reference data (RECAST_SHARED)", file=sys.stderr)
        return 77
    rows = json.loads((WEIGHTS / "expected.json").read_text())
    chosen = [row for row in rows if not sys.argv[1:] or row["file"] in sys.argv[1:]]
    failed = read = 0
    for row in chosen:
        with tempfile.TemporaryDirectory() as folder:
            wrong = check(row, pathlib.Path(folder))
        failed += bool(wrong)
        read += row["file"] not in REFUSED
        for line in wrong:
            print(f"FAIL {row['file']}: {line}")
    if not sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            for line in check_meta(pathlib.Path(folder)):
                failed += 1
                print(f"FAIL {line}")
    print(f"{len(chosen)} files, {read} of them read, {len(chosen) - read} refused, {failed} wrong")
    return 1 if failed or not chosen else 0


sys.exit(main())
