/* SPDX-License-Identifier: MIT */
/*
 * For implementations of devices: the functions behind the calls of kernels.h, and what all devices
 * share. A new device is a folder beside cpu/ that fills a CkDeviceClass, and a row in devices.c.
 */
#ifndef CK_DEVICE_H
#define CK_DEVICE_H

#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One function for each call of kernels.h that has the same name, with the same contract. device.c
 * deals with what is the same everywhere: NULL is freed by nobody, and neither no bytes nor more
 * than half the address space are allocated; sources of weights are sound.
 */
struct CkDeviceClass {
  void (*close) (CkDevice *device);
  size_t (*free_bytes) (CkDevice *device);
  void (*state) (CkDevice *device, CkDeviceState *state); /* NULL: there is none */
  void *(*host_alloc) (CkDevice *device, size_t bytes);
  void (*host_free) (CkDevice *device, void *memory);

  CkStatus (*stream_new) (CkDevice *device, int threads, CkStream **stream);
  void (*stream_free) (CkStream *stream);
  CkStatus (*synchronize) (CkStream *stream);
  void (*stream_reset) (CkStream *stream);

  void *(*alloc) (CkStream *stream, size_t bytes);
  void (*free) (CkStream *stream, void *memory);
  CkStatus (*upload) (CkStream *stream, void *to, const void *host_from, size_t bytes);
  CkStatus (*download) (CkStream *stream, void *host_to, const void *from, size_t bytes);

  CkStatus (*event_new) (CkDevice *device, CkEvent **event);
  void (*event_free) (CkEvent *event);
  CkStatus (*event_record) (CkEvent *event, CkStream *stream);
  CkStatus (*stream_wait) (CkStream *stream, CkEvent *event);
  CkStatus (*event_synchronize) (CkEvent *event);

  /* NULL, both: the device does not record. */
  bool (*replay_begin) (CkStream *stream, uint64_t key);
  bool (*replay_end) (CkStream *stream);

  CkStatus (*weight_new) (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                          CkWeight **weight);
  void (*weight_free) (CkDevice *device, CkWeight *weight);
  /* NULL: device memory is the host's. */
  CkStatus (*weight_bytes) (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                            size_t *bytes);

  size_t (*scratch_bytes) (CkDevice *device, const CkMemoryPlan *plan);

  /* of CK_I16 or CK_I8 */
  CkStatus (*activations_bytes) (const CkDevice *device, CkType type, int64_t rows, int64_t cols,
                                 size_t *bytes);

  CkStatus (*peak) (CkStream *stream, CkType type, int64_t rounds, double *operations);
};

/* The first fields of each device's own events and weights. */
struct CkEvent {
  CkDevice *device;
};

struct CkWeight {
  CkWeightSource source; /* as it was given, or with a copy of the data */
  CkWeightUses uses;
  bool repacked; /* products have the numbers in a form, or at a place, of the device's own */
};

/* A device's part of ck_device_open (), for devices.c; `options` is not NULL. */
typedef CkStatus (*CkDeviceOpen) (const char *name, const CkDeviceOptions *options,
                                  CkDevice **device);

/* Where the numbers of a weight lie that the device did not repack. */
static inline const void *
ck_weight_data (const CkWeight *weight)
{
  return weight->source.host_data != NULL ? weight->source.host_data : weight->source.parameters;
}

/* The bytes of a weight's data, without its absmax; the source is sound. */
size_t ck_weight_source_bytes (const CkWeightSource *source);
/* Those of its absmax, 0 but for CK_NF4. */
size_t ck_weight_absmax_bytes (const CkWeightSource *source);

#ifdef __cplusplus
}
#endif

#endif /* CK_DEVICE_H */
