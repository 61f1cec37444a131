#!/bin/sh
# SPDX-License-Identifier: MIT
# page.sh HELP2MAN VERSION OUTPUT PROGRAM [VERB [SUMMARY]]: a manual page of what --help says, of
# the program or of a verb, whose summary the program tells.
set -eu
help2man=$1 version=$2 output=$3 program=$4 verb=${5:-}
tab=$(printf '\t')
summary=${6:-cow behaviour from pictures and recordings}
[ -z "$verb" ] || summary=$("$program" --complete | sed -n "s/^$verb$tab//p")
[ -n "$summary" ] || { echo "page.sh: $program has no verb $verb" >&2; exit 1; }
"$help2man" --no-info --locale=C.UTF-8 --version-string "$version" --name "$summary" \
  --output "$output.part" "$program${verb:+ $verb}"
# help2man takes the title from the program's file, of which a verb is no part.
title=$(basename "$output" .1 | tr '[:lower:]' '[:upper:]')
sed "s/^\.TH [^ ]*/.TH $title/; s/^cow-trainer $verb \\\\-/cow-trainer-$verb \\\\-/" \
  "$output.part" >"$output"
rm "$output.part"
