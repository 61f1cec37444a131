/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-folder.h"

#include "model/files/file-writer.h"
#include "pipelines/demo/render-sheet.h"

#define PICTURES_A_COW 8 /* about, of one class */
#define FEWEST_COWS    3
#define CALF_PART                                                                                  \
  0.2 /* of pictures that show no play, so that a small animal does not imply
                              play */

typedef struct {
  const char *name; /* "" without splits */
  double from, to;  /* range of a class's pictures, as fractions */
} Split;

static const Split whole[] = { { "", 0, 1 } };
static const Split divided[] = { { "train", 0, 0.7 }, { "val", 0.7, 0.85 }, { "test", 0.85, 1 } };

/* The common settings of the pictures of one class in one split. */
typedef struct {
  const RenderFolderOptions *options;
  const char *folder, *split;
  RenderBehaviour behaviour;
  guint64 split_key;
  int count;
  GString *table;
} Batch;

/* Describes picture i: the cows take turns, and each picture has its own moment. */
static RenderShot
make_shot (const Batch *self, int i, char **cow_id)
{
  const guint64 key =
      cow_random_key (cow_random_key (self->split_key, 1000 + self->behaviour), (guint64)i);
  const int cow = i % MAX (self->count / PICTURES_A_COW, FEWEST_COWS);
  RenderDice dice = render_dice (key, 0);
  const gboolean calf = render_behaviour_is_play (self->behaviour) ||
                        (self->behaviour >= RENDER_LYING && render_chance (&dice, CALF_PART));
  const guint64 cow_key = cow_random_key (cow_random_key (self->split_key, calf), (guint64)cow);
  const guint64 camera_key = cow_random_key (cow_key, 1);

  *cow_id = g_strdup_printf ("%s%s%s%d", self->split, *self->split != '\0' ? "-" : "",
                             calf ? "calf" : "cow", cow);
  return (RenderShot){
    .behaviour = self->behaviour,
    .light = render_style_light (self->options->style, camera_key),
    .cow_key = cow_key,
    .camera_key = camera_key,
    .calf = calf,
    .key = key,
    .size = self->options->size,
  };
}

static gboolean
write_picture (const Batch *self, int i, GError **error)
{
  g_autofree char *cow_id = NULL;
  const RenderShot shot = make_shot (self, i, &cow_id);
  const char *label = render_behaviour_label (self->behaviour);
  g_autofree char *name = g_strdup_printf ("%s-%04d.png", cow_id, i);
  g_autofree char *relative = g_build_filename (*self->split != '\0' ? self->split : label,
                                                *self->split != '\0' ? label : name,
                                                *self->split != '\0' ? name : NULL, NULL);
  g_autofree char *path = g_build_filename (self->folder, relative, NULL);

  g_string_append_printf (self->table, "%s,%s,%s,%s%s%s\n", relative, label,
                          render_light_name (shot.light), cow_id, *self->split != '\0' ? "," : "",
                          self->split);
  return render_png_write (render_picture (&shot), path, error);
}

static gboolean
write_class (const Batch *self, GError **error)
{
  g_autofree char *path =
      g_build_filename (self->folder, self->split, render_behaviour_label (self->behaviour), NULL);

  if (!cow_folder_make (path, error))
    return FALSE;
  for (int i = 0; i < self->count; i++)
    if (!write_picture (self, i, error))
      return FALSE;
  return TRUE;
}

gboolean
render_folder_write (const char *folder, const RenderFolderOptions *options, GError **error)
{
  const Split *splits = options->split ? divided : whole;
  const gsize n_splits = options->split ? G_N_ELEMENTS (divided) : G_N_ELEMENTS (whole);
  g_autoptr (GString) table =
      g_string_new (options->split ? "image_path,label,source,cow_id,split\n"
                                   : "image_path,label,source,cow_id\n");
  g_autofree char *path = g_build_filename (folder, "labels.csv", NULL);

  for (gsize s = 0; s < n_splits; s++)
    for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++) {
      const Batch batch = {
        .options = options,
        .folder = folder,
        .split = splits[s].name,
        .behaviour = (RenderBehaviour)behaviour,
        .split_key = cow_random_key (options->seed, s),
        .count = (int)(splits[s].to * options->per_class + 0.5) -
                 (int)(splits[s].from * options->per_class + 0.5),
        .table = table,
      };
      if (!write_class (&batch, error))
        return FALSE;
    }
  return cow_text_write (table->str, path, error);
}
