/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-frames.h"

#include <json-glib/json-glib.h>
#include <math.h>

#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "pipelines/demo/render-sheet.h"

#define FRAMES_A_BARN 5 /* about, of one split */
#define FEWEST_BARNS  3
#define FEWEST_COWS   12  /* that a split's frames are filled with */
#define CALF_PART     .25 /* of the animals */
#define LEAST_SEEN    .2

typedef struct {
  RenderActor actor;
  int cow;        /* its number in the split */
  double visible; /* the share that is seen */
} Animal;

typedef struct {
  const char *name; /* "" without splits */
  double from, to;  /* range of the frames, as fractions */
} Split;

static const Split whole[] = { { "", 0, 1 } };
static const Split divided[] = { { "train", 0, .7 }, { "val", .7, .85 }, { "test", .85, 1 } };

/* What the frames of one split share. */
typedef struct {
  const RenderFramesOptions *options;
  const char *folder, *split;
  guint64 key;
  int count;
  JsonArray *images, *annotations;
} Batch;

/* ---- a frame --------------------------------------------------------------------------------- */

typedef struct {
  RenderLight light;
  RenderBarn barn;
  RenderCamera camera;
  guint64 key; /* of the moment */
} Scene;

static Scene
make_scene (const Batch *self, int frame)
{
  const int n_barns = MAX (self->count / FRAMES_A_BARN, FEWEST_BARNS);
  const guint64 barn_key = cow_random_key (cow_random_key (self->key, 1), frame % n_barns);
  RenderDice dice = render_dice (barn_key, 0);
  Scene scene = { .light = render_style_light (self->options->style, barn_key),
                  .key = cow_random_key (cow_random_key (self->key, 2), frame) };

  scene.barn = (RenderBarn){
    .area = { 0, 0, RENDER_FRAME_WIDTH, RENDER_FRAME_HEIGHT },
    .floor_y = RENDER_FRAME_HEIGHT * render_between (&dice, .16, .4),
    .unit = render_between (&dice, 38, 62),
    .straw = render_chance (&dice, .6),
    .key = cow_random_key (barn_key, 1),
  };
  scene.camera = render_camera (cow_random_key (barn_key, 2), scene.light);
  scene.camera.lens = 0; /* otherwise the boxes would not fit the cows */
  return scene;
}

/* An animal of the herd somewhere on the floor: the nearer, the larger. */
static Animal
make_animal (const Batch *self, const Scene *scene, int i, RenderDice *dice)
{
  const int n_cows = MAX (FEWEST_COWS, self->count / 2);
  const int cow = (render_pick (dice, n_cows) + i) % n_cows;
  const guint64 cow_key = cow_random_key (cow_random_key (self->key, 3), cow);
  RenderDice identity = render_dice (cow_key, 0);
  const gboolean calf = render_chance (&identity, CALF_PART);
  const int n_behaviours = calf ? RENDER_N_BEHAVIOURS : RENDER_PUSHING;
  const double depth = render_unit (dice), floor = RENDER_FRAME_HEIGHT - scene->barn.floor_y;
  Animal animal = { .cow = cow };
  RenderActor *actor = &animal.actor;

  actor->cow = render_cow (cow_key, calf);
  do
    actor->behaviour = (RenderBehaviour)render_pick (dice, n_behaviours);
  while (actor->behaviour == RENDER_PUSHING); /* it takes two */
  actor->pose = render_pose_random (actor->behaviour, dice);
  if (actor->behaviour != RENDER_FEEDING_UP || render_chance (dice, .5))
    actor->prop = render_prop_for (actor->behaviour, &actor->cow, &actor->pose,
                                   cow_random_key (dice->key, 50 + (guint64)i));
  actor->facing = render_chance (dice, .5) ? 1 : -1;
  actor->x = render_between (dice, -.03, 1.03) * RENDER_FRAME_WIDTH;
  actor->y = scene->barn.floor_y + (.12 + 1.0 * depth) * floor;
  actor->scale = scene->barn.unit * (.65 + .75 * depth);
  return animal;
}

static gint
farther_first (gconstpointer a, gconstpointer b)
{
  const RenderActor *one = &((const Animal *)a)->actor, *other = &((const Animal *)b)->actor;

  return one->y < other->y ? -1 : one->y > other->y;
}

/* From the farthest to the nearest. */
static GArray *
make_animals (const Batch *self, const Scene *scene)
{
  GArray *animals = g_array_new (FALSE, FALSE, sizeof (Animal));
  RenderDice dice = render_dice (scene->key, 1);
  const int n = 1 + render_pick (&dice, self->options->most);

  for (int i = 0; i < n; i++) {
    const Animal animal = make_animal (self, scene, i, &dice);
    gboolean doubled = FALSE;
    for (guint k = 0; k < animals->len; k++)
      doubled |= g_array_index (animals, Animal, k).cow == animal.cow;
    if (!doubled)
      g_array_append_val (animals, animal);
  }
  g_array_sort (animals, farther_first);
  return animals;
}

