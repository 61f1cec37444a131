/* SPDX-License-Identifier: MIT */
/* The bytes of a fuzz target, taken piece by piece by targets that have more than one thing to make
 * of them. What lies beyond the end is 0 or empty, so that every input means something. */
#ifndef COW_TEST_FUZZ_INPUT_H
#define COW_TEST_FUZZ_INPUT_H

#include <string.h>

#include <glib.h>

/* Ends a part: a character of ASCII that means this, and that no text format uses. */
#define FUZZ_MARK 0x1e

typedef struct {
  const guint8 *next;
  gsize left;
} FuzzInput;

static inline guint8
fuzz_byte (FuzzInput *self)
{
  if (self->left == 0)
    return 0;
  self->left--;
  return *self->next++;
}

/* Four bytes, the lowest first. */
static inline guint32
fuzz_number (FuzzInput *self)
{
  guint32 number = 0;

  for (guint i = 0; i < 4; i++)
    number |= (guint32)fuzz_byte (self) << 8 * i;
  return number;
}

/* The bytes before the next mark, which is taken too, or all that are left. */
static inline FuzzInput
fuzz_part (FuzzInput *self)
{
  FuzzInput part = *self;
  const guint8 *mark = self->left > 0 ? memchr (self->next, FUZZ_MARK, self->left) : NULL;

  if (mark) {
    part.left = (gsize)(mark - self->next);
    self->next = mark + 1;
    self->left -= part.left + 1;
  } else {
    self->left = 0;
  }
  return part;
}

/* A part as text, which ends at its first zero; free with g_free. */
static inline char *
fuzz_text (FuzzInput *self)
{
  const FuzzInput part = fuzz_part (self);
  return g_strndup ((const char *)part.next, part.left);
}

#endif
