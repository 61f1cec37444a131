/* SPDX-License-Identifier: MIT */
/* make-detector FOLDER FEATURES [tells]: writes a detector of chance for a network whose tokens
 * have so many features, or one that tells what cows do, too. */
#include <glib/gstdio.h>
#include <stdlib.h>

#include "tests/model/detector-folder.h"

int
main (int argc, char **argv)
{
  g_assert_true (argc == 3 || argc == 4);
  g_assert_cmpint (g_mkdir_with_parents (argv[1], 0755), ==, 0);
  detector_folder_write (argv[1], atoi (argv[2]), DETECTOR_FOLDER_WIDTH, DETECTOR_FOLDER_HEIGHT, 0);
  if (argc == 4)
    detector_folder_tell (argv[1]);
  return EXIT_SUCCESS;
}
