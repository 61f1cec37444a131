/* SPDX-License-Identifier: MIT */
/*
 * How fast networks are, in several variants (batch, threads, precision) that take turns, so that
 * what else the machine does at the time slows all of them alike. In each round every variant has a
 * turn of some passes, and so has the peak of the processor's multiply-adds.
 */
#ifndef COW_TRAINER_THROUGHPUT_H
#define COW_TRAINER_THROUGHPUT_H

#include "model/network/classifier.h"
#include "trainer/eval/operation-times.h"

G_BEGIN_DECLS

/*
 * Of a time that was measured in every pass. The median is for comparing what took turns; the least
 * is for comparing with a peak, because other programs only ever make a pass slower.
 */
typedef struct {
  double least, median;
  double low, high; /* the quartiles */
} CowMeasured;

/* (high - low) / median */
double cow_measured_spread (const CowMeasured *self);

typedef struct {
  guint calls;          /* in a pass */
  CowMeasured seconds;  /* a picture */
  CowProducts products; /* a picture */
} CowThroughputKind;

typedef struct {
  /* What is measured. The classifier is borrowed; several variants may share it. */
  CowClassifier *classifier;
  int batch;

  /* Results */
  guint passes;            /* that were measured */
  CowMeasured seconds;     /* a picture */
  CowMeasured cpu_seconds; /* a picture: of all threads of this process */
  CowProducts products;    /* a picture */
  /* Of passes of their own, whose operations were timed: a picture, and its parts. */
  CowMeasured timed_seconds;
  CowThroughputKind kinds[COW_N_OPERATIONS];
  CowMeasured between; /* what the operations leave of a picture's time */
} CowThroughput;

/* The most that multiply-adds of a type reach with so many threads. */
typedef struct {
  int threads;
  CkType type;
  double rate; /* operations a second; the most of all turns */
} CowPeak;

typedef struct {
  double seconds;           /* how long to measure a variant, about */
  gboolean kinds;           /* time each operation */
  CowPreprocess preprocess; /* of the pictures */
  const float *pixels;      /* [largest batch, 3, height, width] */
} CowThroughputOptions;

/*
 * Fills the results of n variants. Adds to `peaks`, of CowPeak, those that their products are
 * judged by; a device that knows no peak for a type gives none. COW_ERROR_*: what the network says.
 */
gboolean cow_throughput_measure (CowThroughput *variants, guint n,
                                 const CowThroughputOptions *options, GArray *peaks,
                                 GError **error);

/* The seconds in which these products would be done at the peak of each of their types; 0 where
 * there are none or a peak is not known. */
double cow_peaks_seconds (const GArray *peaks, int threads, const CowProducts *products);

/* What it takes to prepare a frame of COW_RESAMPLED_WIDTH x COW_RESAMPLED_HEIGHT in NV12, by one
 * thread, as the element prepares it. */
#define COW_RESAMPLED_WIDTH  1920
#define COW_RESAMPLED_HEIGHT 1080
gboolean cow_throughput_resample (CkDevice *device, const CowPreprocess *preprocess,
                                  CowMeasured *seconds, GError **error);

G_END_DECLS

#endif
