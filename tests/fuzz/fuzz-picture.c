/* SPDX-License-Identifier: MIT */
/* Any bytes as a picture, through the whole loader: each pixel that is given is there. Pictures
 * that say that they are large are left out, for they take time and no other code. */
#include <vips/vips.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "trainer/data/bmp.h"
#include "trainer/data/pictures.h"

#define MOST_PIXELS (1 << 18)

static gboolean
is_small (const guint8 *data, gsize size)
{
  Bmp bmp;
  if (bmp_is_bmp (data, size))
    return !bmp_open (&bmp, data, size, "picture", NULL) ||
           (gint64)bmp.width * bmp.height <= MOST_PIXELS;
  VipsImage *image = vips_image_new_from_buffer (data, size, "", NULL);
  const gboolean small =
      !image || (gint64)vips_image_get_width (image) * vips_image_get_height (image) <= MOST_PIXELS;

  g_clear_object (&image);
  vips_error_clear ();
  return small;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree char *path = fuzz_path ("picture"), *notes = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  volatile guint8 sum = 0;

  g_assert_true (pictures_start (NULL));
  if (!is_small (data, size))
    return 0;
  fuzz_put ("picture", data, size);
  const gboolean read = picture_read (path, &picture, &error);
  fuzz_check_outcome (read, error);
  if (!read)
    return 0;
  g_assert_true (picture.width > 0 && picture.height > 0);
  for (gsize i = 0; i < (gsize)3 * (gsize)picture.width * (gsize)picture.height; i++)
    sum += picture.rgb[i];
  (void)sum;
  notes = picture_notes_text (&picture);
  return 0;
}
