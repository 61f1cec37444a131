# SPDX-License-Identifier: MIT
# gst-launch-1.0 -m ... | awk -f events.awk: prints the messages of cowbehavior as lines, one for
# each region of a frame. A line has seconds into the stream, the region's id (-1: the frame or a
# zone), label and confidence, separated by tabs. A frame without a time has "-" for the seconds.
# Some awks read and print numbers as the user's locale has them, with a comma; those of GStreamer
# have a point. So there is nothing but whole numbers here.

# Returns a number of text, such as 0.87 or 9.5e-05, times 10^digits and rounded to three places.
function rounded(text, digits,   mantissa, point, n) {
  mantissa = text
  if (match(text, /e[-+]?[0-9]+$/)) {
    mantissa = substr(text, 1, RSTART - 1)
    digits += substr(text, RSTART + 1)
  }
  point = index(mantissa, ".")
  if (point) {
    digits -= length(mantissa) - point
    sub(/\./, "", mantissa)
  }
  n = int(mantissa * 10 ^ (digits + 3) + 1 / 2)
  return sprintf("%d.%03d", n / 1000, n % 1000)
}

# Reads the array NAME of the message into into[1..n] and returns n. GStreamer quotes text that is
# not a plain word, and writes \ before special characters.
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

/: cowbehavior, / {
  n = take("ids", ids)
  if (n == 0 || take("labels", labels) != n || take("confidences", confidences) != n)
    next
  time = "-"
  if (match($0, /: cowbehavior, timestamp=\(guint64\)[0-9]+/)) {
    time = substr($0, RSTART, RLENGTH)
    sub(/.*\)/, "", time)
    time = rounded(time, -9)
  }
  for (i = 1; i <= n; i++)
    printf "%s\t%s\t%s\t%s\n", time, ids[i], labels[i], rounded(confidences[i], 0)
  fflush()
}