/* Rails and posts between camera and cows. */
static void
draw_bars (cairo_t *cr, const Scene *scene, RenderDice *dice)
{
  const RenderColour colour =
      render_shade ((RenderColour){ .58, .6, .62 }, render_between (dice, .6, 1.2));
  const double width = scene->barn.unit * render_between (dice, .05, .1),
               step = scene->barn.unit * render_between (dice, 1.2, 3),
               y = RENDER_FRAME_HEIGHT * render_between (dice, .5, .95);

  for (int i = render_pick (dice, 3); i > 0; i--)
    render_pipe (cr, (RenderPoint){ 0, y - i * step * .5 },
                 (RenderPoint){ RENDER_FRAME_WIDTH, y - i * step * .5 }, width, colour);
  if (render_chance (dice, .5))
    for (double x = render_unit (dice) * step; x < RENDER_FRAME_WIDTH; x += step)
      render_pipe (cr, (RenderPoint){ x, y + step }, (RenderPoint){ x, y - 2 * step }, width * 1.2,
                   colour);
}

static cairo_surface_t *
draw (const Scene *scene, const GArray *animals)
{
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, RENDER_FRAME_WIDTH, RENDER_FRAME_HEIGHT);
  cairo_t *cr = cairo_create (surface);
  RenderDice dice = render_dice (scene->key, 2);

  render_barn_draw (cr, &scene->barn, scene->light);
  for (guint i = 0; i < animals->len; i++)
    render_actor_draw (cr, &g_array_index (animals, Animal, i).actor, scene->light);
  if (render_chance (&dice, .35))
    draw_bars (cr, scene, &dice);
  cairo_destroy (cr);
  render_camera_apply (&scene->camera, surface, cow_random_key (scene->key, 3));
  return surface;
}

/* ---- who is seen ----------------------------------------------------------------------------- */

/* The pixels of an animal by itself, within the frame. */
static cairo_surface_t *
silhouette (const RenderActor *actor)
{
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_ARGB32, RENDER_FRAME_WIDTH, RENDER_FRAME_HEIGHT);
  cairo_t *cr = cairo_create (surface);
  const RenderSkeleton skeleton = render_skeleton (&actor->cow, &actor->pose);

  cairo_translate (cr, actor->x, actor->y);
  cairo_scale (cr, actor->facing * actor->scale, -actor->scale);
  render_cow_draw (cr, &actor->cow, &skeleton, &actor->pose, FALSE);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

/* Counts the pixels of an animal, and of these the ones that nobody before it covers; marks them
 * all as covered. */
static void
cover (const RenderActor *actor, guint8 *covered, guint *n, guint *n_seen)
{
  cairo_surface_t *surface = silhouette (actor);
  const int stride = cairo_image_surface_get_stride (surface);
  const guint8 *data = cairo_image_surface_get_data (surface);

  *n = *n_seen = 0;
  for (int y = 0; y < RENDER_FRAME_HEIGHT; y++)
    for (int x = 0; x < RENDER_FRAME_WIDTH; x++) {
      const guint32 pixel = ((const guint32 *)(gconstpointer)(data + y * stride))[x];
      guint8 *mark = &covered[y * RENDER_FRAME_WIDTH + x];
      if (pixel >> 24 < 128)
        continue;
      (*n)++;
      *n_seen += !*mark;
      *mark = 1;
    }
  cairo_surface_destroy (surface);
}

/* The share of each animal that is in the frame and that no nearer one hides. */
static void
look (GArray *animals)
{
  g_autofree guint8 *covered = g_new0 (guint8, RENDER_FRAME_WIDTH * RENDER_FRAME_HEIGHT);

  for (guint i = animals->len; i-- > 0;) {
    Animal *animal = &g_array_index (animals, Animal, i);
    const RenderBox box = render_actor_box (&animal->actor);
    const double inside_x = MIN (box.x + box.width, RENDER_FRAME_WIDTH) - MAX (box.x, 0),
                 inside_y = MIN (box.y + box.height, RENDER_FRAME_HEIGHT) - MAX (box.y, 0);
    guint n, n_seen;
    cover (&animal->actor, covered, &n, &n_seen);
    animal->visible = n == 0 || inside_x <= 0 || inside_y <= 0
                          ? 0
                          : (double)n_seen / n * (inside_x / box.width) * (inside_y / box.height);
  }
}

/* ---- COCO ------------------------------------------------------------------------------------ */

