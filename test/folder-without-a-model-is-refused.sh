#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir empty
expect_exit 4 recast convert empty -o out.gguf
expect_text '^error\[E[A-Z][0-9]+\]'
echo "just text" > notes.txt
expect_exit 4 recast convert notes.txt -o out.gguf
expect_text 'notes.txt'
: > nothing.gguf
expect_exit 4 recast convert nothing.gguf -o out.gguf
expect_only empty notes.txt nothing.gguf
