/* SPDX-License-Identifier: MIT */
/* Any bytes as the property zones: each zone that is understood has a name, and a region with at
 * least a pixel in frames of every size. */
#include <string.h>

#include "gst-plugin/behavior/zones.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

static void
check (const GstCowZone *zone)
{
  static const int sides[] = { 1, 2, 63, 1080, 16384 };

  g_assert_true (*zone->name && strlen (zone->name) <= GST_COW_ZONE_MAX_NAME);
  g_assert_true (g_utf8_validate (zone->name, -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    const int width = sides[i], height = sides[G_N_ELEMENTS (sides) - 1 - i];
    const CowRegion region = gst_cow_zone_region (zone, width, height);

    g_assert_true (region.x >= 0 && region.w >= 1 && region.x + region.w <= width);
    g_assert_true (region.y >= 0 && region.h >= 1 && region.y + region.h <= height);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  g_autofree char *text = fuzz_text (&input);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) zones = gst_cow_zones_parse (text, &error);

  fuzz_check_outcome (zones != NULL, error);
  g_assert_true (!zones || zones->len <= GST_COW_ZONES_MAX);
  for (guint i = 0; zones && i < zones->len; i++)
    check (&g_array_index (zones, GstCowZone, i));
  return 0;
}
