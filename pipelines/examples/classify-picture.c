/* SPDX-License-Identifier: MIT */
/*
 * Says what the cows in a picture are doing, by libcowbehavior alone: an example for programs that
 * use neither GStreamer nor GLib.
 *
 *   cc -o classify-picture classify-picture.c $(pkg-config --cflags --libs cowbehavior)
 *   classify-picture -m dinov3-vits16-nf4 -a cows barn.ppm
 *   classify-picture -m dinov3-vits16-nf4 -a cows -n 1920x1080 \
 *     -r 600,200,300,250 -r 900,210,280,240 frame.nv12
 *   classify-picture -a cows -f cow-finder barn.ppm
 *
 * For each region, each cow that an adapter which detects finds (-f), or else the whole picture, it
 * prints the label and then the probability of every class. An adapter that finds cows and tells
 * what they do is enough by itself (-a).
 */
#define _POSIX_C_SOURCE 200809L

#include <cowbehavior/cowbehavior.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_SIDE    32768 /* px, the library's limit */
#define MOST_REGIONS COW_BEHAVIOR_MAX_DETECTIONS

typedef struct {
  CowBehaviorOptions model;
  const char *finder;                          /* an adapter that detects, or NULL */
  int width, height;                           /* of a raw NV12 frame; 0 for PNM */
  CowBehaviorRegion regions[MOST_REGIONS + 1]; /* one more, to notice that a command line has too
                                                  many */
  size_t n_regions;
  const char *file;
} Arguments;

static int
usage (void)
{
  fprintf (stderr, "usage: classify-picture [-m MODEL] -a ADAPTER [-d DEVICE] "
                   "[-f FINDER | -r X,Y,WIDTH,HEIGHT...] [-n WIDTHxHEIGHT] FILE\n"
                   "FINDER is an adapter that finds cows in whole pictures; an ADAPTER that finds "
                   "them and tells what they do needs none.\n"
                   "FILE is a binary PPM or PGM picture, or with -n a raw NV12 frame (BT.709, "
                   "limited range).\n");
  return 2;
}

static int
valid_side (int side)
{
  return side >= 1 && side <= MOST_SIDE;
}

/* Returns 0 when the command line is invalid. */
static int
parse (int argc, char **argv, Arguments *arguments)
{
  int option;

  while ((option = getopt (argc, argv, "m:a:d:f:r:n:")) != -1) {
    CowBehaviorRegion *region = &arguments->regions[arguments->n_regions];
    switch (option) {
    case 'm':
      arguments->model.model = optarg;
      break;
    case 'a':
      arguments->model.adapter = optarg;
      break;
    case 'd':
      arguments->model.device = optarg;
      break;
    case 'f':
      arguments->finder = optarg;
      break;
    case 'r':
      if (arguments->n_regions == MOST_REGIONS ||
          sscanf (optarg, "%d,%d,%d,%d", &region->x, &region->y, &region->width, &region->height) !=
              4)
        return 0;
      arguments->n_regions++;
      break;
    case 'n':
      if (sscanf (optarg, "%dx%d", &arguments->width, &arguments->height) != 2 ||
          !valid_side (arguments->width) || !valid_side (arguments->height))
        return 0;
      break;
    default:
      return 0;
    }
  }
  arguments->file = argv[optind];
  return optind + 1 == argc && !(arguments->finder && arguments->n_regions > 0);
}

/* Reads a number of a PNM header, after white space and comments. Returns -1 if there is none. */
static int
read_number (FILE *file)
{
  int c, number;

  for (c = getc (file); c == '#' || isspace (c); c = getc (file))
    if (c == '#')
      while ((c = getc (file)) != '\n' && c != EOF)
        ;
  ungetc (c, file);
  return fscanf (file, "%d", &number) == 1 ? number : -1;
}

