/* SPDX-License-Identifier: MIT */
/* Quantiles of a series that is longer than what is kept of it. */
#include "model/engine/quantiles.h"

static void
test_empty (void)
{
  CowQuantiles q = { 0 };
  g_assert_cmpint (cow_quantiles_get (&q, 0.5), ==, 0);
}

static void
test_order (void)
{
  CowQuantiles q = { 0 };
  for (gint64 i = 100; i >= 1; i--) /* 1..100, falling */
    cow_quantiles_add (&q, i);
  g_assert_cmpint (cow_quantiles_get (&q, 0), ==, 1);
  g_assert_cmpint (cow_quantiles_get (&q, 0.5), ==, 50);
  g_assert_cmpint (cow_quantiles_get (&q, 0.95), ==, 95);
  g_assert_cmpint (cow_quantiles_get (&q, 0.99), ==, 99);
  g_assert_cmpint (cow_quantiles_get (&q, 1), ==, 100);
  g_assert_cmpint (cow_quantiles_get (&q, 7), ==, 100);
}

static void
test_one (void)
{
  CowQuantiles q = { 0 };
  cow_quantiles_add (&q, -5);
  g_assert_cmpint (cow_quantiles_get (&q, 0.01), ==, -5);
  g_assert_cmpint (cow_quantiles_get (&q, 0.99), ==, -5);
}

static void
test_forgets (void)
{
  CowQuantiles q = { 0 };
  for (gint64 i = 0; i < 1000; i++)
    cow_quantiles_add (&q, 1000000);
  for (gint64 i = 0; i < COW_QUANTILES_WINDOW; i++)
    cow_quantiles_add (&q, 3);
  g_assert_cmpint (cow_quantiles_get (&q, 1), ==, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quantiles/empty", test_empty);
  g_test_add_func ("/quantiles/order", test_order);
  g_test_add_func ("/quantiles/one", test_one);
  g_test_add_func ("/quantiles/forgets", test_forgets);
  return g_test_run ();
}
