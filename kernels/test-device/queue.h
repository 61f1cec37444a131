/* SPDX-License-Identifier: MIT */
/* Streams of test-device: queues of work that runs when somebody waits. */
#ifndef CK_TEST_QUEUE_H
#define CK_TEST_QUEUE_H

#include "kernels/device.h"
#include "kernels/training.h"
#include "kernels/test-device/memory.h"

#include <pthread.h>

typedef struct CkTestStream CkTestStream;
typedef struct CkTestWork CkTestWork;

typedef struct {
  CkDevice base;
  CkDevice *cpu; /* which computes */
  CkTestMemory *memory;
  pthread_mutex_t running; /* recursive; held by the thread that computes, before `lists` */
  pthread_mutex_t lists;   /* of the fields below and of all queues */
  CkTestStream *streams;
} CkTestDevice;

struct CkTestStream {
  CkStream base;
  CkStream *cpu; /* whose failures are this one's, too */
  /* A stream of the CPU that has failed: it finds wrong shapes, and computes nothing. */
  CkStream *checker;
  CkTestWork *first, **last; /* the queue */
  CkTestStream *next;
};

typedef struct {
  CkEvent base;
  CkEvent *cpu;
  int refs;                  /* the caller's, and one of each work that knows it */
  CkTestStream *stream;      /* where it was recorded last */
  uint64_t recorded, passed; /* how often */
} CkTestEvent;

/* The arguments of an operation that has no struct, in their order. */
typedef struct {
  CkActivation activation;
  int64_t n[4];
  float f;
  double d;
  bool yes;
  const void *p[7];
  CkConvolution convolution;
  CkBatchNorm norm;
} CkTestArguments;

struct CkTestWork {
  CkTestWork *next;
  void (*run) (CkTestStream *stream, CkTestWork *work);
  const CkWeight *weight; /* that it uses, or NULL */
  union {
    CkLinear linear;
    CkNorm norm;
    CkAttention attention;
    CkEmbed embed;
    CkResample resample;
    CkLinearBackward linear_backward;
    CkNormBackward norm_backward;
    CkAttentionBackward attention_backward;
    CkEmbedBackward embed_backward;
    CkCrossEntropy cross_entropy;
    CkBinaryCrossEntropy binary_cross_entropy;
    CkAdamW adamw;
    CkTestArguments arguments;
    struct {
      CkTestEvent *event;
      CkTestStream *stream; /* where it was recorded */
      uint64_t recording;   /* which of its recordings */
    } event;
    struct {
      void *memory; /* the alias that goes back, or where an upload goes */
      size_t bytes;
    } memory;
  } op;
  uint8_t bytes[]; /* of an upload */
};

/* Work with room for so many bytes; ends the process when there is no memory. */
CkTestWork *ck_test_work_new (void (*run) (CkTestStream *stream, CkTestWork *work), size_t bytes);
/* Takes the work; CK_OK. */
CkStatus ck_test_enqueue (CkTestStream *stream, CkTestWork *work);

/* Runs all that is enqueued in a stream, in the calling thread. */
void ck_test_run (CkTestStream *stream);
/* Runs a stream until an event has passed so many recordings. */
void ck_test_run_until (CkTestStream *stream, CkTestEvent *event, uint64_t recording);

CkTestEvent *ck_test_event_ref (CkTestEvent *event);
void ck_test_event_unref (CkTestEvent *event);

/* How much work waits for a weight. */
int ck_test_count_users (CkTestDevice *device, const CkWeight *weight);

/* operations.c */
extern const CkOperations ck_test_operations;
extern const CkTraining ck_test_training;

#endif /* CK_TEST_QUEUE_H */
