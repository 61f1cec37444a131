/* SPDX-License-Identifier: MIT */
#include "trainer/eval/pipeline-time.h"

#include <stdio.h>
#include <string.h>

#include "trainer/host/launch-text.h"

#define PROGRAM "gst-launch-1.0"
#define ELEMENT "cowbehavior"

/* Adds a property, unless there is no value. */
static void
add_property (GPtrArray *arguments, const char *property, const char *value)
{
  GString *text;

  if (!value)
    return;
  text = g_string_new (NULL);
  launch_append_property (text, property, value);
  g_ptr_array_add (arguments, g_string_free (text, FALSE));
}

static void
add_words (GPtrArray *arguments, const char *words)
{
  g_auto (GStrv) split = g_strsplit (words, " ", -1);

  for (char **word = split; *word; word++)
    g_ptr_array_add (arguments, g_strdup (*word));
}

/* fakesink says each frame where it is not silent, and -v shows that. */
static GPtrArray *
command_line (const CowPipelineOptions *options)
{
  GPtrArray *arguments = g_ptr_array_new_with_free_func (g_free);

  add_words (arguments, PROGRAM " -v filesrc");
  add_property (arguments, "location", options->video);
  add_words (arguments, "! decodebin ! videoconvert ! " ELEMENT " mode=blocking");
  add_property (arguments, "model", options->model);
  add_property (arguments, "adapter", options->adapter);
  add_property (arguments, "device", options->device);
  add_property (arguments, "precision", options->precision);
  add_words (arguments, "! fakesink silent=false");
  g_ptr_array_add (arguments, NULL);
  return arguments;
}

static guint
count_frames (const char *text)
{
  static const char frame[] = "last-message = chain ";
  guint n = 0;

  for (text = strstr (text, frame); text; text = strstr (text + 1, frame))
    n++;
  return n;
}

/* "Execution ended after 0:00:02.345678901" */
static gboolean
read_seconds (const char *text, double *seconds)
{
  static const char ended[] = "Execution ended after ";
  const char *place = strstr (text, ended);
  int hours, minutes;
  double rest;

  if (!place || sscanf (place + strlen (ended), "%d:%d:%lf", &hours, &minutes, &rest) != 3)
    return FALSE;
  *seconds = 3600.0 * hours + 60.0 * minutes + rest;
  return TRUE;
}

/* The line that says what is wrong, or else the last one. */
static char *
complaint (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const char *found = "no reason given";

  for (char **line = lines; *line; line++) {
    if (*g_strstrip (*line))
      found = *line;
    if (strstr (*line, "ERROR") || strstr (*line, "erroneous"))
      break;
  }
  return g_strdup (found);
}

static gboolean
fail (const CowPipelineOptions *options, const char *text, GError **error)
{
  g_autofree char *reason = complaint (text);

  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: " PROGRAM ": %s", options->video,
               reason);
  return FALSE;
}

/* This program's environment, in which gst-launch-1.0 speaks English: its words are read. */
static char **
english_environment (void)
{
  char **environment = g_environ_unsetenv (g_get_environ (), "LANGUAGE");

  return g_environ_setenv (environment, "LC_ALL", "C.UTF-8", TRUE);
}

gboolean
cow_pipeline_time (const CowPipelineOptions *options, CowPipelineTime *time, GError **error)
{
  g_autoptr (GPtrArray) arguments = command_line (options);
  g_auto (GStrv) environment = english_environment ();
  g_autofree char *out = NULL, *err = NULL;
  g_autoptr (GError) local = NULL;
  int status;

  *time = (CowPipelineTime){ 0 };
  if (!g_spawn_sync (NULL, (char **)arguments->pdata, environment, G_SPAWN_SEARCH_PATH, NULL, NULL,
                     &out, &err, &status, &local)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s is not there (Debian's package gstreamer1.0-tools): %s", PROGRAM,
                 local->message);
    return FALSE;
  }
  if (status != 0)
    return fail (options, err, error);
  const guint frames = count_frames (out);
  if (frames < 2 || !read_seconds (out, &time->seconds)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: %u frames came through; at least 2 are needed to measure", options->video,
                 frames);
    return FALSE;
  }
  time->frames = frames - 1;
  return TRUE;
}
