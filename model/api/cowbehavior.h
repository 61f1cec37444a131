/* SPDX-License-Identifier: MIT */
/*
 * libcowbehavior tells what the cows in a decoded picture are doing, for programs without GStreamer
 * and GLib. Compile and link with `pkg-config --cflags --libs cowbehavior`; an example is
 * pipelines/examples/classify-picture.c.
 *
 *   CowBehaviorOptions options = { .size = sizeof options,
 *                                  .model = "dinov3-vits16-nf4", .adapter = "cows" };
 *   CowBehavior *behavior;
 *   char *message;
 *   if (cow_behavior_open (&options, &behavior, &message) != COW_BEHAVIOR_OK) {
 *     fprintf (stderr, "%s\n", message);
 *     cow_behavior_message_free (message);
 *     ...
 *   }
 *   CowBehaviorPicture picture = { .size = sizeof picture, .format = COW_BEHAVIOR_NV12,
 *                                  .width = 1920, .height = 1080,
 *                                  .plane = { y, uv }, .stride = { 1920, 1920 },
 *                                  .matrix = COW_BEHAVIOR_BT709 };
 *   float probabilities[cow_behavior_n_classes (behavior)];
 *   if (cow_behavior_classify (behavior, &picture, NULL, 1, probabilities, &message) ==
 *       COW_BEHAVIOR_OK)
 *     puts (cow_behavior_label (behavior, probabilities, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, NULL));
 *   cow_behavior_close (behavior);
 *
 * Errors. Functions that can fail return a status. Where `message` is not NULL it then gets a text
 * that says what is wrong and where, to be freed with cow_behavior_message_free (); on success it
 * gets NULL. Bad arguments are such an error. Nothing here ends the program, except memory that runs
 * out in small allocations. No function raises a signal, prints, or changes the locale.
 *
 * Threads. All functions may be called from any thread at any time, on one handle too, except that
 * cow_behavior_close () must be the last call with its handle. Handles of the same model, adapter,
 * device and precision share one network in memory and one queue: this is the way to classify for
 * many cameras. A child of fork () cannot use the handles of its parent.
 *
 * Compatibility. Structures begin with their own size, so that later versions can add fields at
 * their end; set it, and set all that you do not know to 0. Additions raise
 * COW_BEHAVIOR_VERSION_MINOR; what breaks programs changes the number in the library's name.
 */
#ifndef COW_BEHAVIOR_H
#define COW_BEHAVIOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#  define COW_BEHAVIOR_API __attribute__ ((visibility ("default")))
#else
#  define COW_BEHAVIOR_API
#endif

/* ---- version --------------------------------------------------------------------------------- */

/* Of the header that a program was compiled with. */
#define COW_BEHAVIOR_VERSION_MAJOR 0
#define COW_BEHAVIOR_VERSION_MINOR 1
#define COW_BEHAVIOR_VERSION_MICRO 0
#define COW_BEHAVIOR_VERSION                                                                       \
  (COW_BEHAVIOR_VERSION_MAJOR * 10000 + COW_BEHAVIOR_VERSION_MINOR * 100 +                         \
   COW_BEHAVIOR_VERSION_MICRO)

/* Of the library that it runs with, likewise as one number. */
COW_BEHAVIOR_API unsigned cow_behavior_version (void);

/* ---- errors ---------------------------------------------------------------------------------- */

typedef enum {
  COW_BEHAVIOR_OK = 0,
  COW_BEHAVIOR_NOT_FOUND, /* a model, adapter, file or tensor that is not there */
  COW_BEHAVIOR_IO,        /* reading failed: permissions, ... */
  COW_BEHAVIOR_BAD_FILE,  /* a file that breaks its own format */
  COW_BEHAVIOR_MISMATCH,  /* files that do not fit one another, such as an adapter of another model
                           */
  COW_BEHAVIOR_UNSUPPORTED, /* something that this version does not have */
  COW_BEHAVIOR_ARGUMENT, /* an argument that makes no sense: NULL, a size of 0, a region outside the
                            picture, an unknown device */
  COW_BEHAVIOR_MEMORY,   /* not enough memory */
  COW_BEHAVIOR_DEVICE    /* the processor's library, or the system, failed */
} CowBehaviorStatus;

/* Frees a message; NULL is fine. */
COW_BEHAVIOR_API void cow_behavior_message_free (char *message);

/* ---- models ---------------------------------------------------------------------------------- */

/* A model with its adapter, ready to use. */
typedef struct CowBehavior CowBehavior;

/* Strings are copied. Paths are in the encoding of file names. */
typedef struct {
  size_t size;           /* sizeof (CowBehaviorOptions) */
  /* A Hugging Face folder, .safetensors or .pth: a path, or a name below a folder of
   * $COWBEHAVIOR_PATH, $XDG_DATA_HOME/cowbehavior or the installed data. NULL where the adapter's
   * folder holds a whole network. */
  const char *model;
  const char *adapter;   /* the adapter's folder, found likewise; it has the classes */
  const char *device;    /* "auto" or "cpu"; NULL: "auto" */
  const char *precision; /* "auto" or "fp32"; NULL: "auto" */
  unsigned max_batch; /* pictures that are computed together, 1 to 64: more are faster for each and
                         slower for the first. 0: 8 */
} CowBehaviorOptions;

/*
 * Opens a model with an adapter, which may take seconds; one that is open already is shared at
 * once. *behavior is NULL on failure; else close it with cow_behavior_close ().
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_open (const CowBehaviorOptions *options,
                                                      CowBehavior **behavior, char **message);

/* Frees a handle, and the model with the last that shares it; NULL is fine. No other call with this
 * handle may be running. */