/* Reads the header of a PPM (P6) or PGM (P5) picture of 8 bits. Returns 0 if it is none. */
static int
read_header (FILE *file, CowBehaviorPicture *picture)
{
  char magic[2];

  if (fread (magic, 1, 2, file) != 2 || magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
    return 0;
  picture->format = magic[1] == '6' ? COW_BEHAVIOR_RGB : COW_BEHAVIOR_GRAY8;
  picture->width = read_number (file);
  picture->height = read_number (file);
  return valid_side (picture->width) && valid_side (picture->height) && read_number (file) == 255 &&
         isspace (getc (file));
}

/* Reads the picture; the caller frees its pixels. Returns NULL after printing the reason. */
static void *
read_picture (const Arguments *arguments, FILE *file, CowBehaviorPicture *picture)
{
  size_t bytes;
  unsigned char *pixels;

  picture->size = sizeof *picture;
  if (arguments->width > 0) {
    size_t width = (size_t)arguments->width, height = (size_t)arguments->height;
    size_t chroma_stride = (width + 1) / 2 * 2;

    picture->format = COW_BEHAVIOR_NV12;
    picture->width = arguments->width;
    picture->height = arguments->height;
    picture->stride[0] = (ptrdiff_t)width;
    picture->stride[1] = (ptrdiff_t)chroma_stride;
    picture->matrix = COW_BEHAVIOR_BT709;
    bytes = width * height + chroma_stride * ((height + 1) / 2);
  } else if (read_header (file, picture)) {
    picture->stride[0] = (ptrdiff_t)picture->width * (picture->format == COW_BEHAVIOR_RGB ? 3 : 1);
    bytes = (size_t)picture->stride[0] * (size_t)picture->height;
  } else {
    fprintf (stderr, "%s: no binary PPM or PGM picture of 8 bits\n", arguments->file);
    return NULL;
  }
  pixels = malloc (bytes);
  if (!pixels || fread (pixels, 1, bytes, file) != bytes) {
    fprintf (stderr, "%s: %s\n", arguments->file,
             pixels ? "shorter than its picture" : "too large for the memory");
    free (pixels);
    return NULL;
  }
  picture->plane[0] = pixels;
  if (picture->format == COW_BEHAVIOR_NV12)
    picture->plane[1] = pixels + (size_t)picture->width * (size_t)picture->height;
  return pixels;
}

static void
print (const CowBehavior *behavior, const CowBehaviorRegion *region, const float *probabilities)
{
  size_t n_classes = cow_behavior_n_classes (behavior);

  if (region)
    printf ("%d,%d,%d,%d: ", region->x, region->y, region->width, region->height);
  printf ("%s\n",
          cow_behavior_label (behavior, probabilities, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, NULL));
  for (size_t i = 0; i < n_classes; i++)
    printf ("  %.7f %s\n", probabilities[i], cow_behavior_class_name (behavior, i));
}

/* Opens a model. Returns NULL after printing the reason. */
static CowBehavior *
open_model (const CowBehaviorOptions *options)
{
  CowBehavior *behavior;
  char *message;

  if (cow_behavior_open (options, &behavior, &message) != COW_BEHAVIOR_OK)
    fprintf (stderr, "%s\n", message ? message : "not enough memory");
  cow_behavior_message_free (message);
  return behavior;
}

/* The cows in the picture become regions. Returns 0 after printing what failed. */
static int
find (Arguments *arguments, const CowBehaviorPicture *picture)
{
  CowBehaviorOptions options = arguments->model;
  CowBehaviorDetection found[MOST_REGIONS];
  CowBehavior *finder;
  char *message = NULL;

  options.adapter = arguments->finder;
  finder = open_model (&options);
  if (!finder)
    return 0;
  if (cow_behavior_detect (finder, picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, found, MOST_REGIONS,
                           &arguments->n_regions, &message) != COW_BEHAVIOR_OK)
    fprintf (stderr, "%s: %s\n", arguments->file, message ? message : "not enough memory");
  for (size_t i = 0; i < arguments->n_regions; i++)
    arguments->regions[i] =
        (CowBehaviorRegion){ (int)(found[i].x + .5f), (int)(found[i].y + .5f),
                             (int)(found[i].width + .5f), (int)(found[i].height + .5f) };
  if (!message && arguments->n_regions == 0)
    fprintf (stderr, "%s: no cow found\n", arguments->file);
  cow_behavior_message_free (message);
  cow_behavior_close (finder);
  return arguments->n_regions > 0;
}

/* Classifies and prints. Returns 0 after printing what failed. */
static int
classify (CowBehavior *behavior, const Arguments *arguments, const CowBehaviorPicture *picture)
{
  size_t n_classes = cow_behavior_n_classes (behavior),
         n = arguments->n_regions > 0 ? arguments->n_regions : 1;
  const CowBehaviorRegion *regions = arguments->n_regions > 0 ? arguments->regions : NULL;
  float *probabilities = calloc (n * n_classes, sizeof *probabilities);
  char *message = NULL;
  int done = 0;

  if (probabilities && cow_behavior_classify (behavior, picture, regions, n, probabilities,
                                              &message) == COW_BEHAVIOR_OK) {
    for (size_t i = 0; i < n; i++)
      print (behavior, regions ? &regions[i] : NULL, probabilities + i * n_classes);
    done = 1;
  } else {
    fprintf (stderr, "%s: %s\n", arguments->file, message ? message : "not enough memory");
  }
  cow_behavior_message_free (message);
  free (probabilities);
  return done;
}

/* Prints the cows that the model finds, and what each of them does. Returns 0 after printing what
 * failed. */
static int
tell (CowBehavior *behavior, const Arguments *arguments, const CowBehaviorPicture *picture)
{
  CowBehaviorDetection found[MOST_REGIONS];
  size_t n_told = cow_behavior_n_told (behavior), n = 0;
  float *probabilities = calloc (MOST_REGIONS * (n_told > 0 ? n_told : 1), sizeof *probabilities);
  char *message = NULL;
  int done = probabilities && cow_behavior_detect_and_tell (
                                  behavior, picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, found,
                                  probabilities, MOST_REGIONS, &n, &message) == COW_BEHAVIOR_OK;

  if (!done)
    fprintf (stderr, "%s: %s\n", arguments->file, message ? message : "not enough memory");
  for (size_t i = 0; i < n; i++) {
    const float *own = probabilities + i * n_told;
    size_t best = 0;

    for (size_t k = 1; k < n_told; k++)
      best = own[k] > own[best] ? k : best;
    printf ("%.0f,%.0f,%.0f,%.0f: %s\n", found[i].x, found[i].y, found[i].width, found[i].height,
            cow_behavior_told_name (behavior, best));
    for (size_t k = 0; k < n_told; k++)
      printf ("  %.7f %s\n", own[k], cow_behavior_told_name (behavior, k));
  }
  cow_behavior_message_free (message);
  free (probabilities);
  return done;
}

/* Classifies the picture of the file with the model. Returns 0 after printing what failed. */
static int
run (Arguments *arguments)
{
  CowBehaviorPicture picture = { 0 };
  CowBehavior *behavior = NULL;
  FILE *file = fopen (arguments->file, "rb");
  void *pixels;
  int done = 0;

  if (!file) {
    perror (arguments->file);
    return 0;
  }
  pixels = read_picture (arguments, file, &picture);
  fclose (file);
  if (pixels && (!arguments->finder || find (arguments, &picture)))
    behavior = open_model (&arguments->model);
  if (behavior && cow_behavior_detects (behavior))
    done = tell (behavior, arguments, &picture);
  else if (behavior)
    done = classify (behavior, arguments, &picture);
  cow_behavior_close (behavior);
  free (pixels);
  return done;
}

int
main (int argc, char **argv)
{
  Arguments arguments = { .model = { .size = sizeof arguments.model } };

  if (!parse (argc, argv, &arguments))
    return usage ();
  return run (&arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
