#!/usr/bin/env python3
"""Compares rebuilt tokenizer files with the original ones: ids of every line of a corpus.

  tokenizer_rebuild.py DUMP CORPUS FOLDER...     DUMP: the program vocabulary_dump

Each folder's tokenizer goes into the keys of GGUF and back into files. tokenizer.json is run by the
tokenizers library against the original tokenizer.json or, where there is only one, the original
sentencepiece model (lines that hold an added token are left out: sentencepiece does not read those);
the sentencepiece model by sentencepiece against the original; and AutoTokenizer of transformers must
load the folder and give what tokenizers gives. Lines are separated by 0x0A only. A FOLDER may be a
GGUF with the texts NAME.gguf.inp and the ids NAME.gguf.out of llama.cpp's tokenizer tests beside it.
Exit 0: no line differs, 1: some do, 77: a package is missing.
"""
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import sentencepiece
    import tokenizers
    import transformers
except ImportError:
    sys.exit(77)

SPM = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")


def tokenizer_json(folder):
    path = folder + "/tokenizer.json"
    return tokenizers.Tokenizer.from_file(path) if os.path.exists(path) else None


def sentencepiece_model(folder):
    for name in SPM:
        path = f"{folder}/{name}"
        if os.path.exists(path) and open(path, "rb").read(1) == b"\n":
            return sentencepiece.SentencePieceProcessor(model_file=path)
    return None


def count(lines, one, other):
    """How many lines differ, and the first."""
    bad = [i for i, line in enumerate(lines) if one(line) != other(line)]
    return len(bad), repr(lines[bad[0]][:60]) if bad else ""


def compare(folder, made, lines):
    """Rows (what, lines that differ, the first of them)."""
    old_json, new_json = tokenizer_json(folder), tokenizer_json(made)
    old_spm, new_spm = sentencepiece_model(folder), sentencepiece_model(made)
    if not new_json:
        return [("nothing rebuilt", 0, "")]
    plain = lambda t: lambda line: t.encode(line, add_special_tokens=False).ids
    framed = lambda t: lambda line: t.encode(line).ids
    rows = []
    if old_json:
        rows.append(("tokenizer.json", *count(lines, plain(old_json), plain(new_json))))
        rows.append(("with specials", *count(lines[:50], framed(old_json), framed(new_json))))
    if old_spm and (not old_json or rows[0][1]):
        # Where the two originals disagree, sentencepiece is right.
        rows.clear()
        added = [t.content for t in new_json.get_added_tokens_decoder().values() if t.special]
        free = [line for line in lines if not any(a in line for a in added)]
        rows.append(("json as spm", *count(free, old_spm.encode, plain(new_json))))
    if old_spm and new_spm:
        rows.append(("sentencepiece", *count(lines, old_spm.encode, new_spm.encode)))
    auto = transformers.AutoTokenizer.from_pretrained(made)
    rows.append(("AutoTokenizer", *count(lines[::7], plain(new_json),
                                         lambda line: auto.encode(line, add_special_tokens=False))))
    return rows


def known_answers(gguf, made):
    """Texts of a tokenizer test of llama.cpp whose ids differ."""
    texts = open(gguf + ".inp", encoding="utf-8", newline="").read().split("\n__ggml_vocab_test__\n")
    ids = [list(map(int, line.split())) for line in open(gguf + ".out", encoding="utf-8")]
    new_json = tokenizer_json(made)
    if not new_json or len(texts) < len(ids):
        return [("nothing to compare", 1, "")]
    plain = lambda line: new_json.encode(line, add_special_tokens=False).ids
    answers = dict(zip(texts, ids))
    rows = [("known answers", *count(list(answers), plain, answers.get))]
    if new_spm := sentencepiece_model(made):
        rows.append(("sentencepiece", *count(list(answers), new_spm.encode, answers.get)))
    return rows


def main(dump, corpus, folders):
    lines = open(corpus, "rb").read().decode("utf-8").split("\n")
    failed = 0
    for folder in folders:
        with tempfile.TemporaryDirectory() as made:
            run = subprocess.run([dump, folder, "--rebuild", made], capture_output=True, text=True)
            case = folder.rstrip("/").split("/")[-1]
            if run.returncode:
                print(f"{case:30}{run.stderr.strip()[:150]}")
                failed += 1
                continue
            if os.path.exists(folder + "/config.json"):
                shutil.copy(folder + "/config.json", made)
            rows = known_answers(folder, made) if folder.endswith(".gguf") else compare(folder, made, lines)
            failed += any(n for _, n, _ in rows)
            print(f"{case:30}" + "; ".join(f"{what} {n} {first}".rstrip() for what, n, first in rows))
    print(f"{len(lines)} lines, {len(folders) - failed} of {len(folders)} folders without a difference")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