COW_BEHAVIOR_API void cow_behavior_close (CowBehavior *behavior);

/* How many classes there are, at least 1; 0 for NULL. */
COW_BEHAVIOR_API size_t cow_behavior_n_classes (const CowBehavior *behavior);

/* The name of class i, UTF-8, valid until cow_behavior_close (); NULL for an index that is none. */
COW_BEHAVIOR_API const char *cow_behavior_class_name (const CowBehavior *behavior, size_t i);

/* The probability from which on class i is worth believing, as the adapter was calibrated; 0 where
 * it was not, or i is none. */
COW_BEHAVIOR_API float cow_behavior_threshold (const CowBehavior *behavior, size_t i);

/* What computes, such as "cpu (avx512)", for a log; valid until cow_behavior_close (). NULL for
 * NULL. */
COW_BEHAVIOR_API const char *cow_behavior_device (const CowBehavior *behavior);

/* ---- pictures -------------------------------------------------------------------------------- */

/* How pixels lie in memory. Chroma of 4:2:0 has (width + 1) / 2 columns and (height + 1) / 2 rows.
 */
typedef enum {
  COW_BEHAVIOR_NV12 = 1, /* planes: Y; U and V in turns, 4:2:0 */
  COW_BEHAVIOR_I420,     /* planes: Y; U; V, 4:2:0. For YV12, give its planes in this order */
  COW_BEHAVIOR_YUY2,     /* Y0 U Y1 V for two pixels, 4:2:2 */
  COW_BEHAVIOR_UYVY,     /* U Y0 V Y1 */
  COW_BEHAVIOR_P010, /* as NV12 in 16-bit little-endian samples, of which the upper 10 bits count */
  COW_BEHAVIOR_GRAY8, /* Y alone */
  COW_BEHAVIOR_RGB,   /* R G B, a byte each */
  COW_BEHAVIOR_BGR,
  COW_BEHAVIOR_RGBX, /* four bytes a pixel; X is not looked at, so that these are also RGBA, BGRA,
                        ARGB and ABGR */
  COW_BEHAVIOR_BGRX,
  COW_BEHAVIOR_XRGB,
  COW_BEHAVIOR_XBGR
} CowBehaviorFormat;

/* From Y'CbCr to R'G'B', as the stream says (H.264 and H.265: matrix_coefficients in the VUI). */
typedef enum {
  COW_BEHAVIOR_MATRIX_DEFAULT = 0, /* BT.601, as decoders take where the stream does not say */
  COW_BEHAVIOR_BT601,
  COW_BEHAVIOR_BT709,
  COW_BEHAVIOR_BT2020 /* non-constant luminance */
} CowBehaviorMatrix;

/* What black and white are in Y' (H.264 and H.265: video_full_range_flag). */
typedef enum {
  COW_BEHAVIOR_RANGE_DEFAULT = 0, /* limited, but full for GRAY8 */
  COW_BEHAVIOR_LIMITED_RANGE,     /* 16 and 235 */
  COW_BEHAVIOR_FULL_RANGE         /* 0 and 255 */
} CowBehaviorRange;

/* A decoded picture; the memory stays the caller's, and is only read, during the call. */
typedef struct {
  size_t size; /* sizeof (CowBehaviorPicture) */
  CowBehaviorFormat format;
  int width, height;        /* 1 to 32768 px */
  const void *plane[3];     /* the first row of each plane; NULL for planes that the format lacks */
  ptrdiff_t stride[3];      /* bytes from a row of a plane to the next, at least a row's length */
  CowBehaviorMatrix matrix; /* for Y'CbCr only */
  CowBehaviorRange range;   /* for Y'CbCr and grey only */
} CowBehaviorPicture;

/* A rectangle in a picture, px from its upper left corner. What lies outside the picture is cut
 * off. */
typedef struct {
  int x, y, width, height;
} CowBehaviorRegion;

/* ---- classification -------------------------------------------------------------------------- */

/*
 * Classifies n regions of a picture; with `regions` NULL and n 1 the whole picture. probabilities
 * [n, n_classes] gets for each region the probability of every class, of sum 1; on failure what it
 * holds means nothing. Waits until all are computed, together with what other threads ask for at
 * the same time. A region of which nothing is inside the picture fails the call with
 * COW_BEHAVIOR_ARGUMENT.
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_classify (CowBehavior *behavior,
                                                          const CowBehaviorPicture *picture,
                                                          const CowBehaviorRegion *regions,
                                                          size_t n, float *probabilities,
                                                          char **message);

/* The same for n regions of as many pictures, which may be the same ones: region i is of
 * pictures[i]. `regions` NULL: the whole pictures.
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_classify_many (
    CowBehavior *behavior, const CowBehaviorPicture *const *pictures,
    const CowBehaviorRegion *regions, size_t n, float *probabilities, char **message);

/* The label of a region that nothing is certain enough for. */
#define COW_BEHAVIOR_UNKNOWN "unknown"
/* In the place of a threshold: that of cow_behavior_threshold () for each class. */
#define COW_BEHAVIOR_THRESHOLD_OF_ADAPTER (-1.0f)

/*
 * From the probabilities [n_classes] of one region to a word: the likeliest class, or
 * COW_BEHAVIOR_UNKNOWN where its probability is below `threshold`. *best, where it is not NULL,
 * gets the likeliest class in either case. Valid until cow_behavior_close (). NULL where behavior
 * or probabilities are.
 */
COW_BEHAVIOR_API const char *cow_behavior_label (const CowBehavior *behavior,
                                                 const float *probabilities, float threshold,
                                                 size_t *best);

#ifdef __cplusplus
}
#endif

#endif
