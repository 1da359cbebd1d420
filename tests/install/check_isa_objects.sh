#!/usr/bin/env bash
# check_isa_objects.sh LIST: the objects of src/cpu/isa, compiled for more than the baseline CPU,
# define no symbol that the linker may choose over another object's: weak functions and objects
# (W, V) and unique ones (u). Of two copies of an inline function it keeps any, and the one that
# uses AVX-512 would then run on every machine.
set -euo pipefail
bad=0
while read -r object; do
  [[ $object == */cpu/isa/* ]] || continue
  shared=$(nm -C --defined-only "$object" | grep -E '^[0-9a-f]* +[WVu] ' || true)
  if [ -n "$shared" ]; then
    printf '%s defines:\n%s\n' "$object" "$shared"
    bad=1
  fi
done <"$1"
exit $bad