static void
add_box (JsonObject *annotation, const RenderBox *box)
{
  const double left = CLAMP (box->x, 0, RENDER_FRAME_WIDTH),
               top = CLAMP (box->y, 0, RENDER_FRAME_HEIGHT),
               right = CLAMP (box->x + box->width, 0, RENDER_FRAME_WIDTH),
               bottom = CLAMP (box->y + box->height, 0, RENDER_FRAME_HEIGHT);
  const double numbers[] = { left, top, right - left, bottom - top };
  JsonArray *list = json_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    json_array_add_double_element (list, round (numbers[i] * 100) / 100);
  json_object_set_array_member (annotation, "bbox", list);
  json_object_set_double_member (annotation, "area", round (numbers[2] * numbers[3] * 100) / 100);
}

static void
annotate (Batch *self, int frame, const Animal *animal)
{
  const RenderBox box = render_actor_box (&animal->actor);
  JsonObject *annotation = json_object_new (), *attributes = json_object_new ();
  g_autofree char *cow =
      g_strdup_printf ("%s%scow%d", self->split, *self->split != '\0' ? "-" : "", animal->cow);

  json_object_set_int_member (annotation, "id", 1 + json_array_get_length (self->annotations));
  json_object_set_int_member (annotation, "image_id", 1 + frame);
  json_object_set_int_member (annotation, "category_id", 1 + animal->actor.behaviour);
  add_box (annotation, &box);
  json_object_set_int_member (annotation, "iscrowd", 0);
  json_object_set_string_member (attributes, "cow", cow);
  json_object_set_double_member (attributes, "visible", round (animal->visible * 1000) / 1000);
  json_object_set_object_member (annotation, "attributes", attributes);
  json_array_add_object_element (self->annotations, annotation);
}

static void
add_image (Batch *self, int frame, const char *name)
{
  JsonObject *image = json_object_new ();

  json_object_set_int_member (image, "id", 1 + frame);
  json_object_set_string_member (image, "file_name", name);
  json_object_set_int_member (image, "width", RENDER_FRAME_WIDTH);
  json_object_set_int_member (image, "height", RENDER_FRAME_HEIGHT);
  json_array_add_object_element (self->images, image);
}

static JsonArray *
categories (void)
{
  JsonArray *list = json_array_new ();

  for (int i = 0; i < RENDER_N_BEHAVIOURS; i++) {
    JsonObject *category = json_object_new ();
    json_object_set_int_member (category, "id", 1 + i);
    json_object_set_string_member (category, "name", render_behaviour_label ((RenderBehaviour)i));
    json_object_set_string_member (category, "supercategory", "cow");
    json_array_add_object_element (list, category);
  }
  return list;
}

/* ---- folders --------------------------------------------------------------------------------- */

static gboolean
write_frame (Batch *self, int frame, GError **error)
{
  const Scene scene = make_scene (self, frame);
  g_autoptr (GArray) animals = make_animals (self, &scene);
  g_autofree char *name = g_strdup_printf ("%05d.png", frame),
                  *path = g_build_filename (self->folder, self->split, name, NULL);

  look (animals);
  add_image (self, frame, name);
  for (guint i = 0; i < animals->len; i++)
    if (g_array_index (animals, Animal, i).visible >= LEAST_SEEN)
      annotate (self, frame, &g_array_index (animals, Animal, i));
  return render_png_write (draw (&scene, animals), path, error);
}

static gboolean
write_split (Batch *self, GError **error)
{
  g_autofree char *folder = g_build_filename (self->folder, self->split, NULL),
                  *path = g_build_filename (folder, "annotations.json", NULL);
  g_autoptr (JsonObject) root = json_object_new ();

  self->images = json_array_new ();
  self->annotations = json_array_new ();
  json_object_set_array_member (root, "images", self->images);
  json_object_set_array_member (root, "categories", categories ());
  json_object_set_array_member (root, "annotations", self->annotations);
  if (!cow_folder_make (folder, error))
    return FALSE;
  for (int i = 0; i < self->count; i++)
    if (!write_frame (self, i, error))
      return FALSE;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), root);
  g_autofree char *text = cow_json_text (node, TRUE);
  return cow_text_write (text, path, error);
}

gboolean
render_frames_write (const char *folder, const RenderFramesOptions *options, GError **error)
{
  const Split *splits = options->split ? divided : whole;
  const gsize n = options->split ? G_N_ELEMENTS (divided) : G_N_ELEMENTS (whole);

  for (gsize i = 0; i < n; i++) {
    Batch batch = {
      .options = options,
      .folder = folder,
      .split = splits[i].name,
      .key = cow_random_key (options->seed, 900 + i),
      .count =
          (int)(splits[i].to * options->count + .5) - (int)(splits[i].from * options->count + .5),
    };
    if (!write_split (&batch, error))
      return FALSE;
  }
  return TRUE;
}
