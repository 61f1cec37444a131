/* SPDX-License-Identifier: MIT */
/* The text of the property `zones`: its meaning in fractions and in pixels, and the errors for a
 * wrong one. */
#include "gst-plugin/behavior/zones.h"

#include <locale.h>
#include <string.h>

static void
assert_zone (const GArray *zones, guint i, const char *name, gdouble x, gdouble y, gdouble w,
             gdouble h)
{
  const GstCowZone *zone = &g_array_index (zones, GstCowZone, i);

  g_assert_cmpstr (zone->name, ==, name);
  g_assert_cmpfloat_with_epsilon (zone->x, x, 1e-9);
  g_assert_cmpfloat_with_epsilon (zone->y, y, 1e-9);
  g_assert_cmpfloat_with_epsilon (zone->w, w, 1e-9);
  g_assert_cmpfloat_with_epsilon (zone->h, h, 1e-9);
}

static void
test_parse (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) zones =
      gst_cow_zones_parse (" pen 1 = 0,0,0.5,1 ; bed=.5 , .25 , .5,.5;; tri=0.1,0.9 0.4,0.2\t "
                           "0.3,0.95;büchse=0.9,0.9,0.1,0.1;",
                           &error);

  g_assert_no_error (error);
  g_assert_cmpuint (zones->len, ==, 4);
  assert_zone (zones, 0, "pen 1", 0, 0, 0.5, 1);
  assert_zone (zones, 1, "bed", 0.5, 0.25, 0.5, 0.5);
  assert_zone (zones, 2, "tri", 0.1, 0.2, 0.3, 0.75);
  assert_zone (zones, 3, "büchse", 0.9, 0.9, 0.1, 0.1);
}

static void
test_empty (void)
{
  const char *const texts[] = { NULL, "", " ; ;" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GArray) zones = gst_cow_zones_parse (texts[i], NULL);

    g_assert_cmpuint (zones->len, ==, 0);
  }
}

static void
test_wrong (void)
{
  static const char *const wrong[][3] = {
    { "pen", "\"pen\"", "\"=\" is missing" },
    { "=0,0,1,1", "needs a name", "0,0,1,1" },
    { "pen=", "\"pen\"", "nothing" },
    { "pen=0,0,1", "four numbers", "\"0,0,1\"" },
    { "pen=0,0,1,1,1", "four numbers", "\"pen\"" },
    { "pen=0,0,a,1", "not a number", "\"a\"" },
    { "pen=0,0,,1", "not a number", "\"\"" },
    { "pen=0,0,0.5x,1", "not a number", "0.5x" },
    { "pen=0,0,nan,1", "0 to 1", "nan" },
    { "pen=0,0,inf,1", "0 to 1", "inf" },
    { "pen=0,0,1920,1080", "0 to 1", "1920" },
    { "pen=-0.1,0,1,1", "0 to 1", "-0.1" },
    { "pen=0,0,0,1", "more than 0", "\"pen\"" },
    { "pen=0.6,0,0.5,1", "beyond the frame", "0.6" },
    { "a=0,0,1,1;bed=0,0 1,1", "\"bed\"", "three corners" },
    { "bed=0,0 1,1 0.5", "two numbers", "\"0.5\"" },
    { "bed=0,0.5 1,0.5 0.2,0.5", "one line", "\"bed\"" },
    { "a=0,0,1,1;a=0,0,1,1", "twice", "\"a\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (gst_cow_zones_parse (wrong[i][0], &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    for (guint word = 1; word < 3; word++) {
      if (!strstr (error->message, wrong[i][word]))
        g_error ("\"%s\" does not say: %s", error->message, wrong[i][word]);
    }
    g_assert_null (strchr (error->message, '\n'));
  }
}

static void
test_bounds (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) zones = NULL;

  for (guint i = 0; i < GST_COW_ZONES_MAX; i++)
    g_string_append_printf (text, "z%u=0,0,1,1;", i);
  zones = gst_cow_zones_parse (text->str, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (zones->len, ==, GST_COW_ZONES_MAX);
  g_string_append (text, "one more=0,0,1,1");
  g_assert_null (gst_cow_zones_parse (text->str, &error));
  g_assert_nonnull (strstr (error->message, "64 zones"));

  g_string_set_size (text, 0);
  for (guint i = 0; i < GST_COW_ZONE_MAX_NAME + 1; i++)
    g_string_append_c (text, 'n');
  g_string_append (text, "=0,0,1,1");
  g_clear_error (&error);
  g_assert_null (gst_cow_zones_parse (text->str, &error));
  g_assert_nonnull (strstr (error->message, "64 bytes"));
  g_clear_error (&error);
  g_assert_null (gst_cow_zones_parse ("\xff=0,0,1,1", &error));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

/* The decimal separator is a point in every locale. */
static void
test_locale (void)
{
  static const char *const german[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8" };
  g_autoptr (GArray) zones = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (german) && !setlocale (LC_NUMERIC, german[i]); i++)
    ;
  zones = gst_cow_zones_parse ("pen=0.25,0,0.5,1", NULL);
  setlocale (LC_NUMERIC, "C");
  g_assert_nonnull (zones);
  assert_zone (zones, 0, "pen", 0.25, 0, 0.5, 1);
}

static void
assert_pixels (const char *text, gint width, gint height, CowRegion expected)
{
  g_autoptr (GArray) zones = gst_cow_zones_parse (text, NULL);
  CowRegion found = gst_cow_zone_region (&g_array_index (zones, GstCowZone, 0), width, height);

  g_assert_cmpmem (&found, sizeof found, &expected, sizeof expected);
}

static void
test_pixels (void)
{
  assert_pixels ("z=0,0,1,1", 1921, 1079, (CowRegion){ 0, 0, 1921, 1079 });
  assert_pixels ("z=0.25,0.5,0.5,0.5", 96, 80, (CowRegion){ 24, 40, 48, 40 });
  assert_pixels ("z=0.999999,0.999999,0.000001,0.000001", 96, 80, (CowRegion){ 95, 79, 1, 1 });
  assert_pixels ("z=0.7,0.1,0.3,0.9", 10, 10, (CowRegion){ 7, 1, 3, 9 });
  assert_pixels ("z=0.5,0.5,0.1,0.1", 1, 1, (CowRegion){ 0, 0, 1, 1 });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/zones/parse", test_parse);
  g_test_add_func ("/zones/empty", test_empty);
  g_test_add_func ("/zones/wrong", test_wrong);
  g_test_add_func ("/zones/bounds", test_bounds);
  g_test_add_func ("/zones/locale", test_locale);
  g_test_add_func ("/zones/pixels", test_pixels);
  return g_test_run ();
}
