# SPDX-License-Identifier: MIT
# awk -f score.awk TRUTH.jsonl EVENTS.csv: compares the labels in a table of cowpublish with the
# truth that cow-render-barn wrote, by boxes that overlap by half or more. The first event belongs
# to the video's first frame. Labels of cows between two behaviours are not counted. Numbers have a
# point: where awk follows a locale in which they have a comma, run it with LC_ALL=C.

BEGIN {
  if (sprintf("%.1f", 1 / 2) != "0.5") {
    print "score.awk: this locale has no decimal point; run it with LC_ALL=C" >"/dev/stderr"
    refused = 1
    exit 2
  }
}

# Returns the value of a member as the renderer writes it, without quotes.
function member(name,   text) {
  text = $0
  sub(".*\"" name "\": \"?", "", text)
  sub(/"?[,}].*/, "", text)
  return text
}

FNR == NR {
  frame = member("frame")
  n = ++cows[frame]
  left[frame, n] = member("x") + 0
  top[frame, n] = member("y") + 0
  right_edge[frame, n] = left[frame, n] + member("w")
  bottom[frame, n] = top[frame, n] + member("h")
  behaviour[frame, n] = member("changing") == "true" ? "" : member("behaviour")
  drawn++
  if (frame == 1)
    rate = 1 / member("time")
  next
}

function min(a, b) { return a < b ? a : b }
function max(a, b) { return a > b ? a : b }

# Intersection over union of a box and cow n of a frame.
function overlap(frame, n, x, y, w, h,   across, down, both) {
  across = min(x + w, right_edge[frame, n]) - max(x, left[frame, n])
  down = min(y + h, bottom[frame, n]) - max(y, top[frame, n])
  if (across <= 0 || down <= 0)
    return 0
  both = across * down
  return both / (w * h - both + \
                 (right_edge[frame, n] - left[frame, n]) * (bottom[frame, n] - top[frame, n]))
}

# The cow that was drawn where a box is, and that no box before has; 0: none.
function cow_at(frame, x, y, w, h,   n, best, most) {
  most = 0.5
  best = 0
  for (n = 1; n <= cows[frame]; n++)
    if (!((frame, n) in taken) && overlap(frame, n, x, y, w, h) >= most) {
      most = overlap(frame, n, x, y, w, h)
      best = n
    }
  return best
}

# The columns are found by their names. No field is quoted, because no name in the drawn barn has to
# be.
FNR == 1 {
  FS = ","
  $0 = $0
  for (i = 1; i <= NF; i++)
    column[$i] = i
  next
}
FNR == 2 { first = $column["time"] }

{
  frame = int(($column["time"] - first) * rate + 0.5)
  label = $column["label"]
  labels++
  last = $column["time"]
  n = cow_at(frame, $column["x"], $column["y"], $column["w"], $column["h"])
  if (!n)
    next
  taken[frame, n] = 1
  found++
  key = frame SUBSEP n
  if (behaviour[key] == "")
    next
  shown[behaviour[key]]++
  total++
  if (behaviour[key] == label) {
    right[label]++
    total_right++
  } else if (++wrong[behaviour[key], label] > most[behaviour[key]]) {
    most[behaviour[key]] = wrong[behaviour[key], label]
    instead[behaviour[key]] = label
  }
}

END {
  if (refused)
    exit 2
  if (!total)
    exit 1
  printf "%d labels in %.1f s of video; %d of the %d cows in its frames were found (%.1f %%)\n",
    labels, last - first, found, drawn, 100 * found / drawn
  printf "%d of them while the cow clearly does one thing: %.1f %% right\n\n", total,
    100 * total_right / total
  printf "%-20s %8s %8s   %s\n", "behaviour", "shown", "right", "if not, mostly called"
  n = split("Drinking,Feeding head down,Feeding head up,Lying,Standing,Walking," \
            "frontal_pushing,gallop,leap", order, ",")
  for (i = 1; i <= n; i++)
    if (order[i] in shown)
      printf "%-20s %8d %6.0f %%   %s\n", order[i], shown[order[i]],
        100 * right[order[i]] / shown[order[i]], instead[order[i]]
}
