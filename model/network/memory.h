/* SPDX-License-Identifier: MIT */
/*
 * What a network takes of the memory of a device that has its own, before it is loaded; and how
 * much of its weights is streamed from the host's memory where they do not fit. All in bytes.
 */
#ifndef COW_MEMORY_H
#define COW_MEMORY_H

#include "model/network/backbone.h"

G_BEGIN_DECLS

/* A network in use. */
typedef struct {
  const CowBackboneConfig *backbone; /* with its precision */
  CkType storage;                    /* of its linear layers' weights */
  CowAdapterShape adapter;           /* rank 0: none */
  gint64 head;                       /* parameters of the head */
  int batch, height, width;
  int ready;             /* pictures that are prepared beside the batch */
  gsize activations;     /* of a pass */
  gboolean training;     /* gradients pass through it, */
  gboolean from_scratch; /* or all of it trains, */
  gsize parameters;      /* and so much is what trains, with gradients and moments */
} CowMemoryUse;

typedef struct {
  guint64 weights; /* that lie on the device: of linear layers, norms, adapter and head */
  guint64 activations;
  guint64 scratch;    /* of kernels, for the time of a call */
  guint64 parameters; /* that train, with gradients and moments */
  guint64 slots;      /* to which streamed weights come */
  guint64 device;     /* the sum of these */
  guint64 streamed;   /* pinned memory of the host: so much goes over the bus with every batch */
} CowMemory;

/* Of a use with that share of its linear layers' weights streamed (CowBackboneConfig.streamed). */
void cow_memory_plan (CowMemory *self, CkDevice *device, const CowMemoryUse *use, double streamed);

/* Bytes that a network may take of a device now: those that are free, but for a rest that the
 * driver needs, or less where the environment variable COWBEHAVIOR_GPU_MEMORY says so.
 * COW_ERROR_ARGUMENT for one that is no number. */
gboolean cow_memory_available (CkDevice *device, guint64 *bytes, GError **error);

/*
 * The plan of the smallest share of weights that has to be streamed for the use to fit into
 * `available` bytes of the device, and that share. FALSE where it does not fit although all are
 * streamed that can be: those of vision transformers that do not train. Then *streamed is 0, and
 * the plan is that of the least memory.
 */
gboolean cow_memory_fit (CowMemory *self, CkDevice *device, const CowMemoryUse *use,
                         guint64 available, double *streamed);
/*
 * The same for a device as it is, and for the host's memory, as errors: COW_ERROR_MEMORY with the
 * numbers, which begins with `what`, or COW_ERROR_ARGUMENT of cow_memory_available (). Where device
 * memory is the host's, nothing is found out, and all is 0.
 */
gboolean cow_memory_prepare (CowMemory *self, CkDevice *device, const CowMemoryUse *use,
                             const char *what, double *streamed, GError **error);
/* Whether a plan fits into `available` bytes of the device, and the host has what is streamed;
 * COW_ERROR_MEMORY with the numbers, which begins with `what`. */
gboolean cow_memory_check (const CowMemory *self, CkDevice *device, guint64 available,
                           const char *what, GError **error);
/* "1.2 of 3.9 GiB of weights stay in the host's memory ..."; NULL where none do. Free with g_free.
 */
char *cow_memory_text (const CowMemory *self, CkDevice *device);
/* "3.72 GiB", "18.4 MiB"; free with g_free. */
char *cow_memory_bytes_text (guint64 bytes);

/* How the weights of linear layers are stored in a checkpoint, by the first of them. */
CkType cow_memory_storage (const CowCheckpoint *checkpoint);

G_END_DECLS

#endif
