# SPDX-License-Identifier: MIT
# gst-launch-1.0 -m ... | awk -f events.awk: the messages of cowbehavior as lines, each a region of a frame: seconds into the stream, the
# region's id (-1: the frame or a zone), label, confidence; with tabs between.

# Takes the array NAME out of the message: its values in into[1..n]. Text is quoted where it is not a plain word, with \ before what is special.
function take(name, into,   text, n, quoted, c, value) {
  if (!match($0, ", " name "=\\([a-z0-9]+\\)< "))
    return 0
  text = substr($0, RSTART + RLENGTH)
  n = quoted = 0
  value = ""
  while (text != "") {
    c = substr(text, 1, 1)
    text = substr(text, 2)
    if (c == "\\") {
      value = value substr(text, 1, 1)
      text = substr(text, 2)
    } else if (c == "\"") {
      quoted = !quoted
    } else if (!quoted && (c == "," || c == ">")) {
      into[++n] = value
      value = ""
      if (c == ">")
        return n
    } else if (quoted || c != " ") {
      value = value c
    }
  }
  return 0
}

/: cowbehavior, timestamp=\(guint64\)/ {
  n = take("ids", ids)
  if (n == 0 || take("labels", labels) != n || take("confidences", confidences) != n)
    next
  time = $0
  sub(/.*: cowbehavior, timestamp=\(guint64\)/, "", time)
  sub(/,.*/, "", time)
  for (i = 1; i <= n; i++)
    printf "%.3f\t%s\t%s\t%.3f\n", time / 1e9, ids[i], labels[i], confidences[i]
  fflush()
}
