#!/bin/bash
. "$(dirname "$0")/lib.sh"
# follows SCHEMA EXIT ARGUMENT...: stdout is one document of that schema
follows() {
  local schema=$1
  expect_exit "$2" recast "${@:3}" --json
  python3 "$test_dir/json_schema.py" "$schema" < "$out" || fail "not as in $schema: ${*:3}"
}
follows report.json 0 convert "$bard" -n -o a.gguf -Q q8_0
follows report.json 0 convert "$bard" -o a.gguf -Q q8_0
follows inspect.json 0 inspect a.gguf --tensors --checksum
follows inspect.json 0 inspect "$bard" --full --stats
follows errors.json 0 inspect --errors "$bard" a.gguf
python3 "$test_dir/write_imatrix.py" imatrix.dat a.gguf
follows errors.json 0 inspect --errors a.gguf a.gguf --imatrix imatrix.dat
follows validate.json 0 validate a.gguf --all
quietly convert "$bard" -o r.gguf -Q q8_0 --report r.json
quietly inspect --errors "$bard" a.gguf --report e.json
follows reports.json 0 report r.json e.json
follows reproduce.json 0 reproduce a.gguf.recast.json
head -c 70000 a.gguf > cut.gguf
follows validate.json 1 validate cut.gguf
follows card.json 0 card a.gguf
follows card.json 0 card "$bard" -o -
for table in formats types archs pairs errors options; do
  follows list.json 0 list $table
  jq -c '.[]' "$out" > rows
  python3 "$test_dir/json_schema.py" "list.json#/\$defs/$table" --lines < rows || fail "list $table"
done
recast doctor --json > doctor.json || true  # the machine may have flaws
python3 "$test_dir/json_schema.py" doctor.json < doctor.json || fail "doctor"
expect_exit 3 recast inspect missing --json-errors
python3 "$test_dir/json_schema.py" error.json < "$err" || fail "error"
expect_exit 0 recast convert "$bard" -o b.gguf --progress json
python3 "$test_dir/json_schema.py" progress.json --lines < "$err" || fail "progress"
