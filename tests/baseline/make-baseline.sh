#!/bin/bash
# SPDX-License-Identifier: MIT
# How data/ was made, by cow-trainer and the plugin of commit b32816f. This is a record. It is never
# run with a later program: files that a later program wrote would show that it reads its own, and a
# test that fails is not mended by making what it compares with anew.
#   make-baseline.sh BUILD    (a build folder of that commit with this folder's programs in it)
# shellcheck disable=SC2034  # run takes the settings of a kind by its name
set -eu
build=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
commit=b32816f
for part in kernels model gst-plugin trainer pipelines; do
  if ! git diff --quiet "$commit" -- "../../$part"; then
    echo "$part/ is not that of $commit" >&2
    exit 1
  fi
done
[ ! -e data ] || { echo "data/ exists, and stays as it is" >&2; exit 1; }
trainer=$build/trainer/cow-trainer
here=$PWD
export OMP_NUM_THREADS=2 LC_ALL=C.UTF-8
unset MLFLOW_TRACKING_URI COWBEHAVIOR_CPU COWBEHAVIOR_PATH

# A run's files hold absolute paths, and hashes of such paths. This one means the same place on
# every machine: where the program was started.
world=/proc/self/cwd
mkdir -p data/world/runs data/whole data/recipes data/lists
cd data/world
python3 "$here/draw_pictures.py" pictures

# ---- a base in NF4, and a smaller network to be trained from nothing
network () { # network FOLDER HIDDEN INTERMEDIATE
  mkdir "$1"
  cat >"$1/config.json" <<END
{
  "architectures": ["DINOv3ViTModel"], "model_type": "dinov3_vit",
  "hidden_size": $2, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": $3,
  "patch_size": 8, "num_channels": 3, "num_register_tokens": 1, "image_size": 32,
  "hidden_act": "gelu", "use_gated_mlp": false,
  "query_bias": true, "key_bias": false, "value_bias": true, "proj_bias": true, "mlp_bias": true,
  "layer_norm_eps": 1e-05, "rope_theta": 100.0, "pos_embed_rescale": 2.0
}
END
}
common=(--normalisation imagenet --head-dropout 0.1 --size 32 --threads 2 --patience 0)
common+=(--data "$world/pictures")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
network network 16 32
network "$work/network" 64 128
"$trainer" train --recipe dinov3-scratch --network "$work/network" "${common[@]}" \
  --batch 6 --epochs 4 --augment none --out "$work/base"
"$trainer" quantize "$work/base/last" base
# Features are kept under a name in which the times of files are hashed.
find base pictures -exec touch -d @1700000000 {} +

# ---- runs: one that nothing stopped, of which results and adapter stay, and one that was stopped
base=(--model "$world/base" --batch 3 --accumulation 2)
lora=(--recipe qlora-all-r16 "${base[@]}" --rank 2 --learning-rate 2e-3)
lora+=(--augment none --epochs 16)
dora=(--recipe dora-q-r8 "${base[@]}" --rank 2 --learning-rate 5e-3)
dora+=(--augment light --copies 1 --epochs 16)
frozen=(--recipe frozen "${base[@]}" --cache "$world/cache" --learning-rate 5e-3)
frozen+=(--augment medium --copies 1 --epochs 16)
scratch=(--recipe dinov3-scratch --network "$world/network" --batch 6 --learning-rate 1e-3)
scratch+=(--augment none --epochs 16)
run () { # run KIND SIGNAL
  local -n recipe=$1
  "$trainer" train "${recipe[@]}" "${common[@]}" --out "$work/$1"
  mkdir "../whole/$1"
  cp -r "$work/$1/best" "$work/$1/results.csv" "../whole/$1/"
  local model=(--model base)
  [ "$1" != scratch ] || model=()
  "$trainer" predict pictures/val pictures/test "${model[@]}" --adapter "../whole/$1/best" \
    --format csv --out "../whole/$1/predictions.csv"
  "$trainer" info --json "../whole/$1/best" >"../whole/$1/info.json"
  sed -i 's|"[^"]*/whole/|"whole/|' "../whole/$1/info.json"
  python3 "$here/stop_in_the_middle.py" "$2" "runs/$1" \
    "$trainer" train "${recipe[@]}" "${common[@]}" --save-every 0.0001 --out "runs/$1"
  rm -rf "runs/$1/plots" # large, and drawn anew at the end
}
run lora SIGKILL
run dora SIGINT
run frozen SIGINT
run scratch SIGKILL

# ---- runs whose server was never there, and went away
tracked=(--recipe frozen "${base[@]}" --cache "$world/tracked-cache" --augment none --epochs 2)
tracked+=("${common[@]}" --experiment herd)
"$trainer" train "${tracked[@]}" --tracking-uri http://127.0.0.1:9 --run-name never \
  --out runs/tracked-never
# It goes away in the middle of what the spool holds, or the run begins anew.
until grep -q '"sent" : [1-9]' runs/tracked-half/mlflow.json &&
  grep -q metric runs/tracked-half/mlflow-spool.jsonl; do
  rm -rf runs/tracked-half
  python3 "$here/fake_mlflow.py" 5 "$trainer" train "${tracked[@]}" --tracking-uri URI \
    --run-name half --out runs/tracked-half
done
rm -r tracked-cache
# Tests put files of their own in the place of those that are to be sent.
for name in never half; do
  find "runs/tracked-$name" -mindepth 1 ! -name 'mlflow*' -delete
done

# ---- settings: each preset as a user has it in a run's folder, and every flag of `train`
for preset in $("$trainer" train --list-recipes | tail -n +2 | cut -d ' ' -f 1); do
  case $preset in
    resnet18 | vit-small) needs=() ;;
    dinov3-scratch) needs=(--network "$world/network") ;;
    *) needs=(--model "$world/base") ;;
  esac
  "$trainer" train --recipe "$preset" "${needs[@]}" --data "$world/pictures" \
    --cache "$work/cache" --out "$work/$preset" >/dev/null 2>&1 &
  until [ -s "$work/$preset/recipe.ini" ]; do sleep 0.05; done
  kill -9 $!
  wait || true
  sed "s|^cache=.*|cache=$world/cache|" "$work/$preset/recipe.ini" >"../recipes/$preset.ini"
done
mkdir "$work/flags"
cp -r pictures base "$work/flags"
cp -r ../whole/lora/best "$work/flags/start"
for which in folders table; do
  (cd "$work/flags" && python3 "$here/flags.py" "$which" "$trainer" "$work/$which")
done
cp "$work/folders/recipe.ini" ../recipes/flags-folders.ini
cp "$work/table/recipe.ini" ../recipes/flags-table.ini

# ---- names
cd "$here"
python3 lists.py "$build" data/lists
{
  echo "commit $(git rev-parse "$commit")"
  gst-inspect-1.0 --version | tail -n +2 | head -n 1
  echo "libvips $(pkg-config --modversion vips), GLib $(pkg-config --modversion glib-2.0)"
  grep -m 1 'Computed by' <("$trainer" train "${scratch[@]}" --data data/world/pictures --size 32 \
    --network data/world/network --epochs 1 --out "$work/said" 2>&1)
} >data/made-by.txt
