# SPDX-License-Identifier: MIT
# What gst-launch-1.0 -m prints of the messages named "cowbehavior", as lines: seconds into the stream, number of the region (-1: the full
# frame), label, confidence; separated by tabs. A frame's regions follow one another.

# The items of an array as it is printed, < a, "b c" >, into `items`; their number.
function items_of(text, field, items,   start, array, n, i) {
  start = index(text, field "< ")
  if (!start)
    return 0
  array = substr(text, start + length(field) + 2)
  sub(/ >.*/, "", array)
  n = split(array, items, ", ")
  for (i = 1; i <= n; i++)
    gsub(/"/, "", items[i])
  return n
}

/: cowbehavior, timestamp=\(guint64\)[0-9]/ {
  n = items_of($0, " labels=(string)", labels)
  if (items_of($0, " confidences=(double)", confidences) != n)
    next
  seconds = $0
  sub(/.*: cowbehavior, timestamp=\(guint64\)/, "", seconds)
  sub(/,.*/, "", seconds)
  # Structures in structures: each level is quoted anew.
  objects = $0
  sub(/.* objects=/, "", objects)
  gsub(/\\/, "", objects)
  for (i = 1; i <= n && match(objects, / id=\(int\)-?[0-9]+/); i++) {
    region = substr(objects, RSTART + 9, RLENGTH - 9)
    objects = substr(objects, RSTART + RLENGTH)
    printf "%.3f\t%d\t%s\t%.3f\n", seconds / 1e9, region, labels[i], confidences[i]
  }
  fflush()
}
