/* SPDX-License-Identifier: MIT */
#include "trainer/data/picture-remarks.h"

#include <string.h>

#include "trainer/data/file-names.h"

/* Pictures of which the same is to be said. */
typedef struct {
  char *path, *text; /* of the first by name; NULL: there are none */
  guint n;
} Kind;

struct _CowPictureRemarks {
  GMutex lock;
  GHashTable *known;                   /* set of paths that were counted */
  Kind kinds[2 * PICTURE_ODD_PROFILE]; /* by the notes of a picture */
};

CowPictureRemarks *
cow_picture_remarks_new (void)
{
  CowPictureRemarks *self = g_new0 (CowPictureRemarks, 1);

  g_mutex_init (&self->lock);
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

static void
kind_clear (Kind *kind)
{
  g_free (kind->path);
  g_free (kind->text);
  *kind = (Kind){ 0 };
}

void
cow_picture_remarks_free (CowPictureRemarks *self)
{
  if (!self)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (self->kinds); i++)
    kind_clear (&self->kinds[i]);
  g_hash_table_unref (self->known);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
cow_picture_remarks_add (CowPictureRemarks *self, const char *path, const Picture *picture)
{
  Kind *kind = &self->kinds[picture->notes];

  if (!picture->notes)
    return;
  g_mutex_lock (&self->lock);
  if (g_hash_table_add (self->known, g_strdup (path))) {
    const guint n = kind->n + 1;
    if (!kind->path || strcmp (path, kind->path) < 0) {
      kind_clear (kind);
      kind->path = g_strdup (path);
      kind->text = picture_notes_text (picture);
    }
    kind->n = n;
  }
  g_mutex_unlock (&self->lock);
}

GPtrArray *
cow_picture_remarks_take (CowPictureRemarks *self)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < G_N_ELEMENTS (self->kinds); i++) {
    Kind *kind = &self->kinds[i];
    if (kind->n == 0)
      continue;
    g_autofree char *shown = file_name_text (kind->path);
    g_autofree char *more = kind->n == 1 ? g_strdup ("")
                                         : g_strdup_printf (" (and %u more picture%s)", kind->n - 1,
                                                            kind->n == 2 ? "" : "s");
    g_ptr_array_add (texts, g_strdup_printf ("%s: %s%s", shown, kind->text, more));
    kind_clear (kind);
  }
  g_mutex_unlock (&self->lock);
  return texts;
}
