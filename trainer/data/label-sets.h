/* SPDX-License-Identifier: MIT */
/* The combinations of classes that pictures with several labels show. A picture's label is then the
 * index of one of them. */
#ifndef COW_TRAINER_LABEL_SETS_H
#define COW_TRAINER_LABEL_SETS_H

#include <glib.h>

#include "model/adapter/label-text.h"

G_BEGIN_DECLS

/* Where tables have more, the column is hardly one of classes. */
#define COW_LABEL_SETS_MOST 65536

typedef struct {
  guint n, n_classes;
  guint8 *shown;     /* [n, n_classes] 0 or 1 */
  GPtrArray *texts;  /* [n] of char *: "Lying|Ruminating", "none" */
  GHashTable *known; /* a text -> its index + 1 */
} CowLabelSets;

CowLabelSets *cow_label_sets_new (guint n_classes);
void cow_label_sets_free (CowLabelSets *self);
/* The index of a combination, shown [n_classes]; known from now on. */
guint cow_label_sets_add (CowLabelSets *self, const char *const *classes, const guint8 *shown);

static inline const guint8 *
cow_label_sets_get (const CowLabelSets *self, guint i)
{
  return self->shown + (gsize)i * self->n_classes;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowLabelSets, cow_label_sets_free)

G_END_DECLS

#endif
