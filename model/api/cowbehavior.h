/* SPDX-License-Identifier: MIT */
/*
 * libcowbehavior classifies what the cows in a decoded picture are doing, for programs without
 * GStreamer and GLib. Compile and link with `pkg-config --cflags --libs cowbehavior`; an example is
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
 *       COW_BEHAVIOR_OK) {
 *     float threshold = COW_BEHAVIOR_THRESHOLD_OF_ADAPTER;
 *     puts (cow_behavior_label (behavior, probabilities, threshold, NULL));
 *   }
 *   cow_behavior_close (behavior);
 *
 * Errors. Functions that can fail return a status. If `message` is not NULL, it then gets a text
 * that says what is wrong and where; free it with cow_behavior_message_free (). On success it gets
 * NULL. Bad arguments are such an error. Nothing here ends the program, except small allocations
 * when memory runs out. No function raises a signal, prints, or changes the locale.
 *
 * Threads. All functions may be called from any thread at any time, also with the same handle,
 * except that cow_behavior_close () must be the last call with its handle. Handles of the same
 * model, adapter, device and precision share one network in memory and one queue: use one for each
 * camera. A child of fork () cannot use the handles of its parent: calls fail with
 * COW_BEHAVIOR_DEVICE. It opens models itself.
 *
 * Compatibility. Structures begin with their own size, so that later versions can add fields at
 * their end; set it, and set all fields that you do not know to 0. Additions raise
 * COW_BEHAVIOR_VERSION_MINOR; incompatible changes change the number in the library's name.
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

/* The version of the header that a program was compiled with. */
#define COW_BEHAVIOR_VERSION_MAJOR 0
#define COW_BEHAVIOR_VERSION_MINOR 1
#define COW_BEHAVIOR_VERSION_MICRO 0
#define COW_BEHAVIOR_VERSION                                                                       \
  (COW_BEHAVIOR_VERSION_MAJOR * 10000 + COW_BEHAVIOR_VERSION_MINOR * 100 +                         \
   COW_BEHAVIOR_VERSION_MICRO)

/* The version of the library that the program runs with, as one number like
 * COW_BEHAVIOR_VERSION. */
COW_BEHAVIOR_API unsigned cow_behavior_version (void);

/* ---- errors ---------------------------------------------------------------------------------- */

typedef enum {
  COW_BEHAVIOR_OK = 0,
  COW_BEHAVIOR_NOT_FOUND,   /* a model, adapter, file or tensor does not exist */
  COW_BEHAVIOR_IO,          /* reading failed: permissions, ... */
  COW_BEHAVIOR_BAD_FILE,    /* a file is malformed */
  COW_BEHAVIOR_MISMATCH,    /* files do not fit one another, such as an adapter of another model */
  COW_BEHAVIOR_UNSUPPORTED, /* this version lacks a feature */
  COW_BEHAVIOR_ARGUMENT, /* an invalid argument: NULL, a size of 0, a region outside the picture, an
                            unknown device */
  COW_BEHAVIOR_MEMORY,   /* not enough memory */
  COW_BEHAVIOR_DEVICE    /* the processor's library, or the system, failed */
} CowBehaviorStatus;

/* Frees a message; NULL is allowed. */
COW_BEHAVIOR_API void cow_behavior_message_free (char *message);

/* ---- models ---------------------------------------------------------------------------------- */

/* A model with its adapter, ready to use. */
typedef struct CowBehavior CowBehavior;

/* Strings are copied. Paths are in the encoding of file names. */
typedef struct {
  size_t size; /* sizeof (CowBehaviorOptions) */
  /* A Hugging Face folder, .safetensors or .pth: a path, or a name below a folder of
   * $COWBEHAVIOR_PATH, $XDG_DATA_HOME/cowbehavior or the installed data. NULL: the one
   * that the adapter was made on, found there by its name and its weights. */
  const char *model;
  const char *adapter; /* the adapter's folder, found like the model; it has the classes */
  const char *device;  /* "auto", "cpu", "cuda" or "cuda:1"; NULL: "auto" */
  /* "auto", "fp32", "int16", "int8", or on a GPU "fp16" and "bf16" in place of "int16"; NULL:
   * "auto", the fastest that `cow-trainer quantize --check` found to keep the answers of fp32 on
   * this kind of processor and keeps beside the weights. Where nobody has measured, opening does by
   * the pictures that the adapter keeps, and takes up to five seconds more; else it is "fp32". */
  const char *precision;
  unsigned max_batch; /* pictures that are computed together, 1 to 64; 0: 8. More take less time
                         each, but the first of them waits longer */
} CowBehaviorOptions;

/* Opens a model with an adapter, which may take seconds; one that is open already is shared at
 * once. On failure *behavior is NULL; otherwise close it with cow_behavior_close (). */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_open (const CowBehaviorOptions *options,
                                                      CowBehavior **behavior, char **message);

