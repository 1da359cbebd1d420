#!/usr/bin/env bash
# check_exports.sh LIBRARY INCLUDE: what the shared library exports is in namespace fulgurite, and
# its name stands in a public header.
set -euo pipefail
library=$1
include=$2

symbols=$(nm -D --defined-only --no-demangle "$library" | awk '{print $3}')
count=0
bad=0
while read -r symbol; do
  count=$((count + 1))
  name=$(c++filt "$symbol")
  # "vtable for fulgurite::Error", "fulgurite::Error::Error(..)", "fulgurite_step" of the C ABI
  plain=${name#vtable for }
  plain=${plain#typeinfo for }
  plain=${plain#typeinfo name for }
  if [[ ! $plain =~ ^fulgurite(::|_) ]]; then
    echo "exported, but not in namespace fulgurite: $name"
    bad=1
    continue
  fi
  last=${plain%%(*}
  last=${last%%\[abi:*}
  last=${last##*::}
  if ! grep -rqw -- "${last#\~}" "$include"; then
    echo "exported, but in no public header: $name"
    bad=1
  fi
done <<<"$symbols"

# Without this a library that exports nothing would pass. No pipe: grep -q ends before its writer
# does, which pipefail would take for a failure.
names=$(c++filt <<<"$symbols")
for needed in 'fulgurite::version()' 'typeinfo for fulgurite::Error'; do
  if ! grep -qxF "$needed" <<<"$names"; then
    echo "not exported: $needed"
    bad=1
  fi
done
echo "$count symbols exported"
exit $bad
