/* SPDX-License-Identifier: MIT */
/* One pass over the bytes, with the open brackets on a stack of its own. Section numbers are RFC
 * 8259's. */
#include "model/files/json-check.h"

#include <math.h>
#include <string.h>

#include "model/files/error.h"

typedef struct {
  const char *text, *end, *at;
  const char *file;
  GError **error;
  guint depth, n_values;
  char open[COW_JSON_MAX_DEPTH]; /* '{' or '[' */
} Check;

static gboolean
bad_at (const Check *self, const char *at, const char *what)
{
  g_set_error (self->error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: broken JSON at byte %" G_GSIZE_FORMAT ": %s", self->file,
               (gsize)(at - self->text), what);
  return FALSE;
}

static gboolean
bad (const Check *self, const char *what)
{
  return bad_at (self, self->at, self->at < self->end ? what : "the text ends too early");
}

/* The next character; 0, which no valid text has, at the end. */
static char
peek (const Check *self)
{
  return self->at < self->end ? *self->at : '\0';
}

/* Section 2. */
static void
skip_space (Check *self)
{
  while (self->at < self->end && strchr (" \t\r\n", *self->at) && *self->at)
    self->at++;
}

/* ---- strings: section 7 ---------------------------------------------------------------------- */

/* The four digits behind \u, or -1. */
static int
hex4 (const Check *self, const char *at)
{
  int value = 0;
  if (self->end - at < 4)
    return -1;
  for (guint i = 0; i < 4; i++) {
    const int digit = g_ascii_xdigit_value (at[i]);
    if (digit < 0)
      return -1;
    value = 16 * value + digit;
  }
  return value;
}

/* Behind "\u"; what it stands for must be text. */
static gboolean
check_unicode (Check *self)
{
  const char *escape = self->at - 2;
  const int unit = hex4 (self, self->at);
  if (unit < 0)
    return bad_at (self, escape, "\\u without four hexadecimal digits");
  if (unit == 0)
    return bad_at (self, escape, "a NUL character in a string");
  self->at += 4;
  if (unit < 0xd800 || unit > 0xdfff)
    return TRUE;
  const gboolean pair = unit < 0xdc00 && self->end - self->at >= 6 && self->at[0] == '\\' &&
                        self->at[1] == 'u' && (hex4 (self, self->at + 2) & ~0x3ff) == 0xdc00;
  if (!pair)
    return bad_at (self, escape, "half of a surrogate pair in a string");
  self->at += 6;
  return TRUE;
}

static gboolean
check_string (Check *self)
{
  for (self->at++; self->at < self->end && *self->at != '"';) {
    const guchar c = (guchar)*self->at++;
    if (c < 0x20)
      return bad_at (self, self->at - 1,
                     "a control character in a string; \\n and the like stand "
                     "for them");
    if (c != '\\')
      continue;
    const char escape = peek (self);
    if (self->at == self->end)
      break;
    if (!strchr ("\"\\/bfnrtu", escape))
      return bad_at (self, self->at - 1, "an escape that JSON does not have");
    self->at++;
    if (escape == 'u' && !check_unicode (self))
      return FALSE;
  }
  if (self->at == self->end)
    return bad_at (self, self->at, "a string without end");
  self->at++;
  return TRUE;
}

/* ---- numbers: section 6 ---------------------------------------------------------------------- */

static gboolean
skip_digits (Check *self)
{
  const char *start = self->at;
  while (g_ascii_isdigit (peek (self)))
    self->at++;
  return self->at > start;
}

static gboolean
fits_64_bits (const char *digits, gsize n, gboolean negative)
{
  static const char most[] = "9223372036854775807", least[] = "9223372036854775808";
  const gsize n_most = sizeof most - 1;
  return n < n_most || (n == n_most && memcmp (digits, negative ? least : most, n) <= 0);
}

/* Section 6 allows a limit of magnitude: what a double cannot hold is infinite to json-glib, which
 * then writes what is no JSON. */
static gboolean
fits_a_double (const char *number, gsize n)
{
  g_autofree char *text = g_strndup (number, n);
  return isfinite (g_ascii_strtod (text, NULL));
}

