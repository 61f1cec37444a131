#!/bin/bash
# SPDX-License-Identifier: MIT
# Proves and times kernels/cuda on a machine with an NVIDIA GPU. It needs no network, and where it
# is given programs that were built elsewhere, neither a compiler nor GStreamer.
#
#   tests/gpu/run.sh                    with the programs of BUILD_DIR
#   tests/gpu/run.sh --pack FILE        puts these programs, their libraries and data into FILE
#                                       (.tar.xz), for a machine without compiler
#   tests/gpu/run.sh --programs FILE    with those of such a file
#   --device NAME   cuda, cuda:1, ... (cuda); cuda-emulated tries this script without a GPU
#   --out FOLDER    for results.json, table.txt and the output of each program (gpu-results)
#   --minutes N     after which no more is begun (8)
#
# What the GPU's multiply-adds reach first, and no more where it cannot be opened; then conformance,
# networks against the results of the reference programs, NVIDIA's compute-sanitizer where it is
# installed, all within half the time, then speed, beside torch, transformers and bitsandbytes where
# PEERS_PYTHON (python3) has them. What was not reached in time is said. The exit status is 1 if
# anything failed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(realpath "$here/../..")
build=$(realpath -m "${BUILD_DIR:-$root/build-tests}")
device=cuda out=gpu-results minutes=8 pack="" packed=""
programs=(kernels/check-kernels kernels/check-training kernels/check-bits model/test-golden
  replay/replay-adapter replay/replay-scratch gpu/bench-gpu)
kernels=kernels/cuda/libcowbehavior-cuda.so
halves=tests/gpu/halves.fatbin

fail () {
  echo "tests/gpu/run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --pack | --programs | --device | --out | --minutes)
      [ $# -gt 1 ] || fail "$1 needs a value"
      case $1 in
        --pack) pack=$2 ;;
        --programs) packed=$2 ;;
        --device) device=$2 ;;
        --out) out=$2 ;;
        --minutes) minutes=$2 ;;
      esac
      shift 2
      ;;
    -h | --help)
      sed -n '3,22s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown argument $1; --help explains" ;;
  esac
done

# The programs with every library that they need, the loader among them: another system's C library
# may be older than what they were built with.
make_pack () {
  local folder program library
  folder=$(mktemp -d) || fail "no temporary folder"
  mkdir -p "$folder"/{bin,lib}
  for program in "${programs[@]/#/tests/}" pipelines/demo/cow-formula-model; do
    [ -x "$build/$program" ] || fail "$build has no $program: build it, or set BUILD_DIR"
    cp "$build/$program" "$folder/bin/" && strip "$folder/bin/$(basename "$program")"
    ldd "$build/$program"
  done | grep -o '/[^ ]*' | sort -u | while read -r library; do
    cp -L "$library" "$folder/lib/"
  done
  [ -e "$build/$kernels" ] || fail "$build has no $kernels: it was built without nvcc"
  cp "$build/$kernels" "$build/$halves" "$folder/"
  cp -r "$root/tests/data/golden" "$folder/golden"
  tar -C "$folder" -cJf "$1.part" . && mv "$1.part" "$1"
  rm -rf "$folder"
  echo "$1: $(du -h "$1" | cut -f1)"
}

if [ -n "$pack" ]; then
  make_pack "$pack"
  exit
fi

mkdir -p "$out" || fail "cannot make $out"
out=$(realpath "$out")
work=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$work"' EXIT
data=$root/tests/data
halves_file=$build/$halves
export COWBEHAVIOR_CUDA_KERNELS=$build/$kernels
if [ -n "$packed" ]; then
  mkdir "$work/pack"
  tar -C "$work/pack" -xJf "$packed" || fail "$packed cannot be unpacked"
  data=$work/pack COWBEHAVIOR_CUDA_KERNELS=$work/pack/$(basename "$kernels")
  halves_file=$work/pack/$(basename "$halves")
fi
end=$(($(date +%s) + minutes * 60))
checks_end=$((end - minutes * 30))
failed=0
echo -n >"$out/results.json" || fail "cannot write to $out"
echo -n >"$out/table.txt" || fail "cannot write to $out"

# Runs one of the programs by its name.
run () {
  local name=$1
  shift
  if [ -n "$packed" ]; then
    "$work/pack/lib/ld-linux-x86-64.so.2" --library-path "$work/pack/lib" \
      "$work/pack/bin/$name" "$@"
  else
    "$(find "$build/tests" "$build/pipelines" -type f -name "$name" | head -n 1)" "$@"
  fi
}
export -f run
export work build packed

