"""Reference checkpoints without their config: what the tensors do not tell is asked for, and with
nothing but that the GGUF has the same tensors as with the config.

usage: stripped.py [CASE...]      RECAST names the program, RECAST_SHARED the folder with refs/
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from gguf_data import tensors  # noqa: E402

RECAST = os.environ["RECAST"]
# Keys that a config spells together with the ones that are asked for.
WITH = {"rope_theta": ["rope_parameters", "rope_scaling", "original_max_position_embeddings"]}


def convert(source, target, *options):
    return subprocess.run([RECAST, "convert", source, "-o", target, "--force", "--quiet",
                           "--no-tokenizer", "--no-manifest", *options],
                          capture_output=True, text=True)


def value_of(config, key):
    """The value of a key under any spelling of the reference."""
    if key.endswith("rope_theta") or key == "rotary_emb_base":
        rope = config.get("rope_parameters") or {}
        rope = rope.get("full_attention", rope)
        return config.get(key, rope.get("rope_theta", 10000.0))  # the class default of minicpm
    if key == "model_max_length":
        return config.get(key, config.get("max_position_embeddings"))
    return config.get(key)


def check(case, scratch):
    config = json.loads((case / "config.json").read_text())
    whole = convert(case, scratch / "whole.gguf")
    if whole.returncode == 5:
        return "skipped: " + whole.stderr.splitlines()[0]
    assert whole.returncode == 0, whole.stderr
    bare = scratch / case.name
    bare.mkdir()
    for file in case.glob("model*.safetensors*"):
        shutil.copy(file, bare)
    bare = min(bare.glob("*.safetensors"))  # a folder without a config is damaged
    options, told = [], "names"
    first = convert(bare, scratch / "bare.gguf")
    assert first.returncode == 5, (first.returncode, first.stderr)
    if "ES013" in first.stderr:
        candidates = re.search("one of (.*), found", first.stderr)[1].split(", ")
        assert config["model_type"] in candidates, first.stderr
        options, told = ["--model-type", config["model_type"]], "--model-type"
        first = convert(bare, scratch / "bare.gguf", *options)
    assert "ES014" in first.stderr, first.stderr
    missing = re.search("expected (.*), found", first.stderr)[1].split(", ")
    keys = {key: value_of(config, key) for key in missing}
    for key in missing:
        for other in WITH.get(key, []):
            if other in config:
                keys[other] = config[other]
    (scratch / "keys.json").write_text(json.dumps(keys))
    second = convert(bare, scratch / "bare.gguf", *options, "--model-config", scratch / "keys.json")
    assert second.returncode == 0, (keys, second.stderr)
    assert tensors(scratch / "whole.gguf") == tensors(scratch / "bare.gguf"), keys
    return f"{told}; {', '.join(missing)}"


def main(names):
    shared = os.environ.get("RECAST_SHARED")
    if not shared:
        print("RECAST_SHARED is not set")
        return 77
    failed = 0
    for case in sorted(pathlib.Path(shared, "refs").iterdir()):
        if not list(case.glob("model*.safetensors")) or (names and case.name not in names):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                print(f"{case.name}: {check(case, pathlib.Path(scratch))}")
            except AssertionError as error:
                print(f"{case.name}: FAILED {error}")
                failed += 1
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
