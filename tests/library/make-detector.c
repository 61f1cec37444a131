/* SPDX-License-Identifier: MIT */
/* make-detector FOLDER FEATURES: writes a detector of chance for a network whose tokens have so
 * many features. */
#include <glib/gstdio.h>
#include <stdlib.h>

#include "tests/model/detector-folder.h"

int
main (int argc, char **argv)
{
  g_assert_cmpint (argc, ==, 3);
  g_assert_cmpint (g_mkdir_with_parents (argv[1], 0755), ==, 0);
  detector_folder_write (argv[1], atoi (argv[2]), DETECTOR_FOLDER_WIDTH, DETECTOR_FOLDER_HEIGHT, 0);
  return EXIT_SUCCESS;
}
