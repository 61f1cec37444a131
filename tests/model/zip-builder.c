/* SPDX-License-Identifier: MIT */
#include "tests/model/zip-builder.h"

#include <string.h>

static void
put (GString *out, guint64 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++, value >>= 8)
    g_string_append_c (out, (char)value);
}

static void
put_local (GString *out, const ZipPart *part, gboolean other_name)
{
  put (out, 0x04034b50, 4);
  put (out, 0, 22); /* torch leaves sizes and checksum to the directory */
  put (out, strlen (part->name), 2);
  put (out, 3, 2); /* an extra field that only the local header has */
  g_string_append (out, part->name);
  if (other_name)
    out->str[out->len - 1] ^= 1;
  g_string_append (out, "pad");
  g_string_append_len (out, part->data, (gssize)part->size);
}

static void
put_central (GString *out, const ZipPart *part, gsize header, ZipFault fault)
{
  gboolean wide = fault == ZIP_64 || fault == ZIP_64_SHORT;
  gsize size = part->size + (fault == ZIP_TOO_LONG ? 10000 : 0);

  header += fault == ZIP_OFFSET ? 1 : 0;
  put (out, 0x02014b50, 4);
  put (out, 0, 4);
  put (out, fault == ZIP_ENCRYPTED ? 1 : 0, 2);
  put (out, fault == ZIP_COMPRESSED ? 8 : 0, 2);
  put (out, 0, 8);
  put (out, wide ? G_MAXUINT32 : size, 4);
  put (out, wide ? G_MAXUINT32 : size + (fault == ZIP_SIZES_DIFFER), 4);
  put (out, strlen (part->name), 2);
  put (out, wide ? 4 + 3 + 4 + (fault == ZIP_64 ? 24 : 16) : 0, 2);
  put (out, 0, 10);
  put (out, wide ? G_MAXUINT32 : header, 4);
  g_string_append (out, part->name);
  if (!wide)
    return;
  put (out, 0x7777, 2); /* a field of another kind comes first */
  put (out, 3, 2);
  put (out, 0, 3);
  put (out, 1, 2);
  put (out, fault == ZIP_64 ? 24 : 16, 2);
  put (out, size, 8);
  put (out, size, 8);
  if (fault == ZIP_64)
    put (out, header, 8);
}

static void
put_end64 (GString *out, gsize n_parts, gsize directory, gsize end)
{
  put (out, 0x06064b50, 4);
  put (out, 44, 8);
  put (out, 0, 12);
  put (out, n_parts, 8);
  put (out, n_parts, 8);
  put (out, end - directory, 8);
  put (out, directory, 8);
  put (out, 0x07064b50, 4);
  put (out, 0, 4);
  put (out, end, 8);
  put (out, 1, 4);
}

GString *
zip_build (const ZipPart *parts, guint n_parts, ZipFault fault)
{
  GString *out = g_string_new (NULL);
  g_autofree gsize *headers = g_new (gsize, n_parts);
  gboolean wide = fault == ZIP_64 || fault == ZIP_64_LOST;
  gsize directory, end, n_said = n_parts + (fault == ZIP_ONE_MORE);

  for (guint i = 0; i < n_parts; i++) {
    headers[i] = out->len;
    put_local (out, parts + i, i == 0 && fault == ZIP_LOCAL_NAME);
  }
  directory = out->len;
  for (guint i = 0; i < n_parts; i++)
    put_central (out, parts + i, headers[i], i == 0 ? fault : ZIP_WHOLE);
  end = out->len;
  if (fault == ZIP_64)
    put_end64 (out, n_parts, directory, end);
  put (out, 0x06054b50, 4);
  put (out, fault == ZIP_TWO_DISKS, 4);
  put (out, wide ? G_MAXUINT16 : n_said, 2);
  put (out, wide ? G_MAXUINT16 : n_said, 2);
  put (out, wide ? G_MAXUINT32 : end - directory, 4);
  put (out, wide ? G_MAXUINT32 : directory + (fault == ZIP_DIRECTORY_OUTSIDE ? 100000 : 0), 4);
  put (out, 7, 2);
  g_string_append (out, "comment");
  return out;
}
