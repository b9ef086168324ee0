"""The checks of refs.py on families and configurations that the reference data does not have: small
random models that the originals make on the spot (more_cases.py).

usage: test/oracle/run.sh more_refs.py [--keep FOLDER] [--only CHECK]... [CASE]...
"""
import argparse
import fnmatch
import pathlib
import subprocess
import sys
import tempfile

import more_cases
import peers
import refs


def expect_refusal(case, base):
    """No GGUF can say what the model is: named, and no file is made."""
    output = base / case.name / "ours.gguf"
    try:
        peers.convert(base / case.name, output, "-Q", "f32")
    except peers.Differs as reason:
        ok = case.refused in str(reason) and not output.exists()
        print(f"{'ok  ' if ok else 'FAIL'}  {case.name}: refused" + ("" if ok else f" {reason}"))
        return 0 if ok else 1
    print(f"FAIL  {case.name}: not refused")
    return 1


def expect_warning(case, base):
    """What the runtime ignores or refuses is said by name."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([peers.RECAST, "convert", base / case.name, "-o", folder + "/a.gguf",
                               "--no-manifest"], capture_output=True, check=False)
    said = any(line.strip().startswith(b"where") and case.warns.encode() in line
               for line in done.stderr.splitlines())
    if not said:
        print(f"FAIL  {case.name}: no warning names {case.warns}\n{done.stderr.decode()[-1500:]}")
    return 0 if said else 1


def tell_refs(case):
    """What the tables of refs.py say of its own cases."""
    if case.not_run:
        refs.NOT_RUN[case.name] = case.not_run
    if case.back_config:
        refs.BACK_CONFIG[case.name] = case.back_config
    if case.encoder:
        refs.ENCODERS.add(case.name)
        refs.NOT_RUN[case.name] = "an encoder"
    for key in case.exempt:
        refs.EXEMPT.setdefault(key, []).append(case.name)
    for table, patterns in (("LOST", case.lost), ("ROUNDED", case.rounded),
                            ("EXPONENTS", case.exponents), ("SHIFTED_NORMS", case.shifted)):
        if patterns:
            getattr(refs, table)[case.name] = patterns


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path, help="a folder made before, or to be made")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("case", nargs="*")
    args = parser.parse_args()
    cases = [case for case in more_cases.ALL
             if not args.case or any(fnmatch.fnmatch(case.name, p) for p in args.case)]
    with tempfile.TemporaryDirectory() as scratch:
        base = args.keep or pathlib.Path(scratch)
        missing = [case.name for case in cases if not (base / case.name).exists()]
        if missing:
            subprocess.run([sys.executable, pathlib.Path(__file__).parent / "make_reference.py",
                            base, *missing], check=False, stderr=subprocess.DEVNULL)
        failed = 0
        for case in cases:
            tell_refs(case)
            if case.refused:
                failed += expect_refusal(case, base)
            elif (base / case.name / "reference.gguf").exists():
                failed += refs.check(case.name, base, args.only)
                failed += expect_warning(case, base) if case.warns else 0
            else:
                print(f"FAIL  {case.name}: no reference", flush=True)
                failed += 1
    return 1 if failed else 0


sys.exit(main())
