/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of boxes, MOT or COCO: what is read lies in order, and in a frame of every
 * size each box is inside or nowhere. */
#define _GNU_SOURCE /* memfd_create */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "trainer/video/boxes.h"

static void
check (const CowBoxes *boxes)
{
  static const int sides[] = { 1, 64, 1080, 16384 };
  guint64 before = 0;

  g_assert_true (g_utf8_validate (boxes->text, -1, NULL) && boxes->boxes->len > 0);
  for (guint i = 0; i < boxes->boxes->len; i++) {
    const CowBox *box = &g_array_index (boxes->boxes, CowBox, i);
    guint n;

    g_assert_true (box->frame >= before && box->frame <= boxes->last_frame);
    before = box->frame;
    g_assert_true (cow_boxes_at (boxes, box->frame, &n) <= box && n > 0);
    for (guint k = 0; k < G_N_ELEMENTS (sides); k++) {
      const int width = sides[k], height = sides[G_N_ELEMENTS (sides) - 1 - k];
      int place[4];

      if (!cow_boxes_place (boxes, box, width, height, place))
        continue;
      g_assert_true (place[0] >= 0 && place[2] > 0 && place[0] + place[2] <= width);
      g_assert_true (place[1] >= 0 && place[3] > 0 && place[1] + place[3] <= height);
    }
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const int fd = memfd_create ("boxes", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;

  g_assert_true (fd >= 0 && (size == 0 || write (fd, data, size) == (gssize)size));
  g_autoptr (CowBoxes) boxes = cow_boxes_read (path, &error);
  fuzz_check_outcome (boxes != NULL, error);
  if (boxes)
    check (boxes);
  close (fd);
  return 0;
}
