#!/bin/bash
. "$(dirname "$0")/lib.sh"
write_safetensors big.safetensors 'a F32 16384x16384 00000000' 'b F32 100 0000803f'  # 1 GiB of hole
peak=$(python3 - "$program" << 'END'
import subprocess, sys, time
run = subprocess.Popen([sys.argv[1], "convert", "big.safetensors", "-o", "half.safetensors",
                        "--precision", "fp16", "--memory", "64M", "--no-manifest", "-qq"])
peak = 0
while run.poll() is None:
    for line in open(f"/proc/{run.pid}/status"):
        if line.startswith("RssAnon"):
            peak = max(peak, int(line.split()[1]))
    time.sleep(0.002)
print(peak if run.returncode == 0 else f"exit {run.returncode}")
END
)
[ "$(stat -c %s half.safetensors)" -gt 536871112 ] || fail "the output is short"
[ "$peak" -le 65536 ] || fail "$peak kB of anonymous memory under --memory 64M"