# Seconds until a moment: the end, or another.
left () {
  echo $((${1:-$end} - $(date +%s)))
}

# A line of the table, and of the JSON: what, result, and more fields of JSON.
say () {
  printf '%-52s %s\n' "$1" "$2" | tee -a "$out/table.txt"
  printf '{"what": "%s", "result": "%s"%s}\n' "$1" "${2//[\"\\]/}" "${3:+, $3}" \
    >>"$out/results.json"
}

# The file for what a program says.
log_of () {
  echo "$out/$(echo "$1" | tr ' /' '--').log"
}

# Runs a program for at most so many seconds, its output in a file; 125: no time is left.
limited () {
  local seconds=$1 log=$2
  shift 2
  [ "$(left)" -gt 5 ] || return 125
  [ "$seconds" -le "$(left)" ] || seconds=$(left)
  timeout -k 5 "$seconds" bash -c 'run "$@"' run "$@" >"$log" 2>&1
}

# A test program that prints TAP.
conform () {
  local what=$1 seconds=$2 log status=125 good bad remaining
  shift 2
  log=$(log_of "$what") remaining=$(left $checks_end)
  if [ "$remaining" -gt 5 ]; then
    limited $((seconds < remaining ? seconds : remaining)) "$log" "$@"
    status=$?
  fi
  good=$(grep -c '^ok ' "$log" 2>/dev/null) bad=$(grep -c '^not ok ' "$log" 2>/dev/null)
  case $status in
    0) say "$what" "passed, ${good:-0} points" ;;
    124) say "$what" "cut short, ${good:-0} points passed, ${bad:-0} failed" ;;
    125) say "$what" "no time left" ;;
    *) say "$what" "FAILED (${bad:-0} of $((${good:-0} + ${bad:-0})) points, status $status)" ;;
  esac
  case ${bad:-0}.$status in
    0.0 | 0.124 | 0.125) ;;
    *) failed=1 ;;
  esac
}

# Runs bench-gpu: what it measures, for how many seconds at most, then its arguments. $line is what
# it printed; where it printed nothing, that is said.
measure () {
  local what=$1 seconds=$2 log
  shift 2
  log=$(log_of "$what")
  if limited "$seconds" "$log" bench-gpu "$@"; then
    line=$(tail -n 1 "$log")
    return
  fi
  if [ "$(left)" -le 5 ]; then
    say "$what" "no time left"
  else
    say "$what" "FAILED: $(tail -n 1 "$log")"
    failed=1
  fi
  return 1
}

