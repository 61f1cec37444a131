# SPDX-License-Identifier: MIT
# awk -f score.awk TRUTH.jsonl EVENTS.csv: compares the labels in a table of cowpublish with the
# truth that cow-render-barn wrote. The first event belongs to the video's first frame. Cows between
# two behaviours are not counted. Numbers have a point: where awk follows a locale in which they
# have a comma, run it with LC_ALL=C.

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
  if (!(member("cow") in number))
    number[member("cow")] = ++n_cows
  behaviour[member("frame"), number[member("cow")]] = \
    member("changing") == "true" ? "" : member("behaviour")
  if (member("frame") == 1)
    rate = 1 / member("time")
  next
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
  key = int(($column["time"] - first) * rate + 0.5) SUBSEP $column["track"]
  label = $column["label"]
  labels++
  last = $column["time"]
  if (!(key in behaviour) || behaviour[key] == "")
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
  printf "%d labels in %.1f s of video, ", labels, last - first
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
