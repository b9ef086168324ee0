#!/bin/bash
. "$(dirname "$0")/lib.sh"
quietly convert "$bard" -o plain.gguf -Q q8_0
run() { "$program" convert "$bard" -o out.gguf -Q q8_0 --force > /dev/null 2> "$err" || fail "$*: $(cat "$err")"; }
try() {  # try DESCRIPTION: after a run
  expect_same plain.gguf out.gguf
  rm -f out.gguf out.gguf.recast.json
}
(umask 077; run umask); [ "$(stat -c %a out.gguf)" = 600 ] || fail "umask 077"; try
(umask 000; run umask); [ "$(stat -c %a out.gguf)" = 666 ] || fail "umask 000"; try
(TZ=Pacific/Kiritimati run zone); try
(TZ=:nonsense run zone); try
(unset HOME XDG_CACHE_HOME; run home); try
(HOME=/no/such/folder TMPDIR=/no/such/folder run folders); try
(TMPDIR=/dev/full run folders); try
mkdir gone && (cd gone && rmdir ../gone && "$program" version > /dev/null) || fail "no current folder"
expect_only plain.gguf plain.gguf.recast.json
