/* SPDX-License-Identifier: MIT */
#include "trainer/eval/compare.h"

#include <math.h>
#include <string.h>

#include "model/adapter/label-text.h"
#include "model/network/argmax.h"
#include "model/training/random.h"
#include "trainer/data/pictures.h"

#define MADE_SIDE 224 /* px */
#define BLOBS     6

/* ---- pictures -------------------------------------------------------------------------------- */

static gboolean
reserve (ComparePictures *self, guint n, const CowPreprocess *preprocess, GError **error)
{
  gsize values;
  *self = (ComparePictures){ .n = n, .preprocess = *preprocess };
  if (g_size_checked_mul (&values, n, cow_preprocess_size (preprocess)))
    self->pixels = g_try_new (float, values);
  return self->pixels || cow_check (CK_NO_MEMORY, error, "%u pictures of %d x %d", n,
                                    preprocess->width, preprocess->height);
}

gboolean
compare_pictures_read (ComparePictures *self, const GPtrArray *paths,
                       const CowPreprocess *preprocess, CkDevice *device, GError **error)
{
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, error);
  if (!preparer || !reserve (self, paths->len, preprocess, error))
    return FALSE;
  for (guint i = 0; i < self->n; i++)
    if (!picture_prepare (paths->pdata[i], preprocess, preparer,
                          self->pixels + i * cow_preprocess_size (preprocess), NULL, error))
      return FALSE;
  return TRUE;
}

/* Coloured Gaussians on a ground: smooth as photographs are, unlike noise, which no network was
 * made for. */
static void
draw_blobs (guint8 *rgb, guint64 key)
{
  double numbers[BLOBS * 6 + 3];
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    numbers[i] = cow_random_unit (key, i);
  for (int y = 0; y < MADE_SIDE; y++)
    for (int x = 0; x < MADE_SIDE; x++)
      for (int c = 0; c < 3; c++) {
        double value = numbers[c];
        for (int b = 0; b < BLOBS; b++) {
          const double *blob = numbers + 3 + 6 * b;
          const double dx = (double)x / MADE_SIDE - blob[0], dy = (double)y / MADE_SIDE - blob[1],
                       size = .05 + .25 * blob[2];
          value += (blob[3 + c] - value) * exp (-(dx * dx + dy * dy) / (2 * size * size));
        }
        rgb[3 * (y * MADE_SIDE + x) + c] = (guint8)CLAMP (value * 255, 0, 255);
      }
}

gboolean
compare_pictures_make (ComparePictures *self, guint n, const CowPreprocess *preprocess,
                       CkDevice *device, GError **error)
{
  g_autofree guint8 *rgb = g_malloc ((gsize)MADE_SIDE * MADE_SIDE * 3);
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = MADE_SIDE,
                              .height = MADE_SIDE,
                              .plane = { rgb },
                              .stride = { 3 * MADE_SIDE },
                              .pixel_stride = 3,
                              .offset = { 0, 1, 2 } };
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, error);
  if (!preparer || !reserve (self, n, preprocess, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    draw_blobs (rgb, cow_random_key (0, i));
    if (!cow_preparer_run (preparer, preprocess, &picture, NULL,
                           self->pixels + i * cow_preprocess_size (preprocess), error))
      return FALSE;
  }
  return TRUE;
}

void
compare_pictures_clear (ComparePictures *self)
{
  g_clear_pointer (&self->pixels, g_free);
}

/* ---- answers --------------------------------------------------------------------------------- */

gboolean
compare_answers_get (CompareAnswers *self, CowClassifier *classifier,
                     const ComparePictures *pictures, int batch, GError **error)
{
  const CowPreprocess *preprocess = &pictures->preprocess;
  *self = (CompareAnswers){ .n = pictures->n, .is_head = cow_classifier_has_head (classifier) };
  self->width = self->is_head ? cow_classifier_n_classes (classifier)
                              : (guint)cow_classifier_n_features (classifier);
  self->values = g_new (float, (gsize)self->n * self->width);
  const CowCard *card = cow_classifier_card (classifier);
  if (self->is_head && card->multiple)
    self->shown = g_new (guint8, (gsize)self->n * self->width);
  for (guint i = 0; i < self->n; i += (guint)batch) {
    const guint n = MIN ((guint)batch, self->n - i);
    CowOutput output;
    if (!cow_classifier_run (classifier, pictures->pixels + i * cow_preprocess_size (preprocess),
                             (int)n, preprocess->height, preprocess->width, &output, error))
      return FALSE;
    memcpy (self->values + (gsize)i * self->width,
            self->is_head ? output.logits : output.pooler_output,
            (gsize)n * self->width * sizeof (float));
    for (guint k = 0; self->shown && k < n; k++)
      cow_label_decide (output.probabilities + (gsize)k * self->width, card->thresholds,
                        self->width, self->shown + (gsize)(i + k) * self->width);
  }
  return TRUE;
}

void
compare_answers_clear (CompareAnswers *self)
{
  g_clear_pointer (&self->values, g_free);
  g_clear_pointer (&self->shown, g_free);
}

/* Whether picture i has the same label in both, or the same labels. */
static gboolean
is_same (const CompareAnswers *a, const CompareAnswers *b, guint i)
{
  const gsize at = (gsize)i * a->width;

  return a->shown ? memcmp (a->shown + at, b->shown + at, a->width) == 0
                  : cow_argmax (a->values + at, a->width) == cow_argmax (b->values + at, b->width);
}

gboolean
compare_answers (const CompareAnswers *a, const CompareAnswers *b, CompareResult *result,
                 GError **error)
{
  const gsize n = (gsize)a->n * a->width;
  double sum = 0, squares = 0;
  *result = (CompareResult){ 0 };
  if (a->n != b->n || a->width != b->width || a->is_head != b->is_head || !a->shown != !b->shown) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "answers of %u x %u and of %u x %u values cannot be compared", a->n, a->width,
                 b->n, b->width);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++) {
    const double difference = fabs ((double)a->values[i] - (double)b->values[i]);
    /* A NaN is a difference too. */
    result->most = difference <= result->most ? result->most : difference;
    sum += (double)a->values[i];
    squares += (double)a->values[i] * (double)a->values[i];
  }
  result->spread = sqrt (MAX (squares / (double)n - sum / (double)n * sum / (double)n, 0));
  for (guint i = 0; a->is_head && i < a->n; i++)
    result->changed += !is_same (a, b, i);
  return TRUE;
}