/* Frees a handle, and the model with the last handle that shares it; NULL is allowed. No other call
 * with this handle may be running. */
COW_BEHAVIOR_API void cow_behavior_close (CowBehavior *behavior);

/* Returns 1 if the adapter finds cows in whole pictures (cow_behavior_detect ()) and does not
 * classify, 0 if it classifies (cow_behavior_classify ()), or for NULL. */
COW_BEHAVIOR_API int cow_behavior_detects (const CowBehavior *behavior);

/* Returns the number of classes, at least 1; 0 for NULL. Those of an adapter that detects are what
 * it finds. */
COW_BEHAVIOR_API size_t cow_behavior_n_classes (const CowBehavior *behavior);

/* Returns the name of class i, UTF-8, valid until cow_behavior_close (); NULL for an invalid
 * index. */
COW_BEHAVIOR_API const char *cow_behavior_class_name (const CowBehavior *behavior, size_t i);

/* Returns 1 if a picture may have any number of labels (an adapter of `cow-trainer train
 * --multi-label`), 0 if it has one, or for NULL. */
COW_BEHAVIOR_API int cow_behavior_has_several_labels (const CowBehavior *behavior);

/* Returns the probability from which on class i is to be trusted, according to the adapter's
 * calibration, or with several labels from which on a picture has it; 0 if it has none or i is
 * invalid. */
COW_BEHAVIOR_API float cow_behavior_threshold (const CowBehavior *behavior, size_t i);

/* Returns the name of what computes, such as "cpu (avx512)", for a log; valid until
 * cow_behavior_close (). NULL for NULL. */
COW_BEHAVIOR_API const char *cow_behavior_device (const CowBehavior *behavior);

/* Returns for a log in what numbers it computes, and where that was "auto", why: "int16: as
 * measured on 32 pictures (cows/precision.json)"; valid until cow_behavior_close (). NULL for
 * NULL. */
COW_BEHAVIOR_API const char *cow_behavior_precision (const CowBehavior *behavior);

/*
 * What the user should be told of the files, once: "cows was made on another base, ...". NULL where
 * there is nothing; valid until cow_behavior_close ().
 */
COW_BEHAVIOR_API const char *cow_behavior_warning (const CowBehavior *behavior);

/* ---- pictures -------------------------------------------------------------------------------- */

/* The layout of pixels in memory. Chroma of 4:2:0 has (width + 1) / 2 columns and (height + 1) / 2
 * rows. */
typedef enum {
  COW_BEHAVIOR_NV12 = 1, /* planes: Y; interleaved U and V, 4:2:0 */
  COW_BEHAVIOR_I420,     /* planes: Y; U; V, 4:2:0. For YV12, give its planes in this order */
  COW_BEHAVIOR_YUY2,     /* Y0 U Y1 V for two pixels, 4:2:2 */
  COW_BEHAVIOR_UYVY,     /* U Y0 V Y1 */
  COW_BEHAVIOR_P010,     /* as NV12 in 16-bit little-endian samples whose upper 10 bits count */
  COW_BEHAVIOR_GRAY8,    /* Y only */
  COW_BEHAVIOR_RGB,      /* R G B, a byte each */
  COW_BEHAVIOR_BGR,
  COW_BEHAVIOR_RGBX, /* four bytes per pixel; X is ignored, so these are also RGBA, BGRA, ARGB and
                        ABGR */
  COW_BEHAVIOR_BGRX,
  COW_BEHAVIOR_XRGB,
  COW_BEHAVIOR_XBGR
} CowBehaviorFormat;

/* The matrix from Y'CbCr to R'G'B', as the stream signals it (H.264 and H.265: matrix_coefficients
 * in the VUI). */
typedef enum {
  COW_BEHAVIOR_MATRIX_DEFAULT = 0, /* BT.601, as decoders assume when the stream does not say */
  COW_BEHAVIOR_BT601,
  COW_BEHAVIOR_BT709,
  COW_BEHAVIOR_BT2020 /* non-constant luminance */
} CowBehaviorMatrix;

/* The values of black and white in Y' (H.264 and H.265: video_full_range_flag). */
typedef enum {
  COW_BEHAVIOR_RANGE_DEFAULT = 0, /* limited, but full for GRAY8 */
  COW_BEHAVIOR_LIMITED_RANGE,     /* 16 and 235 */
  COW_BEHAVIOR_FULL_RANGE         /* 0 and 255 */
} CowBehaviorRange;

/* A decoded picture. The memory stays the caller's and is only read during the call. */
typedef struct {
  size_t size; /* sizeof (CowBehaviorPicture) */
  CowBehaviorFormat format;
  int width, height;        /* 1 to 32768 px */
  const void *plane[3];     /* the first row of each plane; NULL for planes that the format lacks */
  ptrdiff_t stride[3];      /* bytes from one row of a plane to the next, at least the length of a
                               row */
  CowBehaviorMatrix matrix; /* for Y'CbCr only */
  CowBehaviorRange range;   /* for Y'CbCr and grey only */
} CowBehaviorPicture;

