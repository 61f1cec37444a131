/* SPDX-License-Identifier: MIT */
/*
 * Zip from the end, as the format wants: end record -> central directory -> local headers -> data.
 * Field offsets are those of PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12
 * (central), 4.3.14-16 (ends), 4.5.3 (zip64 extra field).
 */
#include "model/files/zipfile.h"

#include <string.h>

#include "model/files/error.h"

#define END_SIGNATURE       0x06054b50u
#define END64_SIGNATURE     0x06064b50u
#define LOCATOR64_SIGNATURE 0x07064b50u
#define CENTRAL_SIGNATURE   0x02014b50u
#define LOCAL_SIGNATURE     0x04034b50u

#define END_SIZE       22u
#define END64_SIZE     56u
#define LOCATOR64_SIZE 20u
#define CENTRAL_SIZE   46u
#define LOCAL_SIZE     30u

#define FLAG_ENCRYPTED        0x0001u
#define FLAG_PATCHED          0x0020u
#define FLAG_HIDDEN_DIRECTORY 0x2000u

struct _CowZip {
  const CowMapping *mapping;
  const char *path; /* the mapping's, like data and size */
  const guint8 *data;
  gsize size;
  GArray *entries; /* CowZipEntry */
  GHashTable *by_name;
};

/* Where the central directory lies. */
typedef struct {
  guint64 offset, size, n_entries;
} Directory;

static guint16
get16 (const guint8 *p)
{
  return (guint16)(p[0] | p[1] << 8);
}

static guint32
get32 (const guint8 *p)
{
  return get16 (p) | (guint32)get16 (p + 2) << 16;
}

static guint64
get64 (const guint8 *p)
{
  return get32 (p) | (guint64)get32 (p + 4) << 32;
}

static gboolean
bad (const CowZip *self, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: broken zip archive: %s", self->path, what);
  return FALSE;
}

/* The end record is the last thing but a comment, whose length it gives: *end is the offset where
 * both agree. */
static gboolean
find_end (const CowZip *self, gsize *end, GError **error)
{
  gsize longest = MIN (self->size, END_SIZE + G_MAXUINT16);

  if (!cow_mapping_read (self->mapping, self->data + self->size - longest, longest, error))
    return FALSE;
  for (gsize back = END_SIZE; back <= longest; back++) {
    const guint8 *p = self->data + self->size - back;

    if (get32 (p) == END_SIGNATURE && get16 (p + 20) == back - END_SIZE) {
      *end = self->size - back;
      return TRUE;
    }
  }
  return bad (self, "it has no end; the file is truncated", error);
}

/* The 64-bit end record, for archives whose numbers do not fit the old one. */
static gboolean
read_end64 (const CowZip *self, gsize end, Directory *directory, GError **error)
{
  const guint8 *locator, *record;
  guint64 at;

  if (end < LOCATOR64_SIZE)
    return bad (self, "its zip64 end is missing", error);
  if (!cow_mapping_read (self->mapping, self->data + end - LOCATOR64_SIZE, LOCATOR64_SIZE, error))
    return FALSE;
  if (get32 (self->data + end - LOCATOR64_SIZE) != LOCATOR64_SIGNATURE)
    return bad (self, "its zip64 end is missing", error);
  locator = self->data + end - LOCATOR64_SIZE;
  at = get64 (locator + 8);
  if (end < LOCATOR64_SIZE + END64_SIZE || at > end - LOCATOR64_SIZE - END64_SIZE)
    return bad (self, "its zip64 end is not where it should be", error);
  if (!cow_mapping_read (self->mapping, self->data + at, END64_SIZE, error))
    return FALSE;
  if (get32 (self->data + at) != END64_SIGNATURE)
    return bad (self, "its zip64 end is not where it should be", error);
  record = self->data + at;
  directory->n_entries = get64 (record + 32);
  directory->size = get64 (record + 40);
  directory->offset = get64 (record + 48);
  return TRUE;
}

static gboolean
find_directory (const CowZip *self, Directory *directory, GError **error)
{
  const guint8 *record;
  gsize end;

  if (!find_end (self, &end, error))
    return FALSE;
  record = self->data + end;
  if ((get16 (record + 4) != 0 && get16 (record + 4) != G_MAXUINT16) ||
      (get16 (record + 6) != 0 && get16 (record + 6) != G_MAXUINT16)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a zip archive in several parts; one in a single part was expected",
                 self->path);
    return FALSE;
  }
  directory->n_entries = get16 (record + 10);
  directory->size = get32 (record + 12);
  directory->offset = get32 (record + 16);
  if ((directory->n_entries == G_MAXUINT16 || directory->size == G_MAXUINT32 ||
       directory->offset == G_MAXUINT32) &&
      !read_end64 (self, end, directory, error))
    return FALSE;
  if (directory->offset > end || directory->size > end - directory->offset ||
      directory->n_entries > directory->size / CENTRAL_SIZE)
    return bad (self, "its directory lies outside of the file", error);
  return cow_mapping_read (self->mapping, self->data + directory->offset, directory->size, error);
}

/* Replaces each of the values that says "too large for 32 bits" by the next of the zip64 extra
 * field's. */
static gboolean
read_extra64 (const guint8 *extra, gsize n_extra, guint64 *const *values, guint n_values)
{
  guint wanted = 0;

  for (guint i = 0; i < n_values; i++)
    wanted += *values[i] == G_MAXUINT32;
  for (gsize at = 0; wanted > 0 && at + 4 <= n_extra; at += 4u + get16 (extra + at + 2)) {
    gsize size = get16 (extra + at + 2);

    if (get16 (extra + at) != 1)
      continue;
    if (size > n_extra - at - 4 || size < 8 * wanted)
      return FALSE;
    extra += at + 4;
    for (guint i = 0; i < n_values; i++)
      if (*values[i] == G_MAXUINT32) {
        *values[i] = get64 (extra);
        extra += 8;
      }
    return TRUE;
  }
  return wanted == 0;
}

