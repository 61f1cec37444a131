/* SPDX-License-Identifier: MIT */
#include "trainer/eval/thumbnails.h"

#include <math.h>
#include <vips/vips.h>

#include "model/files/error.h"

#define QUALITY 82

struct _Thumbnails {
  CowLoaderOptions loading;
  CowPreparer *preparer;
  guint8 *rgb; /* [height, width, 3] */
  double scale;
};

Thumbnails *
thumbnails_new (const CowDataset *dataset, const CowPreprocess *preprocess, CkDevice *device,
                int most_px, GError **error)
{
  g_autoptr (Thumbnails) self = g_new0 (Thumbnails, 1);
  const int longer = MAX (preprocess->width, preprocess->height);

  self->loading.dataset = dataset;
  self->loading.preprocess = *preprocess;
  self->loading.device = device;
  self->scale = MIN (1, (double)most_px / longer);
  self->rgb = g_try_malloc (cow_preprocess_size (preprocess));
  if (!self->rgb) {
    cow_check (CK_NO_MEMORY, error, "a thumbnail");
    return NULL;
  }
  self->preparer = cow_preparer_new (device, error);
  return self->preparer ? g_steal_pointer (&self) : NULL;
}

void
thumbnails_free (Thumbnails *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_free (self->rgb);
  g_free (self);
}

const CowPreprocess *
thumbnails_preprocess (const Thumbnails *self)
{
  return &self->loading.preprocess;
}

void
thumbnails_size (const Thumbnails *self, int *width, int *height)
{
  *width = MAX ((int)lround (self->loading.preprocess.width * self->scale), 1);
  *height = MAX ((int)lround (self->loading.preprocess.height * self->scale), 1);
}

/* The present pixels as a JPEG; NULL when libvips fails. Free with g_free. */
static char *
encode (const Thumbnails *self)
{
  const CowPreprocess *preprocess = &self->loading.preprocess;
  VipsImage *whole =
      vips_image_new_from_memory (self->rgb, cow_preprocess_size (preprocess), preprocess->width,
                                  preprocess->height, 3, VIPS_FORMAT_UCHAR);
  VipsImage *small = NULL;
  void *bytes = NULL;
  size_t n_bytes = 0;
  char *text = NULL;

  if (whole && vips_resize (whole, &small, self->scale, NULL) == 0 &&
      vips_jpegsave_buffer (small, &bytes, &n_bytes, "Q", QUALITY, "strip", TRUE, NULL) == 0) {
    g_autofree char *base64 = g_base64_encode (bytes, n_bytes);
    text = g_strconcat ("data:image/jpeg;base64,", base64, NULL);
  }
  g_free (bytes);
  g_clear_object (&small);
  g_clear_object (&whole);
  return text;
}

char *
thumbnails_uri (Thumbnails *self, const CowSample *sample, GError **error)
{
  const CowSample *first = cow_dataset_sample (self->loading.dataset, 0);
  const CowLoadItem item = { .sample = (guint)(sample - first) };

  if (!cow_load_rgb (&self->loading, self->preparer, &item, self->rgb, error))
    return NULL;
  char *text = encode (self);
  if (!text) {
    g_autofree char *why = vips_error_buffer_copy ();
    g_set_error (error, COW_ERROR, COW_ERROR_MEMORY, "%s: no thumbnail: %s", sample->path,
                 g_strstrip (why));
  }
  return text;
}
