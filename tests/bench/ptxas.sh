#!/bin/bash
# SPDX-License-Identifier: MIT
# Compiles the kernels of kernels/cuda for each architecture and prints what ptxas says of them as
# Markdown: registers of a thread, and bytes that are spilled. Shared memory is asked for by each
# launch and is not known here. It ends with 1 where a kernel spills.
#
#   tests/bench/ptxas.sh [ARCHITECTURE...] >tests/bench/ptxas.md
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nvcc=$(command -v nvcc || echo "${CUDA_HOME:-${CUDA_PATH:-}}/bin/nvcc")
architectures=("$@")
[ $# -gt 0 ] || architectures=(75 80 86 87 89 90 100 120)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for file in kernels/cuda/*.cu; do
  for architecture in "${architectures[@]}"; do
    "$nvcc" -cubin -std=c++17 -O3 -I . -arch="sm_$architecture" -Xptxas -v \
      -o "$folder/cubin" "$file" 2>"$folder/said" || { cat "$folder/said" >&2; exit 1; }
    awk -v file="$(basename "$file")" -v architecture="$architecture" '
      /Compiling entry function/ { split ($0, parts, "\047"); name = parts[2] }
      name != "" && /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
      name != "" && /Used [0-9]+ registers/ {
        for (i = 1; i < NF; i++)
          if ($i == "Used")
            print file, name, architecture, $(i + 1), spilled, stack
        name = ""
      }' "$folder/said" >>"$folder/kernels"
  done
done

echo "# Registers of the kernels"
echo
"$nvcc" --version | sed -n 's/^Cuda compilation tools, release \([0-9.]*\).*/By nvcc \1/p'
echo "(\`tests/bench/ptxas.sh\`): registers of a thread; +N are bytes that it spills, /N bytes of"
echo "its stack."
awk -v all="${architectures[*]}" '
  {
    key = $1 SUBSEP $2
    if (!(key in seen)) {
      seen[key] = 1
      order[++count] = key
    }
    cell[key, $3] = $4 ($5 > 0 ? "+" $5 : "") ($6 > 0 ? "/" $6 : "")
    spills += $5 > 0
  }
  END {
    n = split (all, columns, " ")
    for (k = 1; k <= count; k++) {
      split (order[k], parts, SUBSEP)
      if (parts[1] != file) {
        file = parts[1]
        printf "\n## %s\n\n| kernel |", file
        for (i = 1; i <= n; i++)
          printf " sm_%s |", columns[i]
        printf "\n| --- |"
        for (i = 1; i <= n; i++)
          printf " --: |"
        print ""
      }
      printf "| %s |", parts[2]
      for (i = 1; i <= n; i++)
        printf " %s |", cell[order[k], columns[i]]
      print ""
    }
    printf "\n%d kernels, %d of them by architecture spill.\n", count, spills
    exit spills > 0
  }
' "$folder/kernels"