static gboolean
misplaced (const CowZip *self, const CowZipEntry *entry, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: broken zip archive: entry %s lies outside of the file or has another header",
               self->path, entry->name);
  return FALSE;
}

/* Data start behind the local header, whose name and extra field have lengths of their own. They
 * must end before the directory. */
static gboolean
locate_data (const CowZip *self, guint64 header, const guint8 *name, gsize n_name, guint64 limit,
             CowZipEntry *entry, GError **error)
{
  guint8 local[LOCAL_SIZE];
  g_autofree guint8 *found = g_malloc (n_name);
  guint64 start;

  if (limit < LOCAL_SIZE || header > limit - LOCAL_SIZE)
    return misplaced (self, entry, error);
  if (!cow_mapping_copy (self->mapping, self->data + header, LOCAL_SIZE, local, error))
    return FALSE;
  if (get32 (local) != LOCAL_SIGNATURE || get16 (local + 26) != n_name)
    return misplaced (self, entry, error);
  start = header + LOCAL_SIZE + n_name + get16 (local + 28);
  if (start > limit || entry->size > limit - start)
    return misplaced (self, entry, error);
  if (!cow_mapping_copy (self->mapping, self->data + header + LOCAL_SIZE, n_name, found, error))
    return FALSE;
  if (memcmp (found, name, n_name) != 0)
    return misplaced (self, entry, error);
  entry->data = entry->size > 0 ? self->data + start : NULL;
  return TRUE;
}

static gboolean
check_readable (const CowZip *self, const guint8 *record, const char *name, GError **error)
{
  const char *what = NULL;

  if (get16 (record + 8) & (FLAG_ENCRYPTED | FLAG_PATCHED | FLAG_HIDDEN_DIRECTORY))
    what = "encrypted or patched";
  else if (get16 (record + 10) != 0)
    what = "compressed";
  if (what == NULL)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: zip entry %s is %s; stored as it is, as torch.save writes it, was expected",
               self->path, name, what);
  return FALSE;
}

/* One record of the directory, at *at; moves *at behind it. */
static gboolean
read_entry (CowZip *self, const Directory *directory, gsize *at, GError **error)
{
  gsize left = directory->offset + directory->size - *at, n_name, n_extra;
  const guint8 *record = self->data + *at;
  guint64 size, stored, header;
  guint64 *const large[] = { &size, &stored, &header };
  CowZipEntry entry = { 0 };

  if (left < CENTRAL_SIZE || get32 (record) != CENTRAL_SIGNATURE)
    return bad (self, "its directory ends early", error);
  n_name = get16 (record + 28);
  n_extra = get16 (record + 30);
  if (left - CENTRAL_SIZE < n_name + n_extra + get16 (record + 32))
    return bad (self, "its directory ends early", error);
  if (n_name == 0 || !g_utf8_validate_len ((const char *)record + CENTRAL_SIZE, n_name, NULL))
    return bad (self, "the name of an entry is not UTF-8", error);
  entry.name = g_strndup ((const char *)record + CENTRAL_SIZE, n_name);
  g_array_append_val (self->entries, entry);
  if (!check_readable (self, record, entry.name, error))
    return FALSE;
  stored = get32 (record + 20);
  size = get32 (record + 24);
  header = get32 (record + 42);
  entry.size = 0;
  if (!read_extra64 (record + CENTRAL_SIZE + n_name, n_extra, large, G_N_ELEMENTS (large)) ||
      size != stored)
    return bad (self, "an entry's sizes contradict each other", error);
  entry.size = size;
  if (!locate_data (self, header, record + CENTRAL_SIZE, n_name, directory->offset, &entry, error))
    return FALSE;
  g_array_index (self->entries, CowZipEntry, self->entries->len - 1) = entry;
  *at += CENTRAL_SIZE + n_name + n_extra + get16 (record + 32);
  return TRUE;
}

static gboolean
read_directory (CowZip *self, GError **error)
{
  Directory directory;
  gsize at;

  if (!find_directory (self, &directory, error))
    return FALSE;
  at = directory.offset;
  for (guint64 i = 0; i < directory.n_entries; i++)
    if (!read_entry (self, &directory, &at, error))
      return FALSE;
  for (guint i = 0; i < self->entries->len; i++) {
    CowZipEntry *entry = &g_array_index (self->entries, CowZipEntry, i);

    if (!g_hash_table_insert (self->by_name, entry->name, entry)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: broken zip archive: two entries have the name %s", self->path, entry->name);
      return FALSE;
    }
  }
  return TRUE;
}

static void
clear_entry (gpointer entry)
{
  g_free (((CowZipEntry *)entry)->name);
}

CowZip *
cow_zip_open (const CowMapping *mapping, GError **error)
{
  g_autoptr (CowZip) self = g_new0 (CowZip, 1);

  self->mapping = mapping;
  self->path = mapping->path;
  self->data = mapping->data;
  self->size = mapping->size;
  self->entries = g_array_new (FALSE, FALSE, sizeof (CowZipEntry));
  g_array_set_clear_func (self->entries, clear_entry);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return read_directory (self, error) ? g_steal_pointer (&self) : NULL;
}

void
cow_zip_close (CowZip *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_name);
  g_array_unref (self->entries);
  g_free (self);
}

guint
cow_zip_n_entries (const CowZip *self)
{
  return self->entries->len;
}

const CowZipEntry *
cow_zip_nth (const CowZip *self, guint i)
{
  return &g_array_index (self->entries, CowZipEntry, i);
}

const CowZipEntry *
cow_zip_find (const CowZip *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}
