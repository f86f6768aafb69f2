#!/bin/bash
# several.sh SCRIPT ARG... [-- SCRIPT ARG...]...: runs scripts that lie beside it, one after the other, in one guest.
# Fails at the end if one has failed.
failed=0
while (($#)); do
  words=()
  while (($#)) && [[ $1 != -- ]]; do words+=("$1") && shift; done
  (($#)) && shift
  echo "#### ${words[*]}"
  bash "./${words[0]}" "${words[@]:1}" || failed=1
  # What a script that has failed leaves behind is not the next one's trouble.
  iscsiadm -m node --logoutall=all >/dev/null 2>&1
  iscsiadm -m node -o delete >/dev/null 2>&1
done
exit "$failed"