static gboolean
check_number (Check *self)
{
  const char *start = self->at;
  const gboolean negative = peek (self) == '-';
  self->at += negative;
  const char *digits = self->at;
  if (!skip_digits (self))
    return bad (self, "a number without digits");
  const gsize n = (gsize)(self->at - digits);
  if (*digits == '0' && n > 1)
    return bad_at (self, start, "a number that begins with a needless 0");
  if (peek (self) != '.' && peek (self) != 'e' && peek (self) != 'E')
    return fits_64_bits (digits, n, negative) ||
           bad_at (self, start, "an integer of more than 64 bits");
  if (peek (self) == '.') {
    self->at++;
    if (!skip_digits (self))
      return bad (self, "a number without digits after its point");
  }
  if (peek (self) == 'e' || peek (self) == 'E') {
    self->at++;
    if (peek (self) == '+' || peek (self) == '-')
      self->at++;
    if (!skip_digits (self))
      return bad (self, "a number without digits in its exponent");
  }
  return fits_a_double (start, (gsize)(self->at - start)) ||
         bad_at (self, start, "a number that is larger than a double can be");
}

/* ---- values: sections 3 to 5 ----------------------------------------------------------------- */

static gboolean
check_word (Check *self)
{
  static const char *const words[] = { "true", "false", "null" };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    const gsize n = strlen (words[i]);
    if ((gsize)(self->end - self->at) >= n && memcmp (self->at, words[i], n) == 0) {
      self->at += n;
      return TRUE;
    }
  }
  return bad (self, "a value was expected");
}

static gboolean
check_scalar (Check *self)
{
  const char c = peek (self);
  return c == '"'                          ? check_string (self)
         : c == '-' || g_ascii_isdigit (c) ? check_number (self)
                                           : check_word (self);
}

/* The name of a member and its colon. */
static gboolean
check_name (Check *self)
{
  skip_space (self);
  if (peek (self) != '"')
    return bad (self, "the name of a member was expected");
  if (!check_string (self))
    return FALSE;
  skip_space (self);
  if (peek (self) != ':')
    return bad (self, "a colon was expected");
  self->at++;
  skip_space (self);
  return TRUE;
}

static gboolean
begins (char c)
{
  return c == '{' || c == '[';
}

/* Opens a bracket, up to what its first member's value begins with, or its end. */
static gboolean
open_bracket (Check *self, gboolean *empty)
{
  const char bracket = *self->at;
  if (self->depth == COW_JSON_MAX_DEPTH)
    return bad (self, "nested too deep");
  self->open[self->depth++] = bracket;
  self->at++;
  skip_space (self);
  *empty = peek (self) == (bracket == '{' ? '}' : ']');
  return *empty || bracket == '[' || check_name (self);
}

/* Behind a value: closes brackets, up to the next value; *done when the whole has ended. */
static gboolean
close_brackets (Check *self, gboolean *done)
{
  while (self->depth > 0) {
    const char bracket = self->open[self->depth - 1];
    skip_space (self);
    if (peek (self) == (bracket == '{' ? '}' : ']')) {
      self->at++;
      self->depth--;
      continue;
    }
    if (peek (self) != ',')
      return bad (self, bracket == '{' ? "a comma or } was expected" : "a comma or ] was expected");
    if (++self->n_values > COW_JSON_MAX_VALUES)
      return bad (self, "more values than any network needs");
    self->at++;
    skip_space (self);
    *done = FALSE;
    return bracket == '[' || check_name (self);
  }
  *done = TRUE;
  return TRUE;
}

gboolean
cow_json_check (const char *text, gsize n_bytes, const char *file, GError **error)
{
  Check self = { .text = text, .end = text + n_bytes, .at = text, .file = file, .error = error };
  gboolean done = FALSE;
  if (n_bytes > COW_JSON_MAX_BYTES)
    return bad_at (&self, text + COW_JSON_MAX_BYTES, "longer than any network needs");
  if (!g_utf8_validate_len (text, n_bytes, &self.at))
    return bad_at (&self, self.at, "not UTF-8");
  self.at = text;
  skip_space (&self);
  if (peek (&self) != '{')
    return bad_at (&self, self.at, "the whole must be an object {...}");
  while (!done) {
    gboolean empty = FALSE;
    if (begins (peek (&self))) {
      if (!open_bracket (&self, &empty))
        return FALSE;
      if (!empty)
        continue;
    } else if (!check_scalar (&self)) {
      return FALSE;
    }
    if (!close_brackets (&self, &done))
      return FALSE;
  }
  skip_space (&self);
  return self.at == self.end || bad_at (&self, self.at, "more text after the end");
}