# A network.
time_it () {
  local line
  measure "$1" 60 "${@:2}" || return
  [[ $line =~ \"ms\":\ ([0-9.]+),\ \"pictures_per_s\":\ ([0-9.]+) ]]
  say "$1" "${BASH_REMATCH[1]} ms, ${BASH_REMATCH[2]} a second" "${line:1:-1}"
}

describe () {
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --format=csv,noheader \
      --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit,memory.total |
      sed 's/^/GPU: /' | tee -a "$out/table.txt"
  else
    echo "GPU: there is no nvidia-smi to ask" | tee -a "$out/table.txt"
  fi
}

# Tera-operations a second that nothing here can exceed; 1 where the GPU cannot be opened.
peaks () {
  local line fields seconds=.1
  [ "$device" != cuda-emulated ] || seconds=.001
  measure "peaks" 60 peak "$device" "$seconds" || return
  fields=${line//[\{\}\"]/}
  say "peaks" "${fields//_/ }" "${line:1:-1}"
}

check_all () {
  local kind method name
  conform "operations" 120 check-kernels "$device"
  conform "gradients" 90 check-training "$device"
  conform "bits" 60 check-bits "$device"
  export COWBEHAVIOR_TEST_DEVICE=$device COW_TEST_DATA=$data
  conform "goldens" 60 test-golden
  for kind in plain gated7b; do
    for method in lora dora; do
      conform "replay $kind $method" 30 replay-adapter "$data/golden/$kind/train_$method"
    done
  done
  unset COWBEHAVIOR_TEST_DEVICE
}

sanitize () {
  local tool sanitizer reports
  sanitizer=$(command -v compute-sanitizer) || {
    say "compute-sanitizer" "is not installed"
    return
  }
  for tool in memcheck racecheck synccheck; do
    [ "$(left $checks_end)" -gt 5 ] || { say "$tool" "no time left"; continue; }
    if timeout -k 5 40 "$sanitizer" --tool "$tool" --error-exitcode 9 \
      "$(find "$build/tests" -type f -name check-kernels | head -n 1)" "$device" \
      >"$out/$tool.log" 2>&1; then
      say "$tool" "nothing found"
    elif [ $? = 124 ]; then
      reports=$(grep -c '=========.*Error\|=========.*hazard' "$out/$tool.log")
      say "$tool" "cut short; $reports reports"
    else
      say "$tool" "FAILED: $(grep -m 1 'ERROR SUMMARY' "$out/$tool.log")"
      failed=1
    fi
  done
}

# A linear layer of NF4 weights, ours beside cuBLASLt on panels of 16 bits (bench-linear.c).
compare_linear () {
  local line fields
  measure "$1" 30 linear "$device" "${@:2}" 0.5 "$halves_file" || return
  fields=${line:1:-1}
  fields=${fields//\"/}
  say "$1" "${fields//_/ }" "${line:1:-1}"
}

# The halves that the GPU multiplies: sm_75 has no bf16, sm_70 neither.
half=(bf16)
case $(nvidia-smi --format=csv,noheader --query-gpu=compute_cap 2>/dev/null) in
  7.5*) half=(fp16) ;;
  7.*) half=() ;;
esac

# The largest layers of L and of the 7B, which an emulated GPU would need hours for.
linear () {
  local precision rows shapes=("4096 1024" "8192 4096" "4096 8192") shape batches=(1 8 32)
  [ "$device" != cuda-emulated ] || shapes=("72 68") batches=(1)
  [ -e "$halves_file" ] || [ "$device" = cuda-emulated ] || { say "linear" "needs nvcc"; return; }
  for shape in "${shapes[@]}"; do
    for rows in "${batches[@]}"; do
      for precision in int8 "${half[@]}"; do
        # shellcheck disable=SC2086  # two numbers
        compare_linear "linear ${shape/ / x } $precision batch $rows" $shape $((201 * rows)) \
          $precision
      done
    done
  done
}

# A model of a size in a folder.
make_model () {
  if [ "$(left)" -le 20 ]; then
    say "$(basename "$2")" "no time left"
    return 1
  fi
  run cow-formula-model "$@" >"$out/models.log" 2>&1 && return
  say "$(basename "$2")" "FAILED: $(tail -n 1 "$out/models.log")"
  failed=1
  return 1
}

# The 7B's layers are alike, so that two sizes of it say what 40 take.
speed () {
  local size batch precision
  for size in vits16 vitb16 vitl16; do
    make_model "$size" "$work/$size" --nf4 || continue
    for precision in int8 "${half[@]}" fp32; do
      for batch in 1 8 32; do
        time_it "$size $precision batch $batch" \
          forward "$device" "$work/$size" "$precision" $batch 1
      done
    done
    for precision in "${half[@]}" fp32; do
      time_it "$size QLoRA r16 $precision batch 8" \
        train "$device" "$work/$size" lora "$precision" 16 8 2
      time_it "$size DoRA r16 $precision batch 8" \
        train "$device" "$work/$size" dora "$precision" 16 8 2
    done
  done
  for size in 1 5; do
    make_model vit7b16 "$work/7b-$size" --nf4 --layers=$size || continue
    for batch in 1 8 32; do
      time_it "7B of $size layers int8 batch $batch" \
        forward "$device" "$work/7b-$size" int8 $batch 1
    done
    for precision in "${half[@]}" fp32; do
      time_it "7B of $size layers QLoRA r64 $precision batch 4" \
        train "$device" "$work/7b-$size" lora "$precision" 64 4 2
      time_it "7B of $size layers DoRA r64 $precision batch 4" \
        train "$device" "$work/7b-$size" dora "$precision" 64 4 2
    done
  done
}

peers () {
  local python=${PEERS_PYTHON:-python3} size folders=()
  mkdir "$work/peers"
  if ! "$python" -c 'import torch; assert torch.cuda.is_available ()' 2>/dev/null; then
    say "torch" "is not there, or sees no GPU"
    return
  fi
  for size in vits16 vitb16 vitl16; do
    make_model "$size" "$work/peers/$size" && folders+=("$work/peers/$size")
  done
  make_model vit7b16 "$work/peers/7B of 5 layers" --layers=5 &&
    folders+=("$work/peers/7B of 5 layers")
  [ "$(left)" -gt 5 ] || { say "torch" "no time left"; return; }
  timeout -k 5 "$(left)" "$python" "$here/gpu-peers.py" "$out/results.json" "${folders[@]}" \
    2>"$out/peers.log" | tee -a "$out/table.txt"
}

describe
if ! peaks; then
  echo "$out: the GPU cannot be used; peaks.log has what was said"
  exit 1
fi
check_all
sanitize
linear
speed
peers
echo "$out: table.txt, results.json"
exit $failed
