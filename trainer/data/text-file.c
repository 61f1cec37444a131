/* SPDX-License-Identifier: MIT */
#include "trainer/data/text-file.h"

#include <string.h>

#include "trainer/data/video-bytes.h"

#define SHOWN 40 /* bytes of a line, in messages */

/* ---- what is no text ------------------------------------------------------------------------- */

static gboolean
check_kind (const char *path, const char *bytes, gsize n_bytes, GError **error)
{
  static const char picture[] = "a picture: a folder of classes is expected, or a table";
  static const struct {
    const char *bytes;
    gsize n;
    const char *what;
  } kinds[] = {
    { "\xff\xd8\xff", 3, picture },
    { "\x89PNG", 4, picture },
    { "PK\3\4", 4, "a spreadsheet (.xlsx, .ods) or a zip: save the sheet as CSV UTF-8" },
    { "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, "an old spreadsheet (.xls): save it as CSV UTF-8" },
    { "PAR1", 4, "Parquet: write it as CSV" },
    { "SQLite format 3", 15, "a data base of SQLite: export its table as CSV" },
    { "%PDF", 4, "PDF" },
    { "\x1f\x8b", 2, "compressed by gzip: unpack it" },
    { "\xff\xfe\0\0", 4, "UTF-32: save it as CSV UTF-8" },
    { "\0\0\xfe\xff", 4, "UTF-32: save it as CSV UTF-8" },
  };
  const char *what = video_bytes (bytes, n_bytes)
                         ? "a video: cow-trainer crop makes pictures of it, to be labelled"
                         : NULL;

  for (guint i = 0; i < G_N_ELEMENTS (kinds) && !what; i++)
    if (n_bytes >= kinds[i].n && memcmp (bytes, kinds[i].bytes, kinds[i].n) == 0)
      what = kinds[i].what;
  if (!what)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not a table: it is %s", path, what);
  return FALSE;
}

/* ---- UTF-16 ---------------------------------------------------------------------------------- */

/* "UTF-16LE", "UTF-16BE" or NULL: by its mark, or by the zeros that Latin letters have there. */
static const char *
find_utf16 (const char *bytes, gsize n_bytes)
{
  const gsize n = MIN (n_bytes, 64) & ~(gsize)1;
  gsize zeros[2] = { 0 };

  if (n_bytes >= 2 && memcmp (bytes, "\xff\xfe", 2) == 0)
    return "UTF-16LE";
  if (n_bytes >= 2 && memcmp (bytes, "\xfe\xff", 2) == 0)
    return "UTF-16BE";
  for (gsize i = 0; i < n; i++)
    zeros[i % 2] += bytes[i] == '\0';
  if (n >= 8 && zeros[0] == 0 && zeros[1] >= n / 4)
    return "UTF-16LE";
  return n >= 8 && zeros[1] == 0 && zeros[0] >= n / 4 ? "UTF-16BE" : NULL;
}

static char *
decode_utf16 (const char *path, const char *bytes, gsize *n_bytes, const char *encoding,
              GError **error)
{
  const gboolean marked = memcmp (bytes, "\xff\xfe", 2) == 0 || memcmp (bytes, "\xfe\xff", 2) == 0;
  g_autoptr (GError) local = NULL;
  const gsize skip = marked ? 2 : 0;
  char *text =
      g_convert (bytes + skip, (gssize)(*n_bytes - skip), "UTF-8", encoding, NULL, n_bytes, &local);

  if (!text)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not a table: it looks like %s, but %s",
                 path, encoding, local->message);
  return text;
}

/* ---- one byte a letter ----------------------------------------------------------------------- */

/* Bytes that Windows-1252 has no letter for. */
static gboolean
is_windows_1252 (const char *bytes, gsize n_bytes)
{
  for (gsize i = 0; i < n_bytes; i++)
    if (bytes[i] == '\0' || strchr ("\x81\x8d\x8f\x90\x9d", bytes[i]))
      return FALSE;
  return TRUE;
}

static void
fail_encoding (const char *path, const char *bytes, gsize n_bytes, const char *bad, GError **error)
{
  const char *line = bad, *end = bad;
  guint number = 1;

  for (const char *c = bytes; c < bad; c++)
    number += *c == '\n' || (*c == '\r' && c[1] != '\n');
  while (line > bytes && !strchr ("\r\n", line[-1]) && bad - line < SHOWN)
    line--;
  while (end < bytes + n_bytes && *end && !strchr ("\r\n", *end) && end - bad < SHOWN)
    end++;
  g_autofree char *shown =
      is_windows_1252 (bytes, n_bytes)
          ? g_convert (line, end - line, "UTF-8", "WINDOWS-1252", NULL, NULL, NULL)
          : NULL;
  if (shown)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s:%u: not a table: it is not UTF-8 text and looks like Windows-1252 (\"%s\"): "
                 "save it as CSV UTF-8, or: iconv -f WINDOWS-1252 -t UTF-8",
                 path, number, shown);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s:%u: not a table: byte %" G_GSIZE_FORMAT " is not UTF-8 text, nor is the file "
                 "Windows-1252: save it as CSV UTF-8",
                 path, number, (gsize)(bad - bytes));
}

char *
text_file_decode (const char *path, char *bytes, gsize *n_bytes, const char **encoding,
                  GError **error)
{
  g_autofree char *owned = bytes;
  const char *bad;

  *encoding = NULL;
  if (!check_kind (path, bytes, *n_bytes, error))
    return NULL;
  const char *utf16 = find_utf16 (bytes, *n_bytes);
  if (utf16) {
    *encoding = utf16;
    owned = decode_utf16 (path, bytes, n_bytes, utf16, error);
    g_free (bytes);
    if (!owned)
      return NULL;
  }
  if (!g_utf8_validate (owned, (gssize)*n_bytes, &bad)) {
    fail_encoding (path, owned, *n_bytes, bad, error);
    return NULL;
  }
  /* Some programs write more than one mark. */
  gsize skip = 0;
  while (g_str_has_prefix (owned + skip, "\xef\xbb\xbf"))
    skip += 3;
  *n_bytes -= skip;
  memmove (owned, owned + skip, *n_bytes + 1);
  return g_steal_pointer (&owned);
}
