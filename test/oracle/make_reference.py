"""Small random models of families that the reference data does not have, with what the originals
make of them: transformers saves them and computes their logits, llama.cpp's converter their GGUF.

usage: test/oracle/run.sh make_reference.py FOLDER [CASE]...
"""
import json
import os
import pathlib
import shutil
import sys
import zlib

ORACLES = pathlib.Path(os.environ["RECAST_ORACLES"])
SHARED = pathlib.Path(os.environ["RECAST_SHARED"])
LLAMA = ORACLES / "py/llama.cpp"
sys.path[:0] = [str(LLAMA / "gguf-py"), str(LLAMA)]  # the converter's own, not the package

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import more_cases  # noqa: E402


def scale_weights(model):
    """Sizes at which each tensor shows in the logits: no norm is 1, no bias 0."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    for name, value in model.state_dict(keep_vars=True).items():
        if not value.is_floating_point():
            continue
        noise = torch.randn_like(value)
        if name.endswith(("A_log", "dt_bias", ".D")):
            value.add_(0.1 * noise)
        elif "norm" in name.lower().split(".")[-2] or name.split(".")[-2].startswith("ln"):
            value.mul_(0).add_(0.3 * noise + (0 if name.endswith("bias") else 1))
        elif value.ndim < 2:
            value.add_(0.3 * noise)
        elif id(value) in embeddings:
            value.copy_(0.3 * noise)
        else:
            value.copy_(noise * 1.2 / value.shape[-1] ** 0.5)


def make_model(case, folder):
    config_class, model_class = (getattr(transformers, name) for name in case.classes)
    borrowed = json.loads((SHARED / "refs" / case.tokenizer / "config.json").read_text())
    ids = {key: borrowed.get(key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = config_class(**{**ids, **case.config})
    torch.manual_seed(zlib.crc32(case.name.encode()))
    model = model_class._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        scale_weights(model)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer.model", "spiece.model", "tokenizer_config.json",
                 "special_tokens_map.json"):
        path = SHARED / "refs" / case.tokenizer / name
        if path.exists():
            shutil.copy(path, folder / case.files.get(name, name))
    if case.added or case.names:
        rewrite(case, folder)
    return model


def rewrite(case, folder):
    """Keys and names as published files of the family have them."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(case.added)
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not more_cases.REMOVED},
                               indent=2))
    tensors = load_file(folder / "model.safetensors")
    for old, new in case.names.items():
        tensors = {name.replace(old, new): value for name, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def expected(model):
    torch.manual_seed(7)
    ids = torch.randint(20, 340, (1, 24))
    inputs = {"input_ids": ids}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids[:, :8].clone()
    if hasattr(model.config, "use_cache"):
        inputs["use_cache"] = False
    with torch.no_grad():
        out = model(**inputs)
    result = {k: v for k, v in inputs.items() if k != "use_cache"}
    if "logits" in out:
        result["logits"] = out.logits.float().contiguous()
    else:
        result["last_hidden_state"] = out.last_hidden_state.float().contiguous()
    return result


auto_config = transformers.AutoConfig.from_pretrained


def no_config(*arguments, **options):
    raise OSError("the converter is to read config.json itself")


def make_gguf(case, folder):
    import conversion
    import gguf
    index = json.loads((SHARED / "refs/index.json").read_text())
    pre = case.pre or index[case.tokenizer]["pre"]
    conversion.TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
    if "rotary_pct" in case.added:  # the configuration class takes it away
        transformers.AutoConfig.from_pretrained = no_config
    hparams = conversion.ModelBase.load_hparams(folder, False)
    name = conversion.get_model_architecture(hparams, conversion.ModelType.TEXT)
    name = more_cases.OLD_CLASSES.get(name, name)
    kind = conversion.get_model_class(name)
    if case.gpt2_vocabulary:
        kind.set_vocab = kind._set_vocab_gpt2
    with torch.inference_mode():
        kind(folder, gguf.LlamaFileType.ALL_F32, folder / "reference.gguf").write()
    transformers.AutoConfig.from_pretrained = auto_config


def make(case, base):
    folder = base / case.name
    folder.mkdir(parents=True)
    model = make_model(case, folder)
    save_file(expected(model), folder / "logits.safetensors")
    make_gguf(case, folder)


def main():
    base = pathlib.Path(sys.argv[1])
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    failed = 0
    for case in more_cases.named(sys.argv[2:]):
        try:
            make(case, base)
        except Exception as reason:  # of the originals; the cases that follow can still be made
            if os.environ.get("TRACE"):
                raise
            print(f"{case.name}: {type(reason).__name__}: {reason}", flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
