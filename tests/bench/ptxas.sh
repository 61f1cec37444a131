#!/bin/bash
# SPDX-License-Identifier: MIT
# Compiles the kernels of kernels/cuda for each architecture and prints as Markdown what their
# blocks and threads need: shared memory, registers, and bytes that ptxas spills. It ends with 1
# where a kernel spills.
#
#   tests/bench/ptxas.sh [ARCHITECTURE...] >tests/bench/ptxas.md
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nvcc=$(command -v nvcc || echo "${CUDA_HOME:-${CUDA_PATH:-}}/bin/nvcc")
architectures=("$@")
[ $# -gt 0 ] || architectures=(75 80 86 87 89 90 100 120)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

compile () {
  "$nvcc" -std=c++17 -O3 "$@" 2>"$folder/said" || { cat "$folder/said" >&2; exit 1; }
}

# Launches ask for shared memory, so ptxas does not know it. Where the struct that CK_SHARED names
# is a variable instead, PTX has its size.
mkdir -p "$folder/kernels/cuda"
sed '/define CK_SHARED/s/ *\\$/ __shared__ __align__ (16) Type name/; /ck_shared_memory/d' \
  kernels/cuda/kernel.h >"$folder/kernels/cuda/kernel.h"

for file in kernels/cuda/*.cu; do
  compile -ptx -I "$folder" -I . -arch="sm_${architectures[0]}" -o "$folder/ptx" "$file"
  awk '
    /^\.shared / || /^\t\.shared / {
      match ($0, /[A-Za-z0-9_$]+\[[0-9]+\]/)
      split (substr ($0, RSTART, RLENGTH - 1), parts, "[")
      bytes[parts[1]] = parts[2]
    }
    /\.entry / { name = $0; sub (/.*\.entry /, "", name); sub (/\(.*/, "", name); total[name] = 0 }
    name != "" {
      for (variable in bytes)
        if (index ($0, variable) && !((name, variable) in seen)) {
          seen[name, variable] = 1
          total[name] += bytes[variable]
        }
    }
    END { for (name in total) print name, total[name] }' "$folder/ptx" >>"$folder/shared"
  for architecture in "${architectures[@]}"; do
    compile -cubin -I . -arch="sm_$architecture" -Xptxas -v -o "$folder/cubin" "$file"
    awk -v file="$(basename "$file")" -v architecture="$architecture" '
      /Compiling entry function/ { split ($0, parts, "\047"); name = parts[2] }
      name != "" && /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
      name != "" && /Used [0-9]+ registers/ {
        for (i = 1; i < NF; i++)
          if ($i == "Used")
            print file, name, architecture, $(i + 1), spilled, stack
        name = ""
      }' "$folder/said" >>"$folder/kernels.txt"
  done
done

echo "# Registers and shared memory of the kernels"
echo
"$nvcc" --version | sed -n 's/^Cuda compilation tools, release \([0-9.]*\).*/By nvcc \1/p'
echo "(\`tests/bench/ptxas.sh\`): bytes of shared memory of a block, where a launch does not ask"
echo "for less; registers of a thread; +N are bytes that it spills, /N bytes of its stack."
awk -v all="${architectures[*]}" '
  FNR == NR { shared[$1] = $2; next }
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
        printf "\n## %s\n\n| kernel | shared |", file
        for (i = 1; i <= n; i++)
          printf " sm_%s |", columns[i]
        printf "\n| --- | --: |"
        for (i = 1; i <= n; i++)
          printf " --: |"
        print ""
      }
      name = parts[2]
      sub (/^ck_cuda_/, "", name)
      printf "| %s | %d |", name, shared[parts[2]]
      for (i = 1; i <= n; i++)
        printf " %s |", cell[order[k], columns[i]]
      print ""
    }
    printf "\n%d kernels, %d of them by architecture spill.\n", count, spills
    exit spills > 0
  }
' "$folder/shared" "$folder/kernels.txt"
