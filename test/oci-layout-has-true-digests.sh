#!/bin/bash
. "$(dirname "$0")/lib.sh"
# check_layout DIR: an image layout whose digests and sizes are those of its blobs
check_layout() {
  [ "$(jq -r .imageLayoutVersion "$1/oci-layout")" = 1.0.0 ] || fail "the version of $1"
  for blob in "$1"/blobs/sha256/*; do
    [ "$(sha256sum < "$blob" | cut -d' ' -f1)" = "${blob##*/}" ] || fail "the name of $blob"
  done
  manifest=$1/blobs/$(jq -r '.manifests[0].digest' "$1/index.json" | tr : /)
  [ "$(jq -r .artifactType "$manifest")" = application/vnd.cncf.model.manifest.v1+json ] ||
    fail "the type of the artefact"
  { jq -c '.manifests[]' "$1/index.json"; jq -c '.config, .layers[]' "$manifest"; } > descriptors
  jq -r '"\(.digest) \(.size)"' descriptors > listed
  while read -r digest size; do
    [ "$(stat -c %s "$1/blobs/${digest/:/\/}")" = "$size" ] || fail "the size of $digest"
  done < listed
  [ "$(sort -u listed | wc -l)" = "$(ls "$1/blobs/sha256" | wc -l)" ] || fail "loose blobs in $1"
  config=$1/blobs/$(jq -r .config.digest "$manifest" | tr : /)
  [ "$(jq -c '[.modelfs.diffIds[]]' "$config")" = "$(jq -c '[.layers[].digest]' "$manifest")" ] ||
    fail "the layers of the config"
}
# unpack DIR TO: every layer under its title
unpack() {
  mkdir "$2"
  jq -r '.layers[] | "\(.digest) \(.annotations["org.opencontainers.image.title"])"' "$manifest" |
    while read -r digest name; do cp "$1/blobs/${digest/:/\/}" "$2/$name"; done
}
expect_exit 0 recast convert "$bard" -o a --layout oci -t hf --precision f16
check_layout a
unpack a unpacked
expect_exit 0 recast convert "$bard" -o plain -t hf --precision f16 --no-manifest
expect_same plain unpacked
expect_exit 0 recast convert "$bard" -o b --layout oci -t gguf:Q8_0 --modelfile --split tensors:99
check_layout b
[ "$(jq -r '[.layers[].mediaType] | join(" ")' "$manifest")" = \
  'application/vnd.cncf.model.weight.v1.raw application/vnd.cncf.model.doc.v1.raw' ] ||
  fail "the types of the layers"
# Killed before its end it leaves nothing; the bytes of a blob do not depend on threads.
expect_exit 0 recast convert "$bard" -o c --layout oci -t gguf:Q8_0 --modelfile --split tensors:99 -j1
expect_same b/blobs c/blobs
mkdir used && echo theirs > used/file
expect_exit 7 recast convert "$bard" -o used --layout oci -t hf --precision f16 --force
expect_exit 2 recast convert "$bard" -o d --layout oci
expect_exit 2 recast convert "$bard" -o d --layout docker
expect_only a b c descriptors listed plain unpacked used