/* A rectangle in a picture, px from its upper left corner. Parts outside the picture are cut
 * off. */
typedef struct {
  int x, y, width, height;
} CowBehaviorRegion;

/* In place of a threshold: the adapter's own. */
#define COW_BEHAVIOR_THRESHOLD_OF_ADAPTER (-1.0f)

/* ---- detection ------------------------------------------------------------------------------- */

/* A cow in a picture: px from its upper left corner, inside the picture. */
typedef struct {
  float x, y, width, height;
  float score; /* 0 to 1 */
} CowBehaviorDetection;

/* The most that are found in a picture. */
#define COW_BEHAVIOR_MAX_DETECTIONS 100

/*
 * Finds the cows in a picture, with an adapter that detects (another is COW_BEHAVIOR_UNSUPPORTED).
 * Those whose score reaches `threshold` (COW_BEHAVIOR_THRESHOLD_OF_ADAPTER: where the adapter's
 * evaluation found F1 best, else 0.3) are written to detections [room], the surest first, and their
 * number to *n; COW_BEHAVIOR_MAX_DETECTIONS is room for all. The regions to classify are their
 * boxes, rounded.
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_detect (CowBehavior *behavior,
                                                        const CowBehaviorPicture *picture,
                                                        float threshold,
                                                        CowBehaviorDetection *detections,
                                                        size_t room, size_t *n, char **message);

/* Returns the number of behaviours that an adapter which detects tells of each cow; 0 if it tells
 * none, if it classifies, or for NULL. */
COW_BEHAVIOR_API size_t cow_behavior_n_told (const CowBehavior *behavior);

/* Returns the name of behaviour i of these, UTF-8, valid until cow_behavior_close (); NULL for an
 * invalid index. */
COW_BEHAVIOR_API const char *cow_behavior_told_name (const CowBehavior *behavior, size_t i);

/*
 * Finds the cows in a picture and tells what each of them does, from one pass whatever their
 * number, with an adapter that tells it (another is COW_BEHAVIOR_UNSUPPORTED). As
 * cow_behavior_detect (), and probabilities [room, n_told] gets those of each cow's behaviours,
 * with sum 1; rows from *n on are left as they are.
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_detect_and_tell (
    CowBehavior *behavior, const CowBehaviorPicture *picture, float threshold,
    CowBehaviorDetection *detections, float *probabilities, size_t room, size_t *n, char **message);

/* ---- classification -------------------------------------------------------------------------- */

/*
 * Classifies n regions of a picture, or with `regions` NULL and n 1 the whole picture.
 * probabilities [n, n_classes] gets the probability of every class for each region, with sum 1
 * (with several labels each class has a probability of its own); on failure its contents are
 * undefined. The call waits until all are computed, together with what other threads submit at the
 * same time. A region that lies outside the picture completely fails the call with
 * COW_BEHAVIOR_ARGUMENT.
 */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_classify (CowBehavior *behavior,
                                                          const CowBehaviorPicture *picture,
                                                          const CowBehaviorRegion *regions,
                                                          size_t n, float *probabilities,
                                                          char **message);

/* Classifies n regions of n pictures, which may be the same ones: region i belongs to pictures[i].
 * With `regions` NULL it classifies the whole pictures. */
COW_BEHAVIOR_API CowBehaviorStatus cow_behavior_classify_many (
    CowBehavior *behavior, const CowBehaviorPicture *const *pictures,
    const CowBehaviorRegion *regions, size_t n, float *probabilities, char **message);

/* The label of a region for which no class is certain enough. */
#define COW_BEHAVIOR_UNKNOWN "unknown"
/* With several labels: that of a region that has none of them. */
#define COW_BEHAVIOR_NONE "none"

/* Chooses a label from the probabilities [n_classes] of one region: the most likely class, or
 * COW_BEHAVIOR_UNKNOWN if its probability is below `threshold`, or with
 * COW_BEHAVIOR_THRESHOLD_OF_ADAPTER below the class's cow_behavior_threshold (). With several
 * labels it is all those whose probability reaches it, in the order of the classes,
 * "Lying|Ruminating", or COW_BEHAVIOR_NONE; a combination stays in memory until
 * cow_behavior_close (). If `best` is not NULL, *best gets the most likely class in either case.
 * The label is valid until cow_behavior_close (). Returns NULL if behavior or probabilities is
 * NULL. */
COW_BEHAVIOR_API const char *cow_behavior_label (const CowBehavior *behavior,
                                                 const float *probabilities, float threshold,
                                                 size_t *best);

#ifdef __cplusplus
}
#endif

#endif
